"""Streams: what passes is verified, and reading ahead keeps order, errors and threads in hand."""

import hashlib
import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    CHUNK,
    ByteStream,
    Digest,
    DigestMismatch,
    PrefixedStream,
    SizeMismatch,
    TooLarge,
    VerifyingStream,
)
from imgcopy_core_stubs.streams import ChunkedStream, ReadAhead, WrappingStream
from tests.core.polling import eventually


class Pieces:
    """A byte stream that gives its bytes in these pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.closings = 0

    def read(self, size: int, /) -> bytes:
        piece = next(self._pieces, b"")
        assert len(piece) <= size
        return piece

    def close(self) -> None:
        self.closings += 1


def read_all(stream: ByteStream, size: int = CHUNK) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


# --- wrapping ------------------------------------------------------------------------------------


def test_closing_a_stream_closes_the_inner_one() -> None:
    inner = Pieces([])
    with WrappingStream(inner):
        assert inner.closings == 0
    assert inner.closings == 1
    file = io.BytesIO(b"x")
    stream = VerifyingStream(file, "x")
    stream.close()
    stream.close()
    assert file.closed


class Letters(ChunkedStream):
    def __init__(self, chunks: list[bytes]) -> None:
        super().__init__(io.BytesIO())
        self._chunks = iter(chunks)

    def _next_chunk(self) -> bytes:
        return next(self._chunks, b"")


@given(st.lists(st.binary(min_size=1, max_size=9)), st.lists(st.integers(1, 12), min_size=1))
def test_chunks_are_read_in_any_size(chunks: list[bytes], sizes: list[int]) -> None:
    stream = Letters(chunks)
    expected = io.BytesIO(b"".join(chunks))
    for size in sizes:
        piece = stream.read(size)
        assert len(piece) <= size
        assert piece == expected.read(len(piece) or 1)
    assert read_all(stream, 3) == expected.read()
    assert stream.read(1) == b""


def test_a_chunk_that_fits_is_not_copied() -> None:
    chunk = bytes(CHUNK)
    assert Letters([chunk]).read(CHUNK) is chunk


class Asked(io.BytesIO):
    """Bytes, and how many were asked for at a time."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.sizes: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        self.sizes.append(size or 0)
        return super().read(size)


@given(st.binary(max_size=20), st.binary(max_size=20), st.lists(st.integers(1, 12), min_size=40))
def test_a_prefix_comes_first(prefix: bytes, rest: bytes, sizes: list[int]) -> None:
    stream = PrefixedStream(prefix, io.BytesIO(rest))
    assert b"".join(map(stream.read, sizes)) == (prefix + rest)[: sum(sizes)]


def test_what_is_behind_a_prefix_comes_in_the_sizes_that_are_asked_for() -> None:
    """A pipe may not have more than the prefix yet, so that comes alone."""
    inner = Asked(b"3456789")
    stream = PrefixedStream(b"12", inner)

    assert stream.read(1) == b"1"
    assert stream.read(4) == b"2"
    assert inner.sizes == []
    assert stream.read(4) == b"3456"
    assert stream.read(2) == b"78"
    assert inner.sizes == [4, 2]
    stream.close()
    assert inner.closed


# --- verifying -----------------------------------------------------------------------------------

