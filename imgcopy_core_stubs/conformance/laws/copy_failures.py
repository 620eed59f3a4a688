"""Whole copies that fail on the way: they leave nothing."""

from imgcopy_core_stubs.conformance.copying import expect_copy_to_fail
from imgcopy_core_stubs.conformance.images import Blob, image_for
from imgcopy_core_stubs.conformance.kit_place import KitPlace
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.streams import PIECE, Interrupted, Pieces
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.errors import SourceError

_ADVICE = "pass on what a stream raises, and drop in close() what was not committed"


@law(About.COPY, "a damaged source leaves nothing")
def a_damaged_source(subject: Subject) -> None:
    """A layer that is missing or does not verify ends the copy with the source's error."""
    image = image_for(subject.capabilities, count=3, size=2 * PIECE)
    blob = image.layers[-1]
    for what, stream in _damaged(blob).items():
        source = KitPlace.of(image)
        if stream is None:
            del source.blobs[blob.digest]
        else:
            source.streams[blob.digest] = stream
        expect_copy_to_fail(
            subject, source, f"an image whose last layer {what}", SourceError, advice=_ADVICE
        )


@law(About.COPY, "an interrupted copy leaves nothing")
def an_interrupted_copy(subject: Subject) -> None:
    """Ctrl-C in the middle of a layer ends the copy."""
    image = image_for(subject.capabilities, count=2, size=2 * PIECE)
    for blob in image.layers:
        source = KitPlace.of(image)
        source.streams[blob.digest] = Pieces(blob.content, breaks_after=PIECE, error=Interrupted())
        expect_copy_to_fail(
            subject, source, "an image, and interrupting that,", Interrupted, advice=_ADVICE
        )


def _damaged(blob: Blob) -> dict[str, Pieces | None]:
    flipped = blob.content[:-1] + bytes([blob.content[-1] ^ 1])
    return {
        "is missing": None,
        "has one byte less": Pieces(blob.content[:-1]),
        "has one byte more": Pieces(blob.content + b"\0"),
        "has one byte flipped": Pieces(flipped),
        "breaks off": Pieces(blob.content, breaks_after=PIECE),
    }
