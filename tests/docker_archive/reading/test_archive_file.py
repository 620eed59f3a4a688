import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    CorruptBlob,
    InvalidArchive,
    SourceError,
    SourceNotFound,
    SourceReadFailed,
    UnsupportedImage,
)
from imgcopy_core_stubs.streams import StoredStream
from imgcopy_docker_archive.reading._archive_file import ArchiveFile, open_archive
from tests.docker_archive.compressed import COMPRESSORS
from tests.docker_archive.tars import END, file, tar

DATA = tar(file("a", b"data" * 1000))


def content(archive: ArchiveFile) -> bytes:
    try:
        return archive.read_at(0, archive.size)
    finally:
        archive.close()


def refusal(path: Path | str, temporary_directory: str | None = None) -> SourceError:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(SourceError) as caught:
        open_archive(str(path), temporary_directory=temporary_directory)
    assert len(os.listdir("/proc/self/fd")) == len(before), "a file was left open"
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.tar"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def unpacking(tmp_path: Path) -> Path:
    """The directory that archives are unpacked into."""
    directory = tmp_path / "unpacking"
    directory.mkdir()
    return directory


def test_a_plain_file_is_read_in_place(path: Path) -> None:
    archive = open_archive(str(path), temporary_directory="/nowhere")
    assert archive.name == str(path)
    assert content(archive) == DATA


@pytest.mark.parametrize("compression", sorted(COMPRESSORS))
def test_a_compressed_file_is_unpacked(path: Path, unpacking: Path, compression: str) -> None:
    path.write_bytes(COMPRESSORS[compression](DATA))
    archive = open_archive(str(path), temporary_directory=str(unpacking))
    assert list(unpacking.iterdir()) == []  # it has no name
    assert content(archive) == DATA


def test_compressed_members_one_after_the_other(path: Path) -> None:
    compress = COMPRESSORS["gzip"]
    path.write_bytes(compress(DATA[:700]) + compress(b"") + compress(DATA[700:]))
    assert content(open_archive(str(path))) == DATA


# --- pipes ----------------------------------------------------------------------------------------


@pytest.fixture
def standard_input() -> Iterator[None]:
    """Puts standard input back after a test that changes it."""
    saved = os.dup(0)
    yield
    os.dup2(saved, 0)
    os.close(saved)


def feed(descriptor: int, data: bytes) -> threading.Thread:
    """Write data into a descriptor from another thread, and close it."""

    def write() -> None:
        with open(descriptor, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
@pytest.mark.parametrize("compression", [None, *sorted(COMPRESSORS)])
def test_a_pipe_on_standard_input(
    standard_input: None, unpacking: Path, name: str, compression: str | None
) -> None:
    data = COMPRESSORS[compression](DATA) if compression else DATA
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    thread = feed(writing, data)
    archive = open_archive(name, temporary_directory=str(unpacking))
    thread.join()
    assert archive.name == name
    assert content(archive) == DATA
    assert os.fstat(0)  # it is still open


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_pipe_that_does_not_block(standard_input: None, compression: str | None) -> None:
    data = COMPRESSORS[compression](DATA) if compression else DATA
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.dup2(reading, 0)
    os.close(reading)

    def write_slowly() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            for piece in (data[:5], data[5:], b""):
                time.sleep(0.1)
                pipe.write(piece)

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert content(open_archive("-")) == DATA
    thread.join()


def test_a_socket_on_standard_input(standard_input: None) -> None:
    reading, writing = socket.socketpair()
    os.dup2(reading.fileno(), 0)
    reading.close()
    thread = feed(writing.detach(), DATA)
    assert content(open_archive("-")) == DATA
    thread.join()


def test_a_file_on_standard_input_is_read_in_place(standard_input: None, path: Path) -> None:
    with path.open("rb") as file:
        os.dup2(file.fileno(), 0)
    assert content(open_archive("-", temporary_directory="/nowhere")) == DATA


def test_standard_input_that_was_read_before(standard_input: None, path: Path) -> None:
    path.write_bytes(b"read before" + DATA)
    with path.open("rb") as file:
        os.dup2(file.fileno(), 0)
    assert os.read(0, 11) == b"read before"
    assert content(open_archive("-")) == DATA


def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(DATA,))
    thread.start()
    assert content(open_archive(str(path))) == DATA
    thread.join()


