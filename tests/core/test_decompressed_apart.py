"""Decompressing in a thread that the reader feeds: order, errors, and how far it gets ahead."""

import bz2
import gzip
import io
import lzma
import random
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
    SizeMismatch,
    VerifyingStream,
    compression,
)
from imgcopy_core_stubs._decompressed_apart import DecompressedApart
from tests.core.polling import eventually

CONTENT = bytes(range(256)) * (6 * CHUNK // 256)
NOISE = random.Random(1).randbytes(6 * CHUNK)  # noqa: S311  (no secret)


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


def zstd_frame(data: bytes) -> bytes:
    """A frame of raw blocks, whose size is not told (RFC 8878, sections 3.1.1 and 3.1.1.2)."""
    blocks = [data[start : start + 1000] for start in range(0, len(data), 1000)] or [b""]
    frame = b"\x28\xb5\x2f\xfd\x00\x58"  # no checksum, a window of 2 MiB
    for number, block in enumerate(blocks):
        is_last = number == len(blocks) - 1
        frame += (is_last | len(block) << 3).to_bytes(3, "little") + block
    return frame


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
            (Compression.ZSTD, zstd_frame),
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
    assert inner.threads == {threading.current_thread()}


def test_it_gets_only_a_few_chunks_ahead() -> None:
    inner = Pieces(endless_gzip(bytes(CHUNK)))
    with DecompressedApart(inner, Compression.GZIP, "layer") as stream:
        for number in range(1, 20):
            assert stream.read(CHUNK) == bytes(CHUNK)
            # Besides what was read: two wait compressed, four decompressed, and one for its room.
            assert inner.reads <= number + 2 + 4 + 1


class Work:
    """So many pieces of work; remembers which threads did them."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.threads: set[str] = set()
        self._lock = threading.Lock()

    def do_a_piece(self) -> bool:
        with self._lock:
            if self.left == 0:
                return False
            self.left -= 1
            self.threads.add(threading.current_thread().name)
            return True


class Giving:
    """A decoder that gives content without end."""

    eof = False
    needs_input = False
    unused_data = b""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return bytes(CHUNK)


def test_the_thread_works_on_something_else_when_it_has_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compression, "_decoder", lambda _: (Giving(), ()))
    work = Work(3)
    inner = Pieces(iter([b"data"]))
    with DecompressedApart(inner, Compression.GZIP, "layer", meanwhile=work.do_a_piece) as stream:
        assert eventually(lambda: work.left == 0)
        assert work.threads == {"imgcopy-decompress"}
        assert stream.read(CHUNK) == bytes(CHUNK)


def test_the_reader_works_on_something_else_when_it_has_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work(3)

    class Waiting:
        eof = False
        needs_input = False
        unused_data = b""

        def decompress(self, data: bytes, max_length: int = -1) -> bytes:
            assert eventually(lambda: work.left == 0)
            return b"content"

    monkeypatch.setattr(compression, "_decoder", lambda _: (Waiting(), ()))
    inner = Pieces(iter([b"data"] * 9))
    with DecompressedApart(inner, Compression.GZIP, "layer", meanwhile=work.do_a_piece) as stream:
        assert stream.read(CHUNK) == b"content"
    assert work.threads == {threading.current_thread().name}


def test_an_error_of_that_work_comes_behind_what_was_decompressed_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> bool:
        raise MemoryError

    monkeypatch.setattr(compression, "_decoder", lambda _: (Giving(), ()))
    inner = Pieces(iter([b"data"]))
    with DecompressedApart(inner, Compression.GZIP, "layer", meanwhile=fail) as stream:
        assert eventually(lambda: not decompress_threads())
        for _ in range(4):
            assert stream.read(CHUNK) == bytes(CHUNK)
        with pytest.raises(MemoryError):
            stream.read(CHUNK)


def test_an_error_of_the_inner_stream_comes_in_its_place() -> None:
    compressed = gzip.compress(CONTENT, 0)

    def pieces() -> Iterator[bytes]:
        yield compressed[:CHUNK]
        raise SizeMismatch("blob", 1, 2)

    with DecompressedApart(Pieces(pieces()), Compression.GZIP, "layer") as stream:
        data = stream.read(CHUNK)
        for _ in range(2):
            with pytest.raises(SizeMismatch):
                while chunk := stream.read(CHUNK):
                    data += chunk
    assert len(data) > CHUNK - 1000
    assert CONTENT.startswith(data)


def test_an_interruption_is_not_kept_for_later() -> None:
    def pieces() -> Iterator[bytes]:
        yield gzip.compress(CONTENT, 0)[:1000]
        raise KeyboardInterrupt

    with (
        DecompressedApart(Pieces(pieces()), Compression.GZIP, "layer") as stream,
        pytest.raises(KeyboardInterrupt),
    ):
        stream.read(CHUNK)


def test_the_end_comes_after_the_inner_stream_is_verified() -> None:
    compressed = gzip.compress(CONTENT)
    verifying = VerifyingStream(io.BytesIO(compressed), "layer", digest=Digest.of(b"other"))
    with DecompressedApart(verifying, Compression.GZIP, "layer") as stream:
        data = b"".join(stream.read(CHUNK) for _ in range(len(CONTENT) // CHUNK))
        assert data == CONTENT
        with pytest.raises(DigestMismatch):
            stream.read(CHUNK)


def test_damaged_data_is_told_after_what_came_before() -> None:
    compressed = bytearray(gzip.compress(CONTENT, 0))
    compressed[-8] ^= 1  # in the checksum
    data = b""
    with DecompressedApart(io.BytesIO(compressed), Compression.GZIP, "layer") as stream:
        for _ in range(2):
            with pytest.raises(CorruptBlob, match="layer"):
                while chunk := stream.read(CHUNK):
                    data += chunk
    assert len(data) > len(CONTENT) - CHUNK
    assert CONTENT.startswith(data)


@pytest.mark.parametrize("position", [10, CHUNK, 5 * CHUNK, -8])
def test_other_bytes_than_those_expected_are_the_reason_for_damage(position: int) -> None:
    compressed = bytearray(gzip.compress(NOISE))
    digest = Digest.of(bytes(compressed))
    compressed[position] ^= 0xFF
    for is_later in [False, True] * 5:  # whoever finds it first
        verifying = VerifyingStream(io.BytesIO(compressed), "layer", digest=digest)
        meanwhile = verifying.hash_later() if is_later else lambda: False
        with (
            DecompressedApart(verifying, Compression.GZIP, "layer", meanwhile=meanwhile) as stream,
            pytest.raises(DigestMismatch),
        ):
            while stream.read(CHUNK):
                pass


def test_other_bytes_behind_the_content() -> None:
    compressed = gzip.compress(CONTENT) + b"more"
    with (
        DecompressedApart(io.BytesIO(compressed), Compression.GZIP, "layer") as stream,
        pytest.raises(CorruptBlob, match="other bytes follow"),
    ):
        while stream.read(CHUNK):
            pass


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


def test_closing_while_the_thread_waits_for_input() -> None:
    inner = Pieces(endless_gzip(bytes(CHUNK)))
    stream = DecompressedApart(inner, Compression.GZIP, "layer")
    assert stream.read(10) == bytes(10)
    stream.close()
    assert inner.closings == 1
    stream.close()
    with pytest.raises(ValueError, match="read of a closed stream"):
        while stream.read(CHUNK):
            pass


def test_closing_while_the_thread_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    gives = threading.Semaphore(0)

    class Giving:
        eof = False
        needs_input = False
        unused_data = b""

        def decompress(self, data: bytes, max_length: int = -1) -> bytes:
            gives.release()
            return bytes(CHUNK)

    monkeypatch.setattr(compression, "_decoder", lambda _: (Giving(), ()))
    inner = Pieces(iter([b"data"]))
    stream = DecompressedApart(inner, Compression.GZIP, "layer")
    for _ in range(5):  # four have room
        assert gives.acquire(timeout=30)
    stream.close()
    assert inner.closings == 1
