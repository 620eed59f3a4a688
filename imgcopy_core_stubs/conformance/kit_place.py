"""The kit's own place in memory, for copies to the transport under trial and back.

It stores whatever it is given as it comes.
"""

import hashlib
from typing import ClassVar

from attrs import define, field

from imgcopy_core_stubs.capabilities import DestinationCapabilities, SourceCapabilities
from imgcopy_core_stubs.conformance.images import Image
from imgcopy_core_stubs.conformance.streams import Pieces
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import SourceNotFound
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.refusals import NoReuse, NoSignatures
from imgcopy_core_stubs.streams import CHUNK, ByteStream
from imgcopy_core_stubs.transport import (
    BlobInfo,
    ImageDestination,
    ImageReference,
    ImageSource,
)


@define(eq=False)
class KitPlace(ImageReference):
    """A place in memory for one image, or an index of images."""

    scheme: ClassVar[str] = "kit"

    manifest: RawManifest | None = None
    instances: dict[Digest, RawManifest] = field(factory=dict)
    blobs: dict[Digest, bytes] = field(factory=dict)
    streams: dict[Digest, ByteStream] = field(factory=dict)
    """Streams to give in place of blobs."""

    @classmethod
    def of(cls, image: Image) -> "KitPlace":
        """Return a place that holds an image."""
        place = cls(image.manifest)
        place.add_blobs(image)
        return place

    def add_blobs(self, image: Image) -> None:
        """Add an image's config and layers."""
        self.blobs |= {blob.digest: blob.content for blob in (image.config, *image.layers)}

    def __str__(self) -> str:
        return "memory"

    def open_source(self, options: object | None = None) -> ImageSource:
        """Open it for reading."""
        del options
        return _Source(self)

    def open_destination(self, options: object | None = None) -> ImageDestination:
        """Open it for writing."""
        del options
        return _Destination(self)


class _Source(ImageSource):
    capabilities = SourceCapabilities()

    def __init__(self, place: KitPlace) -> None:
        self._place = place

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        place = self._place
        manifest = (
            place.manifest if instance_digest is None else place.instances.get(instance_digest)
        )
        if manifest is None:
            raise SourceNotFound("the kit's place", "there is no such manifest")
        return manifest

    def blob(self, info: BlobInfo) -> ByteStream:
        place, digest = self._place, info.digest
        if digest in place.streams:
            return place.streams[digest]
        if digest not in place.blobs:
            raise SourceNotFound("the kit's place", f"there is no blob {digest}")
        return Pieces(place.blobs[digest])

    def close(self) -> None:
        pass


class _Destination(NoReuse, NoSignatures, ImageDestination):
    capabilities = DestinationCapabilities(stores_indexes=True)

    def __init__(self, place: KitPlace) -> None:
        self._place = place
        self._new = KitPlace()

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        del is_config
        data = b"".join(iter(lambda: stream.read(CHUNK), b""))
        digest = info.digest or Digest("sha256", hashlib.sha256(data).hexdigest())
        self._new.blobs[digest] = data
        return BlobInfo(digest, len(data), info.media_type)

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        if instance_digest is None:
            self._new.manifest = manifest
        else:
            self._new.instances[instance_digest] = manifest

    def commit(self) -> None:
        self._place.manifest = self._new.manifest
        self._place.instances = self._new.instances
        self._place.blobs = self._new.blobs

    def close(self) -> None:
        pass
