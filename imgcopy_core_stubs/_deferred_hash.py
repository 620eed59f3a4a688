"""Hashing as work for whichever thread would wait otherwise."""

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashlib import _Hash

_MOST_WAITING: Final = 4
"""How many chunks may wait. Most are in memory anyway, on their way to who decompresses them."""


class DeferredHash:
    """Hashes chunks in their order, a little after they were brought.

    Two threads that work on one stream wait for each other in turns: where its data hardly
    compresses, who decompresses is the faster, and elsewhere the slower. Which of them is to hash
    the compressed bytes cannot be said beforehand: so that is left to the one that has to wait.

    Args:
        hasher: What the chunks go to; nobody else may use it until `finish` has returned.
    """

    def __init__(self, hasher: "_Hash") -> None:
        self._hasher = hasher
        self._waiting: deque[bytes] = deque()
        self._hashing = threading.Lock()

    def update(self, chunk: bytes) -> None:
        """Have a chunk hashed after those before it; hash the oldest if too many wait."""
        self._waiting.append(chunk)
        while len(self._waiting) > _MOST_WAITING:
            with self._hashing:
                self._hash_one()

    def help(self) -> bool:
        """Hash a chunk that waits. False: there is none, or another thread is at it."""
        if not self._hashing.acquire(blocking=False):
            return False
        try:
            return self._hash_one()
        finally:
            self._hashing.release()

    def finish(self) -> None:
        """Hash all that waits, and wait for a thread that is at it."""
        with self._hashing:
            while self._hash_one():
                pass

    def stop(self) -> None:
        """Drop all that waits. May be called twice."""
        self._waiting.clear()

    def _hash_one(self) -> bool:
        try:
            chunk = self._waiting.popleft()
        except IndexError:
            return False
        self._hasher.update(chunk)
        return True
