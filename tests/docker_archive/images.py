"""Small images for the archive's tests, made with the standard library."""

import hashlib
import io
import json

from attrs import frozen

from imgcopy_core_stubs import BlobInfo, Digest, DockerReference, ImageConfig, parse_config
from imgcopy_docker_archive import ArchiveWriter


@frozen
class Image:
    """An image's layers, decompressed, and its config's bytes."""

    layers: tuple[bytes, ...]
    config: bytes

    @property
    def config_hex(self) -> str:
        return hashlib.sha256(self.config).hexdigest()

    @property
    def layer_hexes(self) -> list[str]:
        return [hashlib.sha256(layer).hexdigest() for layer in self.layers]

    @property
    def parsed_config(self) -> ImageConfig:
        return parse_config(self.config, "config")

    def put(self, writer: ArchiveWriter, *tags: str) -> None:
        """Put the image into an archive as a copy does."""
        for layer, digest in zip(self.layers, self.parsed_config.diff_ids, strict=True):
            if writer.layer(digest) is None:
                writer.put_layer(io.BytesIO(layer), BlobInfo(digest))
        writer.add_image(self.parsed_config, [DockerReference.parse(tag) for tag in tags])


def make_image(*layers: bytes, **fields: object) -> Image:
    """Make an image with a config of these fields and layers."""
    diff_ids = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    document = {**fields, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    return Image(layers, json.dumps(document).encode())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(data: bytes) -> Digest:
    return Digest("sha256", hashlib.sha256(data).hexdigest())