DATA = b"some bytes of a blob" * 1000


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("data", [b"", DATA])
def test_what_verifies_passes(algorithm: str, data: bytes) -> None:
    digest = Digest.parse(f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")
    stream = VerifyingStream(io.BytesIO(data), "blob", digest=digest, size=len(data))
    assert read_all(stream, 777) == data
    assert stream.finished
    assert stream.digest == digest
    assert stream.bytes_read == len(data)
    assert stream.read(1) == b""


def test_nothing_has_to_be_expected() -> None:
    stream = VerifyingStream(io.BytesIO(DATA), "blob")
    assert read_all(stream) == DATA
    assert str(stream.digest) == f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    assert stream.bytes_read == len(DATA)


def test_the_digest_is_of_the_bytes_so_far() -> None:
    stream = VerifyingStream(io.BytesIO(DATA), "blob")
    assert stream.digest == Digest.of(b"")
    stream.read(10)
    assert stream.digest == Digest.of(DATA[:10])
    stream.read(10)
    assert stream.digest == Digest.of(DATA[:20])


def test_it_is_finished_only_when_the_end_was_read() -> None:
    stream = VerifyingStream(io.BytesIO(DATA), "blob", digest=Digest.of(DATA), size=len(DATA))
    assert stream.read(len(DATA)) == DATA
    assert not stream.finished
    assert stream.read(1) == b""
    assert stream.finished


def failure(stream: VerifyingStream) -> str:
    with pytest.raises((SizeMismatch, DigestMismatch, TooLarge)) as caught:
        read_all(stream)
    assert not stream.finished
    return str(caught.value)


def test_too_few_bytes() -> None:
    stream = VerifyingStream(io.BytesIO(DATA), "the blob", digest=Digest.of(DATA), size=20_001)
    assert failure(stream) == "the blob does not verify: expected 20001 bytes, got 20000"
    empty = VerifyingStream(io.BytesIO(), "the blob", size=1)
    assert failure(empty) == "the blob does not verify: expected 1 bytes, got 0"


def test_one_byte_too_many() -> None:
    stream = VerifyingStream(io.BytesIO(DATA), "the blob", digest=Digest.of(DATA), size=19_999)
    assert failure(stream) == "the blob does not verify: expected 19999 bytes, got more"
    assert failure(VerifyingStream(io.BytesIO(b"x"), "b", size=0)).endswith("0 bytes, got more")


def test_too_many_bytes_are_not_passed_on() -> None:
    given_pieces = Pieces([b"abc", b"def", b"g", b"never read"])
    stream = VerifyingStream(given_pieces, "blob", size=6)
    assert (stream.read(9), stream.read(9)) == (b"abc", b"def")
    with pytest.raises(SizeMismatch):
        stream.read(9)
    assert given_pieces.read(10) == b"never read"


def test_another_digest() -> None:
    expected = Digest.of(b"other")
    stream = VerifyingStream(io.BytesIO(DATA), "the blob", digest=expected)
    assert stream.read(CHUNK) == DATA
    actual = hashlib.sha256(DATA).hexdigest()
    problem = f"the blob does not verify: expected {expected}, got sha256:{actual}"
    assert failure(stream) == problem
    assert failure(stream) == problem  # and again: it never becomes an end


def test_the_limit() -> None:
    assert read_all(VerifyingStream(io.BytesIO(DATA), "blob", limit=len(DATA))) == DATA
    stream = VerifyingStream(io.BytesIO(DATA), "the blob", limit=len(DATA) - 1)
    assert failure(stream) == "the blob exceeds the limit of 19999 bytes"


def test_an_endless_stream_ends_at_its_size() -> None:
    with open("/dev/zero", "rb", buffering=0) as zeros:
        assert "got more" in failure(VerifyingStream(zeros, "blob", size=10 * CHUNK))


# --- hashing apart -------------------------------------------------------------------------------


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=20), st.data())
def test_hashing_apart_changes_no_digest(chunks: list[bytes], data: st.DataObject) -> None:
    apart_from = data.draw(st.integers(0, len(chunks) - 1))
    asked_at = data.draw(st.sets(st.integers(0, len(chunks) - 1)))
    content = b"".join(chunks)
    stream = VerifyingStream(Pieces(chunks), "blob", digest=Digest.of(content))
    with stream:
        for position, chunk in enumerate(chunks):
            if position == apart_from:
                stream.hash_apart()
            assert stream.read(CHUNK) == chunk
            if position in asked_at:
                assert stream.digest == Digest.of(b"".join(chunks[: position + 1]))
        assert stream.read(CHUNK) == b""
        assert stream.finished
    assert stream.digest == Digest.of(content)


def test_another_digest_is_noticed_when_hashed_apart() -> None:
    with VerifyingStream(io.BytesIO(DATA), "the blob", digest=Digest.of(b"other")) as stream:
        stream.hash_apart()
        stream.hash_apart()
        assert len(hashing_threads()) == 1
        problem = failure(stream)
        assert problem.endswith(f"got sha256:{hashlib.sha256(DATA).hexdigest()}")
        assert failure(stream) == problem


