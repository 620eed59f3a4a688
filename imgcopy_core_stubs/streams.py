"""Byte streams: verifying what passes, and sharing the work among threads.

A layer's way through a copy is a few of these, one around the other; each does one thing. Streams
pass chunks of a megabyte, and closing the outermost closes all.
"""

import contextlib
import hashlib
import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from imgcopy_core_stubs._channel import Channel
from imgcopy_core_stubs._deferred_hash import DeferredHash
from imgcopy_core_stubs.closing import Closing
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import DigestMismatch, SizeMismatch, TooLarge

CHUNK: Final = 1024 * 1024
"""The size in bytes in which streams are read.

Measured: chunks of half the size cost a twentieth more time, in calls and in threads that wait for
each other; larger ones save nothing, and fill memory.
"""


class ByteStream(Protocol):
    """Bytes that are read once, from the front. Files opened in binary mode are byte streams."""

    def read(self, size: int, /) -> bytes:
        """Return at least one and at most `size` bytes, or `b""` at the end."""

    def close(self) -> None:
        """Release what the stream holds. May be called twice."""


@runtime_checkable
class StoredStream(ByteStream, Protocol):
    """A byte stream of something that is stored here, whose end can be seen at once."""

    def read_end(self, size: int, /) -> bytes:
        """Return the last `size` bytes, or all if there are fewer; `read` goes on as if not.

        Raises what `read` raises.
        """


class WrappingStream(Closing):
    """A stream around another one: closing it closes the inner one too."""

    def __init__(self, inner: ByteStream) -> None:
        self._inner = inner

    def close(self) -> None:
        """Close the inner stream. May be called twice."""
        self._inner.close()


class ChunkedStream(WrappingStream):
    """A stream that is made in chunks of any size, and read in any other."""

    def __init__(self, inner: ByteStream) -> None:
        super().__init__(inner)
        self._chunk = b""
        self._position = 0

    @abstractmethod
    def _next_chunk(self) -> bytes:
        """Return the next chunk, or `b""` at the end and ever after."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes. Raises what making them raises."""
        if self._position == len(self._chunk):
            self._chunk = self._next_chunk()
            self._position = 0
        piece = self._chunk[self._position : self._position + size]
        self._position += len(piece)
        return piece


class PrefixedStream(WrappingStream):
    """The bytes of a stream, with others before them.

    Args:
        prefix: The bytes that come first.
        inner: The stream that follows; owned from now on.
    """

    def __init__(self, prefix: bytes, inner: ByteStream) -> None:
        super().__init__(inner)
        self._prefix = prefix

    def read(self, size: int, /) -> bytes:
        """Return the next bytes. Raises what the inner stream raises."""
        if not self._prefix:
            return self._inner.read(size)
        piece, self._prefix = self._prefix[:size], self._prefix[size:]
        return piece


