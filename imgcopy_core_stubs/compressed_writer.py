"""Writing a compressed file with all cores, for what is written in pieces and not read."""

import os
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol

from imgcopy_core_stubs.closing import Closing
from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.waiting import write_all

_MOST_THREADS: Final = 32
"""More would wait for whoever writes, and hold memory (some 100 MiB in all with so many)."""


class CompressedWriter(Closing):
    """Compresses what is written to it with all cores, into one gzip member or one zstd frame.

    The bytes depend only on what was written: neither on the number of cores, nor on the sizes of
    the pieces, nor on the time. (Other versions of the libraries may make other bytes.) Memory does
    not grow with the data. It is for one thread at a time. All writing to the file happens in the
    thread that calls; the others only compress, and are gone after `close`, which `finish` and
    every failure include.

    Args:
        file: Where the compressed bytes go, from its present position on. The caller closes it.
        compression: `Compression.GZIP` or `Compression.ZSTD`.
        threads: How many threads compress; None: as many as there are cores.

    Raises:
        ValueError: There is no encoder for this compression.
    """

    def __init__(
        self, file: BinaryIO, compression: Compression, *, threads: int | None = None
    ) -> None:
        self._file = file
        self._encoder = _encoder(compression, threads or min(_cores(), _MOST_THREADS))
        self._closed = False
        self._failure: BaseException | None = None

    def write(self, data: bytes) -> None:
        """Take all of `data`; write what is ready by now to the file.

        Raises:
            OSError: From the file, for these bytes or earlier ones; from then on every time.
            ValueError: It was closed or finished.
        """
        self._check_open()
        self._write_all(self._encoder.compress(data))

    def finish(self) -> None:
        """Write all the rest to the file, which is not flushed.

        Raises:
            OSError: From the file, for these bytes or earlier ones.
            ValueError: It was closed or finished.
        """
        self._check_open()
        self._write_all(self._encoder.finish())
        self.close()

    def close(self) -> None:
        """End the threads. What was not finished is incomplete. May be called twice."""
        self._closed = True
        self._encoder.close()

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise ValueError("write to a closed file")

    def _write_all(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                write_all(self._file, piece)
        except BaseException as error:
            self._failure = error  # a part is missing, so nothing may follow
            self.close()
            raise


class _Encoder(Protocol):
    def compress(self, data: bytes) -> Iterator[bytes]: ...
    def finish(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


def _encoder(compression: Compression, threads: int) -> _Encoder:
    # Imported here, because hardly any program needs both.
    match compression:
        case Compression.GZIP:
            from imgcopy_core_stubs._parallel_gzip import ParallelGzipEncoder  # noqa: PLC0415  (as said)

            return ParallelGzipEncoder(threads)
        case Compression.ZSTD:
            from imgcopy_core_stubs._parallel_zstd import ParallelZstdEncoder  # noqa: PLC0415  (as said)

            return ParallelZstdEncoder(threads)
        case _:
            raise ValueError(f"cannot compress with {compression.value}")


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
