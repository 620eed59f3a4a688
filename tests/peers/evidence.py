"""What a layout, a directory or an archive holds, read with the standard library and ``zstd``.

Nothing here uses the project's own code: the tests' expectations come from here.
"""

import gzip
import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from attrs import frozen

from tests.peers.tools import program

CHUNK = 1 << 20


@frozen
class Image:
    """An image as it is stored: its config's bytes, and the diff ID of every stored layer.

    The diff IDs are the hashes of what the layers inflate to, not what the config says.
    """

    config: bytes
    diff_ids: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        said = json.loads(self.config)["rootfs"]["diff_ids"] or []
        assert list(self.diff_ids) == said, "the layers are not those that the config names"

    @property
    def config_digest(self) -> str:
        """Digest of the config, which is the image ID of docker and podman."""
        return digest(self.config)


def digest(content: bytes) -> str:
    """SHA-256 of these bytes, written as a digest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def oci_manifest(layout: Path, tag: str) -> bytes:
    """Manifest that an OCI layout has under this tag."""
    index = json.loads((layout / "index.json").read_bytes())
    (found,) = [
        descriptor["digest"]
        for descriptor in index["manifests"]
        if descriptor.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag
    ]
    return _blob(layout / "blobs/sha256", found)


def image_in_oci(layout: Path, tag: str) -> Image:
    """Image that an OCI layout has under this tag."""
    return _image(oci_manifest(layout, tag), layout / "blobs/sha256")


def image_in_dir(directory: Path) -> Image:
    """Image in a directory as ``skopeo copy ... dir:`` writes it."""
    assert (directory / "version").read_bytes() == b"Directory Transport Version: 1.1\n"
    return _image((directory / "manifest.json").read_bytes(), directory)


def image_in_archive(archive: Path, item: int = 0) -> Image:
    """Image number `item` in a docker archive."""
    with tarfile.open(archive) as tar:
        entry = manifest_items(archive)[item]
        config = member(tar, entry["Config"]).read()
        layers = []
        for name in entry["Layers"] or []:
            with member(tar, name) as layer:
                layers.append(_stream_digest(layer))
    return Image(config, tuple(layers))


def manifest_items(archive: Path) -> list[dict[str, Any]]:
    """Decoded ``manifest.json`` of a docker archive."""
    with tarfile.open(archive) as tar:
        return cast("list[dict[str, Any]]", json.load(member(tar, "manifest.json")))


def member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """Content of a file in a tar archive, links followed."""
    return cast("IO[bytes]", tar.extractfile(name))


def _image(manifest: bytes, blobs: Path) -> Image:
    document = json.loads(manifest)
    config = _blob(blobs, document["config"]["digest"])
    assert len(config) == document["config"]["size"]
    layers = []
    for descriptor in document["layers"]:
        path = blobs / descriptor["digest"].removeprefix("sha256:")
        assert path.stat().st_size == descriptor["size"]
        with path.open("rb") as stored:
            assert _stream_digest(stored) == descriptor["digest"]
        with _inflated(path) as layer:
            layers.append(_stream_digest(layer))
    return Image(config, tuple(layers))


def _blob(blobs: Path, name: str) -> bytes:
    content = (blobs / name.removeprefix("sha256:")).read_bytes()
    assert digest(content) == name
    return content


def _stream_digest(stream: IO[bytes]) -> str:
    hashed = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        hashed.update(chunk)
    return f"sha256:{hashed.hexdigest()}"


@contextmanager
def _inflated(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as stored:
        magic = stored.read(4)
    if magic.startswith(b"\x1f\x8b"):
        with gzip.open(path) as layer:
            yield cast("IO[bytes]", layer)
    elif magic == b"\x28\xb5\x2f\xfd":
        command = [program("zstd"), "-dcq", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            yield cast("IO[bytes]", process.stdout)
        assert process.returncode == 0
    else:
        with path.open("rb") as layer:
            yield layer
