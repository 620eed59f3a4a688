"""`ImageSource` over an archive of `docker save` before Docker 1.10.

The image gets the config that Docker would make for it, and a Docker schema 2 manifest. Both need
the layers' diff IDs, which the archive does not tell: every layer is read once to learn them.
"""

import io
from typing import Final

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Digest,
    ImageSource,
    RawManifest,
    SourceCapabilities,
    SourceNotFound,
)
from imgcopy_docker_archive.reading._legacy_images import LegacyImage, legacy_config
from imgcopy_docker_archive.reading._tar_walk import TarMember
from imgcopy_docker_archive.reading.source import docker_manifest, layer_stream

_CAPABILITIES: Final = SourceCapabilities(parallel_blobs=True)


class LegacySource(ImageSource):
    """One image of such an archive. Opening it reads all its layers.

    Args:
        image: The image.
        owned: Whether the archive is closed with this source.

    Raises:
        InvalidArchive: A part of the image is missing, or its layers have no end.
        InvalidDocument: A layer's document breaks its format.
        CorruptBlob: A compressed layer is damaged.
    """

    def __init__(self, image: LegacyImage, *, owned: bool) -> None:
        self._archive = image.archive.members.archive
        self._owned = owned
        parts = image.archive.parts(image)
        measured = [image.archive.measure(layer) for layer in parts.layers]
        self._config = legacy_config(parts, (diff_id for diff_id, _ in measured))
        self._manifest = docker_manifest(self._config_digest, len(self._config), measured)
        self._files: dict[Digest, TarMember] = {
            diff_id: layer for (diff_id, _), layer in zip(measured, parts.layers, strict=True)
        }

    @property
    def capabilities(self) -> SourceCapabilities:
        """Blobs may be read from several threads at a time."""
        return _CAPABILITIES

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        """Return a Docker schema 2 manifest of the image, with uncompressed layers.

        Raises:
            SourceNotFound: An instance is asked for; such an archive holds no indexes.
        """
        if instance_digest is not None:
            raise SourceNotFound(self._archive.name, f"it has no manifest {instance_digest}")
        return self._manifest

    def blob(self, info: BlobInfo) -> ByteStream:
        """Open the config, or the decompressed bytes of a layer; the caller closes the stream.

        Raises:
            SourceNotFound: The image has no blob with this digest.
        """
        if info.digest == self._config_digest:
            return io.BytesIO(self._config)
        if info.digest is None or info.digest not in self._files:
            raise SourceNotFound(self._archive.name, f"the image has no blob {info.digest}")
        return layer_stream(self._archive, self._files[info.digest], f"layer {info.digest}")

    def close(self) -> None:
        """Close the archive, if it is this source's own. May be called twice."""
        if self._owned:
            self._archive.close()

    @property
    def _config_digest(self) -> Digest:
        return Digest.of(self._config)
