"""`ImageSource` over an archive of `docker save` before Docker 1.10.

The image gets the config that Docker would make for it, and a Docker schema 2 manifest. Both need
the layers' diff IDs, which the archive does not tell: every layer is read once to learn them.
"""

import io

from imgcopy_core_stubs import ByteStream, Digest, RawManifest
from imgcopy_docker_archive.reading._legacy_images import LegacyImage, legacy_config
from imgcopy_docker_archive.reading.source import MadeManifestSource, docker_manifest


class LegacySource(MadeManifestSource):
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
        super().__init__(image.archive.members.archive, owned=owned)
        parts = image.archive.parts(image)
        self._measured = [image.archive.measure(layer) for layer in parts.layers]
        diff_ids = [diff_id for diff_id, _ in self._measured]
        self._config = legacy_config(parts, diff_ids)
        self.config_digest = Digest.of(self._config)
        self.layers = dict(zip(diff_ids, parts.layers, strict=True))

    def _made_manifest(self) -> RawManifest:
        return docker_manifest(self.config_digest, len(self._config), self._measured)

    def _config_stream(self) -> ByteStream:
        return io.BytesIO(self._config)
