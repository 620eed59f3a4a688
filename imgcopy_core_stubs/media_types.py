"""The media types of manifests, configs and layers, and how OCI's and Docker's correspond.

Sources: OCI image-spec `media-types.md`; Docker distribution `manifest-v2-2.md`.
"""

from typing import Final

from imgcopy_core_stubs.compression import Compression

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
OCI_FOREIGN_LAYER: Final = "application/vnd.oci.image.layer.nondistributable.v1.tar"

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_FOREIGN_LAYER: Final = "application/vnd.docker.image.rootfs.foreign.diff.tar"

DOCKER_SCHEMA1: Final = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)

INDEXES: Final = (OCI_INDEX, DOCKER_MANIFEST_LIST)
IMAGE_MANIFESTS: Final = (OCI_MANIFEST, DOCKER_MANIFEST)
IMAGE_CONFIGS: Final = (OCI_CONFIG, DOCKER_CONFIG)

_LAYERS: Final = {
    (OCI_MANIFEST, False): OCI_LAYER,
    (OCI_MANIFEST, True): OCI_FOREIGN_LAYER,
    (DOCKER_MANIFEST, False): DOCKER_LAYER,
    (DOCKER_MANIFEST, True): DOCKER_FOREIGN_LAYER,
}
_SUFFIXES: Final = {
    (OCI_MANIFEST, Compression.NONE): "",
    (OCI_MANIFEST, Compression.GZIP): "+gzip",
    (OCI_MANIFEST, Compression.ZSTD): "+zstd",
    (DOCKER_MANIFEST, Compression.NONE): "",
    (DOCKER_MANIFEST, Compression.GZIP): ".gzip",
}


def is_layer(media_type: str) -> bool:
    """Whether a blob of this type is a file system layer: a tar, whatever its compression.

    Other blobs of a manifest (an attestation's, an artifact's) are copied as they are or not at
    all. A missing type is taken for a layer's, as old tools leave it out.
    """
    return not media_type or ".tar" in media_type


def is_foreign_layer(media_type: str) -> bool:
    """Whether a layer of this type may be fetched from URLs only (Windows base layers are)."""
    return media_type.startswith((OCI_FOREIGN_LAYER, DOCKER_FOREIGN_LAYER))


def is_encrypted(media_type: str) -> bool:
    """Whether a layer of this type is encrypted (the OCIcrypt convention)."""
    return media_type.endswith("+encrypted")


def compression_of(media_type: str) -> Compression | None:
    """Return the compression that a layer's media type tells of, or None if it tells none."""
    for (manifest_type, compression), suffix in _SUFFIXES.items():
        for foreign in (False, True):
            if media_type == _LAYERS[manifest_type, foreign] + suffix:
                return compression
    return None


def layer_type(
    manifest_type: str, compression: Compression, *, foreign: bool = False
) -> str | None:
    """Return the media type of a layer in a manifest of `manifest_type`; None where there is none.

    Only OCI has one for zstd; bzip2 and xz have one nowhere.
    """
    suffix = _SUFFIXES.get((manifest_type, compression))
    return None if suffix is None else _LAYERS[manifest_type, foreign] + suffix
