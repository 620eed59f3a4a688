"""How chunks of bytes get from one thread to another."""

import threading
from collections import deque
from collections.abc import Callable


class Channel:
    """A bounded queue of chunks between two threads that either side can end.

    Args:
        depth: How many chunks it has room for.
        changed: Notified of every change. Given to several channels, it is what to wait on for any
            of them; its lock is reentrant, as that of a new `Condition` is.
    """

    def __init__(self, depth: int, changed: threading.Condition | None = None) -> None:
        self._depth = depth
        self._chunks: deque[bytes] = deque()
        self._changed = changed or threading.Condition()
        self._finished = False
        self._error: BaseException | None = None
        self._closed = False

    @property
    def has_room(self) -> bool:
        """Whether `put` would add a chunk at once."""
        with self._changed:
            return not self._finished and not self._closed and len(self._chunks) < self._depth

    @property
    def has_next(self) -> bool:
        """Whether `take` would return or raise at once."""
        with self._changed:
            return bool(self._chunks) or self._finished or self._closed

    def put(self, chunk: bytes) -> bool:
        """Wait for room and add a chunk. False: the reading side has gone."""
        with self._changed:
            while len(self._chunks) >= self._depth and not self._closed:
                self._changed.wait()
            if not self._closed:
                self._chunks.append(chunk)
                self._changed.notify_all()
            return not self._closed

    def fill(self, read: Callable[[], bytes]) -> None:
        """Put what `read` returns until it is `b""`, and finish; with what it raises, if it does.

        Whatever that is, it goes to the thread that takes. Ends early if the reading side has gone.
        """
        error: BaseException | None = None
        try:
            while (chunk := read()) and self.put(chunk):
                pass
        except BaseException as raised:  # noqa: BLE001  (see above)
            error = raised
        self.finish(error)

    def finish(self, error: BaseException | None) -> None:
        """Say that no chunk follows, or why."""
        with self._changed:
            self._finished = True
            self._error = error
            self._changed.notify_all()

    def take(self) -> bytes:
        """Wait for the next chunk; `b""` at the end. Raises the error that ended it."""
        with self._changed:
            while not self.has_next:
                self._changed.wait()
            if self._closed:
                raise ValueError("read of a closed stream")
            if self._chunks:
                chunk = self._chunks.popleft()
                self._changed.notify_all()
                return chunk
            if self._error is not None:
                raise self._error
            return b""

    def close(self) -> None:
        """Drop all chunks; whoever waits on either side, or will, is sent away."""
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._changed.notify_all()
