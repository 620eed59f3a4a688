"""What `imgcopy validate` says that a program makes of an archive is what the program does."""

import bz2
import gzip
import json
import lzma
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.peers.made_archives import (
    Change,
    Image,
    Writer,
    docker_layout,
    hexdigest,
    hybrid,
    item,
    writing,
    zstd,
)
from tests.peers.readers import LOADS, LOSES, REFUSES, Readers, runs, verdicts_of, version_of
from tests.peers.tools import Tool

pytestmark = pytest.mark.peers


def linked_layer(writer: Writer, image: Image, kind: bytes = tarfile.SYMTYPE) -> None:
    writer.file("real.tar", image.layers[0])
    writer.link("linked.tar", "real.tar", kind)
    writer.file("top.tar", image.layers[1])
    writer.file("config.json", image.config)
    tags = [f"{image.name}:1"]
    writer.manifest_json(item("config.json", tags, ["linked.tar", "top.tar"]))


def linked_config(writer: Writer, image: Image, kind: bytes = tarfile.SYMTYPE) -> None:
    for name, layer in zip(("base.tar", "top.tar"), image.layers, strict=True):
        writer.file(name, layer)
    writer.file("real.json", image.config)
    writer.link("config.json", "real.json", kind)
    writer.manifest_json(item("config.json", [f"{image.name}:1"], ["base.tar", "top.tar"]))