class BrokenHasher:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def update(self, _: bytes) -> None:
        raise self._error


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_an_error_of_hashing_apart_is_raised_at_the_end(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Digest.of(b"a" * 9)
    monkeypatch.setattr(hashlib, "new", lambda _: BrokenHasher(error))
    with VerifyingStream(Pieces([b"a"] * 9), "blob", digest=expected) as stream:
        stream.hash_apart()
        for _ in range(9):
            assert stream.read(1) == b"a"
        with pytest.raises(type(error)) as caught:
            stream.read(1)
    assert caught.value is error


def test_closing_ends_hashing() -> None:
    stream = VerifyingStream(Pieces(endless()), "blob")
    stream.hash_apart()
    for _ in range(5):
        stream.read(CHUNK)
    stream.close()
    assert not hashing_threads()
    stream.close()


# --- hashing later -------------------------------------------------------------------------------


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=20), st.data())
def test_hashing_later_changes_no_digest(chunks: list[bytes], data: st.DataObject) -> None:
    later_from = data.draw(st.sets(st.integers(0, len(chunks) - 1), min_size=1))
    asked_at = data.draw(st.sets(st.integers(0, len(chunks) - 1)))
    help_at = data.draw(st.sets(st.integers(0, len(chunks) - 1)))
    content = b"".join(chunks)
    with VerifyingStream(Pieces(chunks), "blob", digest=Digest.of(content)) as stream:
        for position, chunk in enumerate(chunks):
            if position in later_from:
                help_hashing = stream.hash_later()
            assert stream.read(CHUNK) == chunk
            if position in help_at and position >= min(later_from):
                help_hashing()
            if position in asked_at:
                assert stream.digest == Digest.of(b"".join(chunks[: position + 1]))
        assert stream.read(CHUNK) == b""
        assert stream.finished


def test_another_digest_is_noticed_when_hashed_later() -> None:
    with VerifyingStream(io.BytesIO(DATA), "the blob", digest=Digest.of(b"other")) as stream:
        help_hashing = stream.hash_later()
        stream.read(CHUNK)
        assert help_hashing()
        assert not help_hashing()
        problem = failure(stream)
        assert problem.endswith(f"got sha256:{hashlib.sha256(DATA).hexdigest()}")


def test_closing_drops_what_is_hashed_later() -> None:
    stream = VerifyingStream(Pieces([b"a"] * 9), "blob")
    help_hashing = stream.hash_later()
    stream.read(1)
    stream.close()
    assert not help_hashing()


# --- reading ahead -------------------------------------------------------------------------------


def read_ahead_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "imgcopy-read-ahead"]


def hashing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "imgcopy-hash"]


@pytest.fixture(autouse=True)
def _no_thread_is_left_over() -> Iterator[None]:
    yield
    assert eventually(lambda: not read_ahead_threads())
    assert not hashing_threads()


@given(
    st.lists(st.binary(min_size=1, max_size=20), max_size=20),
    st.integers(1, 5),
    st.integers(1, 30),
)
def test_bytes_keep_their_order(chunks: list[bytes], depth: int, size: int) -> None:
    inner = Pieces(chunks)
    with ReadAhead(inner, depth=depth) as stream:
        pieces = list(iter(lambda: stream.read(size), b""))
        assert b"".join(pieces) == b"".join(chunks)
        assert all(len(piece) <= size for piece in pieces)
        assert stream.read(1) == b""
    assert inner.closings == 1


def test_large_reads_give_what_is_there() -> None:
    with ReadAhead(io.BytesIO(bytes(3 * CHUNK + 1))) as stream:
        assert [len(chunk) for chunk in iter(lambda: stream.read(10 * CHUNK), b"")] == [
            CHUNK,
            CHUNK,
            CHUNK,
            1,
        ]


def test_it_reads_ahead_but_only_so_far() -> None:
    given_chunks: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(100):
            given_chunks.append(number)
            yield b"x"

    with ReadAhead(Pieces(chunks()), depth=3) as stream:
        assert eventually(lambda: len(given_chunks) == 4)  # three wait, one is in hand
        time.sleep(0.02)
        assert len(given_chunks) == 4
        assert stream.read(1) == b"x"
        assert eventually(lambda: len(given_chunks) == 5)


def test_an_error_comes_in_its_place() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        yield b"two"
        raise SizeMismatch("blob", 1, 2)

    with ReadAhead(Pieces(chunks())) as stream:
        assert eventually(lambda: not read_ahead_threads())
        assert (stream.read(9), stream.read(2), stream.read(9)) == (b"one", b"tw", b"o")
        for _ in range(2):
            with pytest.raises(SizeMismatch):
                stream.read(9)


