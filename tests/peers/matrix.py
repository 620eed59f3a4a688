"""Who reads which layout: each reader's own answer, and the table of them all.

Every cell is measured: the reader gets an archive, and what it says of the image is held against
the image that was stored.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.peers.evidence import digest
from tests.peers.tools import SEARCH_PATH, Tool, program

NAME: Final = "example.org/matrix:1"

KEEPS: Final = "loads, keeps the digest"
LOADS: Final = "loads"
NO: Final = "no"


@frozen
class Stored:
    """An image as it was before it went into the archive."""

    manifest: bytes
    config: bytes


@frozen
class Peers:
    """The tools that the readers are made of."""

    docker: Tool
    ctr: Tool
    podman: Tool
    skopeo: Tool
    umoci: Tool
    scratch: Path


def by_docker(peers: Peers, archive: Path, image: Stored) -> str:
    """Docker with a graph driver knows images by their configs' digests."""
    peers.docker("load", "--input", archive)
    (found,) = json.loads(peers.docker("image", "inspect", NAME))
    peers.docker("image", "rm", "--force", NAME)
    assert found["Id"] == digest(image.config)
    return LOADS


def by_containerd(peers: Peers, archive: Path, image: Stored) -> str:
    peers.ctr("images", "import", "--snapshotter", "native", archive)
    listed = peers.ctr("images", "list", f"name=={NAME}").decode().splitlines()
    found = listed[1].split()[2]
    manifest = json.loads(peers.ctr("content", "get", found))
    peers.ctr("images", "remove", NAME)
    assert manifest["config"]["digest"] == digest(image.config)
    return _kept(found, image)


def by_podman(peers: Peers, archive: Path, image: Stored) -> str:
    # An image that is there already keeps the manifest that it came with first.
    peers.podman("image", "rm", "--all", "--force")
    peers.podman("load", "--input", archive)
    (found,) = json.loads(peers.podman("image", "inspect", NAME))
    peers.podman("image", "rm", "--force", NAME)
    assert found["Id"] == digest(image.config).removeprefix("sha256:")
    return _kept(found["Digest"], image)


def by_skopeo_docker(peers: Peers, archive: Path, image: Stored) -> str:
    return _by_skopeo(peers, f"docker-archive:{archive}:{NAME}", image)


def by_skopeo_oci(peers: Peers, archive: Path, image: Stored) -> str:
    if not _has_layout(archive):
        assert not _succeeds(peers.skopeo, "inspect", "--raw", f"oci-archive:{archive}")
        return NO
    return _by_skopeo(peers, f"oci-archive:{archive}", image)


def by_umoci(peers: Peers, archive: Path, image: Stored) -> str:
    """umoci reads layouts in directories, so the archive is unpacked by tar first."""
    layout = peers.scratch / f"unpacked-{archive.name}"
    shutil.rmtree(layout, ignore_errors=True)
    layout.mkdir()
    Tool((program("tar"),))("-x", "-f", archive, "-C", layout)
    tag = NAME.rpartition(":")[2]
    if not _has_layout(archive):
        assert not _succeeds(peers.umoci, "stat", "--image", f"{layout}:{tag}", "--json")
        return NO
    bundle = peers.scratch / f"bundle-{archive.name}"
    shutil.rmtree(bundle, ignore_errors=True)
    peers.umoci("unpack", "--image", f"{layout}:{tag}", bundle)
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    return _kept(entry["digest"], image)


READERS: Final[Mapping[str, Callable[[Peers, Path, Stored], str]]] = {
    "`docker load` (dockerd, graph driver)": by_docker,
    "`ctr images import` (containerd)": by_containerd,
    "`podman load`": by_podman,
    "skopeo `docker-archive:`": by_skopeo_docker,
    "skopeo `oci-archive:`": by_skopeo_oci,
    "umoci, after `tar x`": by_umoci,
}


def table(columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Return a Markdown table: a line for each reader, a column for each layout."""
    lines = [["read by", *columns], ["---"] * (len(columns) + 1)]
    lines += [[reader, *cells] for reader, cells in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _by_skopeo(peers: Peers, reference: str, image: Stored) -> str:
    config = peers.skopeo("inspect", "--config", "--raw", reference)
    assert digest(config) == digest(image.config)
    return _kept(digest(peers.skopeo("inspect", "--raw", reference)), image)


def _kept(manifest_digest: str, image: Stored) -> str:
    return KEEPS if manifest_digest == digest(image.manifest) else LOADS


def _has_layout(archive: Path) -> bool:
    return b"oci-layout" in Tool((program("tar"),))("-t", "-f", archive)


def _succeeds(tool: Tool, *arguments: str) -> bool:
    command = [*tool.command, *arguments]
    return not subprocess.run(
        command, check=False, capture_output=True, env={"PATH": SEARCH_PATH, **tool.environment}
    ).returncode
