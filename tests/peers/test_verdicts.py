"""What `imgcopy validate` says that a program makes of an archive is what the program does."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen

from tests.peers.tools import Tool, program

pytestmark = pytest.mark.peers

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
FULL_NAME: Final = "io.containerd.image.name"
REF_NAME: Final = "org.opencontainers.image.ref.name"

LOADS, LOSES, REFUSES = "loads", "loads, loses the digest", "refuses"


# --- archives, made by tarfile and json -----------------------------------------------------------


def zstd(data: bytes) -> bytes:
    command = [program("zstd"), "-c", "-q"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def hexdigest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Writer:
    """An archive that is being written."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def file(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))

    def link(self, name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        self._tar.addfile(info)

    def folder(self, name: str) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        self._tar.addfile(info)

    def manifest_json(self, *items: dict[str, Any]) -> None:
        self.file("manifest.json", json.dumps(items).encode())


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        yield Writer(tar)


@frozen
class Image:
    """An image of two layers that is in no other archive."""

    name: str
    layers: tuple[bytes, bytes]
    config: bytes

    @classmethod
    def called(cls, name: str) -> "Image":
        layers = (_layer(name, "base"), _layer(name, "top"))
        diff_ids = [f"sha256:{hexdigest(layer)}" for layer in layers]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        return cls(name, layers, json.dumps(config).encode())

    @property
    def compressed(self) -> list[bytes]:
        return [gzip.compress(layer, mtime=0) for layer in self.layers]

    @property
    def manifest(self) -> bytes:
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(self.config, CONFIG),
            "layers": [descriptor(layer, LAYER) for layer in self.compressed],
        }
        return json.dumps(document).encode()

    @property
    def digest(self) -> str:
        return f"sha256:{hexdigest(self.manifest)}"


