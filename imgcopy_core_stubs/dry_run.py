"""What a copy would do, found out without doing it.

A dry run takes the way of a copy as far as the first layer, so whatever would be refused there is
refused here too; but no layer is read. (Only a source that cannot tell a layer's size without that
reads it: a docker archive whose layers are compressed.) So it does not find a layer that is missing
or damaged, and it tells how a layer is compressed by its digests and its media type, where a copy
looks at the bytes.
"""

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

from attrs import frozen

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs._copy_blob import LayerTask, StoredLayer, reuse_layer
from imgcopy_core_stubs._copy_walk import DecidedImage, Sides, Walk, opened
from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.copy_options import CopyOptions
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import InvalidOption
from imgcopy_core_stubs.manifest import Descriptor, ImageIndex
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.standard_output import is_pipe_or_device, is_standard_stream
from imgcopy_core_stubs.transport import ImageReference


class LayerAction(Enum):
    """What a copy does with a layer."""

    REUSED = "reused"
    """The destination has it, or gets it with an image before; it is not read."""
    LEFT_OUT = "left where its URLs say"
    """It is a foreign layer, and the destination takes those by their URLs; it is not read."""
    COPIED = "copied as it is"
    DECOMPRESSED = "decompressed"
    COMPRESSED = "compressed"
    RECOMPRESSED = "recompressed"
    """It is decompressed, and compressed in another way."""


@frozen
class LayerPlan:
    """What would become of a layer."""

    digest: Digest
    """Its digest at the source."""
    size: int | None
    """Its size in bytes, as the source stores it; None: the source does not say."""
    action: LayerAction
    bytes_written: int | None
    """How many bytes of it would be written; None: that is not known before."""

    @property
    def bytes_read(self) -> int:
        """How many bytes of it would be read, as far as the source says."""
        is_read = self.action not in (LayerAction.REUSED, LayerAction.LEFT_OUT)
        return self.size or 0 if is_read else 0


@frozen
class ImagePlan:
    """What would become of an image."""

    digest: Digest
    """The digest of the source's manifest."""
    platform: Platform | None
    """None: it is no container image."""
    media_type: str
    """The type of the source's manifest."""
    stored_media_type: str
    """The type of the manifest that would be stored."""
    keeps_digest: bool
    """Whether that would be the same, byte for byte."""
    layers: tuple[LayerPlan, ...]
    """In the order of the manifest; one that occurs twice is listed once."""


@frozen
class CopyPlan:
    """What a copy would do. Of bytes, the layers' are counted; manifests and configs are small."""

    source: str
    """The source, with its scheme."""
    images: tuple[ImagePlan, ...]
    keeps_digest: bool
    """Whether the top-level manifest or index would be stored byte for byte."""

    @property
    def bytes_read(self) -> int:
        """How many bytes would be read from the source."""
        return sum(layer.bytes_read for layer in self._layers)

    @property
    def bytes_written(self) -> int:
        """How many bytes would be written, without the layers of unknown size."""
        return sum(layer.bytes_written or 0 for layer in self._layers)

    @property
    def layers_of_unknown_size(self) -> int:
        """How many layers would be written of which it is not known how large they get."""
        return sum(layer.bytes_written is None for layer in self._layers)

    @property
    def _layers(self) -> list[LayerPlan]:
        return [layer for image in self.images for layer in image.layers]


def plan_copy(
    source: ImageReference,
    destination: ImageReference,
    *,
    options: CopyOptions | None = None,
    source_options: object | None = None,
    destination_options: object | None = None,
    put_before: set[Digest] | None = None,
) -> CopyPlan:
    """Find out what `copy_image` would do with the same arguments, without doing it.

    Manifests and configs are read, but no layer. The destination is opened, asked what it has, and
    closed again without a commit, so it stays as it is.

    Args:
        source: The image.
        destination: Where it would go.
        options: How it would be copied; None: the defaults.
        source_options: An instance of the source transport's `source_options`, or None.
        destination_options: An instance of the destination transport's `destination_options`.
        put_before: Layers that the destination would get before, with other images; those that it
            would get with this one are added.

    Raises:
        SourceError: The image is missing, cannot be read, or is invalid.
        DestinationError: It cannot be stored.
        UsageError: An option does not apply, or the destination is standard output, a pipe or a
            device, which cannot be opened without disturbing who reads from it.
    """
    refuse_what_cannot_be_tried(destination)
    options = options or CopyOptions()
    with opened(source, destination, options, source_options, destination_options) as sides:
        dry_run = _DryRun(sides, set() if put_before is None else put_before)
        keeps_digest = dry_run.run()
        return CopyPlan(sides.source_name, tuple(dry_run.images), keeps_digest)


