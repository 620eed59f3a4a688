"""A layer of more than 8 GiB, whose size takes the base-256 form: written, and read by others."""

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Final

import pytest

from tests.peers.evidence import digest
from tests.peers.tools import Tool, program, unavailable

pytestmark = pytest.mark.peers

SIZE: Final = 9 * 1024**3
CHUNK: Final = 1 << 20
NAME: Final = "example.org/large:1"
PEAK_KIB: Final = 96 * 1024


def large_layout(path: Path) -> str:
    """Make a layout with an image of one layer, a sparse file of zeros; return its digest."""
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    hasher = hashlib.sha256()
    for _ in range(SIZE // CHUNK):
        hasher.update(bytes(CHUNK))
    with (blobs / hasher.hexdigest()).open("wb") as file:
        file.truncate(SIZE)
    layer = f"sha256:{hasher.hexdigest()}"
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer]},
        }
    ).encode()
    oci = "application/vnd.oci.image"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{oci}.manifest.v1+json",
            "config": {
                "mediaType": f"{oci}.config.v1+json",
                "digest": digest(config),
                "size": len(config),
            },
            "layers": [{"mediaType": f"{oci}.layer.v1.tar", "digest": layer, "size": SIZE}],
        }
    ).encode()
    for document in (config, manifest):
        (blobs / digest(document).removeprefix("sha256:")).write_bytes(document)
    descriptor = {
        "mediaType": f"{oci}.manifest.v1+json",
        "digest": digest(manifest),
        "size": len(manifest),
    }
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [descriptor]}))
    return layer


def test_a_layer_of_nine_gibibytes(imgcopy: Tool, skopeo: Tool, workshop: Path) -> None:
    if shutil.disk_usage(workshop).free < 2 * SIZE:
        unavailable(f"less than {2 * SIZE} bytes are free in {workshop}")
    layout, archive = workshop / "large", workshop / "large.tar"
    layer = large_layout(layout)
    measured = workshop / "peak"
    timed = Tool((program("time"), "-f", "%M", "-o", str(measured), *imgcopy.command))
    try:
        timed("copy", "-q", f"oci:{layout}", f"docker-archive:{archive}:{NAME}")
        assert int(measured.read_text()) < PEAK_KIB
        member = f"{layer.removeprefix('sha256:')}.tar"
        listed = Tool((program("tar"),))("-t", "-v", "-f", archive).decode()
        assert [line.split()[2] for line in listed.splitlines() if line.endswith(f" {member}")] == [
            str(SIZE)
        ]
        with tarfile.open(archive) as tar:
            assert tar.getmember(member).size == SIZE
            assert tar.getnames()[-1] == "manifest.json"
        (found,) = json.loads(skopeo("inspect", f"docker-archive:{archive}:{NAME}"))["Layers"]
        assert found == layer
    finally:
        archive.unlink(missing_ok=True)
