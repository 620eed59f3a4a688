"""How the benchmark's layers are compressed: plain zlib and zstd, none of it imgcopy's code."""

import shutil
import sys
import zlib
from pathlib import Path
from typing import Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIXES = {"gzip": "+gzip", "zstd": "+zstd", "plain": ""}
"""The variants, and the suffix of the layers' media type in each."""

_CHUNK = 1 << 20


class _Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def encode(variant: str, source: Path, target: Path, *, fast: bool = False) -> None:
    """Write `source`, a layer's tar file, to `target` as `variant` stores it.

    The compression levels are those in general use (gzip 6, zstd 3), or 1 where `fast`.
    """
    with source.open("rb") as tar, target.open("wb") as blob:
        if variant == "plain":
            shutil.copyfileobj(tar, blob, _CHUNK)
            return
        encoder = _encoder(variant, fast=fast)
        while chunk := tar.read(_CHUNK):
            blob.write(encoder.compress(chunk))
        blob.write(encoder.flush())


def _encoder(variant: str, *, fast: bool) -> _Encoder:
    if variant == "gzip":
        return zlib.compressobj(1 if fast else 6, zlib.DEFLATED, 31)
    return zstd.ZstdCompressor(1 if fast else 3)
