"""Chunks for a file that is free, or that another thread writes to: which are written when."""

import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import CHUNK, ByteStream, PrefixedStream
from imgcopy_docker_archive.writing._busy_file import ChunkWriter

START = 512


class File:
    """What is written, and the lock that says whether somebody else is writing."""

    def __init__(self) -> None:
        self.written: list[tuple[int, bytes]] = []
        self.busy = threading.Lock()

    def write_at(self, position: int, data: bytes) -> None:
        assert self.busy.locked()
        self.written.append((position, data))

    def writer(self) -> ChunkWriter:
        return ChunkWriter(self.write_at, START, self.busy)


def test_a_free_file_gets_every_chunk_at_once() -> None:
    file = File()
    writer = file.writer()

    writer.write(b"one")
    assert file.written == [(512, b"one")]
    writer.write(b"two")
    assert file.written == [(512, b"one"), (515, b"two")]
    assert not file.busy.locked()


def test_a_busy_file_is_not_waited_for_with_one_chunk() -> None:
    file = File()
    writer = file.writer()

    with file.busy:
        writer.write(b"one")
        assert file.written == []
        assert writer.position == 515
        writer.write(b"two")  # more are not kept: the operating system makes it wait
        assert file.written == [(512, b"one"), (515, b"two")]
        assert file.busy.locked()  # by the other one, still


def test_what_was_kept_is_written_first_as_soon_as_the_file_is_free() -> None:
    file = File()
    writer = file.writer()

    with file.busy:
        writer.write(b"one")
    writer.write(b"two")

    assert file.written == [(512, b"one"), (515, b"two")]


def test_the_last_chunk_may_have_been_kept() -> None:
    file = File()
    writer = file.writer()

    with file.busy:
        writer.write(b"one")
        writer.flush()
        writer.flush()

    assert file.written == [(512, b"one")]


def test_an_error_leaves_the_file_free() -> None:
    def fail(position: int, data: bytes) -> None:
        raise OSError(position, data)

    busy = threading.Lock()

    with pytest.raises(OSError, match="one"):
        ChunkWriter(fail, START, busy).write(b"one")
    assert not busy.locked()


class Chunked:
    """A stream that is made in chunks, each of which is given in pieces if it is too large."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes

    def read(self, size: int, /) -> bytes:
        if not self.sizes:
            return b""
        given = min(size, self.sizes[0])
        self.sizes[0] -= given
        if not self.sizes[0]:
            del self.sizes[0]
        return bytes(given)

    def close(self) -> None:
        pass


def chunk_ends(stream: ByteStream) -> list[int]:
    """Copy a stream, and return where each chunk ended."""
    writer = File().writer()
    ends = []
    while chunk := stream.read(writer.wanted):
        writer.write(chunk)
        ends.append(writer.position)
    return ends


def test_chunks_of_a_file_end_at_boundaries() -> None:
    ends = chunk_ends(io.BytesIO(bytes(3 * CHUNK)))
    assert ends == [CHUNK, 2 * CHUNK, 3 * CHUNK, 3 * CHUNK + START]


def test_so_they_do_behind_the_rest_of_what_was_read_before() -> None:
    ends = chunk_ends(PrefixedStream(bytes(CHUNK), io.BytesIO(bytes(3 * CHUNK))))
    assert ends == [CHUNK, CHUNK + START, *(n * CHUNK for n in (2, 3, 4)), 4 * CHUNK + START]


def test_chunks_that_come_as_they_are_are_not_cut_for_long() -> None:
    ends = chunk_ends(Chunked([CHUNK] * 5))
    whole = [n * CHUNK + START for n in (3, 4, 5)]
    assert ends == [CHUNK, CHUNK + START, 2 * CHUNK, 2 * CHUNK + START, *whole]


def test_nor_are_smaller_ones() -> None:
    ends = chunk_ends(Chunked([CHUNK // 3] * 12))
    assert [n for n in (1, 2, 3) if n * CHUNK in ends] == [1, 2]
    assert len(ends) == 12 + 2


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.booleans())))
def test_all_chunks_are_written_in_their_order_and_at_most_one_is_kept(
    chunks: list[tuple[bytes, bool]],
) -> None:
    file = File()
    writer = file.writer()

    for number, (chunk, is_busy) in enumerate(chunks):
        if is_busy:
            with file.busy:
                writer.write(chunk)
        else:
            writer.write(chunk)
        assert number <= len(file.written) <= number + 1
    with file.busy:
        writer.flush()

    assert [data for _, data in file.written] == [chunk for chunk, _ in chunks]
    end = START
    for position, data in file.written:
        assert position == end
        end += len(data)
    assert writer.position == end
