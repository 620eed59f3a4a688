import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import InvalidArchive, TooLarge
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._members import ArchiveMembers
from tests.docker_archive.reading.conftest import ArchiveOf
from tests.docker_archive.tars import file, hard_link, header, symlink, tar

Open = Callable[[bytes], ArchiveMembers]


@pytest.fixture
def opened(archive_of: ArchiveOf) -> Open:
    """Lists the members of an archive of the given bytes."""
    return lambda data: ArchiveMembers(archive_of(data))


def test_names_each_once_in_their_order(opened: Open) -> None:
    members = opened(tar(file("./b"), file("a/c"), header("d/", type=b"5"), file("b"), file("a")))
    assert list(members) == ["b", "a/c", "d", "a"]
    assert all(name in members for name in ("b", "./b", "/b", "x/../a/c", "d/", "a"))
    assert "c" not in members


def test_all_members_of_a_name(opened: Open) -> None:
    members = opened(tar(file("a", b"1"), symlink("l", "a"), file("./a", b"22")))
    assert [(member.offset, member.size) for member in members.named("./a")] == [
        (512, 1),
        (2048, 2),
    ]
    assert [member.link for member in members.named("l")] == ["a"]
    assert members.named("b") == ()


def test_a_file_behind_links(opened: Open) -> None:
    links = symlink("d/l", "../h") + hard_link("h", "./d/a")
    members = opened(tar(links, file("d/a", b"data")))
    assert members.file("./d/l") == members.file("h") == members.file("d/a")
    assert members.document("d/l", limit=4) == b"data"


@pytest.mark.parametrize(
    ("name", "named_by", "problem"),
    [
        ("x", "", "it is not in the archive"),
        ("x", "index.json", "index.json names it, but it is not in the archive"),
        ("../x", "index.json", "index.json names it, but it is outside of the archive"),
    ],
)
def test_a_missing_file(opened: Open, name: str, named_by: str, problem: str) -> None:
    with pytest.raises(InvalidArchive) as caught:
        opened(tar(file("a"))).file(name, named_by=named_by)
    error = caught.value
    assert (error.name, error.member, error.offset) == ("a.tar", name, None)
    assert error.problem == problem


@pytest.mark.parametrize("name", ["a", "l", "twice"])
def test_a_document_over_its_limit(opened: Open, name: str) -> None:
    data = tar(file("a", b"data"), symlink("l", "a"), file("twice", b"data"), file("twice", b"1"))
    members = opened(data)
    with pytest.raises(TooLarge) as caught:
        members.document(name, limit=3)
    assert caught.value.limit == 3


@pytest.mark.parametrize("second", [b"data", b"Data"])
def test_duplicates_are_compared_once(
    opened: Open, second: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = opened(tar(file("a", b"data"), file("a", second)))
    first = outcome(members)
    assert (first == 512) is (second == b"data")
    monkeypatch.setattr(os, "pread", None)  # nothing is read from now on
    assert outcome(members) == first


def outcome(members: ArchiveMembers) -> int | str:
    """Where the file `a` is, or why it is refused."""
    try:
        return members.file("a").offset
    except InvalidArchive as error:
        return str(error)


# --- links are followed as a file system does -----------------------------------------------------

PATHS = ("x", "y", "z", "d/x", "d/y")
TARGETS = [prefix + name for prefix in ("", "./", "../", "d/", "../d/") for name in "xyz"]


@given(st.dictionaries(st.sampled_from(PATHS), st.one_of(st.none(), st.sampled_from(TARGETS))))
def test_links_lead_where_a_file_system_leads(links: dict[str, str | None]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        (root / "d").mkdir(parents=True)
        for path, target in links.items():
            if target is None:
                (root / path).write_text(path)
            else:
                (root / path).symlink_to(target)
        archive = Path(directory) / "a.tar"
        with tarfile.open(archive, "w") as made:
            for path in links:
                made.add(root / path, path)
        file = ArchiveFile(archive.open("rb"), "a.tar")
        members = ArchiveMembers(file)
        for path in PATHS:
            assert content(members, path) == content_on_disk(root / path)
        file.close()


def content(members: ArchiveMembers, path: str) -> bytes | None:
    try:
        return members.document(path, limit=100)
    except InvalidArchive:
        return None


def content_on_disk(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
