"""zstd (RFC 8878), by the standard library where it has it."""

import sys
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_WINDOW_LOG: Final = 27
"""2^27 bytes = 128 MiB: the largest window that a frame may ask for (it may declare gigabytes)."""

ZSTD_ERRORS: Final = (zstd.ZstdError,)


def zstd_decoder() -> zstd.ZstdDecompressor:
    """Return a decoder of one frame, which refuses a window that is too large."""
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


def zstd_encoder() -> zstd.ZstdCompressor:
    """Return an encoder of one frame."""
    return zstd.ZstdCompressor()
