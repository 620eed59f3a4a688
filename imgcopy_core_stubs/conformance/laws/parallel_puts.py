"""Blobs from several threads at a time, the way the copy engine sends them."""

import itertools
import threading
from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from imgcopy_core_stubs.conformance.capabilities import PARALLEL_PUTS
from imgcopy_core_stubs.conformance.checking import require_nothing_else, require_stored
from imgcopy_core_stubs.conformance.images import Blob, image_for
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.storing import commit, put_blob, put_manifest, verified
from imgcopy_core_stubs.conformance.streams import PIECE, Pieces, connection_lost
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting, require
from imgcopy_core_stubs.errors import DestinationError, SourceReadFailed
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination

_THREADS: Final = 4
_PATIENCE: Final = 60
"""Seconds after which threads are taken to hang."""
_MEETING: Final = 0.1
"""Seconds that a stream waits for the next one to be read: a lock may keep it from that."""
_ADVICE: Final = "share nothing between calls of put_blob, or declare parallel_put_blob=False"


def _one_after_the_other(subject: Subject) -> None:
    """Where `parallel_put_blob` is False they come one after the other, and are stored."""
    image = image_for(subject.capabilities, count=_THREADS, size=3 * PIECE)
    require_stored(subject, subject.store(image), image)


@law(
    About.DESTINATION,
    "blobs from several threads do not mix",
    capability=PARALLEL_PUTS,
    otherwise=_one_after_the_other,
)
def blobs_from_threads(subject: Subject) -> None:
    """Blobs that are put from several threads at a time are all stored byte for byte."""
    image = image_for(subject.capabilities, count=_THREADS, size=3 * PIECE)
    everything = [blob.info for blob in image.layers]
    for infos in (everything, _wrong_hints(image.layers), _nothing(image.layers)):
        spot = subject.new_spot()
        with subject.destination(spot) as destination:
            for error in _put_in_threads(destination, image.layers, infos):
                with calling("put_blob from several threads at a time", _ADVICE):
                    if error is not None:
                        raise error
            put_manifest(destination, image)
            commit(destination)
        require_nothing_else(require_stored(subject, spot, image), image)


def _one_of_several_fails(subject: Subject) -> None:
    """Where they come one after the other, the first that fails ends the copy."""
    image = image_for(subject.capabilities, count=2, size=3 * PIECE)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_blob(destination, image.layers[0])
        info = image.layers[1].info
        stream = verified(Pieces(image.layers[1].content, breaks_after=PIECE), info)
        with expecting("put_blob of a breaking stream", SourceReadFailed, advice="raise on"):
            destination.put_blob(stream, info, is_config=False)
    subject.require_untouched(spot, "after a blob that failed")


@law(
    About.DESTINATION,
    "a blob that fails in one of several threads leaves nothing",
    capability=PARALLEL_PUTS,
    otherwise=_one_of_several_fails,
)
def one_thread_fails(subject: Subject) -> None:
    """A blob that fails in one thread fails there only, and nothing of the copy stays."""
    image = image_for(subject.capabilities, count=_THREADS, size=3 * PIECE)
    for failing in range(_THREADS):
        spot = subject.new_spot()
        with subject.destination(spot) as destination:
            infos = [blob.info for blob in image.layers]
            errors = _put_in_threads(destination, image.layers, infos, failing=failing)
            with expecting("put_blob of a breaking stream", SourceReadFailed, advice=_ADVICE):
                if (error := errors.pop(failing)) is not None:
                    raise error
            # The others may be refused now: the copy is lost.
            with calling("put_blob while another thread's failed", _ADVICE):
                for other in errors:
                    if other is not None and not isinstance(other, DestinationError):
                        raise other
        subject.require_untouched(spot, "after a blob failed in one of several threads")


@frozen
class _Progress:
    """How far a thread has come."""

    called: threading.Event = field(factory=threading.Event)
    """It has called `put_blob`, or ended."""
    began: threading.Event = field(factory=threading.Event)
    """Its stream was read for the first time, or it ended."""

    def end(self) -> None:
        self.called.set()
        self.began.set()


class _Meeting(Pieces):
    """A stream that waits in its midst until the next one has begun, if it can."""

    def __init__(
        self, content: bytes, own: _Progress, following: _Progress, *, breaks_after: int | None
    ) -> None:
        super().__init__(content, breaks_after=breaks_after, error=connection_lost())
        self._own = own
        self._following = following
        self._reads = 0

    def read(self, size: int, /) -> bytes:
        """Return the next piece."""
        self._own.began.set()
        self._reads += 1
        if self._reads == 2:  # noqa: PLR2004  (one piece is given, the others are not)
            self._following.called.wait(_PATIENCE)
            self._following.began.wait(_MEETING)
        return super().read(size)


def _wrong_hints(blobs: Sequence[Blob]) -> list[BlobInfo]:
    """Hint at sizes that are too large and too small, in turn."""
    factors = itertools.cycle((2, 0.5))
    return [
        BlobInfo(blob.digest, None, blob.media_type, size_hint=int(factor * len(blob.content)))
        for blob, factor in zip(blobs, factors, strict=False)
    ]


def _nothing(blobs: Sequence[Blob]) -> list[BlobInfo]:
    return [BlobInfo(media_type=blob.media_type) for blob in blobs]


def _put_in_threads(
    destination: ImageDestination,
    blobs: Sequence[Blob],
    infos: Sequence[BlobInfo],
    *,
    failing: int | None = None,
) -> list[BaseException | None]:
    """Put each blob in a thread of its own; return what each raised.

    As the engine does it: the next begins when the stream of the one before was read for the first
    time.

    Args:
        destination: Where they are put.
        blobs: The blobs.
        infos: What the destination gets to know of each.
        failing: Whose stream breaks.
    """
    progress = [_Progress() for _ in range(len(blobs) + 1)]
    progress[-1].end()  # nobody follows the last one
    errors: list[BaseException | None] = [None] * len(blobs)

    def put(number: int) -> None:
        blob, info = blobs[number], infos[number]
        breaks_after = PIECE if number == failing else None
        own, following = progress[number : number + 2]
        stream = _Meeting(blob.content, own, following, breaks_after=breaks_after)
        if number:
            progress[number - 1].began.wait()
        try:
            own.called.set()
            destination.put_blob(verified(stream, info), info, is_config=False)
        except BaseException as error:  # noqa: BLE001  (handed to the caller)
            errors[number] = error
        finally:
            own.end()

    threads = [threading.Thread(target=put, args=(n,), daemon=True) for n in range(len(blobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
        expected = f"threads that put blobs to end within {_PATIENCE} seconds"
        require(not thread.is_alive(), expected, "one hangs", _ADVICE)
    return errors
