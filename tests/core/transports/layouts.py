"""Small images made by `json` and `hashlib` alone, and trees of files to compare."""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any, TypeAlias

from tests.layers import layer_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"

Json: TypeAlias = dict[str, Any]
Tree: TypeAlias = dict[str, tuple[int, bytes | None]]


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def described(data: bytes, media_type: str, **more: Any) -> Json:
    """The descriptor of `data`."""
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}


def named(descriptor: Json, name: str) -> Json:
    """The descriptor of an image that has a name in the layout's index."""
    return {**descriptor, "annotations": {REF_NAME: name}}


class Layout:
    """A layout that is being written; each method that stores something returns its descriptor."""

    def __init__(self, path: Path, *, version: str = "1.0.0") -> None:
        self.path = path
        self.blobs = path / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        (path / "oci-layout").write_text(json.dumps({"imageLayoutVersion": version}))
        self.write_index()

    def blob(self, data: bytes, media_type: str = LAYER, **more: Any) -> Json:
        descriptor = described(data, media_type, **more)
        self.file(descriptor).write_bytes(data)
        return descriptor

    def image(self, content: str, **more: Any) -> Json:
        manifest = Image(content)
        self.blob(manifest.layer)
        self.blob(manifest.config)
        return self.blob(manifest.manifest, MANIFEST, **more)

    def index(self, *descriptors: Json, **more: Any) -> Json:
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(descriptors)}
        return self.blob(json.dumps(document).encode(), INDEX, **more)

    def write_index(self, *descriptors: Json, **more: Any) -> None:
        document = {"schemaVersion": 2, "manifests": list(descriptors), **more}
        (self.path / "index.json").write_text(json.dumps(document))

    def file(self, descriptor: Json) -> Path:
        digest: str = descriptor["digest"]
        return self.blobs / digest.removeprefix("sha256:")


class Image:
    """An image of one layer: the bytes of its parts. Another content makes another image."""

    def __init__(self, content: str) -> None:
        self.layer = layer_of(f"layer of {content} ".encode() * 100)
        self.config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [sha256(self.layer)]},
            }
        ).encode()
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": described(self.config, CONFIG),
                "layers": [described(self.layer, LAYER)],
            }
        ).encode()


def tree(path: Path) -> Tree:
    """Everything below a directory: permissions, and what files contain or links point to."""
    found: Tree = {}
    for directory, directories, files in os.walk(path):
        for name in directories + files:
            entry = Path(directory) / name
            mode = entry.lstat().st_mode
            content = None
            if stat.S_ISLNK(mode):
                content = os.fsencode(entry.readlink())
            elif stat.S_ISREG(mode):
                content = entry.read_bytes()
            found[str(entry.relative_to(path))] = (mode, content)
    return found


def files(path: Path) -> dict[str, bytes]:
    """The regular files below a directory, and what they contain."""
    return {name: content for name, (_, content) in tree(path).items() if content is not None}
