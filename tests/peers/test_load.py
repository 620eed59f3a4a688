"""What imgcopy writes is loaded by those who must load it, under the right image ID.

The image ID of docker and podman is the digest of the config.
"""

import json
from pathlib import Path

import pytest

from tests.peers.evidence import Image, digest, image_in_dir
from tests.peers.images import SMALL_TAG
from tests.peers.tools import Tool, program

pytestmark = pytest.mark.peers

HELLO = Path(__file__).parents[1] / "data" / "hello"


def identity(engine: Tool, name: str) -> tuple[str, list[str]]:
    """Image ID and diff IDs, as docker or podman tell them."""
    (found,) = json.loads(engine("image", "inspect", name))
    return found["Id"].removeprefix("sha256:"), found["RootFS"]["Layers"]


def expected(image: Image) -> tuple[str, list[str]]:
    return image.config_digest.removeprefix("sha256:"), list(image.diff_ids)


def test_the_debian_image_is_a_large_one(debian_archive: Path, debian_image: Image) -> None:
    assert debian_archive.stat().st_size > 100_000_000
    assert len(debian_image.diff_ids) == 4


def test_docker_loads_debian(docker: Tool, debian_archive: Path, debian_image: Image) -> None:
    docker("load", "--input", debian_archive)
    assert identity(docker, "example.org/debian:1") == expected(debian_image)


def test_podman_loads_debian(podman: Tool, debian_archive: Path, debian_image: Image) -> None:
    podman("load", "--input", debian_archive)
    assert identity(podman, "example.org/debian:1") == expected(debian_image)


def test_skopeo_reads_debian_back(
    skopeo: Tool, debian_archive: Path, debian_image: Image, workshop: Path
) -> None:
    copied = workshop / "debian-by-skopeo"
    skopeo(
        "copy", "--quiet", f"docker-archive:{debian_archive}:example.org/debian:1", f"dir:{copied}"
    )
    assert image_in_dir(copied) == debian_image


def test_every_additional_tag_names_the_same_image(
    imgcopy: Tool, engine: Tool, small_layout: Path, small_image: Image, tmp_path: Path
) -> None:
    archive = tmp_path / "small.tar"
    names = ["localhost:5000/team/small:1", "example.org/small:2", "docker.io/library/small:latest"]
    imgcopy(
        *("copy", "-q", f"oci:{small_layout}:{SMALL_TAG}", f"docker-archive:{archive}:{names[0]}"),
        *("--additional-tag", names[1], "--additional-tag", "small:latest"),
    )
    engine("load", "--input", archive)
    for name in names:
        assert identity(engine, name) == expected(small_image)


def test_an_oci_archive_that_is_appended_to_keeps_its_image_for_podman(
    imgcopy: Tool,
    podman: Tool,
    skopeo: Tool,
    small_layout: Path,
    small_image: Image,
    tmp_path: Path,
) -> None:
    source, archive = f"oci:{small_layout}:{SMALL_TAG}", tmp_path / "small.tar"
    old, new = "example.org/kept:1", "example.org/appended:1"
    skopeo("copy", "-q", source, f"oci-archive:{archive}:{old}")
    imgcopy("copy", "-q", "--append", f"oci:{HELLO}:latest", f"docker-archive:{archive}:{new}")
    podman("load", "--input", archive)
    assert identity(podman, old) == expected(small_image)
    assert identity(podman, new) != expected(small_image)


def test_standard_output_is_loaded_from_a_pipe(
    imgcopy: Tool, engine: Tool, small_layout: Path, small_image: Image
) -> None:
    source, name = f"oci:{small_layout}:{SMALL_TAG}", "example.org/piped:1"
    engine("load", stdin=imgcopy("copy", source, f"docker-archive:-:{name}"))
    assert identity(engine, name) == expected(small_image)


def test_containerd_imports(
    imgcopy: Tool, ctr: Tool, small_layout: Path, small_image: Image, tmp_path: Path
) -> None:
    archive, name = tmp_path / "small.tar", "example.org/small:ctr"
    imgcopy("copy", "-q", f"oci:{small_layout}:{SMALL_TAG}", f"docker-archive:{archive}:{name}")
    ctr("images", "import", "--snapshotter", "native", archive)
    listed = ctr("images", "list", f"name=={name}").decode().splitlines()
    manifest_digest = listed[1].split()[2]
    manifest = json.loads(ctr("content", "get", manifest_digest))
    assert manifest["config"]["digest"] == small_image.config_digest
    assert ctr("content", "get", manifest["config"]["digest"]) == small_image.config


@pytest.mark.parametrize("reader", ["tar", "bsdtar"])
def test_a_tar_program_unpacks(
    imgcopy: Tool, small_layout: Path, small_image: Image, tmp_path: Path, reader: str
) -> None:
    archive, unpacked = tmp_path / "small.tar", tmp_path / "unpacked"
    imgcopy("copy", "-q", f"oci:{small_layout}:{SMALL_TAG}", f"docker-archive:{archive}")
    unpacked.mkdir()
    Tool((program(reader),))("-x", "-f", archive, "-C", unpacked)
    layers = [path.resolve() for path in unpacked.glob("*/layer.tar")]
    assert len(layers) == len(small_image.diff_ids)
    assert {digest(layer.read_bytes()) for layer in layers} == set(small_image.diff_ids)
