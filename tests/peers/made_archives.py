"""Small images, and archives of them in both layouts, made by tarfile and json."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from tests.peers.tools import program

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
FULL_NAME: Final = "io.containerd.image.name"
REF_NAME: Final = "org.opencontainers.image.ref.name"


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
    """An image of two layers; called by a name of its own, it is in no other archive."""

    name: str
    layers: tuple[bytes, ...]
    config: bytes

    @classmethod
    def called(cls, name: str) -> "Image":
        return cls.of(name, _layer(name, "base"), _layer(name, "top"))

    @classmethod
    def of(cls, name: str, *layers: bytes) -> "Image":
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
