"""Reading an image out of the file."""

import sqlite3
from typing import Any

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Digest,
    ImageSource,
    RawManifest,
    SourceCapabilities,
    SourceNotFound,
    quote,
)

from imgcopy_memory.store import look_up, open_store


class MemorySource(ImageSource):
    """The image `name` of the file at `path`."""

    capabilities = SourceCapabilities(parallel_blobs=sqlite3.threadsafety == 3)

    def __init__(self, path: str, name: str) -> None:
        self._path = path
        image = self._found("SELECT manifest, media_type FROM image WHERE name = ?", name)
        self._manifest = RawManifest(*image)
        self._store = open_store(path, "ro")

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        """Return the manifest as it was stored. No index is, that would name another one."""
        if instance_digest is not None:
            raise SourceNotFound(self._path, f"it has no manifest {instance_digest}")
        return self._manifest

    def blob(self, info: BlobInfo) -> ByteStream:
        """Open a blob: SQLite's handle has `read` and `close`, which is all that a stream needs."""
        (row,) = self._found("SELECT rowid FROM blob WHERE digest = ?", str(info.digest))
        return self._store.blobopen("blob", "content", row, readonly=True)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _found(self, query: str, key: str) -> Any:
        found = look_up(self._path, query, key, SourceNotFound)
        if found is None:
            raise SourceNotFound(self._path, f"it has no {quote(key)}")
        return found
