"""A destination's life: open, committed once, closed any number of times."""

from imgcopy_core_stubs.conformance.checking import require_stored
from imgcopy_core_stubs.conformance.images import Image, build_image_for, image_for, layer
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.storing import commit, put_image, verified
from imgcopy_core_stubs.conformance.streams import Pieces
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting, require
from imgcopy_core_stubs.errors import DestinationError, DestinationStateError
from imgcopy_core_stubs.transport import ImageDestination

_CLOSED = "keep a flag that close() sets, and raise DestinationStateError where it is set"
_COMMITTED = "keep a flag that commit() sets, and raise DestinationStateError where it is set"


class _LeavingError(Exception):
    """What a `with` block is left by."""


@law(About.DESTINATION, "close may be called twice")
def close_twice(subject: Subject) -> None:
    """A second `close` does nothing, after a commit and without one."""
    image = image_for(subject.capabilities)
    for is_committed in (True, False):
        spot = subject.new_spot()
        with subject.destination(spot) as destination:
            put_image(destination, image)
            if is_committed:
                commit(destination)
            with calling("close"):
                destination.close()
            with calling("a second close", "make close() do nothing when it is called again"):
                destination.close()
        if is_committed:
            require_stored(subject, spot, image)


@law(About.DESTINATION, "it is a context manager that closes itself")
def a_context_manager(subject: Subject) -> None:
    """Leaving a `with` block closes the destination, and hides no exception."""
    image = image_for(subject.capabilities)
    with calling("open_destination"):
        destination = subject.new_spot().reference.open_destination(
            subject.place.destination_options
        )
    advice = "inherit __enter__ and __exit__ from ImageDestination"

    def leave_by_an_exception() -> None:
        with destination as entered:
            require(entered is destination, "with … as to give the destination", entered, advice)
            put_image(destination, image)
            raise _LeavingError

    with expecting("leaving a with block by an exception", _LeavingError, advice=advice):
        leave_by_an_exception()
    with expecting("put_blob after a with block", DestinationStateError, advice=advice):
        _put_layer(destination, image)


@law(About.DESTINATION, "committing twice is an error")
def commit_twice(subject: Subject) -> None:
    """A second `commit` raises `DestinationStateError`, and the image stays as it is."""
    image = image_for(subject.capabilities)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_image(destination, image)
        commit(destination)
        with expecting("a second commit", DestinationStateError, advice=_COMMITTED):
            destination.commit()
    require_stored(subject, spot, image)


@law(About.DESTINATION, "what is put after commit changes nothing")
def nothing_after_commit(subject: Subject) -> None:
    """An image that was committed stays as it is, whatever is put into its destination."""
    image = image_for(subject.capabilities)
    other = build_image_for(subject.capabilities, [layer(7)])
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_image(destination, image)
        commit(destination)
        before = subject.stored(spot)
        with calling("put_blob after commit", "raise DestinationStateError"):
            try:
                _put_layer(destination, other)
                destination.put_manifest(other.manifest)
            except DestinationError:
                pass
    require(
        subject.stored(spot) == before,
        "the committed image to stay as it is",
        "what was put after commit() changed it",
        _COMMITTED,
    )


@law(About.DESTINATION, "writing after close is an error")
def write_after_close(subject: Subject) -> None:
    """After `close` a blob, a manifest and a commit raise `DestinationStateError`."""
    image = image_for(subject.capabilities)
    with subject.destination(subject.new_spot()) as destination:
        put_image(destination, image)
    with expecting("commit after close", DestinationStateError, advice=_CLOSED):
        destination.commit()
    with expecting("put_manifest after close", DestinationStateError, advice=_CLOSED):
        destination.put_manifest(image.manifest)
    with expecting("put_blob after close", DestinationStateError, advice=_CLOSED):
        _put_layer(destination, image)


def _put_layer(destination: ImageDestination, image: Image) -> None:
    blob = image.layers[0]
    stream = verified(Pieces(blob.content), blob.info)
    destination.put_blob(stream, blob.info, is_config=False)
