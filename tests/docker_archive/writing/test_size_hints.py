"""Members whose size is only guessed are written at the same time, and come out right."""

import io
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import CHUNK, DestinationStateError, DestinationWriteFailed
from imgcopy_docker_archive.writing._tar_write import TarWriter
from tests.docker_archive import expected_archive as expected

PATIENCE = 30


class Stream(io.BytesIO):
    """Gives some bytes at a time, and none before it may go on; it may break at its end."""

    def __init__(self, data: bytes, *, piece: int = CHUNK, breaks: bool = False) -> None:
        super().__init__(data)
        self._piece = piece
        self._breaks = breaks
        self.began = threading.Event()
        self.go_on = threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self.began.set()
        assert self.go_on.wait(PATIENCE)
        data = super().read(min(self._piece, CHUNK))
        if self._breaks and not data:
            raise ValueError("the source is gone")
        return data


class Adding(threading.Thread):
    """A member that is added in a thread: begun, and held until its stream may go on."""

    def __init__(self, tar: TarWriter, name: str, stream: Stream, hint: int | None) -> None:
        super().__init__(daemon=True)
        self._add: Callable[[], int] = lambda: tar.add_stream(
            stream, None, lambda: name, size_hint=hint
        )
        self._stream = stream
        self.size: int | None = None
        self.error: BaseException | None = None
        self.start()
        assert stream.began.wait(PATIENCE)

    def run(self) -> None:
        try:
            self.size = self._add()
        except Exception as error:  # noqa: BLE001  (kept)
            self.error = error

    def end(self) -> None:
        self._stream.go_on.set()
        self.join(PATIENCE)
        assert not self.is_alive()


def unbuffered() -> BinaryIO:
    return tempfile.TemporaryFile(buffering=0)


def writer(file: BinaryIO) -> TarWriter:
    return TarWriter(file, "out.tar", temporary_directory=None)


def content(number: int, size: int) -> bytes:
    return bytes([number + 1]) * size


def archive_of(sizes: Sequence[int]) -> bytes:
    members = [expected.member(f"{n}.tar", content(n, size)) for n, size in enumerate(sizes)]
    return expected.archive(*members)


@pytest.mark.parametrize("opened", [unbuffered, io.BytesIO], ids=["file", "memory"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)], ids=str)
@pytest.mark.parametrize(
    "hints",
    [
        (3000, 2000, 1000),
        (2999, 1999, 999),  # all in the last block
        (0, 0, 0),
        (6000, 7000, 9000),
        (1, 9000, 1),
        (9000, 1, 9000),
    ],
    ids=str,
)
def test_all_are_being_written_at_the_same_time(
    opened: Callable[[], BinaryIO], order: tuple[int, ...], hints: tuple[int, ...]
) -> None:
    sizes = (3000, 2000, 1000)
    with opened() as file:
        tar = writer(file)
        streams = [Stream(content(n, size), piece=700) for n, size in enumerate(sizes)]
        adding = [
            Adding(tar, f"{n}.tar", stream, hint)
            for n, (stream, hint) in enumerate(zip(streams, hints, strict=True))
        ]
        for number in order:
            streams[number].go_on.set()
        for each in adding:
            each.end()
        assert [(each.size, each.error) for each in adding] == [(size, None) for size in sizes]
        tar.finish()
        file.seek(0)
        assert file.read() == archive_of(sizes)


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.none() | st.integers(-3000, 3000), st.integers(1, 2000)),
        max_size=8,
    )
)
def test_the_archive_does_not_depend_on_the_hints(
    members: list[tuple[int, int | None, int]],
) -> None:
    file = io.BytesIO()
    tar = writer(file)
    adding = []
    for number, (size, wrong_by, piece) in enumerate(members):
        stream = Stream(content(number, size), piece=piece)
        stream.go_on.set()
        hint = None if wrong_by is None else max(0, size + wrong_by)
        adding.append(Adding(tar, f"{number}.tar", stream, hint))
    for each in adding:
        each.end()
        assert each.error is None
    tar.finish()
    assert file.getvalue() == archive_of([size for size, _, _ in members])


@pytest.mark.parametrize("hint", [4 * CHUNK, CHUNK, 9 * CHUNK])
def test_large_members_are_moved(hint: int) -> None:
    sizes = [4 * CHUNK + 1, 3 * CHUNK, 2 * CHUNK + 5]
    with tempfile.TemporaryFile(buffering=0) as file:
        tar = writer(file)
        first = Adding(tar, "0.tar", Stream(content(0, sizes[0])), hint)
        tar.add_stream(io.BytesIO(content(1, sizes[1])), sizes[1], lambda: "1.tar")
        tar.add_stream(io.BytesIO(content(2, sizes[2])), None, lambda: "2.tar")
        first.end()
        tar.finish()
        file.seek(0)
        assert file.read() == archive_of(sizes)


