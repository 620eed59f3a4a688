"""Blobs: every one is stored byte for byte, whatever is known of it and however it comes."""

from typing import Final

from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.conformance.checking import (
    require_nothing_else,
    require_nothing_repeated,
    require_stored,
)
from imgcopy_core_stubs.conformance.images import (
    Blob,
    build_image_for,
    image_for,
    layer,
)
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.storing import (
    commit,
    put_blob,
    put_image,
    put_layers,
    put_manifest,
    verified,
)
from imgcopy_core_stubs.conformance.streams import Pieces
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, require
from imgcopy_core_stubs.streams import CHUNK
from imgcopy_core_stubs.transport import BlobInfo

_MANY: Final = 1000


@law(About.DESTINATION, "an image is stored as it was given")
def an_image_is_stored(subject: Subject) -> None:
    """Config and layers are stored byte for byte, under their digests, and nothing else is."""
    image = image_for(subject.capabilities, count=3)
    spot = subject.store(image)
    require_nothing_else(require_stored(subject, spot, image), image)


@law(About.DESTINATION, "an image without layers is stored")
def no_layers(subject: Subject) -> None:
    """An image may have no layer at all."""
    image = image_for(subject.capabilities, count=0)
    require_stored(subject, subject.store(image), image)


@law(About.DESTINATION, "an image of 1,000 layers is stored")
def many_layers(subject: Subject) -> None:
    """An image may have any number of layers."""
    image = image_for(subject.capabilities, count=_MANY, size=0)
    require_stored(subject, subject.store(image), image)


@law(About.DESTINATION, "an empty blob is stored")
def an_empty_blob(subject: Subject) -> None:
    """A blob may have no bytes."""
    how = {"compression": Compression.NONE}
    image = build_image_for(subject.capabilities, [b"", layer(1)], **how)
    require_stored(subject, subject.store(image), image)


@law(About.DESTINATION, "a blob of several chunks is stored")
def a_large_blob(subject: Subject) -> None:
    """A blob may be larger than any buffer."""
    image = image_for(subject.capabilities, count=2, size=4 * CHUNK + 1)
    require_stored(subject, subject.store(image), image)


@law(About.DESTINATION, "a stream may give few bytes at a time")
def small_pieces(subject: Subject) -> None:
    """A read that gives less than was asked for is not the end; only `b""` is."""
    image = image_for(subject.capabilities)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        for piece, blob in zip((7, 100), image.layers, strict=True):
            put_blob(destination, blob, piece=piece)
        put_manifest(destination, image)
        commit(destination)
    require_stored(subject, spot, image)


@law(About.DESTINATION, "a stream is read to its end")
def read_to_the_end(subject: Subject) -> None:
    """`put_blob` reads until `b""`: only there does a stream say that digest and size are right."""
    image = image_for(subject.capabilities)
    with subject.destination(subject.new_spot()) as destination:
        for blob in (*image.layers, image.config):
            stream = Pieces(blob.content)
            is_config = blob is image.config
            with calling("put_blob"):
                destination.put_blob(verified(stream, blob.info), blob.info, is_config=is_config)
            require(
                stream.ended,
                "put_blob to read the stream until read() returns b''",
                "it stopped before",
                "read on after the last byte, even if the size is known",
            )


@law(About.DESTINATION, "put_blob says what it stored")
def the_answer_of_put_blob(subject: Subject) -> None:
    """`put_blob` returns the digest and size of what it stored."""
    image = image_for(subject.capabilities)
    with subject.destination(subject.new_spot()) as destination:
        for blob in (*image.layers, image.config):
            _require_answer(put_blob(destination, blob, is_config=blob is image.config), blob)


@law(About.DESTINATION, "a blob of unknown size is stored")
def unknown_size(subject: Subject) -> None:
    """The size of a blob may be unknown before it is put, and is known afterwards."""
    _put_not_knowing(subject, size=True)


@law(About.DESTINATION, "a blob of unknown digest is stored")
def unknown_digest(subject: Subject) -> None:
    """The digest may be unknown: the blob is stored under the SHA-256 of its bytes."""
    _put_not_knowing(subject, digest=True)


@law(About.DESTINATION, "a blob of unknown digest and size is stored")
def unknown_digest_and_size(subject: Subject) -> None:
    """Digest and size may both be unknown, as those of a layer that is compressed on its way."""
    _put_not_knowing(subject, digest=True, size=True)


@law(About.DESTINATION, "a wrong size hint does no harm")
def wrong_size_hints(subject: Subject) -> None:
    """Where the size is unknown, `size_hint` may be too small, right or too large."""
    image = image_for(subject.capabilities, count=5, size=1000)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        for blob, wrong_by in zip(image.layers, (-1000, -1, 0, 1, 1000), strict=True):
            hint = max(0, len(blob.content) + wrong_by)
            info = BlobInfo(blob.digest, None, blob.media_type, size_hint=hint)
            _require_answer(put_blob(destination, blob, info=info), blob)
        put_manifest(destination, image)
        commit(destination)
    require_stored(subject, spot, image)


@law(About.DESTINATION, "a repeated blob is stored once")
def a_repeated_blob(subject: Subject) -> None:
    """A blob that is put again is taken and not stored again; an image may name it twice."""
    content = layer(1, size=50_000)
    image = build_image_for(subject.capabilities, [content, layer(2), content])
    for knows_digest in (True, False):
        spot = subject.new_spot()
        with subject.destination(spot) as destination:
            put_layers(destination, image.layers[:2])
            again = image.layers[2]
            info = again.info if knows_digest else BlobInfo(media_type=again.media_type)
            _require_answer(put_blob(destination, again, info=info), again)
            put_manifest(destination, image)
            commit(destination)
        require_nothing_repeated(require_stored(subject, spot, image))


@law(About.DESTINATION, "several images at a time do not mix")
def two_images_at_a_time(subject: Subject) -> None:
    """Two destinations that are open at the same time have nothing to do with each other."""
    first = image_for(subject.capabilities, count=1)
    second = build_image_for(subject.capabilities, [layer(7)])
    spots = subject.new_spot(), subject.new_spot()
    with subject.destination(spots[0]) as one, subject.destination(spots[1]) as other:
        put_layers(one, first.layers)
        put_image(other, second)
        put_manifest(one, first)
        commit(one)
        commit(other)
    for spot, image in zip(spots, (first, second), strict=True):
        require_nothing_else(require_stored(subject, spot, image), image)


def _put_not_knowing(subject: Subject, *, digest: bool = False, size: bool = False) -> None:
    image = image_for(subject.capabilities, size=1000)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        for blob in (*image.layers, image.config):
            info = BlobInfo(
                None if digest else blob.digest,
                None if size else len(blob.content),
                blob.media_type,
            )
            answer = put_blob(destination, blob, info=info, is_config=blob is image.config)
            _require_answer(answer, blob)
        with calling("put_manifest"):
            destination.put_manifest(image.manifest)
        commit(destination)
    require_stored(subject, spot, image)


def _require_answer(answer: BlobInfo, blob: Blob) -> None:
    require(
        (answer.digest, answer.size) == (blob.digest, len(blob.content)),
        f"put_blob to return {blob.digest} of {len(blob.content)} bytes",
        f"{answer.digest} of {answer.size}",
        "return the digest and the number of the bytes that the stream gave",
    )