def _layer(*texts: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        Writer(tar).file("content", "".join(texts).encode())
    return buffer.getvalue()


def descriptor(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    digest = f"sha256:{hexdigest(data)}"
    return {"mediaType": media_type, "digest": digest, "size": len(data), **more}


def item(config: str, tags: list[str], layers: list[str]) -> dict[str, Any]:
    return {"Config": config, "RepoTags": tags, "Layers": layers}


Change = Callable[[Writer, Image], object]


def nothing(writer: Writer, image: Image) -> None:
    """Change nothing."""


def docker_layout(
    writer: Writer,
    image: Image,
    *,
    more: Change = nothing,
    compress: Callable[[bytes], bytes] = bytes,
    tags: list[str] | None = None,
    folder: str = "",
) -> None:
    """An archive as docker has always written them: v1 folders, and layers as they are."""
    names = [f"{hexdigest(layer)}.tar" for layer in image.layers]
    for name, layer in zip(names, image.layers, strict=True):
        writer.file(folder + name, compress(layer))
        writer.link(f"{folder}{hexdigest(name.encode())}/layer.tar", f"../{name}")
    config = f"{hexdigest(image.config)}.json"
    writer.file(folder + config, image.config)
    more(writer, image)
    writer.manifest_json(item(config, [f"{image.name}:1"] if tags is None else tags, names))


def hybrid(
    writer: Writer,
    *images: Image,
    more: Change = nothing,
    tags: tuple[str, ...] = ("1",),
    version: str = "1.0.0",
    lists: tuple[str, ...] = ("oci-layout", "index.json", "manifest.json"),
) -> None:
    """An archive that is an OCI layout and a docker archive at the same time."""
    descriptors, items = [], []
    for image in images:
        for blob in (image.manifest, image.config, *image.compressed):
            writer.file(f"blobs/sha256/{hexdigest(blob)}", blob)
        names = [f"{image.name}:{tag}" for tag in tags]
        descriptors += [
            descriptor(image.manifest, MANIFEST, annotations={FULL_NAME: name, REF_NAME: tag})
            for name, tag in zip(names, tags, strict=True)
        ] or [descriptor(image.manifest, MANIFEST)]
        config, *layers = (
            f"blobs/sha256/{hexdigest(blob)}" for blob in (image.config, *image.compressed)
        )
        items.append(item(config, names, layers))
    more(writer, images[0])
    documents = {
        "oci-layout": {"imageLayoutVersion": version},
        "index.json": {"schemaVersion": 2, "manifests": descriptors},
        "manifest.json": items,
    }
    for name in lists:
        writer.file(name, json.dumps(documents[name]).encode())


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


# --- what the programs do -------------------------------------------------------------------------


@frozen
class Readers:
    """The programs; each returns an outcome, in the words of a verdict."""

    docker: Tool
    ctr: Tool
    podman: Tool
    skopeo: Tool
    scratch: Path

    def outcomes(self, archive: Path, image: Image, ref: str) -> dict[str, str]:
        return {
            "docker load (graphdriver)": self._docker(archive),
            "ctr images import": self._ctr(archive, image),
            "podman load": self._podman(archive, image),
            "skopeo docker-archive:": self._skopeo(f"docker-archive:{archive}", image),
            "skopeo oci-archive:": self._skopeo(f"oci-archive:{archive}{ref}", image),
        }

    def _docker(self, archive: Path) -> str:
        return LOSES if _runs(self.docker, "load", "-q", "-i", archive) is not None else REFUSES

    def _ctr(self, archive: Path, image: Image) -> str:
        arguments = ("images", "import", "--snapshotter", "native", archive)
        if not _runs(self.ctr, *arguments):  # it says nothing where it keeps nothing
            return REFUSES
        return LOADS if image.digest in self.ctr("images", "list").decode() else LOSES

    def _podman(self, archive: Path, image: Image) -> str:
        loaded = _runs(self.podman, "load", "-q", "-i", archive)
        if loaded is None:
            return REFUSES
        name = loaded.decode().splitlines()[0].removeprefix("Loaded image: ")
        (found,) = json.loads(self.podman("image", "inspect", name))
        return LOADS if found["Digest"] == image.digest else LOSES

    def _skopeo(self, source: str, image: Image) -> str:
        copied = self.scratch / "copied"
        shutil.rmtree(copied, ignore_errors=True)
        if _runs(self.skopeo, "copy", "-q", source, f"dir:{copied}") is None:
            return REFUSES
        kept = hexdigest((copied / "manifest.json").read_bytes()) == hexdigest(image.manifest)
        return LOADS if kept else LOSES


def _runs(tool: Tool, *arguments: str | Path) -> bytes | None:
    """Run a program, and return what it prints; None if it fails."""
    try:
        return tool(*arguments)
    except pytest.fail.Exception:
        return None


@pytest.fixture(scope="module")
def readers(docker: Tool, ctr: Tool, podman: Tool, skopeo: Tool, workshop: Path) -> Readers:
    return Readers(docker, ctr, podman, skopeo, workshop)


def verdicts_of(imgcopy: Tool, archive: Path) -> dict[str, str]:
    """The verdicts of `imgcopy validate`, whether it finds problems or not."""
    command = [*imgcopy.command, "validate", "--json", f"docker-archive:{archive}"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr.decode()
    verdicts = json.loads(done.stdout)["verdicts"]
    return {verdict["reader"]: verdict["outcome"] for verdict in verdicts}


def version_of(docker: Tool) -> int:
    version = docker("version", "--format", "{{.Server.Version}}").decode()
    return int(version.partition(".")[0])


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
        _runs(tool, "load", "-q", "-i", archive)
        found = [_runs(tool, "image", "inspect", f"{image.name}:1") for image in images]
        assert [each is not None for each in found] == said[reader]
    _runs(readers.ctr, "images", "import", "--snapshotter", "native", archive)
    listed = readers.ctr("images", "list", "-q").decode().split()
    tags = ["latest" if fault == "bare-tag" and number == 1 else "1" for number in range(3)]
    names = [f"{image.name}:{tag}" for image, tag in zip(images, tags, strict=True)]
    assert [name in listed for name in names] == said["ctr images import"]
