"""A transport in memory, the smallest that keeps the contract; for the engine's tests."""

import io
from collections.abc import Sequence
from typing import ClassVar

from attrs import define, field

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    DestinationCapabilities,
    DestinationStateError,
    Digest,
    ImageDestination,
    ImageReference,
    ImageSource,
    RawManifest,
    SourceCapabilities,
    SourceNotFound,
    required_digest,
)


@define(eq=False)
class MemoryImage(ImageReference):
    """A place in memory: what is in it, and how it behaves."""

    scheme: ClassVar[str] = "memory"

    name: str = "image"
    manifest: RawManifest | None = None
    instances: dict[Digest, RawManifest] = field(factory=dict)
    blobs: dict[Digest, bytes] = field(factory=dict)
    image_signatures: dict[Digest | None, tuple[bytes, ...]] = field(factory=dict)
    capabilities: DestinationCapabilities = field(factory=DestinationCapabilities)
    parallel: bool = False
    log: list[str] = field(factory=list)
    """Every call that a source or destination of this place got."""

    def __str__(self) -> str:
        return self.name

    def open_source(self, options: object | None = None) -> "MemorySource":
        return MemorySource(self)

    def open_destination(self, options: object | None = None) -> "MemoryDestination":
        self.log.append("open destination")
        return MemoryDestination(self)


class MemorySource(ImageSource):
    def __init__(self, image: MemoryImage) -> None:
        self._image = image

    @property
    def capabilities(self) -> SourceCapabilities:
        return SourceCapabilities(parallel_blobs=self._image.parallel)

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        self._image.log.append("manifest")
        if instance_digest is not None:
            return self._image.instances[instance_digest]
        if self._image.manifest is None:
            raise SourceNotFound(self._image.name)
        return self._image.manifest

    def blob(self, info: BlobInfo) -> ByteStream:
        self._image.log.append(f"read {str(info.digest)[7:15]}")
        if info.digest not in self._image.blobs:
            raise SourceNotFound(str(info.digest), "there is no such blob")
        return io.BytesIO(self._image.blobs[info.digest])

    def signatures(self, instance_digest: Digest | None = None) -> Sequence[bytes]:
        return self._image.image_signatures.get(instance_digest, ())

    def close(self) -> None:
        self._image.log.append("close source")


class MemoryDestination(ImageDestination):
    def __init__(self, image: MemoryImage) -> None:
        self._image = image
        self._new = MemoryImage(blobs=dict(image.blobs))
        self._committed = False

    @property
    def capabilities(self) -> DestinationCapabilities:
        return self._image.capabilities

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        data = b"".join(iter(lambda: stream.read(100_000), b""))
        digest = info.digest or Digest.of(data)
        self._new.blobs[digest] = data
        self._image.log.append(f"put {digest.hex[:8]}")
        return BlobInfo(digest, len(data), info.media_type)

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        digest = required_digest(info, "memory")
        data = self._new.blobs.get(digest)
        return None if data is None else BlobInfo(digest, len(data))

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        if instance_digest is None:
            self._new.manifest = manifest
        else:
            self._new.instances[instance_digest] = manifest

    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        self._new.image_signatures[instance_digest] = tuple(signatures)

    def commit(self) -> None:
        if self._committed:
            raise DestinationStateError("memory", "committed already")
        self._committed = True
        self._image.log.append("commit")
        self._image.manifest = self._new.manifest
        self._image.instances = self._new.instances
        self._image.blobs = self._new.blobs
        self._image.image_signatures = self._new.image_signatures

    def close(self) -> None:
        self._image.log.append("close destination")