def refuse_what_cannot_be_tried(destination: ImageReference) -> None:
    """Raise `InvalidOption` for a destination that opening would disturb."""
    path, text = destination.path, str(destination)
    is_special = path is not None and is_pipe_or_device(path)
    if is_special or is_standard_stream(path, text):
        name = quote(f"{destination.scheme}:{text}")
        problem = f"{name} is standard output, a pipe or a device (name a file in its place)"
        raise InvalidOption("--dry-run", problem)


_Outcome: TypeAlias = tuple[LayerPlan, Digest | None]
"""A layer's plan, and the digest that it would be stored under, where that is known."""


class _DryRun(Walk[bool]):
    """One dry run. What is made of a manifest is whether it would stay as it is."""

    def __init__(self, sides: Sides, put: set[Digest]) -> None:
        super().__init__(sides)
        self.images: list[ImagePlan] = []
        self._put = put

    def take_index(
        self,
        index: ImageIndex,
        media_type: str,
        instances: Sequence[bool],
        signatures: Sequence[bytes],
        *,
        named: Digest | None,
    ) -> bool:
        """Say whether all that an index names would stay, and so the index."""
        del named
        keeps_digest = media_type == index.media_type and all(instances)
        if not keeps_digest:
            self.check_change(signatures)
        return keeps_digest

    def take_image(self, image: DecidedImage) -> bool:
        """Plan an image, and say whether its manifest would stay."""
        manifest = image.manifest
        outcomes = {key: self._plan_layer(task) for key, task in image.distinct.items()}
        layers: dict[object, LayerPlan] = {}
        keeps_digest = image.media_type == manifest.media_type
        for layer, task in zip(manifest.layers, image.tasks, strict=True):
            if task.key in outcomes:
                plan, stored_digest = outcomes[task.key]
                layers[task.key] = plan
            else:
                plan = LayerPlan(layer.digest, layer.size, LayerAction.LEFT_OUT, 0)
                stored_digest = layer.digest
                layers[layer.digest] = plan
            keeps_digest = keeps_digest and self._stays(layer, stored_digest, image)
        self.images.append(
            ImagePlan(
                digest=manifest.digest,
                platform=None if image.config is None else image.config.platform,
                media_type=manifest.media_type,
                stored_media_type=image.media_type,
                keeps_digest=keeps_digest,
                layers=tuple(layers.values()),
            )
        )
        if not keeps_digest:
            self.check_change(image.signatures)
        return keeps_digest

    def _plan_layer(self, task: LayerTask) -> _Outcome:
        digest, size = task.source_digest, task.blob.size
        wanted = None if task.wanted is None else task.wanted.digest
        if wanted in self._put:
            return LayerPlan(digest, size, LayerAction.REUSED, 0), wanted
        reused = reuse_layer(self.sides.destination, task)
        if reused is not None:
            return LayerPlan(digest, size, LayerAction.REUSED, 0), reused.digest
        compression = _likely_compression(task)
        stored_compression = task.stored_compression(compression)
        written: int | None = None
        stored_digest: Digest | None = None
        if stored_compression is compression:
            action, written, stored_digest = LayerAction.COPIED, size, digest
        elif stored_compression is Compression.NONE:
            action, stored_digest = LayerAction.DECOMPRESSED, task.diff_id
        elif compression is Compression.NONE:
            action = LayerAction.COMPRESSED
        else:
            action = LayerAction.RECOMPRESSED
        if stored_digest is not None:
            self._put.add(stored_digest)
        return LayerPlan(digest, size, action, written), stored_digest

    def _stays(self, layer: Descriptor, stored_digest: Digest | None, image: DecidedImage) -> bool:
        """Whether a layer would have the same descriptor in the stored manifest."""
        if stored_digest != layer.digest:
            return False
        stored = StoredLayer(layer.digest, layer.size, None)
        old_type, new_type = image.manifest.media_type, image.media_type
        return self.sides.planner.describe(layer, stored, old_type, new_type) == layer


def _likely_compression(task: LayerTask) -> Compression:
    """Tell how a layer is compressed without looking at it.

    Its diff ID says whether it is, its media type in which way; most layers have gzip.
    """
    if task.diff_id in (None, task.blob.digest):
        return Compression.NONE
    told = media_types.compression_of(task.blob.media_type)
    return Compression.GZIP if told in (None, Compression.NONE) else told
