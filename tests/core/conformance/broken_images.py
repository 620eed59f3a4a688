"""Destinations that lie about the images that they store, each in one way."""

import json
from collections.abc import Sequence

from attrs import evolve

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    DestinationStateError,
    Digest,
    ImageManifest,
    RawManifest,
    UnsupportedByDestination,
    media_types,
    parse_manifest,
)
from tests.core.conformance.catching import caught_by
from tests.core.conformance.shelf import ShelfDestination


@caught_by(
    "destination: unknown JSON survives",
    "byte for byte",
    "destination: documents are stored byte for byte",
    "copy: unknown JSON survives",
    "copy: an image that fits keeps its bytes",
)
class LosesUnknownJson(ShelfDestination):
    """Models a manifest, and writes the model."""

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        super().put_manifest(manifest, instance_digest=instance_digest)
        known = ("schemaVersion", "mediaType", "config", "layers")
        document = json.loads(manifest.raw)
        raw = json.dumps({key: document[key] for key in known}).encode()
        self.image = RawManifest(raw, manifest.media_type)


@caught_by(
    "destination: documents are stored byte for byte",
    "the manifest to be stored byte for byte",
    "copy: an image that fits keeps its bytes",
)
class ReserialisesTheManifest(ShelfDestination):
    """Makes a manifest pretty, or rather not."""

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        super().put_manifest(manifest, instance_digest=instance_digest)
        raw = json.dumps(json.loads(manifest.raw)).encode()
        self.image = RawManifest(raw, manifest.media_type)


@caught_by(
    "copy: config bytes and diff IDs survive",
    "put_blob says that it stored",
    "destination: documents are stored byte for byte",
    "copy: an image that fits keeps its bytes",
    "copy: an image comes back the same",
    "copy: a copy of the copy is the same image",
)
class ReserialisesTheConfig(ShelfDestination):
    """Does that to configs."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        data = super().read(stream, info)
        if info.media_type in media_types.IMAGE_CONFIGS:
            return json.dumps(json.loads(data)).encode()
        return data


@caught_by(
    "destination: signatures are stored or refused",
    "raised nothing",
)
class AcceptsSignatures(ShelfDestination):
    """Says that it cannot store signatures, takes them, and does not."""

    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        pass


@caught_by(
    "destination: signatures are stored or refused",
    "both signatures",
    "source: signatures are what is stored",
)
class LosesSignatures(AcceptsSignatures):
    """Says that it can store signatures, and does not."""

    capabilities = evolve(ShelfDestination.capabilities, signatures_refusal=None)


@caught_by(
    "destination: no signatures are always accepted",
    "put_signatures of none",
)
class RefusesNoSignatures(ShelfDestination):
    """Refuses to store no signatures."""

    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        raise UnsupportedByDestination(self.name, str(self.capabilities.signatures_refusal))


@caught_by(
    "destination: other types of manifests are refused",
    "raised nothing",
)
class AcceptsAnyManifest(ShelfDestination):
    """Lists types of manifests, and does not look at them."""

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        self.require_open()
        if instance_digest or manifest.media_type in media_types.INDEXES:
            raise UnsupportedByDestination(self.name, "shelves hold single images")
        self.image = manifest


@caught_by(
    "destination: indexes are stored or refused",
    "raised nothing",
)
class AcceptsIndexes(ShelfDestination):
    """Takes the instances of an index one for the other."""

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        super().put_manifest(manifest)


@caught_by(
    "destination: indexes are stored or refused",
    "instance 0",
    "source: instances of an index have their digests",
    "copy: indexes are copied or refused",
)
class StoresHalfAnIndex(ShelfDestination):
    """Declares that it stores indexes, and drops the instances."""

    capabilities = evolve(ShelfDestination.capabilities, manifest_types=(), stores_indexes=True)

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        self.require_open()
        if instance_digest is None:
            self.image = manifest


@caught_by(
    "copy: foreign layers stay out or are stored",
    "were not put",
)
class NeedsForeignLayers(ShelfDestination):
    """Declares that foreign layers may stay out, and misses them."""

    capabilities = evolve(ShelfDestination.capabilities, accepts_foreign_layer_urls=True)

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        super().put_manifest(manifest, instance_digest=instance_digest)
        image = parse_manifest(manifest, "manifest")
        assert isinstance(image, ImageManifest)
        missing = [layer for layer in image.layers if layer.digest not in self.blobs]
        if missing:
            raise UnsupportedByDestination(self.name, f"{missing} were not put")


@caught_by("destination: an image is stored as it was given", "no blob to be stored but those")
class KeepsAJournal(ShelfDestination):
    """Adds something of its own to an image of three layers."""

    def commit(self) -> None:
        if len(self.blobs) == 4:
            self.blobs[Digest.of(b"journal")] = b"journal"
        super().commit()


@caught_by(
    "destination: an image without layers is stored",
    "there is nothing to commit",
    "copy: an image without layers is copied",
    "copy: an image without layers comes back",
)
class NeedsLayers(ShelfDestination):
    """Takes an image without layers for a mistake."""

    def commit(self) -> None:
        self.require_open()
        if len(self.blobs) < 2:
            raise DestinationStateError(self.name, "there is nothing to commit")
        super().commit()


@caught_by(
    "destination: the declared types of manifests are stored",
    "docker",
    "copy: config bytes and diff IDs survive",
    "copy: unknown JSON survives",
    "copy: an image comes back the same",
)
class DeclaresTooMuch(ShelfDestination):
    """Lists a type of manifests that it then refuses."""

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        if manifest.media_type == media_types.DOCKER_MANIFEST:
            raise UnsupportedByDestination(self.name, "docker manifests are not supported")
        super().put_manifest(manifest, instance_digest=instance_digest)


@caught_by("destination: the manifest alone decides what the image is", "unexpected blobs")
class CountsBlobs(ShelfDestination):
    """Thinks that every blob belongs to the image."""

    def commit(self) -> None:
        self.require_open()
        image = parse_manifest(self.image or RawManifest(b"{}"), "manifest")
        assert isinstance(image, ImageManifest)
        if len({layer.digest for layer in image.layers}) + 1 != len(self.blobs):
            raise DestinationStateError(self.name, "unexpected blobs")
        super().commit()


@caught_by("copy: images for other systems are stored or refused", "it runs nothing else")
class NeedsLinux(ShelfDestination):
    """Declares that any image may be stored, and refuses what does not run on Linux."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        data = super().read(stream, info)
        if info.media_type in media_types.IMAGE_CONFIGS and json.loads(data)["os"] != "linux":
            raise UnsupportedByDestination(self.name, "it runs nothing else than Linux")
        return data


@caught_by(
    "destination: capabilities make sense",
    "neither None nor a text for the user",
    "destination: signatures are stored or refused",
)
class RefusesWithoutAReason(ShelfDestination):
    """Declares that it cannot store signatures, and not why."""

    capabilities = evolve(ShelfDestination.capabilities, signatures_refusal="")
