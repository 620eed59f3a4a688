"""Limits: at the limit an archive is read, one more is refused; time and memory are bounded."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcopy_core_stubs import InvalidArchive
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._tar_walk import walk
from tests.docker_archive.tars import (
    InMemory,
    altered,
    extended,
    file,
    header,
    old_sparse,
    refusal,
    symlink,
    tar,
    walked,
)

MIB = 1024 * 1024
A = file("a", b"data")  # 1,024 bytes


@pytest.mark.parametrize("size", [MIB, MIB + 1])
@pytest.mark.parametrize("type_", [b"L", b"K", b"x", b"g"])
def test_long_names_and_pax_headers_up_to_1_mib(type_: bytes, size: int) -> None:
    record = f"{size} comment=".encode()
    data = record.ljust(size - 1, b"n") + b"\n"
    archive = tar(A, extended(type_, data), symlink("l", "a"))
    if size == MIB:
        assert len(walked(archive)) == 2
    else:
        assert f"extended header of {size} bytes" in refusal(archive).problem


@pytest.mark.parametrize("count", [100_000, 100_001])
def test_up_to_100_000_members(count: int) -> None:
    archive = tar(header("m") * count)
    if count == 100_000:
        assert sum(1 for _ in walk(InMemory(archive))) == count
    else:
        assert refusal(archive).offset == 100_000 * 512


def test_padding_beyond_64_mib(tmp_path: Path) -> None:
    with (tmp_path / "a.tar").open("w+b", buffering=0) as output:
        output.write(tar(A))
        output.truncate(1024**4)
        with pytest.raises(InvalidArchive, match="follow the end"):
            list(walk(ArchiveFile(output, "a.tar")))


MEASURED_WALK = """
import sys, time
from imgcopy_core_stubs import InvalidArchive
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._tar_walk import walk
try:
    members = list(walk(ArchiveFile(open(sys.argv[1], "rb"), "hostile.tar")))
except InvalidArchive as error:
    peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
    print(error.problem, time.process_time(), peak, sep="\\n")
"""


WIDE = "\N{GRINNING FACE}" + "n" * 90  # four bytes of memory for each character
LONG_NAME = extended(b"L", "\N{GRINNING FACE}".encode() + b"n" * 900_000)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (lambda: header("m") * 150_000, "more than 100000 members"),
        (lambda: (extended(b"L", b"n") + extended(b"K", b"n") + A) * 60_000, "100000 extended"),
        (lambda: header("l", 7 * 1024**3, type=b"L") + A, "header of 7516192768 bytes"),
        (lambda: (LONG_NAME + A) * 10, "extended headers have more than"),
        (lambda: (extended(b"x", b"5 a=\n" * (MIB // 5)) + A) * 10, "headers have more than"),
        (lambda: old_sparse("s", b"", 20_000), "headers have more than"),
        (
            lambda: header("n" * 150 + "/" + WIDE, type=b"2", link=WIDE) * 90_000,
            "names take more than",
        ),
        (lambda: altered(header("m"), {124: b"\xff" * 10 + b"\xfe\0"}), "negative"),
    ],
    ids=[
        "members",
        "extended headers",
        "a long name of 7 GiB",
        "long names",
        "pax records",
        "maps of sparse parts",
        "wide characters in names",
        "size -512",
    ],
)
def test_time_and_memory_are_bounded(
    tmp_path: Path, data: Callable[[], bytes], problem: str
) -> None:
    path = tmp_path / "hostile.tar"
    path.write_bytes(data())
    run = subprocess.run(
        [sys.executable, "-c", MEASURED_WALK, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found, seconds, kilobytes = run.stdout.splitlines()
    assert problem in found
    assert float(seconds) < 10  # 5 is the goal; this machine may be busy
    assert int(kilobytes) < 192 * 1024
