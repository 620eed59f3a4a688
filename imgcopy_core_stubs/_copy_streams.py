"""The streams at both ends of a blob's way: at the source, and before the destination."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from imgcopy_core_stubs._parallel import Turn
from imgcopy_core_stubs.errors import SourceReadFailed
from imgcopy_core_stubs.streams import ByteStream, VerifyingStream, WrappingStream

_WORTH_A_THREAD: Final = 1024 * 1024
"""How many bytes of a layer pass before a thread is started for it: a small one ends before."""


class CopyCancelled(BaseException):
    """The copy is over, for a reason that another thread has; the one that gets this just ends."""


class SourceStream(WrappingStream):
    """A source's stream: counts what is read, and says of an `OSError` which side had it."""

    def __init__(
        self,
        inner: ByteStream,
        what: str,
        progress: Callable[[int], None] | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        super().__init__(inner)
        self._what = what
        self._progress = progress
        self._cancelled = cancelled
        self._bytes_read = 0

    def read(self, size: int, /) -> bytes:
        if self._cancelled is not None and self._cancelled.is_set():
            raise CopyCancelled
        try:
            chunk = self._inner.read(size)
        except OSError as error:
            raise SourceReadFailed(self._what, error) from error
        if chunk and self._progress is not None:
            self._bytes_read += len(chunk)
            self._progress(self._bytes_read)
        return chunk


class HashedApartWhenLast(WrappingStream):
    """Has its bytes hashed in the thread that reads it, and in another one when no layer needs it.

    Chunks that change threads cost more of both cores than they save as long as both are busy.

    Args:
        inner: The stream to read; owned from now on.
        verifying: Those on its way that hash.
        turn: Knows whether other layers need the cores.
    """

    def __init__(self, inner: ByteStream, verifying: Sequence[VerifyingStream], turn: Turn) -> None:
        super().__init__(inner)
        self._verifying = verifying
        self._turn: Turn | None = turn
        self._bytes_read = 0

    def read(self, size: int, /) -> bytes:
        if self._turn is not None and self._turn.is_last and self._bytes_read >= _WORTH_A_THREAD:
            self._turn = None
            for stream in self._verifying:
                stream.hash_apart()
        chunk = self._inner.read(size)
        self._bytes_read += len(chunk)
        return chunk


class HandoverStream(WrappingStream):
    """What the destination reads.

    It passes the turn on at its first read: then the destination has the blob in its order. Once
    `finished`, the destination has had all bytes, and every stream on the way has verified them.
    """

    def __init__(self, inner: ByteStream, turn: Turn) -> None:
        super().__init__(inner)
        self._turn: Turn | None = turn
        self.finished = False

    def read(self, size: int, /) -> bytes:
        if self._turn is not None:
            self._turn.pass_on()
            self._turn = None
        chunk = self._inner.read(size)
        self.finished = not chunk and size > 0
        return chunk
