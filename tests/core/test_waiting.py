"""Files in the mode `O_NONBLOCK`, as node and ssh leave them to a process."""

import contextlib
import errno
import gzip
import os
import signal
import socket
import sys
import threading
import time
from io import FileIO
from pathlib import Path

import pytest

from imgcopy_core_stubs import CompressedWriter, Compression, WaitingReader, flush_all, write_all

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DATA = bytes(range(256)) * 4096  # more than pipes and sockets hold


def pipe() -> tuple[int, int]:
    return os.pipe()


def socket_pair() -> tuple[int, int]:
    one, other = socket.socketpair()
    return one.detach(), other.detach()


@pytest.fixture(params=[pipe, socket_pair])
def ends(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Descriptors to read from and to write to, neither of which blocks."""
    reading, writing = request.param()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    return reading, writing


class SlowReceiver(threading.Thread):
    """Reads all that comes, but nothing at first."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.received = b""
        os.set_blocking(descriptor, True)
        self.start()

    def run(self) -> None:
        time.sleep(0.2)
        with open(self._descriptor, "rb") as file:
            self.received = file.read()


@pytest.mark.parametrize("buffering", [0, 1000, len(DATA) + 1])
def test_all_is_written_raw_and_buffered(ends: tuple[int, int], buffering: int) -> None:
    reading, writing = ends
    receiver = SlowReceiver(reading)
    before = time.thread_time()
    with open(writing, "wb", buffering=buffering) as file:
        write_all(file, DATA[:5])
        write_all(file, DATA[5:])
        flush_all(file)
    spent = time.thread_time() - before
    receiver.join()
    assert receiver.received == DATA
    assert spent < 0.1  # of 0.2 seconds at the least; the rest it has slept


@pytest.mark.parametrize(
    ("position", "pieces"),
    [
        (None, [512 * 1024, 512 * 1024, 3]),
        (0, [512 * 1024, 512 * 1024, 3]),
        (7, [512 * 1024 - 7, 512 * 1024, 10]),
        (512 * 1024 - 1, [1, 512 * 1024, 512 * 1024, 2]),
    ],
)
def test_a_file_takes_no_large_piece_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, position: int | None, pieces: list[int]
) -> None:
    """Large ones take several times as long where memory is scarce, or the host's.

    So do those that lie across multiples of their size in the file.
    """
    sizes = []

    class File(FileIO):
        def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]  # no other
            sizes.append(len(data))
            return super().write(data)

    pwrite = os.pwrite

    def recording(descriptor: int, data: bytes | memoryview, where: int) -> int:
        sizes.append(len(data))
        return pwrite(descriptor, data, where)

    monkeypatch.setattr(os, "pwrite", recording)
    with File(tmp_path / "file", "wb") as file:
        write_all(file, DATA + b"end", position=position)
    assert (tmp_path / "file").read_bytes() == bytes(position or 0) + DATA + b"end"
    assert sizes == pieces


def test_a_file_object_takes_what_it_is_given() -> None:
    """It may know bytes only."""
    taken = b""

    class Object:
        def fileno(self) -> int:
            raise AssertionError

        def write(self, data: bytes | memoryview, /) -> int:
            nonlocal taken
            assert isinstance(data, bytes)
            taken += data
            return len(data)

    write_all(Object(), DATA)
    assert taken == DATA


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_so_is_what_is_compressed(ends: tuple[int, int], compression: Compression) -> None:
    reading, writing = ends
    receiver = SlowReceiver(reading)
    noise = os.urandom(3_000_000)
    with FileIO(writing, "wb") as file, CompressedWriter(file, compression, threads=2) as writer:
        writer.write(noise)
        writer.finish()
    receiver.join()
    decompress = gzip.decompress if compression is Compression.GZIP else zstd.decompress
    assert decompress(receiver.received) == noise


def test_at_a_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, position: real(fd, data[:7], position))
    with open(tmp_path / "file", "w+b", buffering=0) as file:
        file.write(b"begin")
        write_all(file, DATA[:100], position=50)
        assert file.tell() == 5
    assert (tmp_path / "file").read_bytes() == b"begin" + bytes(45) + DATA[:100]


@pytest.mark.parametrize("buffering", [0, 1000])
def test_a_reader_that_is_gone_is_an_error(ends: tuple[int, int], buffering: int) -> None:
    reading, writing = ends
    threading.Timer(0.1, os.close, [reading]).start()
    file = open(writing, "wb", buffering=buffering)  # noqa: SIM115  (closing it may fail, too)
    with pytest.raises(OSError, match=r"Broken pipe|Connection reset") as caught:
        write_all(file, DATA)
    assert caught.value.errno in (errno.EPIPE, errno.ECONNRESET)
    with contextlib.suppress(OSError):
        file.close()


def test_reading_waits_for_bytes_and_for_the_end(ends: tuple[int, int]) -> None:
    reading, writing = ends
    os.set_blocking(writing, True)

    def send() -> None:
        for piece in (b"one", b"two"):
            time.sleep(0.1)
            os.write(writing, piece)
        time.sleep(0.1)
        os.close(writing)

    sender = threading.Thread(target=send)
    sender.start()
    before = time.thread_time()
    reader = WaitingReader(FileIO(reading))
    assert [reader.read(100) for _ in range(4)] == [b"one", b"two", b"", b""]
    assert time.thread_time() - before < 0.1
    sender.join()
    reader.close()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)


@pytest.mark.parametrize("direction", ["in", "out"])
def test_waiting_can_be_interrupted(ends: tuple[int, int], direction: str) -> None:
    reading, writing = ends
    threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
    with FileIO(reading) as source, FileIO(writing, "wb") as sink, pytest.raises(KeyboardInterrupt):
        if direction == "in":
            WaitingReader(source).read(1)
        else:
            write_all(sink, DATA)