@pytest.mark.parametrize(
    "error", [OSError("disk"), MemoryError(), KeyboardInterrupt(), SystemExit()]
)
def test_any_error_is_passed_on(error: BaseException) -> None:
    def chunks() -> Iterator[bytes]:
        yield from ()
        raise error

    with ReadAhead(Pieces(chunks())) as stream, pytest.raises(type(error)) as caught:
        stream.read(1)
    assert caught.value is error


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(1000)


def test_closing_while_the_thread_waits_for_the_reader() -> None:
    inner = Pieces(endless())
    stream = ReadAhead(inner, depth=2)
    assert len(stream.read(10)) == 10
    stream.close()
    assert inner.closings == 1
    assert not read_ahead_threads()
    stream.close()
    assert inner.closings == 1


def test_closing_at_once() -> None:
    for _ in range(50):
        inner = Pieces(endless())
        ReadAhead(inner).close()
        assert inner.closings == 1


def test_closing_after_the_end() -> None:
    inner = Pieces([b"x"])
    stream = ReadAhead(inner)
    assert read_all(stream) == b"x"
    stream.close()
    assert inner.closings == 1


def test_reading_after_closing() -> None:
    stream = ReadAhead(Pieces(endless()))
    stream.close()
    with pytest.raises(ValueError, match="read of a closed stream"):
        stream.read(1)


class Stalled:
    """A stream that gives nothing until it is released."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.reading = threading.Event()
        self.closed = False

    def read(self, _: int, /) -> bytes:
        self.reading.set()
        assert self.release.wait(timeout=30)
        return b"late"

    def close(self) -> None:
        self.closed = True


def test_closing_while_the_reader_waits_for_the_thread() -> None:
    inner = Stalled()
    stream = ReadAhead(inner)
    caught: list[BaseException] = []

    def read() -> None:
        try:
            stream.read(1)
        except ValueError as error:
            caught.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    assert inner.reading.wait(timeout=30)
    releasing = threading.Timer(0.05, inner.release.set)
    releasing.start()
    stream.close()
    reader.join(timeout=30)
    assert [str(error) for error in caught] == ["read of a closed stream"]
    assert inner.closed
    releasing.join()


def test_a_thread_that_is_stuck_in_the_operating_system_is_left_behind() -> None:
    reading_end, writing_end = os.pipe()
    file = os.fdopen(reading_end, "rb", buffering=0)
    stream = ReadAhead(file)
    start = time.monotonic()
    stream.close()
    assert time.monotonic() - start > 0.9
    assert len(read_ahead_threads()) == 1
    assert not file.closed  # it is being read
    os.write(writing_end, b"late")
    os.close(writing_end)
    assert eventually(lambda: file.closed)


def test_streams_in_streams_that_are_stuck_close_when_they_get_free() -> None:
    inner = Stalled()
    stream = ReadAhead(VerifyingStream(ReadAhead(inner), "blob"))
    assert inner.reading.wait(timeout=30)
    stream.close()
    assert not inner.closed
    inner.release.set()
    assert eventually(lambda: inner.closed)


def test_streams_in_streams_close_together() -> None:
    inner = Pieces(endless())
    stream = ReadAhead(VerifyingStream(ReadAhead(inner), "blob"))
    assert len(read_all_of(stream, 5000)) == 5000
    stream.close()
    assert inner.closings == 1


def read_all_of(stream: ByteStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += stream.read(size - len(data))
    return data


INTERRUPTED = """
import os, signal, threading, time
from imgcopy_core_stubs.streams import ReadAhead

class Stalled:
    closed = False
    def read(self, size):
        time.sleep({stall})
        return b""
    def close(self):
        self.closed = True

inner = Stalled()
stream = ReadAhead(inner)
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    stream.read(1)
except KeyboardInterrupt:
    print("interrupted")
stream.close()
print("closed", inner.closed)
"""


@pytest.mark.parametrize(("stall", "closed"), [(0.5, True), (60, False)])
def test_ctrl_c_reaches_a_reader_that_waits(stall: float, closed: bool) -> None:
    script = INTERRUPTED.format(stall=stall)
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout == f"interrupted\nclosed {closed}\n"
    assert not re.search("Traceback", result.stderr)