# --- parts of it ----------------------------------------------------------------------------------


def test_streams_share_no_position(path: Path) -> None:
    archive = open_archive(str(path))
    first, second = archive.stream(512, 10), archive.stream(514, 4)
    assert first.read(3) == b"dat"
    assert second.read(100) == b"tada"
    assert second.read(1) == b""
    assert first.read(100) == b"adatada"
    archive.close()


@pytest.mark.parametrize("size", [0, 3, 4, 10])
def test_the_end_of_a_stream_is_seen_and_reading_goes_on(path: Path, size: int) -> None:
    archive = open_archive(str(path))
    stream, content = archive.stream(513, size), b"atadatadat"[:size]
    assert isinstance(stream, StoredStream)
    first = stream.read(2)
    assert stream.read_end(4) == content[-4:]
    assert first + stream.read(100) == content
    archive.close()


def test_nothing_is_read_after_closing(path: Path) -> None:
    archive = open_archive(str(path))
    stream, other = archive.stream(0, 10), archive.stream(0, 10)
    stream.close()
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)
    archive.close()
    archive.close()
    with pytest.raises(ValueError, match="closed"):
        other.read(1)


def test_a_file_that_is_cut_while_it_is_read(path: Path) -> None:
    archive = open_archive(str(path))
    stream = archive.stream(512, 4000)
    assert len(stream.read(1000)) == 1000
    os.truncate(path, 1512)
    with pytest.raises(InvalidArchive) as caught:
        stream.read(1000)
    assert caught.value.offset == 1512
    archive.close()


# --- refusals -------------------------------------------------------------------------------------


def test_a_missing_file(tmp_path: Path) -> None:
    assert isinstance(refusal(tmp_path / "missing"), SourceNotFound)


def test_a_directory(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert isinstance(error, SourceReadFailed)
    assert str(error) == f'cannot read "{tmp_path}": Is a directory'


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device(device: str) -> None:
    assert isinstance(refusal(device), UnsupportedImage)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        DATA[:511],
        END,
        b"x" * 10_000,
        *(compress(b"x" * 10_000) for compress in COMPRESSORS.values()),
        COMPRESSORS["gzip"](b""),
        COMPRESSORS["gzip"](COMPRESSORS["gzip"](DATA)),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_is_no_tar_archive(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    error = refusal(path)
    assert isinstance(error, InvalidArchive)
    assert (error.name, error.offset) == (str(path), 0)


def test_an_endless_pipe_that_is_no_tar_archive(standard_input: None) -> None:
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    os.write(writing, bytes(4096))  # and the writer waits
    assert isinstance(refusal("-"), InvalidArchive)
    os.close(writing)


@pytest.mark.parametrize("compression", sorted(COMPRESSORS))
def test_a_compressed_file_that_was_cut(path: Path, compression: str) -> None:
    data = COMPRESSORS[compression](DATA)
    for length in range(10, len(data)):
        path.write_bytes(data[:length])
        assert isinstance(refusal(path), CorruptBlob)


def test_bytes_after_the_compressed_data(path: Path) -> None:
    path.write_bytes(COMPRESSORS["gzip"](DATA) + b"garbage")
    assert isinstance(refusal(path), CorruptBlob)


def test_no_place_to_unpack(path: Path) -> None:
    path.write_bytes(COMPRESSORS["gzip"](DATA))
    error = refusal(path, "/nowhere")
    assert str(error) == (
        f'cannot read "{path}": unpacking it into "/nowhere": No such file or directory'
    )


def test_a_full_disk_while_unpacking(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(COMPRESSORS["gzip"](DATA))
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: io.FileIO("/dev/full", "w"))
    error = refusal(path)
    assert isinstance(error, SourceReadFailed)
    assert "$TMPDIR" in str(error)
    assert str(error).endswith("No space left on device")
