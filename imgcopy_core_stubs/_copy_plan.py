"""What is to be done to an image on its way: pure decisions, made before any layer is read.

Everything here follows from the manifest, the config, the destination's capabilities and the user's
options; what cannot be done is refused here, by name and with the way out.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from attrs import evolve

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs._copy_blob import LayerTask, StoredLayer
from imgcopy_core_stubs.capabilities import DestinationCapabilities, LayerCompression
from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.errors import (
    InvalidDocument,
    InvalidOption,
    UnsupportedByDestination,
    UnsupportedImage,
)
from imgcopy_core_stubs.instances import check_platform
from imgcopy_core_stubs.manifest import Descriptor, ImageConfig, ImageManifest
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import listing, quote
from imgcopy_core_stubs.transport import BlobInfo

_INDEX_TYPES: Final = {
    media_types.OCI_MANIFEST: media_types.OCI_INDEX,
    media_types.DOCKER_MANIFEST: media_types.DOCKER_MANIFEST_LIST,
}
_ANY: Final = frozenset(Compression)


class Planner(NamedTuple):
    """Decides for one destination and one set of options."""

    capabilities: DestinationCapabilities
    source: str
    """The source's name for error messages."""
    destination: str
    """The destination's name for error messages."""
    manifest_type: str | None
    """The media type of image manifests that the user asked for."""
    preserve_digests: bool
    layer_limit: int | None

    def image_type(self, current: str) -> str:
        """Return the media type that an image manifest of type `current` will have."""
        return self._choose_type(current, self.manifest_type, media_types.IMAGE_MANIFESTS)

    def index_type(self, current: str) -> str:
        """Return the media type that an index of type `current` will have."""
        wanted = _INDEX_TYPES.get(self.manifest_type or "")
        return self._choose_type(current, wanted, media_types.INDEXES)

    def check_config(
        self, image: ImageManifest, config: ImageConfig, platform: Platform | None
    ) -> None:
        """Refuse a config that does not fit its manifest, or the platform.

        Args:
            image: The manifest.
            config: Its config.
            platform: The platform that the image must fit, if there is such a demand.
        """
        if len(config.diff_ids) != len(image.layers):
            problem = (
                f"it lists {len(config.diff_ids)} diff IDs, "
                f"but the manifest lists {len(image.layers)} layers"
            )
            raise InvalidDocument(f"config of {quote(self.source)}", "$.rootfs.diff_ids", problem)
        if platform is not None:
            check_platform(config, platform, self.source)
        here = Platform.of_this_machine()
        if self.capabilities.must_match_runtime_os and config.platform.os != here.os:
            problem = (
                f"the image is for {quote(config.platform.os)}, this machine runs {here.os} "
                "(oci: and dir: take it; --platform chooses another of a multi-platform image)"
            )
            raise UnsupportedByDestination(self.destination, problem)

    def layers(
        self,
        image: ImageManifest,
        config: ImageConfig | None,
        blobs: Sequence[BlobInfo],
        media_type: str,
    ) -> list[LayerTask]:
        """Return what to do with each layer of an image.

        Args:
            image: The manifest.
            config: Its config; None: it is no container image.
            blobs: The blobs to read, one for each layer.
            media_type: The type that the stored manifest will have.
        """
        if config is None and (self._decompresses or media_type != image.media_type):
            problem = f"it is an artifact of type {quote(image.config.media_type)}, not an image"
            way_out = self._way_to_keep(image.media_type)
            raise UnsupportedImage(quote(self.source), f"{problem} ({way_out})")
        tasks = []
        for position, (layer, blob) in enumerate(zip(image.layers, blobs, strict=True)):
            what = f"layer {blob.digest} of {quote(self.source)}"
            is_layer = config is not None and media_types.is_layer(layer.media_type)
            accepted = self._accepted(layer, what, image.media_type, media_type, is_layer=is_layer)
            if self.layer_limit is not None and accepted != {Compression.NONE}:
                problem = f"{quote(self.destination)} takes layers as they come (leave it out)"
                raise InvalidOption("--max-layer-size", problem)
            can_be_read = is_layer and not media_types.is_encrypted(layer.media_type)
            tasks.append(
                LayerTask(
                    blob=blob,
                    diff_id=config.diff_ids[position] if config and can_be_read else None,
                    accepted=accepted,
                    otherwise=Compression.NONE
                    if accepted == {Compression.NONE}
                    else Compression.GZIP,
                    limit=self.layer_limit,
                    what=what,
                )
            )
        return tasks

    def stays_out(self, layer: Descriptor) -> bool:
        """Whether a layer is left where its URLs say, because the destination takes those."""
        return (
            self.capabilities.accepts_foreign_layer_urls
            and media_types.is_foreign_layer(layer.media_type)
            and bool(layer.urls)
        )

    def describe(
        self, layer: Descriptor, stored: StoredLayer | None, old_type: str, new_type: str
    ) -> Descriptor:
        """Return a layer's descriptor as the stored manifest has it.

        Args:
            layer: Its descriptor in the source's manifest.
            stored: The layer at the destination; None: it stays out.
            old_type: The type of the source's manifest.
            new_type: The type of the stored manifest.
        """
        if stored is None:
            stored = StoredLayer(layer.digest, layer.size, None)
        foreign = media_types.is_foreign_layer(layer.media_type)
        stays_out = self.stays_out(layer)
        # A foreign layer that is stored is none any more, unless the manifest must not say so.
        keeps_kind = foreign == stays_out or self.preserve_digests
        unchanged = stored.digest == layer.digest and keeps_kind
        if unchanged and old_type == new_type:
            return layer
        compression = stored.compression or media_types.compression_of(layer.media_type)
        media_type = compression and media_types.layer_type(
            new_type, compression, foreign=stays_out
        )
        return evolve(
            layer,
            digest=stored.digest,
            size=stored.size,
            media_type=media_type or layer.media_type,
            urls=layer.urls if stays_out else (),
            data=layer.data if unchanged else "",
        )

    @property
    def _decompresses(self) -> bool:
        return self.capabilities.layer_compression is LayerCompression.DECOMPRESS

    def _choose_type(self, current: str, wanted: str | None, family: tuple[str, ...]) -> str:
        accepted = self.capabilities.manifest_types
        if wanted is not None and accepted and wanted not in accepted:
            problem = (
                f"{quote(self.destination)} cannot store a manifest of type {quote(wanted)} "
                f"(it takes {listing(accepted)})"
            )
            raise InvalidOption("--format", problem)
        if wanted is None:
            candidates = [current] if not accepted or current in accepted else accepted
            wanted = next((candidate for candidate in candidates if candidate in family), None)
        if wanted is None:
            problem = f"a manifest of type {quote(current)} cannot be stored"
            way_out = self._way_to_keep(current)
            raise UnsupportedByDestination(self.destination, f"{problem} ({way_out})")
        if wanted != current:
            self._refuse_change(f"the manifest would become {quote(wanted)}", current)
        return wanted

    def _accepted(
        self, layer: Descriptor, what: str, old_type: str, new_type: str, *, is_layer: bool
    ) -> frozenset[Compression]:
        """Return the compressions that a layer may have and be stored as it comes."""
        if not is_layer:
            if self._decompresses or old_type != new_type:
                problem = f"its type {quote(layer.media_type)} is no file system layer's"
                raise UnsupportedImage(what, f"{problem} ({self._way_to_keep(old_type)})")
            return _ANY
        if media_types.is_encrypted(layer.media_type):
            if self._decompresses or old_type != new_type:
                problem = "it is encrypted, which cannot be undone here"
                way_out = f'{self._way_to_keep(old_type)}; "skopeo copy --decryption-key" decrypts'
                raise UnsupportedImage(what, f"{problem} ({way_out})")
            return _ANY
        if self._decompresses:
            if media_types.compression_of(layer.media_type) is not Compression.NONE:
                self._refuse_change("layers are stored decompressed there", old_type)
            return frozenset({Compression.NONE})
        if self.preserve_digests:
            return _ANY
        if self.capabilities.layer_compression is LayerCompression.COMPRESS:
            storable = {Compression.GZIP, Compression.ZSTD}
        elif old_type == new_type:
            return _ANY
        else:
            storable = set(Compression)
        return frozenset(c for c in storable if media_types.layer_type(new_type, c) is not None)

    def _refuse_change(self, problem: str, old_type: str) -> None:
        if self.preserve_digests:
            way_out = self._way_to_keep(old_type)
            problem = f"{problem}, so digests cannot be preserved ({way_out})"
            raise UnsupportedByDestination(self.destination, problem)

    def _way_to_keep(self, media_type: str) -> str:
        """Say how an image whose manifest is of this type can be copied as it is."""
        if self.manifest_type not in (None, media_type):
            return "leave out --format"
        if media_type in (media_types.OCI_MANIFEST, media_types.OCI_INDEX):
            return "oci: and dir: take it as it is"
        return "dir: takes it as it is"
