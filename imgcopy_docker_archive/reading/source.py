"""`ImageSource` over an archive of the `docker` layout.

Such an archive has no manifest that carries a digest. Its images get the Docker schema 2 manifests
that containers/image makes too: the layers are named by their diff IDs, and are given decompressed.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Final

from imgcopy_core_stubs import (
    CHUNK,
    BlobInfo,
    ByteStream,
    Compression,
    DecompressedStream,
    Digest,
    ImageSource,
    InvalidArchive,
    InvalidDocument,
    JsonObject,
    RawManifest,
    SourceCapabilities,
    SourceNotFound,
    encode_json,
    media_types,
    quote,
    sniff,
)
from imgcopy_docker_archive.format import BLOCK, MANIFEST
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._configs import StoredConfig
from imgcopy_docker_archive.reading._docker_images import ImageFiles
from imgcopy_docker_archive.reading._tar_walk import TarMember

_CAPABILITIES: Final = SourceCapabilities(parallel_blobs=True)


class MadeManifestSource(ImageSource):
    """An image of an archive that has no manifest for it, so one is made.

    A subclass finds the config and the layers.

    Args:
        archive: The archive's plain bytes.
        owned: Whether the archive is closed with this source.
    """

    config_digest: Digest
    layers: Mapping[Digest, TarMember]
    """The layers' files, plain or compressed, by diff ID."""

    def __init__(self, archive: ArchiveFile, *, owned: bool) -> None:
        self._archive = archive
        self._owned = owned
        self._manifest: RawManifest | None = None

    @property
    def capabilities(self) -> SourceCapabilities:
        """Blobs may be read from several threads at a time."""
        return _CAPABILITIES

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        """Return a Docker schema 2 manifest of the image, with uncompressed layers.

        The first call may read each compressed layer once, to learn its decompressed size.

        Raises:
            SourceNotFound: An instance is asked for; an archive holds no indexes.
            CorruptBlob: A compressed layer is damaged.
            SourceReadFailed: The operating system reported an error.
        """
        if instance_digest is not None:
            raise SourceNotFound(self._archive.name, f"it has no manifest {instance_digest}")
        if self._manifest is None:
            self._manifest = self._made_manifest()
        return self._manifest

    def blob(self, info: BlobInfo) -> ByteStream:
        """Open the config, or the decompressed bytes of a layer; the caller closes the stream.

        Raises:
            SourceNotFound: The image has no blob with this digest.
        """
        if info.digest == self.config_digest:
            return self._config_stream()
        layer = self.layers.get(info.digest) if info.digest is not None else None
        if layer is None:
            raise SourceNotFound(self._archive.name, f"the image has no blob {info.digest}")
        return layer_stream(self._archive, layer, f"layer {info.digest}")

    def close(self) -> None:
        """Close the archive, if it is this source's own. May be called twice."""
        if self._owned:
            self._archive.close()

    @abstractmethod
    def _made_manifest(self) -> RawManifest: ...

    @abstractmethod
    def _config_stream(self) -> ByteStream: ...


class DockerArchiveSource(MadeManifestSource):
    """One image of an archive, as `manifest.json` lists it.

    Of several images that are read through one open archive, the compressed layers that they share
    are read for the first one's manifest only.

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
        super().__init__(archive, owned=owned)
        config = files.read_config()
        self.config_digest = config.digest
        self._config = files.config
        self._sizes = files.decompressed_sizes
        self._diff_ids = _diff_ids(archive, files, config)
        self.layers = _layers(archive, files, self._diff_ids)

    def _made_manifest(self) -> RawManifest:
        sizes = {diff_id: self._decompressed_size(diff_id) for diff_id in self.layers}
        layers = [(diff_id, sizes[diff_id]) for diff_id in self._diff_ids]
        return docker_manifest(self.config_digest, self._config.size, layers)

    def _config_stream(self) -> ByteStream:
        return self._archive.stream(self._config.offset, self._config.size)

    def _decompressed_size(self, diff_id: Digest) -> int:
        layer = self.layers[diff_id]
        if _compression(self._archive, layer) is Compression.NONE:
            return layer.size
        if layer.offset not in self._sizes:
            with closing(self.blob(BlobInfo(diff_id))) as stream:
                size = sum(len(chunk) for chunk in iter(lambda: stream.read(CHUNK), b""))
            self._sizes[layer.offset] = size
        return self._sizes[layer.offset]


def layer_stream(archive: ArchiveFile, layer: TarMember, what: str) -> ByteStream:
    """Open the decompressed bytes of a layer; the caller closes the stream.

    Args:
        archive: The archive's plain bytes.
        layer: The layer's file, plain or compressed.
        what: The layer's name for error messages, without the archive's.
    """
    stream = archive.stream(layer.offset, layer.size)
    compression = _compression(archive, layer)
    if compression is Compression.NONE:
        return stream
    return DecompressedStream(stream, compression, f"{what} of {quote(archive.name)}")


def docker_manifest(
    config: Digest, config_size: int, layers: Iterable[tuple[Digest, int]]
) -> RawManifest:
    """Return a Docker schema 2 manifest of uncompressed layers.

    Args:
        config: The config's digest.
        config_size: Its size in bytes.
        layers: The layers' diff IDs and sizes in bytes, the base first.
    """
    raw = encode_json(
        {
            "schemaVersion": 2,
            "mediaType": media_types.DOCKER_MANIFEST,
            "config": _descriptor(media_types.DOCKER_CONFIG, config_size, config),
            "layers": [
                _descriptor(media_types.DOCKER_LAYER, size, diff_id) for diff_id, size in layers
            ],
        }
    )
    return RawManifest(raw, media_types.DOCKER_MANIFEST)


def _compression(archive: ArchiveFile, layer: TarMember) -> Compression:
    return sniff(archive.read_at(layer.offset, min(BLOCK, layer.size)))


def _diff_ids(archive: ArchiveFile, files: ImageFiles, config: StoredConfig) -> tuple[Digest, ...]:
    if config.diff_ids is None:
        problem = (
            f"the image has {len(files.layers)} layers, "
            f"its config {quote(files.config_name)} has {config.layer_count} diff IDs"
        )
        raise InvalidDocument(f"{MANIFEST} of {quote(archive.name)}", "$", problem)
    return config.diff_ids


def _layers(
    archive: ArchiveFile, files: ImageFiles, diff_ids: tuple[Digest, ...]
) -> dict[Digest, TarMember]:
    """Map the diff IDs to the layers' files; a layer that occurs twice needs just one of them."""
    layers: dict[Digest, TarMember] = {}
    owners: dict[int, Digest] = {}
    for diff_id, file in zip(diff_ids, files.layers, strict=True):
        owner = owners.setdefault(file.offset, diff_id)
        if owner != diff_id:
            problem = f"it is named as two different layers, {owner} and {diff_id}"
            raise InvalidArchive(archive.name, file.name, file.header_offset, problem)
        layers.setdefault(diff_id, file)
    return layers


def _descriptor(media_type: str, size: int, digest: Digest) -> JsonObject:
    return {"mediaType": media_type, "size": size, "digest": str(digest)}
