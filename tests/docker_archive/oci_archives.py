"""Archives that are OCI image layouts, for the tests of reading: made by hand."""

import gzip
import hashlib
import json
import tarfile

from attrs import frozen

from imgcopy_core_stubs import Digest

from .images import Image
from .tars import file, header, padded, tar

MARKER = b'{"imageLayoutVersion": "1.0.0"}'
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
FULL_NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"

Document = dict[str, object]


@frozen
class Blob:
    """Some bytes with a media type."""

    raw: bytes
    media_type: str = OCI_MANIFEST
    algorithm: str = "sha256"

    @property
    def hex(self) -> str:
        return hashlib.new(self.algorithm, self.raw).hexdigest()

    @property
    def digest(self) -> Digest:
        return Digest(self.algorithm, self.hex)

    @property
    def path(self) -> str:
        return f"blobs/{self.algorithm}/{self.hex}"

    @property
    def member(self) -> bytes:
        long = header(self.path, len(self.raw), format=tarfile.GNU_FORMAT)  # a sha512 needs it
        return long + padded(self.raw)

    def descriptor(self, *, full: str = "", ref: str = "", **others: object) -> Document:
        """Its descriptor, with the annotations that name an image."""
        annotations = {key: name for key, name in ((FULL_NAME, full), (REF_NAME, ref)) if name}
        return {
            "mediaType": self.media_type,
            "digest": f"{self.algorithm}:{self.hex}",
            "size": len(self.raw),
            **({"annotations": annotations} if annotations else {}),
            **others,
        }


@frozen
class OciImage:
    """A manifest, with spaces in it as no tool of ours writes them, and its blobs."""

    manifest: Blob
    blobs: tuple[Blob, ...]
    """The config, and then the layers, compressed."""

    @property
    def members(self) -> bytes:
        return b"".join(blob.member for blob in (self.manifest, *self.blobs))


def oci_image(image: Image, manifest_type: str = OCI_MANIFEST) -> OciImage:
    """An image with its layers compressed by gzip."""
    if manifest_type == OCI_MANIFEST:
        config_type = "application/vnd.oci.image.config.v1+json"
        layer_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    else:
        config_type = "application/vnd.docker.container.image.v1+json"
        layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    config = Blob(image.config, config_type)
    layers = [Blob(gzip.compress(layer, mtime=0), layer_type) for layer in image.layers]
    document = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config.descriptor(),
        "layers": [layer.descriptor() for layer in layers],
    }
    manifest = Blob(json.dumps(document, indent=1).encode(), manifest_type)
    return OciImage(manifest, (config, *layers))


def index_of(*descriptors: Document, media_type: str = OCI_INDEX) -> Blob:
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": descriptors}
    return Blob(json.dumps(document, indent=1).encode(), media_type)


def index_json(*descriptors: Document) -> bytes:
    """The member `index.json`, without a media type, as many tools write it."""
    document = {"schemaVersion": 2, "manifests": descriptors}
    return file("index.json", json.dumps(document).encode())


def layout(*members: bytes, marker: bytes = MARKER) -> bytes:
    return tar(*members, file("oci-layout", marker))
