"""`ImageSource` over an archive of the `docker` layout.

Such an archive has no manifest that carries a digest. It gets the Docker schema 2 manifest that
containers/image makes too: the layers are named by their diff IDs, which the config has, and are
given decompressed.
"""

import io
import re
from contextlib import closing
from typing import Final

from imgcopy_core_stubs import (
    CHUNK,
    BlobInfo,
    ByteStream,
    Compression,
    DecompressedStream,
    Digest,
    DigestMismatch,
    ImageConfig,
    ImageSource,
    InvalidArchive,
    InvalidDocument,
    JsonObject,
    RawManifest,
    SourceCapabilities,
    SourceNotFound,
    encode_json,
    media_types,
    parse_config,
    quote,
    sniff,
)
from imgcopy_docker_archive.format import BLOCK, MANIFEST
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._docker_images import ImageFiles
from imgcopy_docker_archive.reading._tar_walk import TarMember

_CAPABILITIES: Final = SourceCapabilities(parallel_blobs=True)

_DIGEST_IN_NAME: Final = re.compile(r"(?:.*/)?(?:sha256[:/])?([0-9a-f]{64})(?:\.json)?")
"""`<hex>.json` (docker, podman, skopeo), `sha256:<hex>` (crane, kaniko), `blobs/sha256/<hex>`."""


class DockerArchiveSource(ImageSource):
    """One image of an archive, as `manifest.json` lists it.

    Args:
        archive: The archive's plain bytes.
        files: Where in it the image's parts are.
        owned: Whether the archive is closed with this source.

    Raises:
        InvalidDocument: The config breaks its format, or does not have as many diff IDs as the
            image has layers.
        DigestMismatch: The config does not have the digest that it is named by.
        InvalidArchive: One file is named as two different layers.
    """

    def __init__(self, archive: ArchiveFile, files: ImageFiles, *, owned: bool = True) -> None:
        self._archive = archive
        self._owned = owned
        self._config = read_config(archive, files)
        self._layers = _layers(archive, files, self._config)
        self._manifest: RawManifest | None = None

    @property
    def capabilities(self) -> SourceCapabilities:
        """Blobs may be read from several threads at a time."""
        return _CAPABILITIES

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        """Return a Docker schema 2 manifest of the image, with uncompressed layers.

        The first call reads each compressed layer once, to learn its decompressed size.

        Raises:
            SourceNotFound: An instance is asked for; an archive holds no indexes.
            CorruptBlob: A compressed layer is damaged.
            SourceReadFailed: The operating system reported an error.
        """
        if instance_digest is not None:
            raise SourceNotFound(self._archive.name, f"it has no manifest {instance_digest}")
        if self._manifest is None:
            self._manifest = RawManifest(self._manifest_bytes(), media_types.DOCKER_MANIFEST)
        return self._manifest

    def blob(self, info: BlobInfo) -> ByteStream:
        """Open the config, or the decompressed bytes of a layer; the caller closes the stream.

        Raises:
            SourceNotFound: The image has no blob with this digest.
        """
        if info.digest == self._config.digest:
            return io.BytesIO(self._config.raw)
        layer = self._layers.get(info.digest) if info.digest is not None else None
        if layer is None:
            raise SourceNotFound(self._archive.name, f"the image has no blob {info.digest}")
        stream = self._archive.stream(layer.offset, layer.size)
        compression = self._compression(layer)
        if compression is Compression.NONE:
            return stream
        what = f"layer {info.digest} of {quote(self._archive.name)}"
        return DecompressedStream(stream, compression, what)

    def close(self) -> None:
        """Close the archive, if it is this source's own. May be called twice."""
        if self._owned:
            self._archive.close()

    def _manifest_bytes(self) -> bytes:
        sizes = {diff_id: self._decompressed_size(diff_id) for diff_id in self._layers}
        config = _descriptor(media_types.DOCKER_CONFIG, len(self._config.raw), self._config.digest)
        return encode_json(
            {
                "schemaVersion": 2,
                "mediaType": media_types.DOCKER_MANIFEST,
                "config": config,
                "layers": [
                    _descriptor(media_types.DOCKER_LAYER, sizes[diff_id], diff_id)
                    for diff_id in self._config.diff_ids
                ],
            }
        )

    def _decompressed_size(self, diff_id: Digest) -> int:
        layer = self._layers[diff_id]
        if self._compression(layer) is Compression.NONE:
            return layer.size
        with closing(self.blob(BlobInfo(diff_id))) as stream:
            return sum(len(chunk) for chunk in iter(lambda: stream.read(CHUNK), b""))

    def _compression(self, layer: TarMember) -> Compression:
        return sniff(self._archive.read_at(layer.offset, min(BLOCK, layer.size)))


def read_config(archive: ArchiveFile, files: ImageFiles) -> ImageConfig:
    """Read and verify an image's config.

    Raises:
        DigestMismatch: It does not have the digest that it is named by.
        InvalidDocument: It breaks its format.
    """
    what = f"config {quote(files.config_name)} of {quote(archive.name)}"
    raw = archive.read_at(files.config.offset, files.config.size)
    named = _DIGEST_IN_NAME.fullmatch(files.config_name)
    digest = Digest.of(raw)
    if named is not None and named[1] != digest.hex:
        raise DigestMismatch(what, f"sha256:{named[1]}", str(digest))
    return parse_config(raw, what)


def _layers(
    archive: ArchiveFile, files: ImageFiles, config: ImageConfig
) -> dict[Digest, TarMember]:
    """Map the diff IDs to the layers' files; a layer that occurs twice needs just one of them."""
    if len(files.layers) != len(config.diff_ids):
        problem = (
            f"the image has {len(files.layers)} layers, "
            f"its config {quote(files.config_name)} has {len(config.diff_ids)} diff IDs"
        )
        raise InvalidDocument(f"{MANIFEST} of {quote(archive.name)}", "$", problem)
    layers: dict[Digest, TarMember] = {}
    owners: dict[int, Digest] = {}
    for diff_id, file in zip(config.diff_ids, files.layers, strict=True):
        owner = owners.setdefault(file.offset, diff_id)
        if owner != diff_id:
            problem = f"it is named as two different layers, {owner} and {diff_id}"
            raise InvalidArchive(archive.name, file.name, file.header_offset, problem)
        layers.setdefault(diff_id, file)
    return layers


def _descriptor(media_type: str, size: int, digest: Digest) -> JsonObject:
    return {"mediaType": media_type, "size": size, "digest": str(digest)}
