"""Media types: the names that the OCI and Docker specifications give them."""

import pytest

from imgcopy_core_stubs import Compression, media_types

# OCI image-spec `media-types.md`; Docker distribution `manifest-v2-2.md`.
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar"

LAYERS = [
    (OCI, Compression.NONE, False, OCI_LAYER),
    (OCI, Compression.GZIP, False, f"{OCI_LAYER}+gzip"),
    (OCI, Compression.ZSTD, False, f"{OCI_LAYER}+zstd"),
    (OCI, Compression.NONE, True, OCI_FOREIGN),
    (OCI, Compression.GZIP, True, f"{OCI_FOREIGN}+gzip"),
    (OCI, Compression.ZSTD, True, f"{OCI_FOREIGN}+zstd"),
    (DOCKER, Compression.NONE, False, DOCKER_LAYER),
    (DOCKER, Compression.GZIP, False, f"{DOCKER_LAYER}.gzip"),
    (DOCKER, Compression.NONE, True, DOCKER_FOREIGN),
    (DOCKER, Compression.GZIP, True, f"{DOCKER_FOREIGN}.gzip"),
]


@pytest.mark.parametrize(("manifest", "compression", "foreign", "layer"), LAYERS)
def test_layers(manifest: str, compression: Compression, foreign: bool, layer: str) -> None:
    assert media_types.layer_type(manifest, compression, foreign=foreign) == layer
    assert media_types.compression_of(layer) is compression
    assert media_types.is_foreign_layer(layer) is foreign
    assert media_types.is_layer(layer)
    assert not media_types.is_encrypted(layer)


@pytest.mark.parametrize(
    ("manifest", "compression"),
    [
        (DOCKER, Compression.ZSTD),
        (DOCKER, Compression.XZ),
        (OCI, Compression.BZIP2),
        (OCI, Compression.XZ),
        ("application/vnd.oci.image.index.v1+json", Compression.NONE),
        ("", Compression.NONE),
    ],
)
def test_layers_that_have_no_type(manifest: str, compression: Compression) -> None:
    assert media_types.layer_type(manifest, compression) is None


@pytest.mark.parametrize(
    ("media_type", "layer", "encrypted"),
    [
        ("", True, False),
        (f"{OCI_LAYER}+encrypted", True, True),
        (f"{OCI_LAYER}+gzip+encrypted", True, True),
        (f"{OCI_LAYER}+zstd+encrypted", True, True),
        ("application/vnd.in-toto+json", False, False),
        ("application/vnd.oci.image.config.v1+json", False, False),
        ("application/vnd.oci.empty.v1+json", False, False),
    ],
)
def test_other_blobs(media_type: str, layer: bool, encrypted: bool) -> None:
    assert media_types.is_layer(media_type) is layer
    assert media_types.is_encrypted(media_type) is encrypted
    assert not media_types.is_foreign_layer(media_type)
    assert media_types.compression_of(media_type) is None
