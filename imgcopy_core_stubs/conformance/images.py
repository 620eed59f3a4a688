"""The images that the kit copies, made by `json`, `tarfile` and `gzip` alone."""

import functools
import gzip
import json
import os
import random
import tarfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.capabilities import DestinationCapabilities, LayerCompression
from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.transport import BlobInfo

_CONFIG_TYPES: Final = {
    media_types.OCI_MANIFEST: media_types.OCI_CONFIG,
    media_types.DOCKER_MANIFEST: media_types.DOCKER_CONFIG,
}


@frozen
class Blob:
    """A blob as it is put, and what it contains."""

    content: bytes = field(repr=False)
    media_type: str
    plain: bytes = field(repr=False)
    """The decompressed content."""
    urls: tuple[str, ...] = ()
    digest: Digest = field(init=False)

    @digest.default
    def _digest(self) -> Digest:
        return Digest.of(self.content)

    @property
    def info(self) -> BlobInfo:
        """All that is known of the blob."""
        return BlobInfo(self.digest, len(self.content), self.media_type, self.urls)

    @property
    def descriptor(self) -> dict[str, Any]:
        """The blob as a manifest names it."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": len(self.content),
        }
        return {**document, "urls": list(self.urls)} if self.urls else document


@frozen
class Image:
    """An image, or an index: the bytes of all its parts."""

    manifest: RawManifest = field(repr=False)
    config: Blob
    layers: tuple[Blob, ...]

    @property
    def diff_ids(self) -> list[str]:
        """The digests of the decompressed layers, in order."""
        return [str(Digest.of(layer.plain)) for layer in self.layers]


def plain_json(document: object) -> bytes:
    """Encode a document as `json` does by default."""
    return json.dumps(document).encode()


def odd_json(document: object) -> bytes:
    """Encode a document as hardly anyone does: who decodes and encodes it changes its bytes."""
    text = json.dumps(document, indent=3, separators=(" ,", " :  "))
    return text.replace("/", "\\/").encode() + b"\n"


@functools.cache
def layer(number: int, size: int = 100) -> bytes:
    """Return a layer, a tar with a file of `size` bytes that cannot be compressed."""
    return _tar(f"layer-{number}", random.Random(number).randbytes(size))  # noqa: S311  (the same each time)


def new_layer(size: int = 100) -> bytes:
    """Return a layer that no place can have, as nobody ever had it."""
    return _tar("new-layer", os.urandom(size))


def build_image(
    contents: Sequence[bytes],
    *,
    manifest_type: str = media_types.OCI_MANIFEST,
    compression: Compression = Compression.GZIP,
    urls: tuple[str, ...] = (),
    system: str = "linux",
    in_manifest: Mapping[str, object] | None = None,
    in_config: Mapping[str, object] | None = None,
    encode: Callable[[object], bytes] = plain_json,
) -> Image:
    """Make an image.

    Args:
        contents: The decompressed layers.
        manifest_type: The manifest's media type.
        compression: How the layers are compressed: not at all, or with gzip.
        urls: Where the last layer may be fetched from: that makes it a foreign one.
        system: The operating system that the image is for.
        in_manifest: More keys of the manifest.
        in_config: More keys of the config.
        encode: Makes JSON of the documents.
    """
    layers = tuple(
        _layer_blob(
            content,
            manifest_type,
            compression,
            urls if position == len(contents) else (),
        )
        for position, content in enumerate(contents, 1)
    )
    diff_ids = [str(Digest.of(content)) for content in contents]
    config_document: dict[str, object] = {
        "architecture": "amd64",
        "os": system,
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        **(in_config or {}),
    }
    raw_config = encode(config_document)
    config = Blob(raw_config, _CONFIG_TYPES[manifest_type], raw_config)
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config.descriptor,
        "layers": [blob.descriptor for blob in layers],
        **(in_manifest or {}),
    }
    return Image(RawManifest(encode(document), manifest_type), config, layers)


def image_for(
    capabilities: DestinationCapabilities, *, count: int = 2, size: int = 100, **how: Any
) -> Image:
    """Make an image that a destination can store as it is.

    Args:
        capabilities: What the destination declares.
        count: The number of layers.
        size: About how large each of them is, in bytes.
        how: As for `build_image`.
    """
    return build_image_for(capabilities, [layer(n, size) for n in range(count)], **how)


def build_image_for(
    capabilities: DestinationCapabilities, contents: Sequence[bytes], **how: Any
) -> Image:
    """Make an image of these layers that a destination can store as it is."""
    preferred = [*manifest_types(capabilities), media_types.OCI_MANIFEST][0]
    how.setdefault("manifest_type", preferred)
    how.setdefault("compression", wanted_compression(capabilities))
    return build_image(contents, **how)


def build_index(images: Sequence[Image], index_type: str) -> RawManifest:
    """Make an index of images, each for another platform."""
    return RawManifest(
        plain_json(
            {
                "schemaVersion": 2,
                "mediaType": index_type,
                "manifests": [
                    {
                        "mediaType": image.manifest.media_type,
                        "digest": str(image.manifest.digest),
                        "size": len(image.manifest.raw),
                        "platform": {"os": "linux", "architecture": architecture},
                    }
                    for image, architecture in zip(images, ("amd64", "arm64"), strict=True)
                ],
            }
        ),
        index_type,
    )


def manifest_types(capabilities: DestinationCapabilities) -> list[str]:
    """Return the types of image manifests that a destination can store, the preferred one first."""
    accepted = capabilities.manifest_types or media_types.IMAGE_MANIFESTS
    return [media_type for media_type in accepted if media_type in media_types.IMAGE_MANIFESTS]


def index_types(capabilities: DestinationCapabilities) -> list[str]:
    """Return the types of indexes that a destination can store."""
    accepted = capabilities.manifest_types or media_types.INDEXES
    return [media_type for media_type in accepted if media_type in media_types.INDEXES]


def wanted_compression(capabilities: DestinationCapabilities) -> Compression:
    """Return how a layer is compressed that a destination takes as it is."""
    decompressed = capabilities.layer_compression is LayerCompression.DECOMPRESS
    return Compression.NONE if decompressed else Compression.GZIP


def _tar(name: str, content: bytes) -> bytes:
    """Return a tar of one file, without the padding of old tapes."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    padding = bytes(-len(content) % tarfile.BLOCKSIZE)
    return header.tobuf(tarfile.USTAR_FORMAT) + content + padding + bytes(2 * tarfile.BLOCKSIZE)


def _layer_blob(
    content: bytes, manifest_type: str, compression: Compression, urls: tuple[str, ...]
) -> Blob:
    media_type = media_types.layer_type(manifest_type, compression, foreign=bool(urls))
    assert media_type is not None  # noqa: S101  (both manifest types have plain and gzip layers)
    compressed = compression is Compression.GZIP
    # Not compressed in fact, which is as good a gzip, and takes no time.
    data = gzip.compress(content, compresslevel=0, mtime=0) if compressed else content
    return Blob(data, media_type, content, urls)
