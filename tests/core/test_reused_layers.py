"""A layer that the destination has already is held against the manifest all the same."""

import json
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    CopyOptions,
    ImageReference,
    Instances,
    SizeMismatch,
    copy_image,
)
from imgcopy_core_stubs.transports.dir import DirTransport
from imgcopy_core_stubs.transports.oci import OciTransport
from tests.core.memory_images import DIRECTORY, LAYOUT
from tests.core.memory_transport import MemoryImage
from tests.core.transports.layouts import CONFIG, LAYER, MANIFEST, Json, Layout, sha256

CONTENT = b"a layer that two images share"


@pytest.mark.parametrize("wrong", [len(CONTENT) - 1, len(CONTENT) + 1])
@pytest.mark.parametrize("kind", ["oci", "dir", "memory layout", "memory directory"])
def test_the_size_that_another_manifest_gives_a_shared_layer(
    tmp_path: Path, kind: str, wrong: int
) -> None:
    layout = Layout(tmp_path / "layout")
    layer = layout.blob(CONTENT, LAYER)
    layout.write_index(
        layout.index(
            image_of(layout, layer, "amd64"), image_of(layout, {**layer, "size": wrong}, "arm64")
        )
    )
    destinations: dict[str, ImageReference] = {
        "oci": OciTransport().parse_reference(f"{tmp_path}/new"),
        "dir": DirTransport().parse_reference(f"{tmp_path}/new"),
        "memory layout": MemoryImage(capabilities=LAYOUT),
        "memory directory": MemoryImage(capabilities=DIRECTORY),
    }
    with pytest.raises(SizeMismatch) as caught:
        copy_image(
            OciTransport().parse_reference(str(layout.path)),
            destinations[kind],
            options=CopyOptions(instances=Instances.ALL, preserve_digests=True),
        )

    assert caught.value.what == f'layer {layer["digest"]} of "oci:{layout.path}"'
    assert (caught.value.expected, caught.value.actual) == (wrong, len(CONTENT))
    assert not (tmp_path / "new").exists()


def image_of(layout: Layout, layer: Json, architecture: str) -> Json:
    """Add an image of one layer; return its descriptor."""
    config = {
        "os": "linux",
        "architecture": architecture,
        "rootfs": {"type": "layers", "diff_ids": [sha256(CONTENT)]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.blob(json.dumps(config).encode(), CONFIG),
        "layers": [layer],
    }
    platform = {"os": "linux", "architecture": architecture}
    return layout.blob(json.dumps(manifest).encode(), MANIFEST, platform=platform)
