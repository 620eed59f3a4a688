"""Write and read back an `oci:` layout with `json` and `hashlib` alone (OCI image-spec v1.1)."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from .codecs import SUFFIXES, encode

TAG = "bench"
"""The tag of the image, its layers labelled as they are."""

SKOPEO_TAG = "bench-labelled-gzip"
"""The tag of a manifest that calls zstd layers gzip. skopeo 1.9 goes by the bytes and copies
them all, but if they are labelled as zstd it refuses them once all are copied."""

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@frozen
class Layout:
    """One image in an `oci:` layout: where it is, and the facts that a run is judged by."""

    path: Path
    blobs: tuple[str, ...]
    """The layers' digests in order, hex, as they lie in the layout."""
    diff_ids: tuple[str, ...]
    """The layers' diff IDs in order, hex."""
    stored: int
    """Bytes of all layers as they lie in the layout."""
    unpacked: int
    """Bytes of all layers once decompressed."""

    @property
    def blob_paths(self) -> tuple[Path, ...]:
        """The layers' files, in order."""
        return tuple(self.path / "blobs" / "sha256" / blob for blob in self.blobs)


def write_layout(path: Path, variant: str, tars: Sequence[Path], *, fast: bool = False) -> None:
    """Make the layout at `path` from the layers' tar files, compressed as `variant` says.

    It appears at `path` whole or not at all.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    blobs = unfinished / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers = []
    for tar in tars:
        encode(variant, tar, blobs / "layer", fast=fast)
        layers.append(_named(blobs / "layer", _LAYER + SUFFIXES[variant]))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + _sha256(tar) for tar in tars]},
        "history": [{"created_by": f"{tar.stat().st_size} bytes"} for tar in tars],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _stored(blobs, _CONFIG, config),
        "layers": layers,
        "annotations": {"unpacked": str(sum(tar.stat().st_size for tar in tars))},
    }
    labelled_gzip = {
        **manifest,
        "layers": [
            {**layer, "mediaType": layer["mediaType"].replace("zstd", "gzip")} for layer in layers
        ],
    }
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                **_stored(blobs, _MANIFEST, document),
                "annotations": {"org.opencontainers.image.ref.name": tag},
            }
            for tag, document in ((TAG, manifest), (SKOPEO_TAG, labelled_gzip))
        ],
    }
    (unfinished / "index.json").write_text(json.dumps(index))
    (unfinished / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    unfinished.rename(path)


def read_layout(path: Path) -> Layout:
    """The facts of a layout that `write_layout` made."""
    index = json.loads((path / "index.json").read_bytes())
    manifest = json.loads(_blob(path, index["manifests"][0]["digest"]).read_bytes())
    config = json.loads(_blob(path, manifest["config"]["digest"]).read_bytes())
    return Layout(
        path=path,
        blobs=tuple(_hex(layer["digest"]) for layer in manifest["layers"]),
        diff_ids=tuple(_hex(diff_id) for diff_id in config["rootfs"]["diff_ids"]),
        stored=sum(layer["size"] for layer in manifest["layers"]),
        unpacked=int(manifest["annotations"]["unpacked"]),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(blob: Path, media_type: str) -> dict[str, Any]:
    """Rename `blob` to its digest; its descriptor."""
    digest = _sha256(blob)
    size = blob.stat().st_size
    blob.rename(blob.with_name(digest))
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": size}


def _stored(blobs: Path, media_type: str, document: dict[str, Any]) -> dict[str, Any]:
    (blobs / "document").write_text(json.dumps(document))
    return _named(blobs / "document", media_type)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / _hex(digest)
