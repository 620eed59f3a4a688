"""Writing an image into the file."""

import os
import sqlite3
import tempfile
from contextlib import closing
from enum import Enum

from attrs import evolve, field, frozen
from imgcopy_core_stubs import (
    CHUNK,
    BlobInfo,
    ByteStream,
    DestinationCapabilities,
    DestinationExists,
    DestinationStateError,
    DestinationWriteFailed,
    Digest,
    ImageDestination,
    InvalidDestination,
    NoSignatures,
    RawManifest,
    UnsupportedByDestination,
    VerifyingStream,
    media_types,
    required_digest,
)

from imgcopy_memory.store import TABLES, look_up, open_store


class Existing(Enum):
    """What to do about an image that has the name already."""

    REFUSE = "refuse"
    REPLACE = "replace"


@frozen
class MemoryOptions:
    """The options for writing. `--overwrite` is short for `--dest-opt existing=replace`."""

    existing: Existing = field(
        default=Existing.REFUSE,
        metadata={"help": "what to do about an image that has the name already"},
    )


class MemoryDestination(NoSignatures, ImageDestination):
    """A new image `name` of the file at `path`. What is put waits in a temporary file."""

    capabilities = DestinationCapabilities(manifest_types=media_types.IMAGE_MANIFESTS)

    def __init__(self, path: str, name: str, options: MemoryOptions) -> None:
        self._path, self._name = path, name
        self._replaces = options.existing is Existing.REPLACE
        query = "SELECT name FROM image WHERE name = ?"
        if look_up(path, query, name, InvalidDestination) and not self._replaces:
            raise DestinationExists(str(self))
        try:
            directory = os.path.dirname(path) or "."
            self._waiting = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 (see close)
        except OSError as error:
            raise DestinationWriteFailed(path, error) from error
        self._end = 0  # of the blobs in it; one that fails is written over by the next
        self._blobs: dict[Digest, tuple[int, int]] = {}  # where each begins, and its size
        self._manifest: RawManifest | None = None

    def __str__(self) -> str:
        return f"memory:{self._path}:{self._name}"

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        """Append a blob to the temporary file."""
        self._require_open()
        self._waiting.seek(self._end)
        counting = VerifyingStream(stream, "blob")
        while chunk := counting.read(CHUNK):  # raises if the blob is not what `info` says
            self._waiting.write(chunk)
        digest, size = info.digest or counting.digest, counting.bytes_read
        if digest not in self._blobs:
            self._blobs[digest] = self._end, size
            self._end += size
        return evolve(info, digest=digest, size=size)

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        """Return a blob that the file has, or None."""
        query = "SELECT length(content) FROM blob WHERE digest = ?"
        digest = str(required_digest(info, self))
        found = look_up(self._path, query, digest, InvalidDestination)
        return evolve(info, size=found[0]) if found else None

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        """Keep the manifest until `commit`."""
        self._require_open()
        if instance_digest or manifest.media_type not in self.capabilities.manifest_types:
            raise UnsupportedByDestination(str(self), "only images can be stored, and no indexes")
        self._manifest = manifest

    def commit(self) -> None:
        """Move everything into the file, in one transaction: all of it appears, or nothing."""
        self._require_open()
        if self._manifest is None:
            raise DestinationStateError(str(self), "its manifest was not put")
        image = (self._name, self._manifest.raw, self._manifest.media_type)
        try:
            with closing(open_store(self._path, "rwc")) as store, store:
                store.executescript(TABLES)
                store.execute("BEGIN IMMEDIATE")
                for digest in self._blobs:
                    self._move(digest, store)
                insert = "REPLACE" if self._replaces else "INSERT"
                store.execute(f"{insert} INTO image VALUES (?, ?, ?)", image)
        except sqlite3.Error as error:
            raise InvalidDestination(self._path, str(error)) from error
        self.close()

    def close(self) -> None:
        """Drop the temporary file, and with it what was not committed."""
        self._waiting.close()

    def _move(self, digest: Digest, store: sqlite3.Connection) -> None:
        begin, size = self._blobs[digest]
        insert = "INSERT OR IGNORE INTO blob VALUES (?, zeroblob(?))"
        added = store.execute(insert, (str(digest), size))
        if added.rowcount and added.lastrowid:  # it was not there already
            self._waiting.seek(begin)
            with store.blobopen("blob", "content", added.lastrowid) as blob:
                for position in range(0, size, CHUNK):
                    blob.write(self._waiting.read(min(CHUNK, size - position)))

    def _require_open(self) -> None:
        if self._waiting.closed:
            raise DestinationStateError(str(self), "it was committed or closed")
