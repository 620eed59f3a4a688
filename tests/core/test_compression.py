"""Compression: every format, whatever the chunking, and every way in which it can be damaged."""

import bz2
import gzip
import hashlib
import io
import lzma
import shutil
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    CHUNK,
    ByteStream,
    CompressedStream,
    Compression,
    CorruptBlob,
    DecompressedStream,
    _gzip,
    sniff,
    sniff_stream,
)
from imgcopy_core_stubs import compression as compression_module
from imgcopy_core_stubs._gzip import HAS_ISAL

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP, ZSTD, BZIP2, XZ = Compression.GZIP, Compression.ZSTD, Compression.BZIP2, Compression.XZ


class Pieces:
    """A byte stream that gives its bytes in these pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.closed = False

    def read(self, size: int, /) -> bytes:
        piece = next(self._pieces, b"")
        assert len(piece) <= size
        return piece

    def close(self) -> None:
        self.closed = True


def read_all(stream: ByteStream, size: int = CHUNK) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


def decode(blob: bytes, kind: Compression) -> bytes:
    return read_all(DecompressedStream(io.BytesIO(blob), kind, "blob"))


def assert_corrupt(blob: bytes, kind: Compression, problem: str | None = None) -> None:
    with pytest.raises(CorruptBlob, match=problem) as caught:
        decode(blob, kind)
    assert caught.value.what == "blob"
    assert str(caught.value).isprintable()


# --- making compressed data, by nothing of the code under test -----------------------------------


def gzip_member(
    data: bytes,
    *,
    extra: bytes | None = None,
    name: bytes | None = None,
    comment: bytes | None = None,
    hcrc: bool = False,
    crc: int | None = None,
    isize: int | None = None,
) -> bytes:
    flags = hcrc << 1 | (extra is not None) << 2 | (name is not None) << 3
    header = b"\x1f\x8b\x08" + bytes([flags | (comment is not None) << 4]) + bytes(5) + b"\xff"
    if extra is not None:
        header += struct.pack("<H", len(extra)) + extra
    for text in (name, comment):
        header += b"" if text is None else text + b"\0"
    if hcrc:
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    encoder = zlib.compressobj(wbits=-15)
    body = encoder.compress(data) + encoder.flush()
    crc = zlib.crc32(data) if crc is None else crc
    return header + body + struct.pack("<II", crc, len(data) if isize is None else isize)


def zstd_frame(data: bytes) -> bytes:
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


def zstd_skippable(data: bytes, number: int = 0) -> bytes:
    return struct.pack("<II", 0x184D2A50 + number, len(data)) + data


ENCODE: dict[Compression, Callable[[bytes], bytes]] = {
    GZIP: gzip.compress,
    ZSTD: zstd_frame,
    BZIP2: bz2.compress,
    XZ: lzma.compress,
}
DECODERS = ["gzip by zlib", "zstd", "bzip2", "xz", *(["gzip by isal"] if HAS_ISAL else [])]


@pytest.fixture(params=DECODERS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Compression:
    """Every format, and gzip by either library."""
    name, _, library = str(request.param).partition(" by ")
    if library:
        monkeypatch.setattr(_gzip, "HAS_ISAL", library == "isal")
    return Compression(name)


DATA = b"".join(b"line %d\n" % number for number in range(60))
NOISE = hashlib.shake_128().digest(2 * CHUNK + 1)


# --- telling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENCODE)
def test_each_format_is_told_by_its_first_bytes(kind: Compression) -> None:
    assert sniff(ENCODE[kind](b"")[:10]) is kind
    assert sniff(ENCODE[kind](DATA)) is kind


@pytest.mark.parametrize("name", ["BZh", "BZh9", "BZh91AY&SX", "BZh01AY&SY", "PAR1", "(x"])
def test_a_tar_whose_first_name_looks_like_magic_is_a_tar(name: str) -> None:
    block = tarfile.TarInfo(name).tobuf()
    assert sniff(block) is Compression.NONE


@pytest.mark.parametrize("number", range(16))
def test_skippable_frames_are_zstd(number: int) -> None:
    assert sniff(zstd_skippable(b"", number)) is ZSTD
    assert sniff(zstd_skippable(b"", number)[:4]) is ZSTD


@pytest.mark.parametrize(
    "prefix",
    [
        b"",
        b"\x1f",
        b"\x1f\x8b",
        b"\x1f\x8b\x00",
        b"\x28\xb5\x2f",
        b"BZ",
        b"\xfd7zXZ",
        b"\x4f\x2a\x4d\x18",
        b"\x60\x2a\x4d\x18",
        b"\x50\x2a\x4d",
        b"\x2a\x4d\x18\x50",
        b"layer.tar\0\0\0",
        bytes(512),
    ],
)
def test_anything_else_is_not_compressed(prefix: bytes) -> None:
    assert sniff(prefix) is Compression.NONE


@pytest.mark.parametrize("size", [1, 5, 6, 100, CHUNK])
@pytest.mark.parametrize("blob", [b"", b"x", b"\x1f\x8b\x08", gzip.compress(DATA), bytes(1024)])
def test_a_stream_that_was_told_is_whole_again(blob: bytes, size: int) -> None:
    inner = Pieces(blob[start : start + size] for start in range(0, len(blob), size))
    told, stream = sniff_stream(inner)
    assert told is (GZIP if blob.startswith(b"\x1f\x8b\x08") else Compression.NONE)
    assert stream.read(3) == blob[:3]
    assert read_all(stream) == blob[3:]
    assert not inner.closed
    stream.close()
    assert inner.closed


# --- decoding ------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"x", DATA, bytes(3 * CHUNK + 1), NOISE])
def test_decoding(kind: Compression, data: bytes) -> None:
    assert decode(ENCODE[kind](data), kind) == data


def test_many_members(kind: Compression) -> None:
    encode = ENCODE[kind]
    blob = encode(b"") + encode(DATA) + encode(b"") + encode(b"x") + encode(bytes(CHUNK))
    assert decode(blob, kind) == DATA + b"x" + bytes(CHUNK)
    assert decode(encode(b"ab") * 2000, kind) == b"ab" * 2000


def test_tiny_members_are_not_read_over_and_over(
    kind: Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed = 0
    new_decoder = compression_module._decoder

    class Counting:
        def __init__(self) -> None:
            self._inner, _ = new_decoder(kind)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def decompress(self, data: bytes, max_length: int) -> bytes:
            nonlocal fed
            fed += len(data)
            return self._inner.decompress(data, max_length)

    monkeypatch.setattr(compression_module, "_decoder", lambda _: (Counting(), ()))
    blob = ENCODE[kind](b"ab") * 5000
    assert decode(blob, kind) == b"ab" * 5000
    assert fed < 5000 * 5000  # a chunk for each would be a hundred times as much


@pytest.mark.parametrize("kind", [GZIP, ZSTD, BZIP2])
def test_members_by_the_million_that_hold_nothing_are_refused(kind: Compression) -> None:
    empty = ENCODE[kind](b"")
    assert decode(empty * 10_000, kind) == b""
    assert_corrupt(empty * 30_000, kind, "it has too many members: [0-9]+ in [0-9]+ bytes")


def two_members(kind: Compression) -> bytes:
    """Return two members of `DATA`, with all that may be in a header or between them."""
    if kind is GZIP:
        full = gzip_member(DATA, extra=b"AB\2\0xy", name=b"name", comment=b"comment", hcrc=True)
        return full + gzip_member(b"", name=b"") + full
    if kind is ZSTD:
        frame = zstd_frame(DATA)
        return zstd_skippable(b"first") + frame + zstd_skippable(b"") + frame + zstd_skippable(b"x")
    return ENCODE[kind](DATA) * 2


def test_the_chunking_does_not_matter(kind: Compression) -> None:
    blob = two_members(kind) + bytes(3)
    assert decode(blob, kind) == DATA * 2
    for cut in range(1, len(blob)):
        stream = DecompressedStream(Pieces([blob[:cut], blob[cut:]]), kind, "blob")
        assert read_all(stream) == DATA * 2, cut
    bytewise = DecompressedStream(Pieces(blob[i : i + 1] for i in range(len(blob))), kind, "blob")
    assert read_all(bytewise, 1) == DATA * 2


@pytest.mark.parametrize("size", [1, 7, 4096, CHUNK, 2 * CHUNK])
def test_reads_return_at_most_what_was_asked_for(kind: Compression, size: int) -> None:
    data = DATA if size < 4096 else bytes(CHUNK + 5)
    stream = DecompressedStream(io.BytesIO(ENCODE[kind](data)), kind, "blob")
    pieces = list(iter(lambda: stream.read(size), b""))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= size
    assert stream.read(size) == b""


@pytest.mark.parametrize("zeros", [1, 5, 512, CHUNK, 2 * CHUNK + 1])
def test_trailing_zeros_are_padding(kind: Compression, zeros: int) -> None:
    assert decode(ENCODE[kind](DATA) + bytes(zeros), kind) == DATA


@pytest.mark.parametrize("zeros", [4, 8, 512, CHUNK, 2 * CHUNK + 4])
@pytest.mark.parametrize("size", [1, 7, CHUNK])
def test_zeros_between_xz_streams_are_padding(zeros: int, size: int) -> None:
    blob = lzma.compress(b"one") + bytes(zeros) + lzma.compress(b"two") + bytes(8)
    pieces = Pieces(blob[start : start + size] for start in range(0, len(blob), size))
    assert read_all(DecompressedStream(pieces, XZ, "blob")) == b"onetwo"


@pytest.mark.parametrize("zeros", [1, 2, 3, 5, CHUNK + 1])
def test_their_number_is_a_multiple_of_four(zeros: int) -> None:
    blob = lzma.compress(b"one") + bytes(zeros) + lzma.compress(b"two")
    assert_corrupt(blob, XZ, "other bytes follow the compressed data")


def test_other_formats_have_no_padding_between_members(kind: Compression) -> None:
    if kind is not XZ:
        blob = ENCODE[kind](b"one") + bytes(4) + ENCODE[kind](b"two")
        assert_corrupt(blob, kind, "other bytes follow the compressed data")


def test_xz_itself_reads_the_padding() -> None:
    if shutil.which("xz") is None:
        pytest.skip("xz is not installed")
    blob = lzma.compress(b"one") + bytes(4) + lzma.compress(b"two")
    xz = subprocess.run(["xz", "-dc"], input=blob, check=True, capture_output=True)
    assert xz.stdout == decode(blob, XZ) == b"onetwo"


@pytest.mark.parametrize(
    "garbage", [b"x", b"\0x", bytes(600) + b"x", bytes(2 * CHUNK) + b"x", b"\x1f", b"\x1f\x8b"]
)
def test_trailing_garbage_is_refused(kind: Compression, garbage: bytes) -> None:
    assert_corrupt(ENCODE[kind](DATA) + garbage, kind, "other bytes follow the compressed data")


@pytest.mark.parametrize("other", ENCODE)
def test_another_format_that_follows_is_refused(kind: Compression, other: Compression) -> None:
    if other is not kind:
        assert_corrupt(ENCODE[kind](DATA) + ENCODE[other](DATA), kind, "other bytes follow")


def test_truncation_at_every_byte_is_refused(kind: Compression) -> None:
    blob = (
        gzip_member(DATA, extra=b"x", name=b"n", hcrc=True) if kind is GZIP else ENCODE[kind](DATA)
    )
    for length in range(len(blob)):
        assert_corrupt(blob[:length], kind, "the compressed data ends too early")


def test_truncation_of_a_later_member_is_refused(kind: Compression) -> None:
    blob = ENCODE[kind](DATA)
    for length in range(1, len(blob)):
        assert_corrupt(blob + blob[:length], kind)


def test_every_flipped_bit_is_found_or_harmless(kind: Compression) -> None:
    blob = ENCODE[kind](DATA)
    found = 0
    for position in range(len(blob)):
        for bit in range(8):
            damaged = bytearray(blob)
            damaged[position] ^= 1 << bit
            try:
                assert decode(bytes(damaged), kind) == DATA
            except CorruptBlob:
                found += 1
    assert found > 7 * len(blob)  # harmless are flips of a time, an operating system, a hint


@given(st.binary(max_size=200), st.sampled_from(list(ENCODE)))
def test_random_bytes_are_refused_or_decoded(tail: bytes, kind: Compression) -> None:
    magic = ENCODE[kind](b"")[:3]
    try:
        decode(magic + tail, kind)
    except CorruptBlob as error:
        assert str(error).isprintable()  # noqa: PT017  (not every input raises)


@pytest.mark.parametrize(
    "blob",
    [
        gzip_member(DATA, crc=0),
        gzip_member(DATA, isize=0),
        gzip_member(DATA, isize=len(DATA) + 1),
        gzip_member(b"", crc=1),
        gzip_member(DATA) + gzip_member(DATA, crc=0),
    ],
)
def test_a_wrong_gzip_trailer(blob: bytes, kind: Compression) -> None:
    if kind is GZIP:
        assert_corrupt(blob, kind)


def test_a_gzip_header_without_an_end(kind: Compression) -> None:
    if kind is GZIP:
        header = b"\x1f\x8b\x08\x08" + bytes(6)
        start = time.process_time()
        assert_corrupt(header + b"a" * (3 * CHUNK), kind)
        assert time.process_time() - start < 2


@pytest.mark.parametrize("length", [0, 1, 65535])
def test_long_gzip_header_fields(kind: Compression, length: int) -> None:
    if kind is GZIP:
        blob = gzip_member(DATA, extra=bytes(length), name=b"n" * length, comment=b"c" * length)
        pieces = [blob[start : start + 100] for start in range(0, len(blob), 100)]
        assert read_all(DecompressedStream(Pieces(pieces), kind, "blob")) == DATA


def test_errors_of_the_inner_stream_are_not_the_datas(kind: Compression) -> None:
    def pieces() -> Iterator[bytes]:
        yield ENCODE[kind](DATA)[:20]
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        read_all(DecompressedStream(Pieces(pieces()), kind, "blob"))


def test_closing_closes_the_inner_stream(kind: Compression) -> None:
    inner = Pieces([ENCODE[kind](DATA)])
    with DecompressedStream(inner, kind, "blob") as stream:
        assert stream.read(4) == DATA[:4]
        assert not inner.closed
    assert inner.closed


# --- zstd ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "blob",
    [
        zstd_skippable(b"x") + zstd_frame(DATA),
        zstd_frame(DATA) + zstd_skippable(bytes(100)),
        zstd_frame(DATA[:9]) + zstd_skippable(b"x", 15) + zstd_frame(DATA[9:]),
        zstd_skippable(b"") * 50 + zstd_frame(DATA) + zstd_skippable(b"") * 50,
        zstd_skippable(bytes(3 * CHUNK)) + zstd_frame(DATA) + zstd_skippable(bytes(3 * CHUNK)),
        zstd_frame(DATA) + zstd_skippable(b"x") + bytes(512),
    ],
)
def test_skippable_frames_anywhere(blob: bytes) -> None:
    assert decode(blob, ZSTD) == DATA


def test_nothing_but_a_skippable_frame_is_empty() -> None:
    assert decode(zstd_skippable(b"abc"), ZSTD) == b""


def test_a_truncated_skippable_frame_is_refused() -> None:
    for length in range(1, 11):
        assert_corrupt(zstd_frame(DATA) + zstd_skippable(b"abc")[:length], ZSTD)
    assert_corrupt(struct.pack("<II", 0x184D2A50, 2**32 - 1) + b"abc", ZSTD, "ends too early")


def zstd_with_window(exponent: int, mantissa: int = 0) -> bytes:
    """Return a frame (RFC 8878, section 3.1.1) of five bytes, with a window of that size."""
    block = (5 << 3 | 1).to_bytes(3, "little") + b"hello"
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(exponent - 10) << 3 | mantissa]) + block


def test_the_limit_of_a_zstd_window() -> None:
    assert decode(zstd_with_window(27), ZSTD) == b"hello"
    assert_corrupt(zstd_with_window(27, 1), ZSTD, "too much memory")
    assert_corrupt(zstd_with_window(31), ZSTD, "too much memory.*smaller window")
    assert_corrupt(zstd_with_window(41, 7), ZSTD)


def xz_with_dictionary(bits: int) -> bytes:
    """Return an xz file (specification, section 5.3.1) that asks for a dictionary of that size."""
    blob = bytearray(lzma.compress(b"hello"))
    size = (blob[12] + 1) * 4
    assert blob[14:16] == b"\x21\x01"  # one filter, LZMA2, with one byte of properties
    blob[16] = bits
    blob[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(blob[12 : 12 + size - 4]))
    return bytes(blob)


def test_the_limit_of_an_xz_dictionary() -> None:
    assert decode(xz_with_dictionary(28), XZ) == b"hello"  # 64 MiB
    too_large = xz_with_dictionary(40)  # 4 GiB - 1
    assert_corrupt(too_large, XZ, "[Mm]emory usage limit.*smaller .* dictionary")


# --- bombs ---------------------------------------------------------------------------------------


def gzip_bomb(mebibytes: int) -> bytes:
    encoder = zlib.compressobj(9, wbits=-15)
    zeros = bytes(CHUNK)
    block = encoder.compress(zeros) + encoder.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(mebibytes):
        crc = zlib.crc32(zeros, crc)
    trailer = struct.pack("<II", crc, mebibytes * CHUNK & 0xFFFFFFFF)
    return gzip_member(b"")[:10] + block * mebibytes + encoder.flush() + trailer


def zstd_bomb(mebibytes: int) -> bytes:
    return zstd.compress(bytes(64 * CHUNK)) * (mebibytes // 64)


@pytest.mark.parametrize("bomb", [gzip_bomb, zstd_bomb])
def test_a_bomb_of_1_gib_is_decoded_in_flat_memory(bomb: Callable[[int], bytes]) -> None:
    blob = bomb(1024)
    assert len(blob) < 2 * CHUNK
    stream = DecompressedStream(io.BytesIO(blob), sniff(blob), "blob")
    size = 0
    tracemalloc.start()
    try:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 1024 * CHUNK
    assert peak < 8 * CHUNK


# --- encoding ------------------------------------------------------------------------------------

DECODE: dict[Compression, Callable[[bytes], bytes]] = {GZIP: gzip.decompress, ZSTD: zstd.decompress}


def encode(data: bytes, kind: Compression, size: int = CHUNK) -> bytes:
    return read_all(CompressedStream(io.BytesIO(data), kind), size)


@pytest.mark.parametrize("kind", DECODE)
@pytest.mark.parametrize(
    "data",
    [b"", b"x", DATA, bytes(5 * CHUNK + 3), NOISE],
    ids=["empty", "one byte", "text", "zeros", "noise"],
)
def test_the_libraries_decode_what_is_encoded(kind: Compression, data: bytes) -> None:
    blob = encode(data, kind)
    assert DECODE[kind](blob) == data
    assert sniff(blob) is kind
    assert encode(data, kind, 1000) == blob


@pytest.mark.parametrize("kind", DECODE)
def test_text_gets_smaller(kind: Compression) -> None:
    assert len(encode(DATA * 1000, kind)) < len(DATA) * 100


def test_the_gzip_header_has_no_time_and_no_name() -> None:
    header = encode(DATA, GZIP)[:10]
    assert header[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


@pytest.mark.parametrize("kind", DECODE)
def test_the_chunking_of_the_input_does_not_spoil_the_output(kind: Compression) -> None:
    pieces = [DATA[start : start + 7] for start in range(0, len(DATA), 7)]
    assert DECODE[kind](read_all(CompressedStream(Pieces(pieces), kind))) == DATA


@pytest.mark.parametrize("kind", DECODE)
@pytest.mark.parametrize("size", [1, 100, 10 * CHUNK])
def test_compressed_reads_return_at_most_what_was_asked_for(kind: Compression, size: int) -> None:
    data = DATA if size == 1 else NOISE
    stream = CompressedStream(io.BytesIO(data), kind)
    pieces = list(iter(lambda: stream.read(size), b""))
    assert DECODE[kind](b"".join(pieces)) == data
    assert max(map(len, pieces)) <= size
    assert stream.read(size) == b""


@given(st.lists(st.binary(min_size=1, max_size=50)), st.sampled_from(list(DECODE)))
def test_whatever_is_encoded_decodes(pieces: list[bytes], kind: Compression) -> None:
    with CompressedStream(Pieces(pieces), kind) as compressed:
        assert read_all(DecompressedStream(compressed, kind, "blob"), 9) == b"".join(pieces)


def test_closing_a_compressed_stream_closes_the_inner_one() -> None:
    inner = Pieces([])
    CompressedStream(inner, GZIP).close()
    assert inner.closed
