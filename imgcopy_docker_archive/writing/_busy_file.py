"""Chunks on their way into a file that others write to: when each goes, and where it ends."""

import threading
from collections.abc import Callable
from typing import Final

from imgcopy_core_stubs import CHUNK

_TOGETHER: Final = 2
"""How many chunks are written together at the most: three would save no more."""

_ALIGNED_CHUNKS: Final = 2
"""How many chunks are asked to end at a multiple of `CHUNK`: behind the first may come a rest of
what was read before, to tell the compression. More would make a stream cut chunks that it has."""


class ChunkWriter:
    """Writes chunks one behind the other, and keeps one for later where it would have to wait.

    The operating system lets one thread at a time write to a file, and one of two threads that copy
    layers would spin for the other in a fiftieth of its time. Here it reads on in the meantime, and
    writes both chunks then.

    Chunks that lie between multiples of `CHUNK` are written faster than those across them (see
    `write_all`). So the first one is asked to end there: then the next ones of a file do, too.

    Args:
        write_at: Writes all of its bytes at a position.
        position: Where the first chunk goes.
        busy: Held while one of the file's threads writes chunks. It guards nothing, it only tells.
    """

    def __init__(
        self, write_at: Callable[[int, bytes], object], position: int, busy: threading.Lock
    ) -> None:
        self._write_at = write_at
        self._busy = busy
        self._kept: list[bytes] = []
        self._written_to = position
        self._aligned_chunks = 0
        self.position = position
        """Where the next chunk goes."""

    @property
    def wanted(self) -> int:
        """How many bytes the next chunk should have, and has at the most."""
        if self._aligned_chunks >= _ALIGNED_CHUNKS:
            return CHUNK
        return CHUNK - self.position % CHUNK

    def write(self, chunk: bytes) -> None:
        """Write a chunk, now or with a later one. Raises what `write_at` raises."""
        self._kept.append(chunk)
        self.position += len(chunk)
        self._aligned_chunks += self.position % CHUNK == 0
        is_free = self._busy.acquire(blocking=False)
        try:
            if is_free or len(self._kept) == _TOGETHER:
                self.flush()
        finally:
            if is_free:
                self._busy.release()

    def flush(self) -> None:
        """Write what was kept. Raises what `write_at` raises."""
        while self._kept:
            self._write_at(self._written_to, self._kept[0])
            self._written_to += len(self._kept[0])
            del self._kept[0]
