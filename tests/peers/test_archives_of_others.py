"""Archives, layouts and directories that other tools wrote are read, and as they are meant."""

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.peers.evidence import (
    Image,
    digest,
    image_in_archive,
    image_in_dir,
    image_in_oci,
    manifest_items,
    member,
    oci_manifest,
)
from tests.peers.images import NAME_IN, SMALL_TAG
from tests.peers.tools import Tool, program

pytestmark = pytest.mark.peers

OCI_NAME = "example.org/kept/as-it-is:1"


@pytest.fixture(params=sorted(NAME_IN))
def name_and_archive(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """An archive with one image, made by each of the tools in turn, and the image's name."""
    return NAME_IN[request.param], request.getfixturevalue(request.param)


def copied(imgcopy: Tool, source: str, layout: Path, stdin: bytes = b"") -> Image:
    """The image that is in an OCI layout after imgcopy copied it there."""
    imgcopy("copy", "-q", source, f"oci:{layout}:copied", stdin=stdin)
    return image_in_oci(layout, "copied")


def test_the_only_image(imgcopy: Tool, name_and_archive: tuple[str, Path], tmp_path: Path) -> None:
    _, archive = name_and_archive
    image = copied(imgcopy, f"docker-archive:{archive}", tmp_path / "layout")
    assert image == image_in_archive(archive)


def test_an_image_by_its_name(
    imgcopy: Tool, name_and_archive: tuple[str, Path], tmp_path: Path
) -> None:
    name, archive = name_and_archive
    image = copied(imgcopy, f"docker-archive:{archive}:{name}", tmp_path / "layout")
    assert image == image_in_archive(archive)


def test_standard_input(imgcopy: Tool, name_and_archive: tuple[str, Path], tmp_path: Path) -> None:
    _, archive = name_and_archive
    image = copied(imgcopy, "docker-archive:-", tmp_path / "layout", archive.read_bytes())
    assert image == image_in_archive(archive)


def test_list_tags(imgcopy: Tool, name_and_archive: tuple[str, Path]) -> None:
    name, archive = name_and_archive
    assert json.loads(imgcopy("list-tags", f"docker-archive:{archive}")) == {"Tags": [name]}


def test_validate(imgcopy: Tool, name_and_archive: tuple[str, Path]) -> None:
    _, archive = name_and_archive
    assert imgcopy("validate", f"docker-archive:{archive}").startswith(b"PASS: ")


@pytest.mark.parametrize("compression", ["small_layout", "zstd_layout", "plain_layout"])
def test_validate_a_layout(imgcopy: Tool, compression: str, request: pytest.FixtureRequest) -> None:
    layout: Path = request.getfixturevalue(compression)
    assert imgcopy("validate", f"oci:{layout}:{SMALL_TAG}").startswith(b"PASS: ")


@pytest.mark.parametrize(
    "compressor",
    [("gzip",), ("pigz",), ("bzip2",), ("xz", "-1", "-T0"), ("zstd",), ("zstd", "-T0", "--long")],
    ids=" ".join,
)
def test_a_compressed_archive(
    imgcopy: Tool, docker_saved: Path, tmp_path: Path, compressor: tuple[str, ...]
) -> None:
    compressed = tmp_path / "compressed"
    command = [program(compressor[0]), *compressor[1:], "-c", str(docker_saved)]
    with compressed.open("wb") as output:
        subprocess.run(command, check=True, stdout=output)
    image = copied(imgcopy, f"docker-archive:{compressed}", tmp_path / "layout")
    assert image == image_in_archive(docker_saved)


def test_several_images_in_one_archive(
    imgcopy: Tool, engine: Tool, docker_saved: Path, skopeo_copied: Path, tmp_path: Path
) -> None:
    names = [NAME_IN["docker_saved"], NAME_IN["skopeo_copied"]]
    engine("load", "--input", docker_saved)
    engine("load", "--input", skopeo_copied)
    archive = tmp_path / "both.tar"
    options = ["--multi-image-archive"] if engine.name == "podman" else []
    engine("save", *options, "--output", archive, *names)

    source = f"docker-archive:{archive}"
    assert sorted(json.loads(imgcopy("list-tags", source))["Tags"]) == sorted(names)
    for item, document in enumerate(manifest_items(archive)):
        (name,) = document["RepoTags"]
        image = image_in_archive(archive, item)
        assert copied(imgcopy, f"{source}:{name}", tmp_path / f"by-name-{item}") == image
        assert copied(imgcopy, f"{source}:@{item}", tmp_path / f"by-number-{item}") == image


def test_an_untagged_image(imgcopy: Tool, docker: Tool, docker_saved: Path, tmp_path: Path) -> None:
    archive = tmp_path / "untagged.tar"
    image_id = image_in_archive(docker_saved).config_digest
    docker("save", "--output", archive, image_id)
    assert json.loads(imgcopy("list-tags", f"docker-archive:{archive}")) == {"Tags": ["@0"]}
    image = copied(imgcopy, f"docker-archive:{archive}:@0", tmp_path / "layout")
    assert image.config_digest == image_id


def test_a_layout_of_podman(
    imgcopy: Tool, podman: Tool, podman_saved: Path, tmp_path: Path
) -> None:
    saved, name = tmp_path / "saved", NAME_IN["podman_saved"]
    podman("save", "--quiet", "--format", "oci-dir", "--output", saved, name)
    image = image_in_oci(saved, name)
    assert copied(imgcopy, f"oci:{saved}", tmp_path / "the-only-one") == image
    assert copied(imgcopy, f"oci:{saved}:{name}", tmp_path / "by-tag") == image


# --- archives that are OCI layouts ----------------------------------------------------------------


@pytest.fixture
def by_skopeo(skopeo: Tool, small_layout: Path, tmp_path: Path) -> Path:
    archive = tmp_path / "by-skopeo.tar"
    source, destination = f"oci:{small_layout}:{SMALL_TAG}", f"oci-archive:{archive}:{OCI_NAME}"
    skopeo("copy", "-q", source, destination)
    return archive


@pytest.fixture
def by_ctr(ctr: Tool, by_skopeo: Path, tmp_path: Path) -> Path:
    """It has a `manifest.json` too."""
    archive = tmp_path / "by-ctr.tar"
    ctr("images", "import", "--snapshotter", "native", by_skopeo)
    ctr("images", "export", archive, OCI_NAME)
    ctr("images", "remove", OCI_NAME)
    assert manifest_items(archive)
    return archive


@pytest.fixture
def by_podman(podman: Tool, by_skopeo: Path, tmp_path: Path) -> Path:
    archive = tmp_path / "by-podman.tar"
    podman("load", "--input", by_skopeo)
    podman("save", "--quiet", "--format", "oci-archive", "--output", archive, OCI_NAME)
    podman("rmi", OCI_NAME)
    return archive


@pytest.mark.parametrize("tool", ["skopeo", "ctr", "podman"])
def test_an_oci_archive_keeps_its_digest(
    imgcopy: Tool, tool: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    archive: Path = request.getfixturevalue(f"by_{tool}")
    with tarfile.open(archive) as tar:
        (described,) = json.load(member(tar, "index.json"))["manifests"]

    source, layout = f"docker-archive:{archive}", tmp_path / "layout"
    assert json.loads(imgcopy("list-tags", source)) == {"Tags": [OCI_NAME]}
    imgcopy("copy", "-q", "--preserve-digests", f"{source}:{OCI_NAME}", f"oci:{layout}:copied")
    assert digest(oci_manifest(layout, "copied")) == described["digest"]
    assert image_in_oci(layout, "copied").diff_ids  # each of its blobs is whole
    assert imgcopy("validate", source).startswith(b"PASS: ")


def test_a_directory_of_podman(
    imgcopy: Tool, podman: Tool, podman_saved: Path, tmp_path: Path
) -> None:
    saved, name = tmp_path / "saved", NAME_IN["podman_saved"]
    podman("save", "--quiet", "--format", "docker-dir", "--output", saved, name)
    image = image_in_dir(saved)
    assert copied(imgcopy, f"dir:{saved}", tmp_path / "layout") == image
