"""Reading an image the way the copy engine does."""

from contextlib import closing

from imgcopy_core_stubs.conformance.trying import calling, require, require_instance
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.manifest import ImageIndex, ImageManifest, RawManifest, parse_manifest
from imgcopy_core_stubs.streams import CHUNK
from imgcopy_core_stubs.transport import BlobInfo, ImageSource


def top_manifest(source: ImageSource) -> RawManifest:
    """Return the source's top-level manifest or index."""
    with calling("manifest"):
        manifest = source.manifest()
    require_instance(manifest, RawManifest, "manifest")
    return manifest


def image_of(source: ImageSource) -> ImageManifest:
    """Return the image's manifest; that of the first instance where the source is an index."""
    manifest = top_manifest(source)
    with calling("reading the manifest", "give the bytes of a valid manifest, as they are stored"):
        parsed = parse_manifest(manifest, "manifest of the place")
        while isinstance(parsed, ImageIndex):
            descriptor = parsed.manifests[0]
            instance = source.manifest(descriptor.digest)
            parsed = parse_manifest(
                RawManifest(instance.raw, descriptor.media_type), "an instance of the index"
            )
    return parsed


def blobs_of(source: ImageSource) -> list[BlobInfo]:
    """Return the config and the layers of the image as the engine would read them."""
    image = image_of(source)
    layers = [BlobInfo.of(layer) for layer in image.layers]
    advice = "return one blob for each layer of the manifest, in their order, or None"
    with calling("layer_infos_for_copy", advice):
        others = source.layer_infos_for_copy(image)
        if others is not None:
            expected = f"layer_infos_for_copy to return {len(layers)} blobs"
            require(len(others) == len(layers), expected, len(others), advice)
            layers = list(others)
    return [BlobInfo.of(image.config), *layers]


def read_blob(source: ImageSource, info: BlobInfo, *, piece: int = CHUNK) -> bytes:
    """Return a blob's bytes, reading at most `piece` of them at a time."""
    advice = "return at most `size` bytes, at least one of them, and b'' at the end"
    with calling(f"blob({info.digest})"):
        stream = source.blob(info)
    chunks = []
    with calling(f"reading the blob {info.digest}", advice), closing(stream):
        while chunk := stream.read(piece):
            expected = f"read({piece}) to return at most {piece} bytes"
            require(len(chunk) <= piece, expected, f"{len(chunk)} bytes", advice)
            chunks.append(bytes(chunk))
    return b"".join(chunks)


def require_right(found: bytes, info: BlobInfo) -> None:
    """Raise a `LawBroken` unless bytes have a blob's digest and size."""
    assert info.digest is not None  # noqa: S101  (the blobs of a manifest have one)
    actual = Digest.of(found, info.digest.algorithm)
    require(
        (actual, len(found)) == (info.digest, info.size),
        f"the blob {info.digest} of {info.size} bytes",
        f"{actual} of {len(found)} bytes",
        "give the bytes of the blob that was asked for, from the first to the last",
    )
