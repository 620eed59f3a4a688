"""`imgcopy copy --dry-run`."""

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.core.cli.running import Runner, run_process
from tests.core.transports.layouts import CONFIG, LAYER, MANIFEST, Layout, named, tree

PLAIN = b"a layer" * 1000
ZIPPED = gzip.compress(PLAIN, mtime=0)
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def packed(layout: Layout) -> tuple[Layout, str]:
    """A layout with the image `packed` of a compressed and a plain layer, and its digest."""
    config = json.dumps(
        {
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [sha256(PLAIN), sha256(b"plain")]},
        }
    ).encode()
    layers = [layout.blob(ZIPPED, LAYER + "+gzip"), layout.blob(b"plain", LAYER)]
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.blob(config, CONFIG),
        "layers": layers,
    }
    manifest = layout.blob(json.dumps(document).encode(), MANIFEST)
    layout.write_index(named(manifest, "packed"))
    return layout, manifest["digest"]


def test_each_layer_and_the_sums(run: Runner, packed: tuple[Layout, str], tmp_path: Path) -> None:
    layout, digest = packed
    before = tree(tmp_path)

    result = run(
        "copy", "--dry-run", f"oci:{layout.path}:packed", f"docker-archive:{tmp_path}/a.tar"
    )

    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines() == [
        f"linux/amd64: manifest {digest} becomes {DOCKER_MANIFEST}",
        f"  {sha256(ZIPPED)} {len(ZIPPED)} bytes: decompressed",
        f"  {sha256(b'plain')} 5 bytes: copied as it is",
        f"would read {len(ZIPPED) + 5} bytes and write 5 bytes and 1 layer of unknown size",
    ]
    assert tree(tmp_path) == before


def test_what_can_stay_stays(run: Runner, packed: tuple[Layout, str], tmp_path: Path) -> None:
    layout, digest = packed

    result = run("copy", "--dry-run", f"oci:{layout.path}:packed", f"dir:{tmp_path}/copy")

    first, *_, last = result.stdout.decode().splitlines()
    assert first == f"linux/amd64: manifest {digest} stays"
    assert last == f"would read {len(ZIPPED) + 5} bytes and write {len(ZIPPED) + 5} bytes"


def test_quiet_says_nothing_unless_the_copy_would_fail(
    run: Runner, packed: tuple[Layout, str], tmp_path: Path
) -> None:
    quietly = "copy", "--dry-run", "--quiet", f"oci:{packed[0].path}:packed"

    result = run(*quietly, f"dir:{tmp_path}/copy")
    assert (result.code, result.stdout, result.stderr) == (0, b"", "")
    refused = run(*quietly, f"dir:{tmp_path}/missing/copy")
    assert (refused.code, refused.stdout) == (5, b"")
    assert "missing" in refused.error


def test_what_is_there_is_reused(run: Runner, packed: tuple[Layout, str]) -> None:
    layout, digest = packed
    compressed = f"oci:{layout.path}:packed", f"oci:{layout.path}:again"

    result = run("copy", "--dry-run", "--dest-opt", "layers=keep", *compressed)
    assert result.stdout.decode().splitlines() == [
        f"linux/amd64: manifest {digest} stays",
        f"  {sha256(ZIPPED)} {len(ZIPPED)} bytes: reused",
        f"  {sha256(b'plain')} 5 bytes: reused",
        "would read 0 bytes and write 0 bytes",
    ]


def test_every_image_of_an_index(run: Runner, layout: Layout, tmp_path: Path) -> None:
    images = [layout.image("one"), layout.image("two")]
    layout.write_index(named(layout.index(*images), "all"))

    result = run("copy", "--all", "--dry-run", f"oci:{layout.path}:all", f"oci:{tmp_path}/copy")

    lines = result.stdout.decode().splitlines()
    assert lines[::2] == [
        *[f"linux/amd64: manifest {image['digest']} changes" for image in images],
        "would read 6.1 kB and write 2 layers of unknown size",
    ]
    assert [line.rpartition(": ")[2] for line in lines[1::2]] == ["compressed", "compressed"]


def test_several_sources(run: Runner, packed: tuple[Layout, str], tmp_path: Path) -> None:
    layout, digest = packed
    source = f"oci:{layout.path}:packed"
    before = tree(tmp_path)

    result = run("copy", "--dry-run", source, source, f"docker-archive:{tmp_path}/a.tar")

    image = f"linux/amd64: manifest {digest} becomes {DOCKER_MANIFEST}"
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines() == [
        f"{source}:",
        image,
        f"  {sha256(ZIPPED)} {len(ZIPPED)} bytes: decompressed",
        f"  {sha256(b'plain')} 5 bytes: copied as it is",
        f"{source}:",
        image,
        f"  {sha256(ZIPPED)} {len(ZIPPED)} bytes: reused",
        f"  {sha256(b'plain')} 5 bytes: reused",
        f"would read {len(ZIPPED) + 5} bytes and write 5 bytes and 1 layer of unknown size",
    ]
    assert tree(tmp_path) == before


def test_what_a_copy_refuses(run: Runner, layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_text("old")

    result = run("copy", "--dry-run", f"oci:{layout.path}:app", f"docker-archive:{tmp_path}/a.tar")

    assert (result.code, result.stdout) == (5, b"")
    assert result.error == f'"{tmp_path}/a.tar" already exists (add --overwrite to replace it)'


def test_a_pipe_is_refused_and_gets_nothing(layout: Layout, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for place in ("-", "/dev/stdout", str(pipe)):
        destination = f"docker-archive:{place}"
        result = run_process("copy", "--dry-run", f"oci:{layout.path}:app", destination)

        assert (result.code, result.stdout) == (2, b"")
        assert result.error == (
            f'option "--dry-run": "{destination}" is standard output, a pipe or a device '
            "(name a file in its place)"
        )
