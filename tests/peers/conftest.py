"""Real tools, real daemons and real images, each made when the first test asks for it."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.peers.evidence import Image, image_in_oci, oci_manifest
from tests.peers.images import (
    DEBIAN_TAG,
    NAME_IN,
    SMALL_TAG,
    make_debian_image,
    make_docker_image,
    make_small_image,
)
from tests.peers.readers import Readers
from tests.peers.servers import (
    containerd_daemon,
    docker_daemon,
    registry_server,
    short_directory,
)
from tests.peers.tools import Tool, need_root, program

CACHE: Final = os.environ.get("IMGCOPY_PEERS_CACHE")
"""A directory that keeps the Debian image for the next session."""


@pytest.fixture(scope="session", autouse=True)
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends the session as Ctrl-C does: no daemon and no directory stays behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def imgcopy() -> Tool:
    """The command under test, run as a user runs it."""
    return Tool((sys.executable, "-m", "imgcopy_core_stubs"))


@pytest.fixture(scope="session")
def skopeo() -> Tool:
    return Tool((program("skopeo"), "--insecure-policy"))


@pytest.fixture(scope="session")
def umoci() -> Tool:
    return Tool((program("umoci"),))


@pytest.fixture(scope="session")
def podman() -> Iterator[Tool]:
    """podman with a store and a policy of its own."""
    need_root()
    with short_directory() as home:
        policy = home / ".config/containers/policy.json"
        policy.parent.mkdir(parents=True)
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        command = (program("podman"), "--root", f"{home}/root", "--runroot", f"{home}/run")
        yield Tool((*command, "--storage-driver", "vfs"), {"HOME": str(home)})


@pytest.fixture(scope="session")
def docker() -> Iterator[Tool]:
    """The docker client of a dockerd that lives as long as the session."""
    with docker_daemon() as client:
        yield client


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Tool:
    """docker and podman in turn."""
    chosen: Tool = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(scope="session")
def ctr() -> Iterator[Tool]:
    """The ctr of a containerd that lives as long as the session."""
    with containerd_daemon() as client:
        yield client


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """Host and port of a registry that lives as long as the session."""
    with registry_server() as address:
        yield address


@pytest.fixture(scope="session")
def readers(docker: Tool, ctr: Tool, podman: Tool, skopeo: Tool, workshop: Path) -> Readers:
    """The programs that read archives."""
    return Readers(docker, ctr, podman, skopeo, workshop)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A directory for what is too big to be left behind in pytest's own."""
    with short_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def small_layout(workshop: Path, umoci: Tool) -> Path:
    """OCI layout with the small image, tagged `SMALL_TAG`."""
    layout = workshop / "small"
    make_small_image(layout, umoci, workshop / "small-content")
    return layout


@pytest.fixture(scope="session")
def small_image(small_layout: Path) -> Image:
    return image_in_oci(small_layout, SMALL_TAG)


@pytest.fixture(scope="session")
def zstd_layout(skopeo: Tool, small_layout: Path, workshop: Path) -> Path:
    """The small image with its layers compressed by zstd."""
    layout = workshop / "zstd"
    skopeo(
        *("copy", "-q", "--dest-compress-format", "zstd"),
        *(f"oci:{small_layout}:{SMALL_TAG}", f"oci:{layout}:{SMALL_TAG}"),
    )
    assert b"tar+zstd" in oci_manifest(layout, SMALL_TAG)
    return layout


@pytest.fixture(scope="session")
def plain_layout(skopeo: Tool, small_layout: Path, workshop: Path) -> Path:
    """The small image with its layers as they are, not compressed."""
    layout, between = workshop / "plain", workshop / "plain-between"
    skopeo("copy", "-q", "--dest-decompress", f"oci:{small_layout}:{SMALL_TAG}", f"dir:{between}")
    skopeo(
        *("copy", "-q", "--dest-oci-accept-uncompressed-layers"),
        *(f"dir:{between}", f"oci:{layout}:{SMALL_TAG}"),
    )
    assert b'layer.v1.tar"' in oci_manifest(layout, SMALL_TAG)
    return layout


@pytest.fixture(scope="session")
def debian_layout(workshop: Path, umoci: Tool) -> Path:
    """OCI layout with a real Debian image of over 100 MB, tagged `DEBIAN_TAG`."""
    made, scratch = workshop / "debian", workshop / "debian-content"
    kept = Path(CACHE) / "debian" if CACHE else None
    if kept and kept.is_dir():
        return kept
    make_debian_image(made, umoci, scratch)
    shutil.rmtree(scratch)
    if kept is None:
        return made
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as beside:
        shutil.copytree(made, Path(beside) / "debian").rename(kept)
    return kept


@pytest.fixture(scope="session")
def debian_image(debian_layout: Path) -> Image:
    return image_in_oci(debian_layout, DEBIAN_TAG)


@pytest.fixture(scope="session")
def debian_archive(imgcopy: Tool, debian_layout: Path, workshop: Path) -> Path:
    """Docker archive that imgcopy made of the Debian image, named ``example.org/debian:1``."""
    archive = workshop / "debian.tar"
    imgcopy(
        *("copy", "-q", f"oci:{debian_layout}:{DEBIAN_TAG}"),
        f"docker-archive:{archive}:example.org/debian:1",
    )
    return archive


@pytest.fixture(scope="session")
def docker_saved(docker: Tool, workshop: Path) -> Path:
    """Archive by ``docker save`` of a small image that ``docker build`` made."""
    archive, name = workshop / "docker-saved.tar", NAME_IN["docker_saved"]
    make_docker_image(docker, name, workshop / "docker-build")
    docker("save", "--output", archive, name)
    return archive


@pytest.fixture(scope="session")
def podman_saved(podman: Tool, skopeo_copied: Path, workshop: Path) -> Path:
    """Archive by ``podman save`` of the small image."""
    archive, name = workshop / "podman-saved.tar", NAME_IN["podman_saved"]
    podman("load", "--input", skopeo_copied)
    podman("tag", NAME_IN["skopeo_copied"], name)
    podman("save", "--output", archive, name)
    return archive


@pytest.fixture(scope="session")
def skopeo_copied(skopeo: Tool, small_layout: Path, workshop: Path) -> Path:
    """Archive by ``skopeo copy`` of the small image."""
    archive = workshop / "skopeo-copied.tar"
    destination = f"docker-archive:{archive}:{NAME_IN['skopeo_copied']}"
    skopeo("copy", "-q", f"oci:{small_layout}:{SMALL_TAG}", destination)
    return archive
