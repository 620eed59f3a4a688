"""Compressing with several cores, read back by everybody else's decompressors; gzip and zstd."""

import errno
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import CompressedWriter, Compression, _parallel_gzip
from imgcopy_core_stubs._gzip import HAS_ISAL
from imgcopy_core_stubs._parallel_gzip import ParallelGzipEncoder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP, ZSTD = Compression.GZIP, Compression.ZSTD
BLOCK = 512 * 1024
PART = 2 * 1024 * 1024
LIBRARIES = ["zlib", *(["isal"] if HAS_ISAL else [])]
TASKS = Path("/proc/self/task")

both = pytest.mark.parametrize("kind", [GZIP, ZSTD])


def noise(size: int, seed: bytes = b"") -> bytes:
    return hashlib.shake_128(seed).digest(size)


def prose(size: int) -> bytes:
    """Return data of a kind that compresses."""
    lines = b"".join(b"%d %s\n" % (n % 997, noise(6, b"%d" % (n % 89))) for n in range(20_000))
    return (lines * (size // len(lines) + 1))[:size]


PROSE = prose(5 * 1024 * 1024 + 17)


def compress(
    kind: Compression, data: bytes, *, threads: int | None = None, piece: int = 256 * 1024
) -> bytes:
    file = io.BytesIO()
    with CompressedWriter(file, kind, threads=threads) as writer:
        for start in range(0, len(data), piece):
            writer.write(data[start : start + piece])
        writer.finish()
    return file.getvalue()


def decompress(kind: Compression, blob: bytes) -> bytes:
    """Decompress what must be one member or frame, and nothing else."""
    decoder = zlib.decompressobj(31) if kind is GZIP else zstd.ZstdDecompressor()
    data = decoder.decompress(blob)
    assert decoder.eof
    assert decoder.unused_data == b""
    return data


def thread_count() -> int:
    return len(list(TASKS.iterdir()))


def assert_threads_end(before: int) -> None:
    """Assert that the threads are gone; the system counts one for a moment after it has ended."""
    deadline = time.monotonic() + 30
    while thread_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make gzip with either library."""
    monkeypatch.setattr(_parallel_gzip, "HAS_ISAL", request.param == "isal")
    return str(request.param)


@pytest.fixture(autouse=True)
def _no_threads_stay() -> Iterator[None]:
    """Whatever happens, the threads end: Python's, and those that only the system knows."""
    if not TASKS.exists():
        pytest.skip("the threads of a process are counted in /proc")
    before = thread_count()
    yield
    assert_threads_end(before)


# --- what comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize("isal", [name == "isal" for name in LIBRARIES], ids=LIBRARIES)
@given(pieces=st.lists(st.binary(max_size=300), max_size=12), block=st.integers(1, 400))
def test_any_pieces_come_back_as_one_member(isal: bool, block: int, pieces: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parallel_gzip, "HAS_ISAL", isal)
        patch.setattr(_parallel_gzip, "_BLOCK", block)
        file = io.BytesIO()
        with CompressedWriter(file, GZIP, threads=3) as writer:
            for piece in pieces:
                writer.write(piece)
            writer.finish()
    data = b"".join(pieces)
    assert gzip.decompress(file.getvalue()) == data
    assert decompress(GZIP, file.getvalue()) == data


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 7 * BLOCK + 3])
def test_a_member_of_any_number_of_blocks(library: str, size: int) -> None:
    for data in (noise(size), PROSE[:size]):
        assert decompress(GZIP, compress(GZIP, data)) == data


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART + 3])
def test_a_frame_of_any_number_of_parts(size: int) -> None:
    for data in (noise(size), PROSE[:size]):
        assert decompress(ZSTD, compress(ZSTD, data)) == data


@given(pieces=st.lists(st.binary(max_size=300), max_size=12))
def test_any_pieces_come_back_as_one_frame(pieces: list[bytes]) -> None:
    file = io.BytesIO()
    with CompressedWriter(file, ZSTD, threads=2) as writer:
        for piece in pieces:
            writer.write(piece)
        writer.finish()
    assert decompress(ZSTD, file.getvalue()) == b"".join(pieces)


