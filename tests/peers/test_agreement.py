"""What imgcopy says of an image is what skopeo says of it."""

import json
from pathlib import Path

import pytest

from tests.peers.evidence import digest
from tests.peers.images import SMALL_TAG
from tests.peers.tools import Tool

pytestmark = pytest.mark.peers

STORED = ["oci", "oci-zstd", "dir-oci", "dir-v2s2", "archive-skopeo", "archive-docker"]


@pytest.fixture(params=STORED)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Reference of a small image that the tools have stored, in one way after the other."""

    def made(fixture: str) -> Path:
        path: Path = request.getfixturevalue(fixture)
        return path

    match request.param.split("-"):
        case ["oci"]:
            return f"oci:{made('small_layout')}:{SMALL_TAG}"
        case ["oci", "zstd"]:
            return f"oci:{made('zstd_layout')}:{SMALL_TAG}"
        case ["archive", "skopeo"]:
            return f"docker-archive:{made('skopeo_copied')}"
        case ["archive", "docker"]:
            return f"docker-archive:{made('docker_saved')}"
        case ["dir", manifest_format]:
            skopeo: Tool = request.getfixturevalue("skopeo")
            source, copied = f"oci:{made('small_layout')}:{SMALL_TAG}", f"dir:{tmp_path / 'dir'}"
            skopeo("copy", "-q", "--format", manifest_format, source, copied)
            return copied
    raise AssertionError(request.param)


def with_true_media_types(manifest: bytes) -> bytes:
    """A manifest of skopeo's with the true media type of layers that are not compressed.

    An archive has no manifest: each tool makes one up. skopeo 1.9 calls every layer in it gzip.
    """
    return manifest.replace(b".rootfs.diff.tar.gzip", b".rootfs.diff.tar")


def holds(ours: object, theirs: object) -> bool:
    """Whether a JSON document holds all of another one."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(key in ours and holds(ours[key], theirs[key]) for key in theirs)
    return ours == theirs


def test_inspect_prints_the_same_manifest(imgcopy: Tool, skopeo: Tool, image: str) -> None:
    theirs = skopeo("inspect", "--raw", image)
    if image.startswith("docker-archive:"):
        theirs = with_true_media_types(theirs)
    assert imgcopy("inspect", "--raw", image) == theirs


def test_inspect_prints_the_same_config(imgcopy: Tool, skopeo: Tool, image: str) -> None:
    options = ("inspect", "--config", "--raw", image)
    assert imgcopy(*options) == skopeo(*options)


def test_inspect_shows_all_of_the_config_that_skopeo_shows(
    imgcopy: Tool, skopeo: Tool, image: str
) -> None:
    ours, theirs = (json.loads(tool("inspect", "--config", image)) for tool in (imgcopy, skopeo))
    assert holds(ours, theirs)


def test_inspect_says_all_that_skopeo_says(imgcopy: Tool, skopeo: Tool, image: str) -> None:
    ours, theirs = (json.loads(tool("inspect", image)) for tool in (imgcopy, skopeo))
    if image.startswith("docker-archive:"):
        theirs["Digest"] = digest(with_true_media_types(skopeo("inspect", "--raw", image)))
    assert holds(ours, theirs)


@pytest.mark.parametrize("manifest_format", ["oci", "v2s2"])
def test_manifest_digest(
    imgcopy: Tool, skopeo: Tool, small_layout: Path, manifest_format: str, tmp_path: Path
) -> None:
    source, directory = f"oci:{small_layout}:{SMALL_TAG}", tmp_path / "dir"
    skopeo("copy", "-q", "--format", manifest_format, source, f"dir:{directory}")
    manifest = directory / "manifest.json"
    assert imgcopy("manifest-digest", manifest) == skopeo("manifest-digest", manifest)


@pytest.mark.parametrize(
    ("options", "destination"),
    [([], "docker-archive:{}/x.tar:app:1"), (["--format", "v2s2"], "dir:{}/x")],
    ids=["docker-archive", "dir"],
)
def test_the_digest_of_a_manifest_that_was_converted(
    imgcopy: Tool,
    skopeo: Tool,
    small_layout: Path,
    options: list[str],
    destination: str,
    tmp_path: Path,
) -> None:
    digests = []
    for tool, name in ((imgcopy, "ours"), (skopeo, "theirs")):
        (tmp_path / name).mkdir()
        digest_file = tmp_path / f"{name}.digest"
        source, copied = f"oci:{small_layout}:{SMALL_TAG}", destination.format(tmp_path / name)
        tool("copy", "-q", *options, "--digestfile", digest_file, source, copied)
        digests.append(digest_file.read_text())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("additional", [[], ["a:latest", "localhost:5000/x/y:2"]], ids=len)
def test_list_tags(
    imgcopy: Tool, skopeo: Tool, small_layout: Path, additional: list[str], tmp_path: Path
) -> None:
    archive = f"docker-archive:{tmp_path / 'tagged.tar'}"
    options = [option for tag in additional for option in ("--additional-tag", tag)]
    skopeo("copy", "-q", *options, f"oci:{small_layout}:{SMALL_TAG}", f"{archive}:small")
    ours, theirs = (json.loads(tool("list-tags", archive)) for tool in (imgcopy, skopeo))
    assert ours == theirs
