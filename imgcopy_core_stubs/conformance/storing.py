"""Putting an image the way the copy engine does: verified streams, layers before the config."""

from collections.abc import Iterable

from imgcopy_core_stubs.conformance.images import Blob, Image
from imgcopy_core_stubs.conformance.streams import PIECE, Pieces
from imgcopy_core_stubs.conformance.trying import calling, require_instance
from imgcopy_core_stubs.streams import ByteStream, VerifyingStream
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination


def verified(stream: ByteStream, info: BlobInfo) -> VerifyingStream:
    """Return a stream that raises, as the engine's do, if it does not give what `info` says."""
    return VerifyingStream(stream, "a blob of the kit", digest=info.digest, size=info.size)


def put_blob(
    destination: ImageDestination,
    blob: Blob,
    *,
    is_config: bool = False,
    info: BlobInfo | None = None,
    piece: int = PIECE,
) -> BlobInfo:
    """Put a blob, and return what the destination says of it.

    Args:
        destination: Where it is put.
        blob: The blob.
        is_config: Whether it is a config.
        info: What the destination gets to know of it; None: everything.
        piece: How many bytes the stream gives at a time.
    """
    info = blob.info if info is None else info
    stream = verified(Pieces(blob.content, piece=piece), info)
    kind = "config" if is_config else "layer"
    with calling(f"put_blob of a {kind} of {len(blob.content)} bytes"):
        stored = destination.put_blob(stream, info, is_config=is_config)
    require_instance(stored, BlobInfo, "put_blob")
    return stored


def put_layers(destination: ImageDestination, blobs: Iterable[Blob]) -> None:
    """Put layers, one after the other."""
    for blob in blobs:
        put_blob(destination, blob)


def put_config(destination: ImageDestination, image: Image) -> None:
    """Put an image's config."""
    put_blob(destination, image.config, is_config=True)


def put_manifest(destination: ImageDestination, image: Image) -> None:
    """Put an image's config and its manifest, as the top-level one."""
    put_config(destination, image)
    with calling(f"put_manifest of type {image.manifest.media_type}"):
        destination.put_manifest(image.manifest)


def put_image(destination: ImageDestination, image: Image) -> None:
    """Put all of an image; a layer that occurs twice is put once, as the engine does it."""
    put_layers(destination, {blob.digest: blob for blob in image.layers}.values())
    put_manifest(destination, image)


def commit(destination: ImageDestination) -> None:
    """Commit what was put."""
    with calling("commit", "make an image visible whose blobs and manifest were all put"):
        destination.commit()
