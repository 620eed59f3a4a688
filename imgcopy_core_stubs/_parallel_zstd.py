"""zstd with several cores: one frame, whose parts libzstd compresses side by side."""

import sys
from collections.abc import Iterator
from typing import Final

from imgcopy_core_stubs.streams import CHUNK

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PART: Final = 2 * 1024 * 1024
"""How many bytes a thread works on: libzstd's 8 MiB would save 0.4 % for four times the memory."""


class ParallelZstdEncoder:
    """An encoder of one frame with a checksum. The number of threads does not change a byte.

    What it returns are iterators: they do the work, and have to be read to their ends.

    Args:
        threads: How many threads libzstd starts. `close` ends them.
    """

    def __init__(self, threads: int) -> None:
        parameter = zstd.CompressionParameter
        options = {int(parameter.checksum_flag): 1}
        _, most_threads = parameter.nb_workers.bounds()
        if most_threads:  # none: a libzstd that was built without threads
            options[parameter.nb_workers] = min(threads, most_threads)
            options[parameter.job_size] = _PART
        self._encoder: zstd.ZstdCompressor | None = zstd.ZstdCompressor(options=options)

    def compress(self, data: bytes) -> Iterator[bytes]:
        """Take bytes in and return what is ready; wait for it if too much is being worked on."""
        rest = memoryview(data)
        while rest and self._encoder is not None:
            if output := self._encoder.compress(rest[:CHUNK]):
                yield output
            rest = rest[CHUNK:]

    def finish(self) -> Iterator[bytes]:
        """Return the rest. Nothing can follow."""
        if self._encoder is not None:
            yield self._encoder.flush()

    def close(self) -> None:
        """End the threads, each after the part that it works on. May be called twice."""
        self._encoder = None