@both
def test_neither_cores_nor_pieces_change_a_byte(library: str, kind: Compression) -> None:
    expected = compress(kind, PROSE, threads=1)
    assert compress(kind, PROSE, threads=2) == expected
    assert compress(kind, PROSE, threads=7) == expected
    assert compress(kind, PROSE) == expected
    assert compress(kind, PROSE, piece=len(PROSE)) == expected
    assert compress(kind, PROSE, threads=2, piece=10_007) == expected


def test_the_member_has_neither_name_nor_time() -> None:
    assert compress(GZIP, b"data")[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_the_length_is_counted_modulo_four_gigabytes() -> None:
    encoder = ParallelGzipEncoder(1)
    encoder._size = 2**32 - 1
    blob = b"".join([*encoder.compress(b"abc"), *encoder.finish()])
    encoder.close()
    assert blob[-4:] == b"\2\0\0\0"


def test_the_frame_has_a_checksum() -> None:
    blob = compress(ZSTD, PROSE)
    with pytest.raises(zstd.ZstdError):
        decompress(ZSTD, blob[:-1] + bytes([blob[-1] ^ 1]))


def test_a_libzstd_without_threads_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zstd.CompressionParameter, "bounds", lambda _: (0, 0))
    before = thread_count()
    with CompressedWriter(io.BytesIO(), ZSTD, threads=2) as writer:
        assert thread_count() == before
        writer.finish()
    assert decompress(ZSTD, compress(ZSTD, PROSE)) == PROSE


