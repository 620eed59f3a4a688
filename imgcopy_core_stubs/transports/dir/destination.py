"""Storing an image in a directory of skopeo's format."""

import errno
import os
import stat
from collections.abc import Sequence

from attrs import evolve

from imgcopy_core_stubs.capabilities import DestinationCapabilities, LayerCompression
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import DestinationExists, InvalidDestination
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.refusals import required_digest
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination
from imgcopy_core_stubs.transports._lifetime import Lifetime
from imgcopy_core_stubs.transports._new_file import sync_directory, writing
from imgcopy_core_stubs.transports._staging import Staging
from imgcopy_core_stubs.transports.dir.names import (
    VERSION,
    VERSION_FILE,
    manifest_file,
    signature_file,
)
from imgcopy_core_stubs.transports.dir.options import DirDestinationOptions, ExistingDirectory
from imgcopy_core_stubs.transports.dir.replacing import exchange
from imgcopy_core_stubs.transports.dir.target import check_target


class DirDestination(ImageDestination):
    """A directory that appears as a whole, or takes the place of another one.

    Args:
        path: The directory. Its parent must exist.
        options: How to write it.

    Raises:
        DestinationExists: It holds an image, which is not to be replaced.
        InvalidDestination: There is something else, which is never replaced.
        DestinationWriteFailed: Its parent is missing or not writable.
    """

    capabilities = DestinationCapabilities(
        signatures_refusal=None,
        parallel_put_blob=True,
        layer_compression=LayerCompression.KEEP,
        stores_indexes=True,
    )

    def __init__(self, path: str, options: DirDestinationOptions) -> None:
        self._path = path.rstrip("/") or "/"
        self._replace = options.existing is ExistingDirectory.REPLACE
        self._fsync = options.fsync
        self._name = f"dir:{path}"
        self._lifetime = Lifetime(self._name)
        self._has_manifest = False
        check_target(self._path, replace=self._replace)
        parent, name = os.path.split(self._path)
        self._parent = parent or "."
        self._staging = Staging(
            self._parent,
            prefix=f".{_shortened(name)}.",
            suffix=".partial",
            destination=self._path,
            fsync=self._fsync,
        )

    def __str__(self) -> str:
        return self._name

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        """Stage a blob. Safe from several threads."""
        del is_config
        self._lifetime.require_open()
        return self._staging.put_blob(stream, info)

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        """Return a blob that was put before."""
        del can_substitute
        digest = required_digest(info, self._name)
        self._lifetime.require_open()
        size = self._staging.blobs.get(digest)
        return None if size is None else evolve(info, size=size)

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        """Stage a manifest of any type."""
        self._lifetime.check_manifest(manifest, instance_digest)
        self._staging.put_file(manifest.raw, manifest_file(instance_digest))
        self._has_manifest |= instance_digest is None

    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        """Stage signatures of a manifest."""
        self._lifetime.require_open()
        for number, signature in enumerate(signatures, 1):
            self._staging.put_file(signature, signature_file(number, instance_digest))

    def commit(self) -> None:
        """Rename the directory to its path, in exchange with the old one if there is one."""
        self._lifetime.begin_commit(has_manifest=self._has_manifest)
        self._staging.put_file(VERSION, VERSION_FILE)
        old = check_target(self._path, replace=self._replace)
        with writing(self._path):
            if old is not None:
                os.chmod(self._staging.path, stat.S_IMODE(old.st_mode))
            if self._fsync:
                sync_directory(self._staging.path)
            if old is not None and self._replace:
                self._exchange()
            else:
                self._rename()
            if self._fsync:
                sync_directory(self._parent)

    def close(self) -> None:
        """Remove what was staged, or the old directory if it was replaced."""
        if self._lifetime.close():
            self._staging.remove()

    def _exchange(self) -> None:
        """Take the old directory's place, unless another one has come there in the meantime."""
        exchange(self._staging.path, self._path)
        try:
            check_target(self._staging.path, replace=True)  # what came out will be removed
        except BaseException as error:
            exchange(self._staging.path, self._path)
            if isinstance(error, InvalidDestination):
                problem = "what was there was replaced by something else meanwhile (try again)"
                raise InvalidDestination(self._path, problem) from error
            raise

    def _rename(self) -> None:
        try:
            os.rename(self._staging.path, self._path)
        except OSError as error:
            # An image came there in the meantime: `rename` replaces empty directories only.
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                raise DestinationExists(self._path) from None
            raise


def _shortened(name: str) -> str:
    """Return a part of a name that leaves room for more: a file name has at most 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:200])
