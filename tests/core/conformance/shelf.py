"""A small transport that is right: images on named shelves, in memory."""

import io
import re
from collections.abc import Sequence
from typing import ClassVar

from attrs import evolve, field, frozen

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
    NoSignatures,
    RawManifest,
    SourceCapabilities,
    SourceNotFound,
    Transport,
    UnsupportedByDestination,
    media_types,
    required_digest,
)


@frozen
class Shelf:
    """An image that is stored."""

    manifest: RawManifest
    blobs: dict[Digest, bytes]


class ShelfSource(ImageSource):
    capabilities = SourceCapabilities(parallel_blobs=True)

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        if instance_digest is not None:
            raise SourceNotFound(str(instance_digest), "shelves hold no indexes")
        return self.shelf.manifest

    def blob(self, info: BlobInfo) -> ByteStream:
        if info.digest not in self.shelf.blobs:
            raise SourceNotFound(str(info.digest), "there is no such blob")
        return io.BytesIO(self.shelf.blobs[info.digest])

    def close(self) -> None:
        pass


class ShelfDestination(NoSignatures, ImageDestination):
    capabilities = DestinationCapabilities(
        manifest_types=media_types.IMAGE_MANIFESTS, parallel_put_blob=True
    )

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        self.name = name
        self.shelves = shelves
        self.blobs: dict[Digest, bytes] = {}
        self.image: RawManifest | None = None
        self.is_open = True

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        self.require_open()
        data = self.read(stream, info)
        digest = info.digest or Digest.of(data)
        self.blobs[digest] = data
        return evolve(info, digest=digest, size=len(data))

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        data = self.blobs.get(required_digest(info, self.name))
        return None if data is None else evolve(info, size=len(data))

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        self.require_open()
        if instance_digest or manifest.media_type not in self.capabilities.manifest_types:
            raise UnsupportedByDestination(self.name, "shelves hold single images")
        self.image = manifest

    def commit(self) -> None:
        self.require_open()
        if self.image is None:
            raise DestinationStateError(self.name, "no manifest was put")
        self.shelves[self.name] = Shelf(self.image, self.blobs)
        self.is_open = False

    def close(self) -> None:
        self.is_open = False

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        return b"".join(iter(lambda: stream.read(100_000), b""))

    def require_open(self) -> None:
        if not self.is_open:
            raise DestinationStateError(self.name, "it is closed or committed")


@frozen
class ShelfReference(ImageReference):
    scheme: ClassVar[str] = "shelf"

    name: str
    transport: "ShelfTransport" = field(eq=False, repr=False)

    def __str__(self) -> str:
        return self.name

    def tags(self, options: object | None = None) -> Sequence[str]:
        return [self.name]

    def open_source(self, options: object | None = None) -> ImageSource:
        if self.name not in self.transport.shelves:
            raise SourceNotFound(self.name, "there is no such shelf")
        return self.transport.source(self.transport.shelves[self.name])

    def open_destination(self, options: object | None = None) -> ImageDestination:
        return self.transport.destination(self.name, self.transport.shelves)


class ShelfTransport(Transport):
    scheme: ClassVar[str] = "shelf"
    reference: ClassVar[type[ShelfReference]] = ShelfReference
    source: ClassVar[type[ShelfSource]] = ShelfSource
    destination: ClassVar[type[ShelfDestination]] = ShelfDestination

    def __init__(self) -> None:
        self.shelves: dict[str, Shelf] = {}

    def parse_reference(self, text: str) -> ShelfReference:
        if not re.fullmatch(r"[\w/.-]+", text):
            raise InvalidReference(text, "a shelf is named by letters, digits, and _ - . /")
        return self.reference(text, self)
