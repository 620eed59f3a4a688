"""Layer compression: told by its first bytes, decoded and encoded as streams.

Media types lie about compression often enough that everyone goes by the bytes. Real gzip and zstd
layers (eStargz, zstd:chunked, pigz, bgzip) consist of many members or frames, skippable ones
included; a truncated member, a wrong checksum and bytes after the last member are all errors
(RFC 1952, RFC 8878). Zero bytes after the last member are padding, as tar writers leave it; those
between two xz streams are that format's own (The .xz File Format, section 2.2, "Stream Padding").
"""

import re
from enum import Enum
from typing import Final, Protocol, TypeAlias

from imgcopy_core_stubs.errors import CorruptBlob
from imgcopy_core_stubs.streams import CHUNK, ByteStream, ChunkedStream, PrefixedStream

_XZ_MEMORY_LIMIT: Final = 128 * 1024 * 1024
_XZ_PADDING: Final = 4
"""Padding between two xz streams is a multiple of so many bytes."""


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
    Compression.GZIP: rb"\x1f\x8b\x08",
    Compression.ZSTD: rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18",
    Compression.BZIP2: rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    Compression.XZ: rb"\xfd7zXZ\x00",
}
_MAGIC_LENGTH: Final = 10

_FIRST_SLICE: Final = 4 * 1024
_MEMBERS: Final = 10_000
_BYTES_A_MEMBER: Final = 32
"""A stream may have so many members, and one more for each so many bytes. An empty gzip member has
20 bytes; those of an eStargz layer hold a file, or its part of a tar header, at least."""
_ZEROS: Final = re.compile(rb"\0+")


def sniff(prefix: bytes) -> Compression:
    """Tell the compression of data by its first bytes (ten are enough)."""
    for compression, magic in _MAGIC.items():
        if re.match(magic, prefix):
            return compression
    return Compression.NONE


def sniff_stream(stream: ByteStream) -> tuple[Compression, ByteStream]:
    """Read the first bytes of a stream, and return its compression and the whole stream again."""
    prefix = b""
    while len(prefix) < _MAGIC_LENGTH and (chunk := stream.read(CHUNK)):
        prefix += chunk
    return sniff(prefix), PrefixedStream(prefix, stream)


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
        self._feed = _Feed(inner)
        self._decoder, self._errors = _decoder(compression)
        self._members = 1
        self._finished = False

    def _next_chunk(self) -> bytes:
        while not self._finished:
            if self._decoder.eof:
                self._start_next_member()
                continue
            data = b""
            if self._decoder.needs_input:
                data = self._feed.take()
                if not data:
                    raise CorruptBlob(self._what, "the compressed data ends too early")
            try:
                output = self._decoder.decompress(data, CHUNK)
            except self._errors as error:
                raise CorruptBlob(self._what, _problem(error)) from None
            if output:
                return output
        return b""

    def _start_next_member(self) -> None:
        self._feed.take_back(self._decoder.unused_data)
        zeros = self._feed.skip_zeros() if self._compression is Compression.XZ else 0
        if sniff(self._feed.ahead()) is self._compression and zeros % _XZ_PADDING == 0:
            self._count_member()
            self._decoder, _ = _decoder(self._compression)
            return
        self._feed.skip_zeros()
        if self._feed.ahead():
            raise CorruptBlob(self._what, "other bytes follow the compressed data")
        self._finished = True

    def _count_member(self) -> None:
        """Refuse members by the million that hold nothing: each costs a decoder."""
        self._members += 1
        if self._members > _MEMBERS + self._feed.position // _BYTES_A_MEMBER:
            problem = f"it has too many members: {self._members} in {self._feed.position} bytes"
            raise CorruptBlob(self._what, problem)


def _problem(error: Exception) -> str:
    """Say what a decoder found, and the way out where it is that it would take too much memory."""
    if "memory" not in str(error).lower():
        return str(error)
    return f"{error} (over 128 MiB: compress it with a smaller window or dictionary)"


