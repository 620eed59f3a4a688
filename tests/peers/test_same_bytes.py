"""The archive is the one that skopeo writes, byte for byte, save for what skopeo has changed.

Debian's skopeo 1.9 does not write the bytes that this transport has always written: its v1 folders
have other names, and ``repositories`` comes after ``manifest.json``. All else is the same, so
`sha256_as_first_written` undoes these two changes in skopeo's own archive, and then every byte
must agree: headers, order, layers, config, JSON and the end of the file.
"""

import hashlib
from pathlib import Path

import pytest
from attrs import frozen

from tests.peers.images import DEBIAN_TAG, SMALL_TAG
from tests.peers.skopeo_archive import sha256_as_first_written
from tests.peers.tools import Tool

pytestmark = pytest.mark.peers

NAME = "example.org/small:1"


def sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@frozen
class Contest:
    """imgcopy and skopeo, each told to make an archive."""

    imgcopy: Tool
    skopeo: Tool
    directory: Path

    def ours(self, source: str, name: str = NAME, *options: str) -> str:
        """SHA-256 of imgcopy's archive."""
        archive = self.directory / "ours.tar"
        self.imgcopy("copy", "-q", *options, source, _destination(archive, name))
        return sha256_of_file(archive)

    def theirs(self, source: str, name: str = NAME, *options: str) -> str:
        """SHA-256 of skopeo's archive, as it would first have been written."""
        archive = self.directory / "theirs.tar"
        self.skopeo("copy", "-q", *options, source, _destination(archive, name))
        return sha256_as_first_written(archive)


def _destination(archive: Path, name: str) -> str:
    return f"docker-archive:{archive}:{name}" if name else f"docker-archive:{archive}"


@pytest.fixture
def contest(imgcopy: Tool, skopeo: Tool, tmp_path: Path) -> Contest:
    return Contest(imgcopy, skopeo, tmp_path)


@pytest.fixture
def small(small_layout: Path) -> str:
    return f"oci:{small_layout}:{SMALL_TAG}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "small",
        "small:1",
        "library/small:1",
        "team/small:V1.0_rc-2",
        "localhost/small:1",
        "localhost:5000/team/small",
        "registry.example.org:8443/a/b/c:latest",
    ],
)
def test_names(contest: Contest, small: str, name: str) -> None:
    assert contest.ours(small, name) == contest.theirs(small, name)


@pytest.mark.parametrize(
    "tags",
    [
        ("example.org/small:2",),
        ("example.org/small:2", "small:latest", "a.example:5000/x:y"),
        (NAME,),
    ],
    ids=["same-repository", "other-repositories", "the-same-again"],
)
def test_additional_tags(contest: Contest, small: str, tags: tuple[str, ...]) -> None:
    options = [option for tag in tags for option in ("--additional-tag", tag)]
    assert contest.ours(small, NAME, *options) == contest.theirs(small, NAME, *options)


def test_zstd_layers(contest: Contest, small: str, zstd_layout: Path) -> None:
    # skopeo 1.9 refuses zstd layers here. Decompressed they are what the gzip layers are.
    assert contest.ours(f"oci:{zstd_layout}:{SMALL_TAG}") == contest.theirs(small)


def test_plain_layers(contest: Contest, plain_layout: Path) -> None:
    plain = f"oci:{plain_layout}:{SMALL_TAG}"
    assert contest.ours(plain) == contest.theirs(plain)


@pytest.mark.parametrize("manifest_format", ["oci", "v2s2"])
def test_directories(
    contest: Contest, skopeo: Tool, small: str, tmp_path: Path, manifest_format: str
) -> None:
    directory = f"dir:{tmp_path / 'dir'}"
    skopeo("copy", "-q", "--format", manifest_format, small, directory)
    assert contest.ours(directory) == contest.theirs(directory)


def test_an_image_that_docker_built(contest: Contest, docker_saved: Path) -> None:
    saved = f"docker-archive:{docker_saved}"
    assert contest.ours(saved) == contest.theirs(saved)


def test_debian(skopeo: Tool, debian_layout: Path, debian_archive: Path, workshop: Path) -> None:
    theirs = workshop / "debian-by-skopeo.tar"
    source = f"oci:{debian_layout}:{DEBIAN_TAG}"
    skopeo("copy", "-q", source, f"docker-archive:{theirs}:example.org/debian:1")
    assert sha256_of_file(debian_archive) == sha256_as_first_written(theirs)
    theirs.unlink()
