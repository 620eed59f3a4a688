"""Decompressing in a thread beside the one that reads, hashes and writes."""

import threading
from collections.abc import Callable
from typing import Final

from imgcopy_core_stubs._channel import Channel
from imgcopy_core_stubs.compression import Compression, DecompressedStream
from imgcopy_core_stubs.errors import CorruptBlob
from imgcopy_core_stubs.streams import CHUNK, ByteStream, ChunkedStream

_COMPRESSED_CHUNKS: Final = 2
_DECOMPRESSED_CHUNKS: Final = 4


class DecompressedApart(ChunkedStream):
    """The decompressed bytes of a stream. A thread decompresses; whoever reads this one feeds it.

    With gzip and zstd, decompressing takes about as long as all else that is done to a layer, so
    two threads have as much to do. A third one, to read ahead, would take the core from the one
    that decompresses, for which the others wait: it is for sources that keep their reader waiting.

    Reading raises what reading `inner` raises, in its place, and what `DecompressedStream` raises.
    Where the data is damaged, `inner` is read to its end first: if it verifies its bytes, it knows
    that they are others than they should be, and that says more.

    Args:
        inner: The compressed stream; owned from now on, and read in the thread that reads this one.
        compression: How it is compressed.
        what: The stream's name for error messages.
        meanwhile: Does a little of something else, in either thread, before it waits for the other
            one; False: there is nothing to do.
    """

    def __init__(
        self,
        inner: ByteStream,
        compression: Compression,
        what: str,
        *,
        meanwhile: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(inner)
        self._meanwhile = meanwhile
        self._changed = threading.Condition()
        self._compressed = Channel(_COMPRESSED_CHUNKS, self._changed)
        self._decompressed = Channel(_DECOMPRESSED_CHUNKS, self._changed)
        self._content = DecompressedStream(_ChannelStream(self._compressed), compression, what)
        self._thread = threading.Thread(
            target=self._decompress, name="imgcopy-decompress", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End the thread and close the inner stream. May be called twice."""
        try:
            self._compressed.close()
            self._decompressed.close()
            self._thread.join()
        finally:
            super().close()

    def _next_chunk(self) -> bytes:
        while self._wait_to_feed():
            self._feed()
        try:
            return self._decompressed.take()
        except CorruptBlob:
            while self._inner.read(CHUNK):
                pass
            raise

    def _wait_to_feed(self) -> bool:
        """Wait until the thread has room or has something. True: it has room."""
        while not self._is_ready() and self._meanwhile():
            pass
        with self._changed:
            self._changed.wait_for(self._is_ready)
            return self._compressed.has_room

    def _is_ready(self) -> bool:
        with self._changed:
            return self._compressed.has_room or self._decompressed.has_next

    def _feed(self) -> None:
        try:
            chunk = self._inner.read(CHUNK)
        except Exception as error:  # noqa: BLE001  (comes out behind what was read before it)
            self._compressed.finish(error)
            return
        if chunk:
            self._compressed.put(chunk)
        else:
            self._compressed.finish(None)

    def _decompress(self) -> None:
        self._decompressed.fill(self._read_content)

    def _read_content(self) -> bytes:
        while not self._decompressed.has_room and self._meanwhile():
            pass
        return self._content.read(CHUNK)


class _ChannelStream:
    """What comes through a channel, as a stream that is read in whole chunks."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def read(self, _: int, /) -> bytes:
        """Return the next chunk. It has at most `CHUNK` bytes, and as many are asked for."""
        return self._channel.take()

    def close(self) -> None:
        """Leave the channel to who owns it."""
