"""Decompressing in a thread that the reader feeds: order, errors, and how far it gets ahead."""

import bz2
import gzip
import io
import lzma
import threading
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    CHUNK,
    Compression,
    CorruptBlob,
    Digest,
    DigestMismatch,
    VerifyingStream,
    compression,
)
from imgcopy_core_stubs._decompressed_apart import DecompressedApart

CONTENT = bytes(range(256)) * (6 * CHUNK // 256)


class Pieces:
    """A byte stream that gives its bytes in pieces, and remembers what was done to it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.reads = 0
        self.threads: set[threading.Thread] = set()
        self.closings = 0

    def read(self, size: int, /) -> bytes:
        self.reads += 1
        self.threads.add(threading.current_thread())
        piece = next(self._pieces, b"")
        assert len(piece) <= size
        return piece

    def close(self) -> None:
        self.closings += 1


def in_pieces(data: bytes, size: int) -> Pieces:
    return Pieces(data[start : start + size] for start in range(0, len(data), size))


def endless_gzip(chunk: bytes) -> Iterator[bytes]:
    """Each piece is a member's next part, and gives a chunk at once."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    while True:
        yield compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH)


def decompress_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "imgcopy-decompress"]


@pytest.fixture(autouse=True)
def _no_thread_is_left_over() -> Iterator[None]:
    yield
    assert not decompress_threads()


@given(
    st.sampled_from(
        [
            (Compression.GZIP, gzip.compress),
            (Compression.BZIP2, bz2.compress),
            (Compression.XZ, lzma.compress),
        ]
    ),
    st.lists(st.binary(max_size=200) | st.binary(max_size=200).map(lambda x: x * 500), max_size=4),
    st.integers(1, 3000),
    st.integers(1, 200_000),
)
def test_the_content_comes_out_in_order(
    codec: tuple[Compression, Callable[[bytes], bytes]],
    members: list[bytes],
    piece: int,
    size: int,
) -> None:
    kind, compress = codec
    members = members or [b""]
    inner = in_pieces(b"".join(map(compress, members)), piece)
    with DecompressedApart(inner, kind, "layer") as stream:
        pieces = list(iter(lambda: stream.read(size), b""))
        assert stream.read(size) == b""
    assert b"".join(pieces) == b"".join(members)
    assert all(len(piece) <= size for piece in pieces)
    assert inner.closings == 1


def test_who_reads_it_reads_the_inner_stream_too() -> None:
    inner = in_pieces(gzip.compress(CONTENT), 1000)
    with DecompressedApart(inner, Compression.GZIP, "layer") as stream:
        assert b"".join(iter(lambda: stream.read(CHUNK), b"")) == CONTENT
        assert len(decompress_threads()) <= 1
    assert inner.threads == {threading.current_thread()}


def test_it_gets_only_a_few_chunks_ahead() -> None:
    inner = Pieces(endless_gzip(bytes(CHUNK)))
    with DecompressedApart(inner, Compression.GZIP, "layer") as stream:
        for number in range(1, 20):
            assert stream.read(CHUNK) == bytes(CHUNK)
            # Two compressed chunks wait, one is decompressed, one waits for room behind four.
            assert inner.reads <= number + 2 + 1 + 1 + 4


def test_an_error_of_the_inner_stream_is_raised() -> None:
    compressed = gzip.compress(CONTENT)
    digest = Digest.of(compressed + b"x")
    verifying = VerifyingStream(io.BytesIO(compressed), "layer", digest=digest)
    with DecompressedApart(verifying, Compression.GZIP, "layer") as stream:
        for _ in range(2):
            with pytest.raises(DigestMismatch):
                while stream.read(CHUNK):
                    pass


def test_damaged_data_is_told_after_what_came_before() -> None:
    compressed = bytearray(gzip.compress(CONTENT, 0))
    compressed[4 * CHUNK] ^= 1  # a checksum at the end tells
    with DecompressedApart(io.BytesIO(compressed), Compression.GZIP, "layer") as stream:
        data = b"".join(stream.read(CHUNK) for _ in range(4))
        assert data[: 3 * CHUNK] == CONTENT[: 3 * CHUNK]
        for _ in range(2):
            with pytest.raises(CorruptBlob, match="layer"):
                while stream.read(CHUNK):
                    pass


def test_nothing_is_fed_after_damaged_data() -> None:
    inner = Pieces(iter(lambda: bytes(1000), None))  # has no end
    with (
        DecompressedApart(inner, Compression.GZIP, "layer") as stream,
        pytest.raises(CorruptBlob, match="layer"),
    ):
        stream.read(CHUNK)
    assert inner.reads <= 3  # two wait, one has been taken


def test_data_that_ends_too_early() -> None:
    compressed = gzip.compress(CONTENT)[:-9]
    with (
        DecompressedApart(io.BytesIO(compressed), Compression.GZIP, "layer") as stream,
        pytest.raises(CorruptBlob, match="ends too early"),
    ):
        while stream.read(CHUNK):
            pass


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), SystemExit()])
def test_any_error_of_the_thread_is_passed_on(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        eof = False
        needs_input = True
        unused_data = b""

        def decompress(self, data: bytes, max_length: int = -1) -> bytes:
            raise error

    monkeypatch.setattr(compression, "_decoder", lambda _: (Failing(), ()))
    inner = Pieces(iter([b"data"]))
    with (
        DecompressedApart(inner, Compression.GZIP, "layer") as stream,
        pytest.raises(type(error)) as caught,
    ):
        stream.read(CHUNK)
    assert caught.value is error


def test_closing_at_once() -> None:
    for _ in range(50):
        inner = Pieces(endless_gzip(b"x"))
        DecompressedApart(inner, Compression.GZIP, "layer").close()
        assert inner.closings == 1
        assert inner.reads == 0


def test_closing_while_the_thread_waits_for_the_reader() -> None:
    inner = Pieces(endless_gzip(bytes(CHUNK)))
    stream = DecompressedApart(inner, Compression.GZIP, "layer")
    assert stream.read(10) == bytes(10)
    stream.close()
    assert inner.closings == 1
    stream.close()
    with pytest.raises(ValueError, match="read of a closed stream"):
        while stream.read(CHUNK):
            pass