class VerifyingStream(WrappingStream):
    """Passes bytes on and holds them against a digest and a size; raises where they differ.

    A size that is exceeded raises at once. Too few bytes, or another digest, raise at the end: so
    only who has read up to `b""` holds verified bytes, and `finished` says whether that happened.

    Args:
        inner: The stream to read; owned from now on.
        what: The bytes' name for error messages ("layer sha256:… of …").
        digest: The expected digest; None: none is expected, and sha256 is computed.
        size: The expected number of bytes; None: unknown.
        limit: The most bytes to let through, for data that could grow without end.
    """

    def __init__(
        self,
        inner: ByteStream,
        what: str,
        *,
        digest: Digest | None = None,
        size: int | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(inner)
        self._what = what
        self._expected = digest
        self._size = size
        self._limit = limit
        self._algorithm = digest.algorithm if digest is not None else "sha256"
        self._hasher = hashlib.new(self._algorithm)
        self._apart: _HashingThread | DeferredHash | None = None
        self.bytes_read = 0
        self.finished = False

    def hash_apart(self) -> None:
        """Hash in a thread of its own from now on, while the bytes go on their way.

        It takes two thirds of the time of copying bytes that stay as they are: worth a thread where
        a core is idle.
        """
        if self._apart is None and not self.finished:
            self._apart = _HashingThread(self._hasher)

    def hash_later(self) -> Callable[[], bool]:
        """Hash from now on when a thread that would wait calls what this returns, or at the end.

        Returns:
            Hashes a chunk, in any thread. False: there is none, or another thread is at it.
        """
        self._hash_the_rest()
        self._apart = later = DeferredHash(self._hasher)
        return later.help

    def read(self, size: int, /) -> bytes:
        """Return the next chunk.

        Raises:
            SizeMismatch: There are more or fewer bytes than expected.
            DigestMismatch: The bytes have another digest.
            TooLarge: There are more bytes than `limit`.
        """
        if self.finished:
            return b""
        chunk = self._inner.read(size)
        if not chunk:
            self._check_end()
            self.finished = True
            return b""
        (self._apart or self._hasher).update(chunk)
        self.bytes_read += len(chunk)
        if self._size is not None and self.bytes_read > self._size:
            raise SizeMismatch(self._what, self._size, None)
        if self._limit is not None and self.bytes_read > self._limit:
            raise TooLarge(self._what, self._limit)
        return chunk

    @property
    def digest(self) -> Digest:
        """The digest of the bytes read so far."""
        self._hash_the_rest()
        return Digest(self._algorithm, self._hasher.hexdigest())

    def close(self) -> None:
        """Close the inner stream, and hash no more. May be called twice."""
        try:
            if self._apart is not None:
                self._apart.stop()
        finally:
            super().close()

    def _hash_the_rest(self) -> None:
        if self._apart is not None:
            self._apart.finish()
            self._apart = None

    def _check_end(self) -> None:
        if self._size is not None and self.bytes_read != self._size:
            raise SizeMismatch(self._what, self._size, self.bytes_read)
        if self._expected is not None and self.digest != self._expected:
            raise DigestMismatch(self._what, str(self._expected), str(self.digest))


class ReadAhead(ChunkedStream):
    """Reads its inner stream in a thread, a few chunks ahead of whoever reads this one.

    This is how reading, decompressing, hashing and writing overlap: they spend their time in C
    code that releases the interpreter's lock. An exception of the inner stream is raised by `read`.
    Closing stops the thread at its next chunk.

    Args:
        inner: The stream to read; owned from now on.
        depth: How many chunks to be ahead.
    """

    def __init__(self, inner: ByteStream, *, depth: int = 4) -> None:
        super().__init__(inner)
        self._channel = Channel(depth)
        self._closed = False
        self._leaving = threading.Lock()
        self._present = 2  # the thread and the reader; who leaves last closes the inner stream
        self._thread = threading.Thread(target=self._pump, name="imgcopy-read-ahead", daemon=True)
        self._thread.start()

    def send_away(self) -> None:
        """End the reading side, without waiting for the thread: whoever reads gets a ValueError."""
        self._channel.close()

    def close(self) -> None:
        """Stop the thread and close the inner stream.

        A thread that is stuck in the operating system for over a second is left behind: it closes
        the inner stream when it gets free, or ends with the process.
        """
        if self._closed:
            return
        self._closed = True
        self.send_away()
        try:
            self._thread.join(timeout=1)
        finally:
            self._leave()

    def _next_chunk(self) -> bytes:
        return self._channel.take()

    def _pump(self) -> None:
        self._channel.fill(lambda: self._inner.read(CHUNK))
        with contextlib.suppress(OSError):
            self._leave()

    def _leave(self) -> None:
        with self._leaving:
            self._present -= 1
            is_last = self._present == 0
        if is_last:
            super().close()


class _HashingThread:
    """Hashes chunks in a thread, a little behind whoever brings them."""

    def __init__(self, hasher: "hashlib._Hash") -> None:
        self._hasher = hasher
        self._channel = Channel(depth=2)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="imgcopy-hash", daemon=True)
        self._thread.start()

    def update(self, chunk: bytes) -> None:
        """Have a chunk hashed after those before it."""
        self._channel.put(chunk)

    def finish(self) -> None:
        """Wait until everything is hashed. Raises what hashing raised."""
        self._channel.finish(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End without hashing what still waits. May be called twice."""
        self._channel.close()
        self._thread.join()

    def _work(self) -> None:
        try:
            while chunk := self._channel.take():
                self._hasher.update(chunk)
        except BaseException as error:  # noqa: BLE001  (handed to the thread that reads)
            self._error = error
        finally:
            self._channel.close()  # nobody is to wait for a thread that has ended
