import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_docker_archive.writing._tar_blocks import header_block
from tests.docker_archive import expected_archive as expected

GIB = 1024**3
NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0/"), min_size=1, max_size=100)


@given(NAMES, st.binary(max_size=2000))
def test_a_header_is_what_tarfile_writes_and_go(name: str, content: bytes) -> None:
    block = header_block(name, size=len(content))
    assert block == expected.member(name, content)[:512]


@given(NAMES, NAMES)
def test_a_symlinks_header(name: str, target: str) -> None:
    assert header_block(name, link=target) == expected.symlink(name, target)


@pytest.mark.parametrize("size", [8 * GIB - 1, 8 * GIB, 9 * GIB, 100 * GIB])
def test_the_header_of_a_large_member_is_read_by_tarfile(size: int) -> None:
    block = header_block("layer.tar", size=size)
    assert len(block) == 512
    info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    assert (info.name, info.size, info.mode) == ("layer.tar", size, 0o444)
    assert (block[257:263] == b"ustar ") is (size >= 8 * GIB)


def test_a_sparse_archive_of_a_large_member_is_listed_by_tar(tmp_path: Path) -> None:
    if shutil.which("tar") is None:
        pytest.skip("tar is not installed")
    path = tmp_path / "large.tar"
    with path.open("wb") as file:
        file.write(header_block("layer.tar", size=9 * GIB))
        file.seek(512 + 9 * GIB)
        file.write(header_block("last") + bytes(1024))
    listing = subprocess.run(["tar", "-tvf", path], check=True, capture_output=True, text=True)
    names = [(line.split()[2], line.split()[-1]) for line in listing.stdout.splitlines()]
    assert names == [(str(9 * GIB), "layer.tar"), ("0", "last")]


@pytest.mark.parametrize(("name", "link"), [("n" * 101, None), ("n", "l" * 101)])
def test_a_name_that_does_not_fit_is_a_bug(name: str, link: str | None) -> None:
    with pytest.raises(ValueError, match="longer than 100 bytes"):
        header_block(name, link=link)
