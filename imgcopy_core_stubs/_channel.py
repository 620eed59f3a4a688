"""How chunks of bytes get from one thread to another."""

import threading
from collections import deque


class Channel:
    """A bounded queue of chunks between two threads that either side can end."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._chunks: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._error: BaseException | None = None
        self._closed = False

    def put(self, chunk: bytes) -> bool:
        """Wait for room and add a chunk. False: the reading side has gone."""
        with self._changed:
            while len(self._chunks) >= self._depth and not self._closed:
                self._changed.wait()
            if not self._closed:
                self._chunks.append(chunk)
                self._changed.notify_all()
            return not self._closed

    def finish(self, error: BaseException | None) -> None:
        """Say that no chunk follows, or why."""
        with self._changed:
            self._finished = True
            self._error = error
            self._changed.notify_all()

    def take(self) -> bytes:
        """Wait for the next chunk; `b""` at the end. Raises the error that ended it."""
        with self._changed:
            while not self._chunks and not self._finished and not self._closed:
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
        """End the reading side: whoever waits, or will, is sent away."""
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._changed.notify_all()
