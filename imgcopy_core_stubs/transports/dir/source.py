"""Reading an image from a directory of skopeo's format."""

import functools
from collections.abc import Sequence
from typing import Final

from imgcopy_core_stubs.capabilities import SourceCapabilities
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import SourceNotFound, TooLarge, UnsupportedImage
from imgcopy_core_stubs.json_documents import DOCUMENT_LIMIT
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import BlobInfo, ImageSource
from imgcopy_core_stubs.transports._files import open_blob, read_document, require_directory
from imgcopy_core_stubs.transports._instances import Instances
from imgcopy_core_stubs.transports.dir.names import (
    VERSION_FILE,
    VERSION_FILE_LIMIT,
    is_compatible_version,
    manifest_file,
    signature_file,
)

_SIGNATURES_LIMIT: Final = 4 * DOCUMENT_LIMIT
"""Most bytes of all signatures of a manifest; each may have as many as any document."""


class DirSource(ImageSource):
    """An image, or an index of images, in a directory.

    Instances of an index are verified against the index. Nothing vouches for the top-level
    manifest.

    Args:
        path: The directory.

    Raises:
        SourceNotFound: There is no such directory.
        UnsupportedImage: Its `version` file is of another version, or of something else.
    """

    capabilities = SourceCapabilities(parallel_blobs=True)

    def __init__(self, path: str) -> None:
        self._path = path
        self._instances = Instances(path, manifest_file)
        require_directory(path)
        self._check_version()

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        """Return the image's manifest or index, or a manifest that an index names."""
        top = self._top
        return top if instance_digest is None else self._instances.named(instance_digest)

    def blob(self, info: BlobInfo) -> ByteStream:
        """Open a blob; one that is missing, of another size, or no regular file is refused."""
        return open_blob(self._path, lambda digest: digest.hex, info)

    def signatures(self, instance_digest: Digest | None = None) -> Sequence[bytes]:
        """Return the manifest's signatures, in order.

        Raises:
            TooLarge: One of them has more than 4 MiB, or all together have more than 16 MiB.
            SourceError: One of them cannot be read.
        """
        signatures: list[bytes] = []
        left = _SIGNATURES_LIMIT
        while True:
            name = signature_file(len(signatures) + 1, instance_digest)
            what = f"{quote(name)} of {quote(self._path)}"
            try:
                signature = read_document(self._path, name, what)
            except SourceNotFound:
                return signatures
            signatures.append(signature)
            left -= len(signature)
            if left < 0:
                raise TooLarge(f"the signatures of {quote(self._path)}", _SIGNATURES_LIMIT)

    def close(self) -> None:
        """Do nothing: each stream is closed by who opened it."""

    @functools.cached_property
    def _top(self) -> RawManifest:
        what = f"manifest of {quote(self._path)}"
        manifest = RawManifest(read_document(self._path, manifest_file(), what))
        self._instances.learn(manifest, what)
        return manifest

    def _check_version(self) -> None:
        """Refuse another version. Directories without the file are read, as skopeo does."""
        what = f"{quote(VERSION_FILE)} of {quote(self._path)}"
        try:
            content = read_document(self._path, VERSION_FILE, what, limit=VERSION_FILE_LIMIT)
        except SourceNotFound:
            return
        if not is_compatible_version(content):
            found = content.decode("utf-8", "surrogateescape").rstrip("\n")
            problem = f"its version file says {quote(found)}, only versions 1 are known"
            raise UnsupportedImage(quote(self._path), problem)