def repeated_layer(writer: Writer, image: Image) -> None:
    """A layer that is there twice, the second time as a link: docker save once wrote that."""
    layer = image.layers[0]
    diff_ids = [f"sha256:{hexdigest(layer)}"] * 2
    config = {**json.loads(image.config), "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    writer.file("a/layer.tar", layer)
    writer.link("b/layer.tar", "../a/layer.tar")
    writer.file("config.json", json.dumps(config).encode())
    tags = [f"{image.name}:1"]
    writer.manifest_json(item("config.json", tags, ["a/layer.tar", "b/layer.tar"]))


def one_layer_for_two_diff_ids(writer: Writer, image: Image) -> None:
    writer.file("base.tar", image.layers[0])
    writer.file("config.json", image.config)
    writer.manifest_json(item("config.json", [f"{image.name}:1"], ["base.tar"]))


def names_with_dots(writer: Writer, image: Image) -> None:
    for name, data in zip(("base.tar", "top.tar"), image.layers, strict=True):
        writer.file(name, data)
    writer.file("config.json", image.config)
    writer.manifest_json(item("./config.json", [f"{image.name}:1"], ["base.tar", "top.tar"]))


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Change:
    return lambda writer, image: writer.link(name, target, kind)


def link_to_folder(writer: Writer, image: Image) -> None:
    writer.folder("folder")
    writer.link("linked", "folder")


HARD: Final = tarfile.LNKTYPE
ARCHIVES: Final[dict[str, Callable[[Writer, Image], object]]] = {
    "docker": docker_layout,
    "docker-dangling": lambda w, i: docker_layout(w, i, more=link("dangling", "nowhere")),
    "docker-outside": lambda w, i: docker_layout(w, i, more=link("outside", "../../etc/passwd")),
    "docker-absolute": lambda w, i: docker_layout(w, i, more=link("absolute", "/etc/passwd")),
    "docker-folder": lambda w, i: docker_layout(w, i, more=link_to_folder),
    "docker-early": lambda w, i: docker_layout(w, i, more=link("early", "manifest.json", HARD)),
    "docker-gzip": lambda w, i: docker_layout(w, i, compress=gzip.compress),
    "docker-bzip2": lambda w, i: docker_layout(w, i, compress=bz2.compress),
    "docker-xz": lambda w, i: docker_layout(w, i, compress=lzma.compress),
    "docker-zstd": lambda w, i: docker_layout(w, i, compress=zstd),
    "docker-untagged": lambda w, i: docker_layout(w, i, tags=[]),
    "docker-bare": lambda w, i: docker_layout(w, i, tags=[i.name]),
    "docker-upper": lambda w, i: docker_layout(w, i, tags=["example.org/Upper:1"]),
    "docker-empty": lambda w, i: docker_layout(w, i, tags=[""]),
    "docker-short": lambda w, i: docker_layout(w, i, tags=["short:1"]),
    "docker-pinned": lambda w, i: docker_layout(w, i, tags=[f"{i.name}@sha256:{'0' * 64}"]),
    "docker-dots": lambda w, i: docker_layout(w, i, folder="./"),
    "dots-in-names": names_with_dots,
    "layer-symlink": linked_layer,
    "layer-hard-link": lambda w, i: linked_layer(w, i, HARD),
    "layer-repeated": repeated_layer,
    "config-symlink": linked_config,
    "config-hard-link": lambda w, i: linked_config(w, i, HARD),
    "too-few-layers": one_layer_for_two_diff_ids,
    "hybrid": hybrid,
    "hybrid-two-tags": lambda w, i: hybrid(w, i, tags=("1", "2")),
    "hybrid-untagged": lambda w, i: hybrid(w, i, tags=()),
    "hybrid-dangling": lambda w, i: hybrid(w, i, more=link("dangling", "nowhere")),
    "hybrid-outside": lambda w, i: hybrid(w, i, more=link("outside", "../../etc/passwd")),
    "hybrid-early": lambda w, i: hybrid(w, i, more=link("early", "manifest.json", HARD)),
    "hybrid-version": lambda w, i: hybrid(w, i, version="1.1.0"),
    "no-marker": lambda w, i: hybrid(w, i, lists=("index.json", "manifest.json")),
    "no-index": lambda w, i: hybrid(w, i, lists=("oci-layout", "manifest.json")),
    "only-oci": lambda w, i: hybrid(w, i, lists=("oci-layout", "index.json")),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_programs_do_what_is_said(
    imgcopy: Tool, readers: Readers, tmp_path: Path, name: str
) -> None:
    image, archive = Image.called(f"example.org/{name}"), tmp_path / "archive.tar"
    with writing(archive) as writer:
        ARCHIVES[name](writer, image)
    has_digest = name.startswith("hybrid") or name in ("no-marker", "only-oci")
    said = verdicts_of(imgcopy, archive)

    done = readers.outcomes(archive, image, ":1" if name == "hybrid-two-tags" else "")

    if not has_digest:  # there is none to lose
        done = {reader: LOADS if outcome == LOSES else outcome for reader, outcome in done.items()}
    if name == "docker-zstd" and version_of(readers.docker) < 23:
        assert done.pop("docker load (graphdriver)") == REFUSES
    assert done == {reader: said.get(reader) for reader in done}


@pytest.mark.parametrize("compress", [gzip.compress, zstd, bz2.compress, lzma.compress])
@pytest.mark.parametrize("layout", [docker_layout, hybrid])
def test_an_archive_that_is_compressed_as_a_whole(
    imgcopy: Tool,
    readers: Readers,
    tmp_path: Path,
    layout: Callable[[Writer, Image], None],
    compress: Callable[[bytes], bytes],
) -> None:
    name = f"{layout.__name__}-{compress.__module__}-{compress.__name__}".replace("_", "-").lower()
    image, archive = Image.called(f"example.org/{name}"), tmp_path / "archive.tar"
    with writing(archive) as writer:
        layout(writer, image)
    archive.write_bytes(compress(archive.read_bytes()))
    said = verdicts_of(imgcopy, archive)

    done = readers.outcomes(archive, image, "")

    if layout is docker_layout:  # it has no digest to lose
        done = {reader: LOADS if outcome == LOSES else outcome for reader, outcome in done.items()}
    if compress is zstd and version_of(readers.docker) < 23:
        assert done.pop("docker load (graphdriver)") == REFUSES
    if compress is gzip.compress and "version 1.9." in readers.skopeo("--version").decode():
        assert done.pop("skopeo docker-archive:") == REFUSES
    if compress is gzip.compress and "version 4.3." in readers.podman("--version").decode():
        assert done.pop("podman load") == (REFUSES if layout is docker_layout else LOADS)
    assert done == {reader: said.get(reader) for reader in done}


SOUND: Final = Image.called("example.org/content").layers[1]
CONTENTS: Final[dict[str, tuple[bytes, bool]]] = {
    "text": (b"hello", False),
    "compressed": (zlib.compress(SOUND), False),
    "other-checksum": (SOUND[:148] + b"0000000\0" + SOUND[156:], False),
    "part-of-a-block": (SOUND[:511], False),
    "one-zero": (b"\0", False),
    "nothing": (b"", True),
    "one-block-of-zeros": (bytes(512), True),
    "its-end": (bytes(1024), True),
    "trailing-garbage": (SOUND + b"x" * 1000, True),
}
"""What a layer's content may be, and whether it is taken."""


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_taken_for_a_layer(
    imgcopy: Tool, readers: Readers, tmp_path: Path, name: str
) -> None:
    content, is_taken = CONTENTS[name]
    base, _ = Image.called(f"example.org/layer-{name}").layers
    image = Image.of(f"example.org/layer-{name}", base, content)
    archive = tmp_path / "archive.tar"
    with writing(archive) as writer:
        docker_layout(writer, image)

    done = readers.outcomes(archive, image, "")

    for reader in ("docker load (graphdriver)", "ctr images import", "podman load"):
        assert (done[reader] != REFUSES) is is_taken
    passes = runs(imgcopy, "validate", f"docker-archive:{archive}") is not None
    assert passes is is_taken


@pytest.mark.parametrize("fault", ["bare-tag", "linked-layer", "none"])
def test_which_of_several_images_are_loaded(
    imgcopy: Tool, readers: Readers, tmp_path: Path, fault: str
) -> None:
    images = [Image.called(f"example.org/{fault}-{number}") for number in range(3)]
    archive = tmp_path / "archive.tar"
    with writing(archive) as writer:
        items = []
        for number, image in enumerate(images):
            base, top, config = f"{number}/base.tar", f"{number}/top.tar", f"{number}.json"
            if fault == "linked-layer" and number == 1:
                writer.file("real.tar", image.layers[0])
                writer.link(base, "../real.tar")
            else:
                writer.file(base, image.layers[0])
            writer.file(top, image.layers[1])
            writer.file(config, image.config)
            tag = image.name if fault == "bare-tag" and number == 1 else f"{image.name}:1"
            items.append(item(config, [tag], [base, top]))
        writer.manifest_json(*items)
    said: dict[str, list[bool]] = {}
    command = [*imgcopy.command, "validate", "--json", f"docker-archive:{archive}"]
    done = subprocess.run(command, capture_output=True, check=True)
    for verdict in json.loads(done.stdout)["verdicts"]:
        said.setdefault(verdict["reader"], []).append(verdict["outcome"] == LOADS)

    for reader, tool in (
        ("docker load (graphdriver)", readers.docker),
        ("podman load", readers.podman),
    ):
        runs(tool, "load", "-q", "-i", archive)
        found = [runs(tool, "image", "inspect", f"{image.name}:1") for image in images]
        assert [each is not None for each in found] == said[reader]
    runs(readers.ctr, "images", "import", "--snapshotter", "native", archive)
    listed = readers.ctr("images", "list", "-q").decode().split()
    tags = ["latest" if fault == "bare-tag" and number == 1 else "1" for number in range(3)]
    names = [f"{image.name}:{tag}" for image, tag in zip(images, tags, strict=True)]
    assert [name in listed for name in names] == said["ctr images import"]