def test_a_file_that_cannot_be_read_takes_no_hint(tmp_path: Path) -> None:
    path = tmp_path / "out.tar"
    with path.open("wb", buffering=0) as file:
        tar = writer(file)
        for number, hint in enumerate((5, 700, 9000)):
            data = content(number, 700)
            tar.add_stream(io.BytesIO(data), None, f"{number}.tar".__str__, size_hint=hint)
        tar.finish()
    assert path.read_bytes() == archive_of([700] * 3)


@pytest.mark.parametrize("hint", [100, 1400, 5000])
def test_one_that_fails_is_cut_off(hint: int) -> None:
    file = io.BytesIO()
    tar = writer(file)
    failing = Adding(tar, "0.tar", Stream(bytes(1400), piece=700, breaks=True), hint)
    failing.end()
    assert isinstance(failing.error, ValueError)
    tar.add("0.tar", content(0, 5))
    tar.finish()
    assert file.getvalue() == archive_of([5])


@pytest.mark.parametrize("hint", [100, 5000])
@pytest.mark.parametrize("has_third", [False, True])
def test_whoever_waits_for_one_that_fails_is_told(hint: int, has_third: bool) -> None:
    file = io.BytesIO()
    tar = writer(file)
    streams = Stream(content(0, 1400)), Stream(bytes(1400), breaks=True)
    first, second = Adding(tar, "0.tar", streams[0], hint), Adding(tar, "1.tar", streams[1], 1400)
    if has_third:
        tar.add("2.tar", b"")
    streams[0].go_on.set()
    first.join(0.1)
    assert first.is_alive()  # what is behind it has to be moved, and is being written
    second.end()
    assert isinstance(second.error, ValueError)
    first.end()
    if has_third:  # there is a hole before it
        assert isinstance(first.error, DestinationStateError)
        assert first.error.__cause__ is second.error
    else:
        tar.finish()
        assert file.getvalue() == archive_of([1400])


class Full(io.BytesIO):
    """A file on a disk on which, at some time, there is no more room."""

    room: int | None = None

    def write(self, data: Any, /) -> int:
        if self.room is not None and self.tell() + len(data) > self.room:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_no_room_to_move() -> None:
    file = Full()
    tar = writer(file)
    first = Adding(tar, "0.tar", Stream(content(0, 3000)), 100)
    tar.add("1.tar", content(1, 2000))
    file.room = len(file.getvalue())
    first.end()
    assert isinstance(first.error, DestinationWriteFailed)
    assert first.error.errno == 28

    file.room = None
    with pytest.raises(DestinationStateError, match="failed half-way"):
        tar.add("0.tar", b"")
    assert tar.rewind(0)
    tar.add("0.tar", content(0, 5))
    tar.finish()
    assert file.getvalue() == archive_of([5])


def test_what_is_beyond_a_hint_is_kept_where_the_user_says(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    tar = TarWriter(io.BytesIO(), "out.tar", temporary_directory=str(nowhere))
    first = Adding(tar, "0.tar", Stream(bytes(2)), 1)
    tar.add("1.tar", b"")
    first.end()
    assert isinstance(first.error, DestinationWriteFailed)
    assert "keeping a blob in" in str(first.error)
    assert "nowhere" in str(first.error)


@pytest.mark.parametrize("size", [1, 511, 512, 513, 3 * CHUNK])
def test_nothing_is_kept_elsewhere_while_nothing_is_behind(tmp_path: Path, size: int) -> None:
    file = io.BytesIO()
    tar = TarWriter(file, "out.tar", temporary_directory=str(tmp_path / "nowhere"))
    for number in range(2):
        data = content(number, size)
        tar.add_stream(io.BytesIO(data), None, f"{number}.tar".__str__, size_hint=size // 2)
    tar.finish()
    assert file.getvalue() == archive_of([size, size])


@pytest.mark.parametrize("size", [0, 1, 1000, 1024])
def test_blocks_that_were_set_aside_in_vain_are_given_back(tmp_path: Path, size: int) -> None:
    with tempfile.TemporaryFile(dir=tmp_path, buffering=0) as file:
        tar = writer(file)
        tar.add_stream(io.BytesIO(bytes(size)), None, lambda: "0.tar", size_hint=64 * CHUNK)
        tar.finish()
        assert os.fstat(file.fileno()).st_blocks * 512 < 2 * CHUNK
