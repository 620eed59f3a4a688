"""Blobs that are not what they should be: the error is passed on, and nothing of them stays."""

from collections.abc import Iterable
from typing import Final

from imgcopy_core_stubs.conformance.checking import require_nothing_else, require_stored
from imgcopy_core_stubs.conformance.images import Image, build_image_for, new_layer
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.lies import (
    Lie,
    LieAbout,
    breaking,
    one_byte_long,
    one_byte_short,
    wrong_digest,
)
from imgcopy_core_stubs.conformance.storing import put_blob, verified
from imgcopy_core_stubs.conformance.streams import PIECE, Interrupted, Pieces
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting, require
from imgcopy_core_stubs.errors import DestinationError
from imgcopy_core_stubs.transport import ImageDestination

_PIECES: Final = 3
"""How many pieces the first layer is given in."""


@law(About.DESTINATION, "a blob of the wrong digest is refused")
def a_wrong_digest(subject: Subject) -> None:
    """`put_blob` passes on that a stream has not the digest it should have; nothing of it stays."""
    _require_refused(subject, [wrong_digest])


@law(About.DESTINATION, "a blob one byte too short is refused")
def one_byte_is_missing(subject: Subject) -> None:
    """`put_blob` passes on that a stream ended before its size; nothing of it stays."""
    _require_refused(subject, [one_byte_short])


@law(About.DESTINATION, "a blob one byte too long is refused")
def one_byte_too_many(subject: Subject) -> None:
    """`put_blob` passes on that a stream exceeded its size; nothing of it stays."""
    _require_refused(subject, [one_byte_long])


@law(About.DESTINATION, "a stream that breaks leaves nothing")
def a_broken_stream(subject: Subject) -> None:
    """`put_blob` passes on what a stream raises, after however many bytes; nothing of it stays."""
    for is_known in (True, False):
        lies = [breaking(pieces, is_known=is_known) for pieces in range(_PIECES + 1)]
        _require_refused(subject, lies)


@law(About.DESTINATION, "an interrupted blob leaves nothing")
def an_interrupt(subject: Subject) -> None:
    """Ctrl-C in the middle of `put_blob` comes out of it; nothing of the blob stays."""
    lies = [breaking(pieces, error=Interrupted) for pieces in range(_PIECES + 1)]
    _require_refused(subject, lies)


def _require_refused(subject: Subject, lies: Iterable[LieAbout]) -> None:
    """Put each lie, about a layer and about a config: once to give up then, once to go on."""
    for lie_about in lies:
        for is_config in (False, True):
            # New ones each time: places that share a store must not have them.
            contents = [new_layer((_PIECES - 1) * PIECE), new_layer()]
            image = build_image_for(subject.capabilities, contents)
            lie = lie_about(image.config if is_config else image.layers[0])
            spot = subject.new_spot()
            with subject.destination(spot) as destination:
                _put_lie(destination, lie)
            subject.require_untouched(spot, f"after {lie.what} and close()")
            _go_on(subject, image, lie)


def _put_lie(destination: ImageDestination, lie: Lie) -> None:
    advice = (
        "read the stream to its end, delete what you stored in `except BaseException`, and raise on"
    )
    with expecting(f"put_blob of {lie.what}", lie.error, advice=advice):
        destination.put_blob(lie.stream(), lie.info, is_config=lie.is_config)
    with calling("try_reusing_blob of a blob that failed"):
        try:
            reused = destination.try_reusing_blob(lie.blob.info, can_substitute=False)
        except DestinationError:
            return  # it may refuse everything after a failure
    advice = "remember a blob after its stream has ended, not before"
    require(reused is None, f"{lie.what} not to be reusable", reused, advice)


def _go_on(subject: Subject, image: Image, lie: Lie) -> None:
    """Complete the image after a lie.

    A destination may refuse that, with a `DestinationError`; then nothing may be stored.
    """
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_blob(destination, image.layers[1])
        _put_lie(destination, lie)
        completed = _complete(destination, image)
    if completed:
        require_nothing_else(require_stored(subject, spot, image), image)
    else:
        subject.require_untouched(spot, f"after {lie.what}")


def _complete(destination: ImageDestination, image: Image) -> bool:
    with calling("going on after a failed blob", "go on, or refuse with a DestinationError"):
        try:
            for blob in (image.layers[0], image.config):
                stream = verified(Pieces(blob.content), blob.info)
                destination.put_blob(stream, blob.info, is_config=blob is image.config)
            destination.put_manifest(image.manifest)
            destination.commit()
        except DestinationError:
            return False
    return True
