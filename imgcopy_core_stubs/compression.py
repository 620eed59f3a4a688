"""Layer compression: told by its first bytes, decoded and encoded as streams.

Media types lie about compression often enough that everyone goes by the bytes. Real gzip and zstd
layers (eStargz, zstd:chunked, pigz, bgzip) consist of many members or frames, skippable ones
included; a truncated member, a wrong checksum and bytes after the last member are all errors
(RFC 1952, RFC 8878). Zero bytes after the last member are padding, as tar writers leave it.
"""

import bz2
import lzma
import re
import sys
from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from imgcopy_core_stubs._gzip import GZIP_ERRORS, gzip_decoder, gzip_encoder
from imgcopy_core_stubs.errors import CorruptBlob
from imgcopy_core_stubs.streams import CHUNK, ByteStream, ChunkedStream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ZSTD_WINDOW_LOG: Final = 27
"""2^27 bytes = 128 MiB: the largest window that a frame may ask for (it may declare gigabytes)."""

_XZ_MEMORY_LIMIT: Final = 128 * 1024 * 1024


class Compression(Enum):
    """How a stream of bytes is compressed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"
    XZ = "xz"


# Long enough that no tar, which begins with a file's name, is taken for anything else: after "BZh"
# and the level, bzip2 has the magic number of a block or of the end. A zstd stream may begin with a
# skippable frame (0x184D2A50 … 0x184D2A5F, little-endian).
_MAGIC: Final = {
    Compression.GZIP: re.compile(rb"\x1f\x8b\x08"),
    Compression.ZSTD: re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
    Compression.BZIP2: re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    Compression.XZ: re.compile(rb"\xfd7zXZ\x00"),
}
_MAGIC_LENGTH: Final = 10


def sniff(prefix: bytes) -> Compression:
    """Tell the compression of data by its first bytes (ten are enough)."""
    for compression, magic in _MAGIC.items():
        if magic.match(prefix):
            return compression
    return Compression.NONE


def sniff_stream(stream: ByteStream) -> tuple[Compression, ByteStream]:
    """Read the first bytes of a stream, and return its compression and the whole stream again."""
    prefix = b""
    while len(prefix) < _MAGIC_LENGTH and (chunk := stream.read(CHUNK)):
        prefix += chunk
    return sniff(prefix), _PrefixedStream(prefix, stream)


class DecompressedStream(ChunkedStream):
    """The decompressed bytes of a stream, through all its members or frames.

    Reading raises `CorruptBlob` where the data is damaged, ends within a member, or is followed by
    other bytes.

    Args:
        inner: The compressed stream; owned from now on.
        compression: How it is compressed.
        what: The stream's name for error messages.
    """

    def __init__(self, inner: ByteStream, compression: Compression, what: str) -> None:
        super().__init__(inner)
        self._compression = compression
        self._what = what
        self._decoder = _DECODERS[compression]()
        self._input = b""
        self._finished = False

    def _next_chunk(self) -> bytes:
        while not self._finished:
            if self._decoder.eof:
                self._start_next_member()
                continue
            if self._decoder.needs_input and not self._input:
                self._input = self._inner.read(CHUNK)
                if not self._input:
                    raise CorruptBlob(self._what, "the compressed data ends too early")
            data, self._input = self._input, b""
            try:
                output = self._decoder.decompress(data, CHUNK)
            except _DECODER_ERRORS as error:
                raise CorruptBlob(self._what, str(error)) from None
            if output:
                return output
        return b""

    def _start_next_member(self) -> None:
        rest = self._decoder.unused_data or self._inner.read(CHUNK)
        # Enough bytes to tell a member's magic number from padding, whatever the chunking.
        while rest and len(rest) < _MAGIC_LENGTH and (chunk := self._inner.read(CHUNK)):
            rest += chunk
        if sniff(rest) is self._compression:
            self._decoder = _DECODERS[self._compression]()
            self._input = rest
            return
        while rest:
            if rest.strip(b"\0"):
                raise CorruptBlob(self._what, "other bytes follow the compressed data")
            rest = self._inner.read(CHUNK)
        self._finished = True


class CompressedStream(ChunkedStream):
    """The bytes of a stream, compressed with gzip or zstd.

    The gzip header has no time and no name, so the same bytes compress to the same bytes.

    Args:
        inner: The stream to compress; owned from now on.
        compression: `Compression.GZIP` or `Compression.ZSTD`.
    """

    def __init__(self, inner: ByteStream, compression: Compression) -> None:
        super().__init__(inner)
        self._encoder: _Encoder | None = _ENCODERS[compression]()

    def _next_chunk(self) -> bytes:
        while self._encoder is not None:
            chunk = self._inner.read(CHUNK)
            if chunk:
                output = self._encoder.compress(chunk)
            else:
                output = self._encoder.flush()
                self._encoder = None
            if output:
                return output
        return b""


class _PrefixedStream(ChunkedStream):
    def __init__(self, prefix: bytes, inner: ByteStream) -> None:
        super().__init__(inner)
        self._chunk = prefix

    def _next_chunk(self) -> bytes:
        return self._inner.read(CHUNK)


# --- the libraries -------------------------------------------------------------------------------


class _Decoder(Protocol):
    """One member or frame, decompressed: the interface of `bz2.BZ2Decompressor` and its like."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def _zstd_decoder() -> _Decoder:
    return zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    )


_DECODERS: Final[dict[Compression, Callable[[], _Decoder]]] = {
    Compression.GZIP: gzip_decoder,
    Compression.ZSTD: _zstd_decoder,
    Compression.BZIP2: bz2.BZ2Decompressor,
    Compression.XZ: lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_LIMIT),
}
_ENCODERS: Final[dict[Compression, Callable[[], _Encoder]]] = {
    Compression.GZIP: gzip_encoder,
    Compression.ZSTD: zstd.ZstdCompressor,
}
_DECODER_ERRORS: Final[tuple[type[Exception], ...]] = (
    *GZIP_ERRORS,
    zstd.ZstdError,
    lzma.LZMAError,
    OSError,  # from bz2
)