def test_a_block_knows_the_one_before(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 16 * 1024
    monkeypatch.setattr(_parallel_gzip, "_BLOCK", size)
    assert len(compress(GZIP, noise(size) * 32, threads=2)) < 2 * size


@pytest.mark.parametrize(
    ("tool", "kind"), [("gzip", GZIP), ("pigz", GZIP), ("zstd", ZSTD)], ids=["gzip", "pigz", "zstd"]
)
def test_the_usual_tools_read_it(tool: str, kind: Compression, library: str) -> None:
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed")
    for data in (b"", PROSE):
        blob = compress(kind, data)
        subprocess.run([program, "-t"], input=blob, check=True, capture_output=True)
        read = subprocess.run([program, "-dc"], input=blob, check=True, capture_output=True)
        assert read.stdout == data


@pytest.mark.parametrize("kind", [Compression.NONE, Compression.BZIP2, Compression.XZ])
def test_other_compressions_are_refused(kind: Compression) -> None:
    with pytest.raises(ValueError, match=f"cannot compress with {kind.value}"):
        CompressedWriter(io.BytesIO(), kind)


# --- what it holds, and when it ends -------------------------------------------------------------


class CountingFile:
    """A file that counts what it is given, and does something at a certain length."""

    def __init__(self, *, length: int = 2**62, then: Callable[[], None] = lambda: None) -> None:
        self.written = 0
        self._length = length
        self._then = then

    def write(self, data: bytes) -> int:
        if self.written + len(data) > self._length:
            self._then()
        self.written += len(data)
        return len(data)


def writer_to(file: CountingFile, kind: Compression) -> CompressedWriter:
    return CompressedWriter(cast("BinaryIO", file), kind, threads=2)


@pytest.mark.parametrize(("kind", "limit"), [(GZIP, 6 * BLOCK), (ZSTD, 8 * PART)])
def test_memory_does_not_grow_with_the_data(kind: Compression, limit: int) -> None:
    pieces = [noise(BLOCK, b"%d" % number) for number in range(80)]
    assert sum(map(len, pieces)) > 2 * limit
    file = CountingFile()
    taken = most_held = 0
    with writer_to(file, kind) as writer:
        for piece in pieces:
            writer.write(piece)
            taken += len(piece)
            most_held = max(most_held, taken - file.written)  # noise does not compress
        writer.finish()
    assert 0 < most_held <= limit


def test_a_piece_of_any_size_is_taken_bit_by_bit() -> None:
    file = CountingFile()
    with writer_to(file, GZIP) as writer:
        writer.write(noise(40 * BLOCK))
        assert file.written > 34 * BLOCK
        writer.finish()


def test_a_file_may_take_less_than_it_is_given() -> None:
    class Raw(io.BytesIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]  # only these are given
            return super().write(data[:10_000])

    file = Raw()
    with CompressedWriter(file, GZIP) as writer:
        writer.write(PROSE)
        writer.finish()
    assert decompress(GZIP, file.getvalue()) == PROSE


def fill_up() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@both
def test_a_full_disk_is_reported_soon_and_from_then_on(kind: Compression) -> None:
    file = CountingFile(length=3_000_000, then=fill_up)
    taken = 0
    with writer_to(file, kind) as writer:
        with pytest.raises(OSError, match="No space left on device"):
            for number in range(100):
                writer.write(noise(BLOCK, b"%d" % number))
                taken += BLOCK
        assert taken < 3_000_000 + 8 * PART
        with pytest.raises(OSError, match="No space left on device"):
            writer.write(b"more")
        with pytest.raises(OSError, match="No space left on device"):
            writer.finish()


@both
def test_a_full_disk_is_reported_by_the_finish_at_the_latest(kind: Compression) -> None:
    with open("/dev/full", "wb", buffering=0) as full, CompressedWriter(full, kind) as writer:
        with pytest.raises(OSError, match="No space left on device"):
            writer.write(b"little")
            writer.finish()
        with pytest.raises(OSError, match="No space left on device"):
            writer.finish()


@both
def test_an_interrupt_while_writing_ends_it(kind: Compression) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with writer_to(CountingFile(length=0, then=interrupt), kind) as writer:
        with pytest.raises(KeyboardInterrupt):
            writer.write(noise(20 * PART))
        with pytest.raises(KeyboardInterrupt):
            writer.finish()


def test_an_error_in_a_thread_reaches_who_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(_parallel_gzip, "_deflate", fail)
    with writer_to(CountingFile(), GZIP) as writer, pytest.raises(MemoryError):
        for _ in range(10):
            writer.write(bytes(BLOCK))


@both
def test_closing_in_the_middle_ends_the_threads(kind: Compression) -> None:
    before = thread_count()
    writer = writer_to(CountingFile(), kind)
    writer.write(PROSE)
    assert thread_count() > before
    writer.close()
    assert_threads_end(before)
    writer.close()
    for action in (writer.finish, lambda: writer.write(b"")):
        with pytest.raises(ValueError, match="closed file"):
            action()


def test_what_nobody_waits_for_is_not_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[bytearray] = []
    two_begun = threading.Barrier(3)
    goes_on = threading.Event()

    def wait(data: bytearray, *_: object, **__: object) -> bytes:
        begun.append(data)
        if len(begun) <= 2:
            two_begun.wait()
        goes_on.wait()
        return b""

    monkeypatch.setattr(_parallel_gzip, "_deflate", wait)
    writer = writer_to(CountingFile(), GZIP)
    for _ in range(3):
        writer.write(bytes(BLOCK))
    two_begun.wait()
    closing = threading.Thread(target=writer.close)
    closing.start()
    while not writer._encoder._queue.qsize():  # type: ignore[attr-defined]  # until it says "end"
        pass
    goes_on.set()
    closing.join()
    assert len(begun) == 2


def test_ctrl_c_while_a_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread runs, and `start` has been left by an exception."""
    before = thread_count()
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if thread.name == "imgcopy-gzip-1":
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117  (the writer is closed within)
        with CompressedWriter(io.BytesIO(), Compression.GZIP, threads=2) as writer:
            writer.write(bytes(4 * 1024 * 1024))
    assert_threads_end(before)