class _Feed:
    """The compressed bytes, on their way to decoders in slices; what one leaves unused comes again.

    A member gets small slices first, so that little comes twice even where all members are tiny.
    """

    def __init__(self, inner: ByteStream) -> None:
        self._inner = inner
        self._chunk = b""
        self._next = 0  # within the chunk
        self._slice = CHUNK
        self.position = 0
        """How many bytes were taken and not taken back."""

    def take(self) -> bytes:
        """Return the next bytes, or `b""` at the end."""
        if self._next == len(self._chunk):
            self._chunk, self._next = self._inner.read(CHUNK), 0
        piece = self._chunk[self._next : self._next + self._slice]
        self._slice = min(2 * self._slice, CHUNK)
        self._advance(len(piece))
        return piece

    def take_back(self, unused: bytes) -> None:
        """Take back what a decoder has not used: the end of what was taken last."""
        self._advance(-len(unused))
        self._slice = _FIRST_SLICE

    def ahead(self) -> bytes:
        """Return the next bytes without taking them: enough to tell a member, unless it ends."""
        while len(self._chunk) - self._next < _MAGIC_LENGTH and (more := self._inner.read(CHUNK)):
            self._chunk, self._next = self._chunk[self._next :] + more, 0
        return self._chunk[self._next : self._next + _MAGIC_LENGTH]

    def skip_zeros(self) -> int:
        """Take zero bytes for as long as there are any, and return their number."""
        zeros = 0
        while self.ahead().startswith(b"\0"):
            run = _ZEROS.match(self._chunk, self._next)
            length = len(run[0]) if run else 0
            self._advance(length)
            zeros += length
        return zeros

    def _advance(self, count: int) -> None:
        self._next += count
        self.position += count


class CompressedStream(ChunkedStream):
    """The bytes of a stream, compressed with gzip or zstd.

    The gzip header has no time and no name, so the same bytes compress to the same bytes.

    Args:
        inner: The stream to compress; owned from now on.
        compression: `Compression.GZIP` or `Compression.ZSTD`.
    """

    def __init__(self, inner: ByteStream, compression: Compression) -> None:
        super().__init__(inner)
        self._encoder: _Encoder | None = _encoder(compression)

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


_Errors: TypeAlias = tuple[type[Exception], ...]


def _decoder(compression: Compression) -> tuple[_Decoder, _Errors]:
    """Return a decoder, and what it raises where the data is damaged.

    Its library is imported only here, because hardly any image needs more than one of them.
    """
    match compression:
        case Compression.GZIP:
            from imgcopy_core_stubs._gzip import GZIP_ERRORS, gzip_decoder  # noqa: PLC0415  (see above)

            return gzip_decoder(), GZIP_ERRORS
        case Compression.ZSTD:
            from imgcopy_core_stubs._zstd import ZSTD_ERRORS, zstd_decoder  # noqa: PLC0415  (see above)

            return zstd_decoder(), ZSTD_ERRORS
        case Compression.BZIP2:
            import bz2  # noqa: PLC0415  (see above)

            return bz2.BZ2Decompressor(), (OSError,)
        case Compression.XZ:
            import lzma  # noqa: PLC0415  (see above)

            decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_LIMIT)
            return decoder, (lzma.LZMAError,)
        case Compression.NONE:
            raise ValueError("there is nothing to decompress")


def _encoder(compression: Compression) -> _Encoder:
    match compression:
        case Compression.GZIP:
            from imgcopy_core_stubs._gzip import gzip_encoder  # noqa: PLC0415  (see above)

            return gzip_encoder()
        case Compression.ZSTD:
            from imgcopy_core_stubs._zstd import zstd_encoder  # noqa: PLC0415  (see above)

            return zstd_encoder()
        case _:
            raise ValueError(f"nothing is compressed with {compression.value} here")
