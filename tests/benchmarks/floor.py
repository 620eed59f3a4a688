"""The least work that a copy takes: read, hash, inflate, hash, write, in one thread.

A script of its own, run as `floor.py VARIANT OUTPUT BLOB...`. It shares nothing with imgcopy but
the libraries. It prints one JSON object: the seconds of each step, and the bytes written. A copy
that spread these steps over all cores and lost nothing would take their sum, divided by the cores.

Bytes that are not compressed are hashed once: the stored and the unpacked bytes are the same.
They are written as they come, from the first byte on, with nothing between them.
"""

import hashlib
import json
import os
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

try:
    from isal import igzip_lib
except ImportError:  # no wheels for this platform
    _HAS_ISAL = False
else:
    _HAS_ISAL = True

# The fastest here: larger results cost page faults, smaller ones cost calls.
_CHUNK = 512 * 1024


class _Decoder(Protocol):
    @property
    def needs_input(self) -> bool: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _ZlibDecoder:
    """What inflates where isal has no wheels."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _gzip_decoder() -> _Decoder:
    if _HAS_ISAL:
        return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    return _ZlibDecoder()


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _gzip_decoder,
    "zstd": zstd.ZstdDecompressor,
}


class _StopWatch:
    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._last = perf_counter()

    def lap(self, step: str) -> None:
        """Count the time since the last lap for `step`."""
        now = perf_counter()
        self.seconds[step] += now - self._last
        self._last = now


def _copy_plain(blob: int, output: int, watch: _StopWatch) -> None:
    digest = hashlib.sha256()
    while data := os.read(blob, _CHUNK):
        watch.lap("read")
        digest.update(data)
        watch.lap("hash stored")
        os.write(output, data)
        watch.lap("write")


def _copy_inflated(decoder: _Decoder, blob: int, output: int, watch: _StopWatch) -> None:
    stored, unpacked = hashlib.sha256(), hashlib.sha256()
    while data := os.read(blob, _CHUNK):
        watch.lap("read")
        stored.update(data)
        watch.lap("hash stored")
        while True:
            inflated = decoder.decompress(data, _CHUNK)
            watch.lap("inflate")
            unpacked.update(inflated)
            watch.lap("hash unpacked")
            os.write(output, inflated)
            watch.lap("write")
            if decoder.needs_input or decoder.eof:
                break
            data = b""


def main(variant: str, target: str, *blobs: str) -> None:
    """Do the work once and print what each step took."""
    output = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    watch = _StopWatch()
    for path in blobs:
        blob = os.open(path, os.O_RDONLY)
        if variant in _DECODERS:
            _copy_inflated(_DECODERS[variant](), blob, output, watch)
        else:
            _copy_plain(blob, output, watch)
        os.close(blob)
    result = {"seconds": watch.seconds, "written": os.fstat(output).st_size}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
