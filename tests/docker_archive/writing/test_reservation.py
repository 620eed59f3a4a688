"""Blocks set aside, on the file system that the tests' files are on."""

import errno
import fcntl
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from imgcopy_core_stubs import CHUNK
from imgcopy_docker_archive.writing._reservation import set_aside
from imgcopy_docker_archive.writing._tar_write import TarWriter

SIZE = 16 * CHUNK
BEYOND = 4 * CHUNK
"""More than a file system adds for itself, such as metadata."""


def blocks(file: BinaryIO) -> int:
    """Return how many bytes of disk a file has."""
    return os.fstat(file.fileno()).st_blocks * 512


@pytest.fixture
def file(tmp_path: Path) -> Iterator[BinaryIO]:
    with (tmp_path / "out.tar").open("wb", buffering=0) as file:
        yield file


@pytest.fixture
def reserving_file(file: BinaryIO) -> BinaryIO:
    """A file for which blocks are set aside; where there is none, the test is skipped."""
    if not os.major(os.fstat(file.fileno()).st_dev):
        pytest.skip("nothing is set aside on this file system, which has no block device")
    return file


class Watching(io.BytesIO):
    """A stream that keeps how many blocks a file had when it was first read."""

    def __init__(self, data: bytes, file: BinaryIO) -> None:
        super().__init__(data)
        self._file = file
        self.blocks_at_first: int | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if self.blocks_at_first is None:
            self.blocks_at_first = blocks(self._file)
        return super().read(size)


def test_blocks_are_there_and_the_size_is_as_it_was(reserving_file: BinaryIO) -> None:
    reserving_file.write(b"x")
    set_aside(reserving_file.fileno(), 512, SIZE)
    assert blocks(reserving_file) >= SIZE
    assert os.fstat(reserving_file.fileno()).st_size == 1


def test_more_than_there_is_room_for_is_not_set_aside(reserving_file: BinaryIO) -> None:
    set_aside(reserving_file.fileno(), 0, 1 << 60)
    assert blocks(reserving_file) == 0


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSPC, errno.EDQUOT])
def test_nothing_fails_where_it_cannot_be_done(
    reserving_file: BinaryIO, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    set_aside(reserving_file.fileno(), 0, SIZE)


def test_a_file_system_without_a_device_is_left_alone(
    file: BinaryIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "major", lambda _: 0)  # as that of btrfs
    set_aside(file.fileno(), 0, SIZE)
    assert blocks(file) == 0


def test_a_large_member_of_known_size_has_its_blocks_first(reserving_file: BinaryIO) -> None:
    content = os.urandom(SIZE)
    stream = Watching(content, reserving_file)
    tar = TarWriter(reserving_file, "out.tar", temporary_directory=None)
    tar.add_stream(stream, SIZE, lambda: "layer.tar")
    tar.finish()
    assert stream.blocks_at_first is not None
    assert stream.blocks_at_first >= SIZE
    assert SIZE <= blocks(reserving_file) <= SIZE + BEYOND
    assert Path(reserving_file.name).read_bytes()[512 : 512 + SIZE] == content


@pytest.mark.parametrize("size", [0, 1, CHUNK])
def test_a_small_member_is_just_written(
    file: BinaryIO, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: pytest.fail("blocks are set aside"))
    tar = TarWriter(file, "out.tar", temporary_directory=None)
    assert tar.add_stream(io.BytesIO(bytes(size)), size, lambda: "layer.tar") == size


def test_a_member_that_fails_leaves_no_blocks(reserving_file: BinaryIO) -> None:
    class Failing(Watching):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(size) or self._fail()

        def _fail(self) -> bytes:
            raise ValueError("the source is gone")

    stream = Failing(bytes(CHUNK), reserving_file)
    tar = TarWriter(reserving_file, "out.tar", temporary_directory=None)
    with pytest.raises(ValueError, match="the source is gone"):
        tar.add_stream(stream, SIZE, lambda: "layer.tar")
    assert stream.blocks_at_first is not None
    assert stream.blocks_at_first >= SIZE
    assert blocks(reserving_file) <= BEYOND
