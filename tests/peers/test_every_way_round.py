"""``oci:``, ``dir:`` and ``docker-archive:``, each to each: config and diff IDs never change.

After every hop the image is read by hand, the layers hashed anew, and skopeo is asked as well.
"""

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from attrs import frozen

from tests.peers.evidence import Image, image_in_archive, image_in_dir, image_in_oci
from tests.peers.images import SMALL_TAG
from tests.peers.tools import Tool

pytestmark = pytest.mark.peers

TRANSPORTS = ("oci", "dir", "docker-archive")

NAME = {"oci": ":hop", "dir": "", "docker-archive": ":example.org/hop:1"}

READ_BY_HAND: dict[str, Callable[[Path], Image]] = {
    "oci": partial(image_in_oci, tag="hop"),
    "dir": image_in_dir,
    "docker-archive": image_in_archive,
}


@frozen
class Traveller:
    """An image on its way through the transports."""

    imgcopy: Tool
    skopeo: Tool
    image: Image

    def hop(self, source: str, transport: str, path: Path) -> str:
        """Copy `source` to `path`, check what is there, and return its reference."""
        destination = f"{transport}:{path}{NAME[transport]}"
        self.imgcopy("copy", "-q", source, destination)
        assert READ_BY_HAND[transport](path) == self.image
        assert self.skopeo("inspect", "--config", "--raw", destination) == self.image.config
        return destination


@pytest.fixture(params=["small_layout", "zstd_layout", "plain_layout"])
def layout(request: pytest.FixtureRequest) -> Path:
    """The small image with layers compressed in one way after the other."""
    chosen: Path = request.getfixturevalue(request.param)
    return chosen


@pytest.mark.parametrize("route", list(product(TRANSPORTS, TRANSPORTS)), ids=" to ".join)
def test_each_to_each(
    imgcopy: Tool, skopeo: Tool, layout: Path, tmp_path: Path, route: tuple[str, str]
) -> None:
    first, second = route
    traveller = Traveller(imgcopy, skopeo, image_in_oci(layout, SMALL_TAG))
    once = traveller.hop(f"oci:{layout}:{SMALL_TAG}", first, tmp_path / "once")
    traveller.hop(once, second, tmp_path / "twice")


def test_debian_goes_round(
    imgcopy: Tool, skopeo: Tool, debian_archive: Path, debian_image: Image, workshop: Path
) -> None:
    traveller = Traveller(imgcopy, skopeo, debian_image)
    archive = f"docker-archive:{debian_archive}"
    directory = traveller.hop(archive, "dir", workshop / "debian-dir")
    traveller.hop(directory, "oci", workshop / "debian-oci")


def test_umoci_lists_and_unpacks_what_was_copied_beside_its_own_image(
    imgcopy: Tool, umoci: Tool, docker_saved: Path, tmp_path: Path
) -> None:
    layout = tmp_path / "layout"
    umoci("init", "--layout", layout)
    umoci("new", "--image", f"{layout}:umoci")
    imgcopy("copy", "-q", f"docker-archive:{docker_saved}", f"oci:{layout}:imgcopy")
    assert sorted(umoci("list", "--layout", layout).split()) == [b"imgcopy", b"umoci"]
    umoci("unpack", "--image", f"{layout}:imgcopy", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/hello").read_bytes() == b"hello\n"
