"""Chunks for a file that is free, or that another thread writes to: which are written when."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
