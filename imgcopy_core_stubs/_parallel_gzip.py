"""gzip with several cores: one member, made of blocks that are compressed side by side.

It is made as pigz makes it. Each block is raw deflate (RFC 1951) that knows the last 32 KiB before
it as its dictionary; all but the last end with an empty stored block (a "sync flush"), which puts
the end at a whole byte. So they follow each other as if one encoder had written them, and every
reader of gzip reads them. Where blocks end depends on nothing but the data, so the number of
threads does not change a byte.
"""

import threading
import zlib
from collections import deque
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Final

from imgcopy_core_stubs._gzip import HAS_ISAL

if HAS_ISAL:
    from isal import isal_zlib

_BLOCK: Final = 512 * 1024
"""How many bytes are compressed at a time: twice as many gain 5 % of speed for twice the memory."""

_WINDOW: Final = 32 * 1024
_HEADER: Final = b"\x1f\x8b\x08" + bytes(6) + b"\xff"  # no name, no time, no operating system


class ParallelGzipEncoder:
    """An encoder of one gzip member, without name and time.

    It holds two blocks for each thread, whatever the amount of data. What it returns are iterators:
    they do the work, and have to be read to their ends.

    Args:
        threads: How many threads to start when there is work for them. `close` ends them.
    """

    def __init__(self, threads: int) -> None:
        self._most_threads = threads
        self._threads: list[threading.Thread] = []
        self._queue: SimpleQueue[_Block | None] = SimpleQueue()  # None ends all threads
        self._blocks: deque[_Block] = deque()  # in the queue, being compressed, and done
        self._collected = bytearray()
        self._window = b""
        self._checksum = 0
        self._size = 0
        self._header = _HEADER

    def compress(self, data: bytes) -> Iterator[bytes]:
        """Take bytes in and return what is ready; wait for it if too much is being worked on."""
        rest = memoryview(data)
        while rest:
            room = _BLOCK - len(self._collected)
            self._collected += rest[:room]
            rest = rest[room:]
            if len(self._collected) == _BLOCK:
                self._begin_block(is_last=False)
                yield from self._done_blocks(at_most_left=2 * self._most_threads - 1)

    def finish(self) -> Iterator[bytes]:
        """Return the rest. Nothing can follow."""
        self._begin_block(is_last=True)
        yield from self._done_blocks(at_most_left=0)
        yield self._checksum.to_bytes(4, "little")
        yield (self._size % 2**32).to_bytes(4, "little")

    def close(self) -> None:
        """End the threads, each after the block that it works on. May be called twice."""
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            pass
        self._queue.put(None)
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join()
        self._threads.clear()
        self._blocks.clear()

    def _begin_block(self, *, is_last: bool) -> None:
        data, self._collected = self._collected, bytearray()
        block = _Block(data, self._window, is_last=is_last)
        self._window = bytes(data[-_WINDOW:])
        self._checksum = _crc32(data, self._checksum)
        self._size += len(data)
        self._blocks.append(block)
        self._queue.put(block)
        if len(self._threads) < self._most_threads:
            name = f"imgcopy-gzip-{len(self._threads)}"
            thread = threading.Thread(target=_work, args=(self._queue,), name=name, daemon=True)
            self._threads.append(thread)  # first: Ctrl-C may arrive while it starts
            thread.start()

    def _done_blocks(self, *, at_most_left: int) -> Iterator[bytes]:
        """Return blocks in their order: those that are done, and as many as are too many."""
        if self._header:
            header, self._header = self._header, b""
            yield header
        while self._blocks and (len(self._blocks) > at_most_left or self._blocks[0].is_done):
            yield self._blocks.popleft().wait()


class _Block:
    """A piece of the data on its way through a thread."""

    def __init__(self, data: bytearray, window: bytes, *, is_last: bool) -> None:
        self._data = data
        self._window = window
        self._is_last = is_last
        self._done = threading.Event()
        self._output = b""
        self._error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    def work(self) -> None:
        """Compress the data. An error is for whoever waits."""
        try:
            self._output = _deflate(self._data, self._window, is_last=self._is_last)
        except BaseException as error:  # noqa: BLE001  (raised by `wait`)
            self._error = error
        self._done.set()

    def wait(self) -> bytes:
        """Wait for the compressed data. Raises what compressing it raised."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._output


def _work(queue: "SimpleQueue[_Block | None]") -> None:
    while (block := queue.get()) is not None:
        block.work()
    queue.put(None)  # for the next thread


def _deflate(data: bytearray, window: bytes, *, is_last: bool) -> bytes:
    mode = zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH
    if HAS_ISAL:
        fast = isal_zlib.compressobj(3, wbits=-zlib.MAX_WBITS, zdict=window)
        return fast.compress(data) + fast.flush(mode)
    encoder = zlib.compressobj(6, wbits=-zlib.MAX_WBITS, zdict=window)
    return encoder.compress(data) + encoder.flush(mode)


def _crc32(data: bytearray, start: int) -> int:
    return isal_zlib.crc32(data, start) if HAS_ISAL else zlib.crc32(data, start)
