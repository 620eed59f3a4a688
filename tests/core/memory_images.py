"""Images in memory, made by `json` and `hashlib` alone, and what must be true of failed copies."""

import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from imgcopy_core_stubs import (
    CopyOptions,
    DestinationCapabilities,
    Digest,
    LayerCompression,
    RawManifest,
    copy_image,
    media_types,
)

from .memory_transport import MemoryImage

Json = dict[str, Any]

ARCHIVE = DestinationCapabilities(
    manifest_types=(media_types.DOCKER_MANIFEST,), layer_compression=LayerCompression.DECOMPRESS
)
LAYOUT = DestinationCapabilities(
    manifest_types=(media_types.OCI_MANIFEST, media_types.OCI_INDEX),
    layer_compression=LayerCompression.COMPRESS,
    parallel_put_blob=True,
    stores_indexes=True,
)
DIRECTORY = DestinationCapabilities(signatures_refusal=None, stores_indexes=True)


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parsed(data: bytes) -> Digest:
    return Digest.parse(digest(data))


def add_image(
    place: MemoryImage,
    layers: list[tuple[bytes, bytes]],
    *,
    docker: bool = False,
    layer_type: str = "",
    edit: Callable[[Json], object] = lambda document: None,
    edit_config: Callable[[Json], object] = lambda document: None,
    platform: str = "linux/amd64",
) -> RawManifest:
    """Add an image of (stored, decompressed) layers to a place; return its manifest."""
    os, architecture = platform.split("/")
    config: Json = {
        "os": os,
        "architecture": architecture,
        "rootfs": {"type": "layers", "diff_ids": [digest(plain) for _, plain in layers]},
    }
    edit_config(config)
    raw_config = json.dumps(config).encode()
    kind = media_types.DOCKER_LAYER + ".gzip" if docker else media_types.OCI_LAYER + "+gzip"
    document: Json = {
        "schemaVersion": 2,
        "mediaType": media_types.DOCKER_MANIFEST if docker else media_types.OCI_MANIFEST,
        "config": {
            "mediaType": media_types.DOCKER_CONFIG if docker else media_types.OCI_CONFIG,
            "digest": digest(raw_config),
            "size": len(raw_config),
        },
        "layers": [
            {"mediaType": layer_type or kind, "digest": digest(stored), "size": len(stored)}
            for stored, _ in layers
        ],
    }
    edit(document)
    place.blobs[parsed(raw_config)] = raw_config
    place.blobs |= {parsed(stored): stored for stored, _ in layers}
    return RawManifest(json.dumps(document).encode())


def source_of(*layers: tuple[bytes, bytes], **arguments: Any) -> MemoryImage:
    place = MemoryImage("source")
    place.manifest = add_image(place, list(layers), **arguments)
    return place


def zipped(plain: bytes) -> tuple[bytes, bytes]:
    return gzip.compress(plain, mtime=0), plain


def stored_manifest(place: MemoryImage) -> Json:
    assert place.manifest is not None
    document: Json = json.loads(place.manifest.raw)
    return document


BASE, TOP = zipped(b"base" * 1000), zipped(b"top" * 1_000_000)


def index_of(
    *platforms: str, depth: int = 0, base: Sequence[tuple[bytes, bytes]] = ()
) -> MemoryImage:
    """An index, below others if `depth` says so, of images that share the layers of `base`."""
    place = MemoryImage("source")
    descriptors = []
    for platform in platforms:
        manifest = add_image(place, [*base, zipped(platform.encode())], platform=platform)
        place.instances[parsed(manifest.raw)] = manifest
        os, architecture = platform.split("/")
        descriptors.append(
            {
                "mediaType": media_types.OCI_MANIFEST,
                "digest": digest(manifest.raw),
                "size": len(manifest.raw),
                "platform": {"os": os, "architecture": architecture},
            }
        )
    document: Json = {"schemaVersion": 2, "manifests": descriptors, "x-unknown": 1.10}
    raw = json.dumps(document | {"mediaType": media_types.OCI_INDEX}).encode()
    for _ in range(depth):
        place.instances[parsed(raw)] = RawManifest(raw)
        inner = {"mediaType": media_types.OCI_INDEX, "digest": digest(raw), "size": len(raw)}
        raw = json.dumps({"schemaVersion": 2, "manifests": [inner]}).encode()
    place.manifest = RawManifest(raw, media_types.OCI_INDEX)
    return place


def assert_nothing_is_stored(
    source: MemoryImage,
    error: type[BaseException],
    capabilities: DestinationCapabilities = ARCHIVE,
    options: CopyOptions | None = None,
) -> BaseException:
    destination = MemoryImage(capabilities=capabilities)
    with pytest.raises(error) as caught:
        copy_image(source, destination, options=options)
    assert destination.manifest is None
    assert destination.blobs == {}
    assert "commit" not in destination.log
    assert destination.log[-1] == "close destination"
    assert_no_threads_are_left()
    return caught.value


def assert_no_threads_are_left() -> None:
    deadline = time.monotonic() + 30
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [t.name for t in threading.enumerate() if t.name.startswith("imgcopy")] == []
