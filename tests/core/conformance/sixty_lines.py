"""A stranger's transport, as small as one can be: images by their names, in a dictionary."""

import io
from typing import ClassVar

from attrs import field, frozen

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    DestinationCapabilities,
    DestinationStateError,
    Digest,
    ImageDestination,
    ImageReference,
    ImageSource,
    InvalidReference,
    NoReuse,
    NoSignatures,
    RawManifest,
    SourceCapabilities,
    SourceNotFound,
    Transport,
    UnsupportedByDestination,
    VerifyingStream,
    media_types,
)

IMAGES: dict[str, tuple[RawManifest, dict[Digest | None, bytes]]] = {}


class TinyTransport(Transport):
    scheme: ClassVar[str] = "tiny"

    def parse_reference(self, text: str) -> "TinyReference":
        if not text.isprintable() or not text:
            raise InvalidReference(text, "a name is printable text")
        return TinyReference(text)


@frozen
class TinyReference(ImageReference):
    scheme: ClassVar[str] = "tiny"
    name: str

    def __str__(self) -> str:
        return self.name

    def open_source(self, options: object | None = None) -> "TinySource":
        if self.name not in IMAGES:
            raise SourceNotFound(self.name, "there is no such image")
        return TinySource(*IMAGES[self.name])

    def open_destination(self, options: object | None = None) -> "TinyDestination":
        return TinyDestination(self.name)


@frozen
class TinySource(ImageSource):
    _manifest: RawManifest
    _blobs: dict[Digest | None, bytes]
    capabilities = SourceCapabilities()

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        if instance_digest is not None:
            raise SourceNotFound(str(instance_digest), "there are no indexes here")
        return self._manifest

    def blob(self, info: BlobInfo) -> ByteStream:
        if info.digest not in self._blobs:
            raise SourceNotFound(str(info.digest), "there is no such blob")
        return io.BytesIO(self._blobs[info.digest])

    def close(self) -> None:
        """Hold nothing."""


@frozen(eq=False)
class TinyDestination(NoReuse, NoSignatures, ImageDestination):
    _name: str
    _blobs: dict[Digest | None, bytes] = field(factory=dict, init=False)
    _manifests: list[RawManifest] = field(factory=list, init=False)
    _ended: list[bool] = field(factory=list, init=False)
    capabilities = DestinationCapabilities()

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        self._check_open()
        hashing = VerifyingStream(stream, "blob", digest=info.digest, size=info.size)
        data = b"".join(iter(lambda: hashing.read(65536), b""))
        self._blobs[hashing.digest] = data
        return BlobInfo(hashing.digest, len(data), info.media_type)

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        self._check_open()
        if instance_digest is not None or manifest.media_type in media_types.INDEXES:
            raise UnsupportedByDestination(self._name, "indexes cannot be stored")
        self._manifests.append(manifest)

    def commit(self) -> None:
        self._check_open()
        if not self._manifests:
            raise DestinationStateError(self._name, "there is no manifest")
        self.close()
        IMAGES[self._name] = (self._manifests[-1], self._blobs)

    def close(self) -> None:
        self._ended.append(True)

    def _check_open(self) -> None:
        if self._ended:
            raise DestinationStateError(self._name, "it is committed or closed")
