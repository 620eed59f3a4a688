"""Both layouts, every reader; and the table of it in the README, which this test makes.

`IMGCOPY_WRITE_MATRIX=1` writes the table anew.
"""

import os
from pathlib import Path
from typing import Final

import pytest

from tests.peers.evidence import image_in_oci, oci_manifest
from tests.peers.images import SMALL_TAG
from tests.peers.matrix import KEEPS, NAME, READERS, Peers, Stored, table
from tests.peers.tools import Tool

pytestmark = pytest.mark.peers

README: Final = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- made by tests/peers/test_matrix.py -->\n\n", "\n<!-- end -->"

LAYOUTS: Final = {
    "`docker` layout": (),
    "without v1 folders": ("--dest-opt", "v1_folders=false"),
    "`oci` layout": ("--preserve-digests",),
}


@pytest.fixture(scope="module")
def peers(
    docker: Tool, ctr: Tool, podman: Tool, skopeo: Tool, umoci: Tool, workshop: Path
) -> Peers:
    return Peers(docker, ctr, podman, skopeo, umoci, workshop)


@pytest.fixture(scope="module")
def archives(imgcopy: Tool, small_layout: Path, workshop: Path) -> dict[str, Path]:
    made = {}
    for number, (layout, options) in enumerate(LAYOUTS.items()):
        made[layout] = workshop / f"matrix-{number}.tar"
        imgcopy(
            *("copy", "-q", *options, f"oci:{small_layout}:{SMALL_TAG}"),
            f"docker-archive:{made[layout]}:{NAME}",
        )
    return made


def test_every_reader_reads_every_layout_as_the_readme_says(
    peers: Peers, archives: dict[str, Path], small_layout: Path
) -> None:
    image = Stored(
        oci_manifest(small_layout, SMALL_TAG), image_in_oci(small_layout, SMALL_TAG).config
    )
    measured = table(
        list(archives),
        {
            reader: [read(peers, archive, image) for archive in archives.values()]
            for reader, read in READERS.items()
        },
    )

    readme = README.read_text()
    before, begin, rest = readme.partition(BEGIN)
    written, end, after = rest.partition(END)
    assert begin, "the README has a place for the table"
    assert end, "the README has a place for the table"
    if os.environ.get("IMGCOPY_WRITE_MATRIX") == "1":
        README.write_text(f"{before}{BEGIN}{measured}{END}{after}")
    else:
        assert written == measured
    assert KEEPS in measured


def test_a_digest_survives_the_way_through_an_archive(
    imgcopy: Tool, skopeo: Tool, small_layout: Path, registry: str, tmp_path: Path
) -> None:
    """Registry, layout, archive, layout, registry: the same manifest, byte for byte."""
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
    first, last = f"docker://{registry}/before:1", f"docker://{registry}/after:1"
    pulled, archive, copied = tmp_path / "pulled", tmp_path / "a.tar", tmp_path / "copied"
    skopeo("copy", "-q", *plain, f"oci:{small_layout}:{SMALL_TAG}", first)
    skopeo("copy", "-q", *plain, first, f"oci:{pulled}:1")
    imgcopy(
        "copy", "-q", "--preserve-digests", f"oci:{pulled}:1", f"docker-archive:{archive}:{NAME}"
    )
    imgcopy(
        "copy", "-q", "--preserve-digests", f"docker-archive:{archive}:{NAME}", f"oci:{copied}:1"
    )
    skopeo("copy", "-q", "--preserve-digests", *plain, f"oci:{copied}:1", last)
    raw = [skopeo("inspect", "--raw", "--tls-verify=false", place) for place in (first, last)]
    assert raw[0] == raw[1] == oci_manifest(small_layout, SMALL_TAG)
