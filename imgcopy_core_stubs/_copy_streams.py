"""The streams at both ends of a blob's way: at the source, and before the destination."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from imgcopy_core_stubs._parallel import Turn
from imgcopy_core_stubs.errors import SourceReadFailed, TooLarge
from imgcopy_core_stubs.streams import ByteStream, ReadAhead, VerifyingStream, WrappingStream

_WORTH_A_THREAD: Final = 1024 * 1024
"""How many bytes of a layer pass before a thread is started for it: a small one ends before."""


class CopyCancelled(BaseException):
    """The copy is over, for a reason that another thread has; the one that gets this just ends."""


class Cancellation(threading.Event):
    """Set when a copy is over: then nobody waits any more for what is read ahead."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._streams: set[CancellableReadAhead] = set()

    def set(self) -> None:
        """End the copy. May be called twice."""
        super().set()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.send_away()

    def add(self, stream: "CancellableReadAhead") -> None:
        """Have a stream's reader sent away when the copy is over."""
        with self._lock:
            self._streams.add(stream)
        if self.is_set():
            stream.send_away()

    def discard(self, stream: "CancellableReadAhead") -> None:
        """Forget a stream that was added, if it was."""
        with self._lock:
            self._streams.discard(stream)


class CancellableReadAhead(ReadAhead):
    """Reads ahead, and raises `CopyCancelled` as soon as the copy is over.

    A destination may hold a lock while it reads. So it must not wait for a source that is stuck:
    it could not be closed in the meantime.
    """

    def __init__(self, inner: ByteStream, cancelled: Cancellation) -> None:
        super().__init__(inner)
        self._cancelled = cancelled
        cancelled.add(self)

    def close(self) -> None:
        """Close it as any other stream."""
        self._cancelled.discard(self)
        super().close()

    def _next_chunk(self) -> bytes:
        try:
            return super()._next_chunk()
        except ValueError:
            if self._cancelled.is_set():
                raise CopyCancelled from None
            raise


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
        try:
            chunk = self._inner.read(size)
        except OSError as error:
            raise SourceReadFailed(self._what, error) from error
        if self._cancelled is not None and self._cancelled.is_set():  # that may have taken long
            raise CopyCancelled
        if chunk and self._progress is not None:
            self._bytes_read += len(chunk)
            self._progress(self._bytes_read)
        return chunk


class LimitedStream(WrappingStream):
    """Lets no more bytes through than a limit.

    Args:
        inner: The stream to read; owned from now on.
        what: The bytes' name for error messages.
        limit: The most bytes.
    """

    def __init__(self, inner: ByteStream, what: str, limit: int) -> None:
        super().__init__(inner)
        self._what = what
        self._limit = limit
        self._bytes_read = 0

    def read(self, size: int, /) -> bytes:
        """Return the next chunk. Raises `TooLarge` where there are more bytes."""
        chunk = self._inner.read(size)
        self._bytes_read += len(chunk)
        if self._bytes_read > self._limit:
            raise TooLarge(self._what, self._limit)
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
    It ends with the copy, even where little of the source unpacks to much.
    """

    def __init__(self, inner: ByteStream, turn: Turn, cancelled: threading.Event) -> None:
        super().__init__(inner)
        self._turn: Turn | None = turn
        self._cancelled = cancelled
        self.finished = False

    def read(self, size: int, /) -> bytes:
        if self._cancelled.is_set():
            raise CopyCancelled
        if self._turn is not None:
            self._turn.pass_on()
            self._turn = None
        chunk = self._inner.read(size)
        self.finished = not chunk and size > 0
        return chunk
