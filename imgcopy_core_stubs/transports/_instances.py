"""Manifests that an index names, each held against the descriptor that names it."""

from collections.abc import Callable

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    DigestMismatch,
    InvalidDocument,
    SizeMismatch,
    SourceError,
    SourceNotFound,
    TooLarge,
)
from imgcopy_core_stubs.json_documents import DOCUMENT_LIMIT
from imgcopy_core_stubs.manifest import Descriptor, ImageIndex, RawManifest, parse_manifest
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transports._files import read_document


class Instances:
    """The manifests of a directory that are named by the indexes which were read so far.

    Args:
        directory: The directory.
        file_name: Names a manifest's file there, given its digest.
    """

    def __init__(self, directory: str, file_name: Callable[[Digest], str]) -> None:
        self._directory = directory
        self._file_name = file_name
        self._descriptors: dict[Digest, Descriptor] = {}

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._descriptors

    def named(self, digest: Digest) -> RawManifest:
        """Return the manifest that has a digest.

        Raises:
            SourceNotFound: No index that was read names it.
            SourceError: As `described`.
        """
        descriptor = self._descriptors.get(digest)
        if descriptor is None:
            raise SourceNotFound(self._directory, f"no index of the image names {digest}")
        return self.described(descriptor)

    def described(self, descriptor: Descriptor) -> RawManifest:
        """Return the manifest that a descriptor describes, and know what it names from then on.

        Raises:
            TooLarge: It has more than 4 MiB.
            SizeMismatch: It does not have the descriptor's size.
            DigestMismatch: It does not have the descriptor's digest.
            SourceError: It cannot be read.
        """
        what = f"manifest {descriptor.digest} of {quote(self._directory)}"
        if descriptor.size > DOCUMENT_LIMIT:
            raise TooLarge(what, DOCUMENT_LIMIT)
        raw = read_document(self._directory, self._file_name(descriptor.digest), what)
        if len(raw) != descriptor.size:
            raise SizeMismatch(what, descriptor.size, len(raw))
        actual = Digest.of(raw, descriptor.digest.algorithm)
        if actual != descriptor.digest:
            raise DigestMismatch(what, str(descriptor.digest), str(actual))
        manifest = RawManifest(raw, descriptor.media_type)
        self.learn(manifest, what)
        return manifest

    def learn(self, manifest: RawManifest, what: str) -> None:
        """Know from now on what a manifest names, if it is an index.

        One that cannot be parsed names nothing; whoever uses it will say what is wrong with it.

        Raises:
            InvalidDocument: It gives a manifest another size than it was given before.
        """
        if manifest.media_type in media_types.IMAGE_MANIFESTS:
            return
        try:
            index = parse_manifest(manifest, what)
        except SourceError:
            return
        if not isinstance(index, ImageIndex):
            return
        for position, descriptor in enumerate(index.manifests):
            known = self._descriptors.setdefault(descriptor.digest, descriptor)
            if known.size != descriptor.size:
                problem = f"{descriptor.size} contradicts another descriptor's {known.size}"
                raise InvalidDocument(what, f"$.manifests[{position}].size", problem)
