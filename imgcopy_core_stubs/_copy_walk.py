"""What a copy and a dry run of one have in common: everything that comes before a layer is read.

Both sides are opened, the images are chosen, and it is decided what to do to each. What cannot be
done is refused on the way.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from imgcopy_core_stubs._copy_blob import LayerKey, LayerTask, read_document
from imgcopy_core_stubs._copy_plan import Planner
from imgcopy_core_stubs.capabilities import CopyDemands
from imgcopy_core_stubs.copy_options import CopyOptions, Instances
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import UnsupportedByDestination
from imgcopy_core_stubs.instances import INDEX_DEPTH, descend, nested_too_deeply, read_instance
from imgcopy_core_stubs.manifest import (
    Descriptor,
    ImageConfig,
    ImageIndex,
    ImageManifest,
    parse_config,
    parse_manifest,
)
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import (
    BlobInfo,
    ImageDestination,
    ImageReference,
    ImageSource,
)

Stored = TypeVar("Stored")
"""What a subclass of `Walk` makes of an image or an index."""


class Sides(NamedTuple):
    """Source and destination, open, and how to copy from one to the other."""

    source: ImageSource
    source_name: str
    destination: ImageDestination
    destination_name: str
    options: CopyOptions
    planner: Planner


class DecidedImage(NamedTuple):
    """An image, and what is to be done to it."""

    manifest: ImageManifest
    """The manifest as the source has it."""
    media_type: str
    """The type that the stored manifest will have."""
    signatures: Sequence[bytes]
    raw_config: bytes
    config: ImageConfig | None
    """None: it is no container image."""
    tasks: Sequence[LayerTask]
    """One for each layer."""
    distinct: dict[LayerKey, LayerTask]
    """Those that are to be carried out: a layer that occurs twice is copied once."""
    named: Digest | None
    """The digest by which an index names it that is copied too; None: there is no such index."""


def demands(options: CopyOptions) -> CopyDemands:
    """Return what a copy with these options asks of its destination."""
    return CopyDemands(
        preserve_digests=options.preserve_digests,
        indexes=options.instances is not Instances.SYSTEM,
        index_only=options.instances is Instances.INDEX_ONLY,
    )


@contextlib.contextmanager
def opened(
    source: ImageReference,
    destination: ImageReference,
    options: CopyOptions,
    source_options: object | None,
    destination_options: object | None,
) -> Iterator[Sides]:
    """Open both sides of a copy for as long as the context lasts."""
    destination_options = destination.fitted_options(destination_options, demands(options))
    # The destination comes first: what it refuses is refused before anything is read.
    with (
        destination.open_destination(destination_options) as opened_destination,
        source.open_source(source_options) as opened_source,
    ):
        source_name = f"{source.scheme}:{source}"
        destination_name = f"{destination.scheme}:{destination}"
        yield Sides(
            source=opened_source,
            source_name=source_name,
            destination=opened_destination,
            destination_name=destination_name,
            options=options,
            planner=Planner(
                capabilities=opened_destination.capabilities,
                source=source_name,
                destination=destination_name,
                manifest_type=options.manifest_type,
                preserve_digests=options.preserve_digests,
                layer_limit=options.layer_limit,
            ),
        )


class Walk(ABC, Generic[Stored]):
    """Goes through all that the options say, each index after what it names."""

    def __init__(self, sides: Sides) -> None:
        self.sides = sides
        self._taken: dict[tuple[Digest, int, str, int], Stored] = {}

    @abstractmethod
    def take_image(self, image: DecidedImage) -> Stored:
        """Do what there is to do to an image."""

    @abstractmethod
    def take_index(
        self,
        index: ImageIndex,
        media_type: str,
        instances: Sequence[Stored],
        signatures: Sequence[bytes],
        *,
        named: Digest | None,
    ) -> Stored:
        """Do what there is to do to an index.

        Args:
            index: The index as the source has it.
            media_type: The type that the stored index will have.
            instances: What was made of each manifest that it names; empty: they are left out.
            signatures: The index's own.
            named: The digest by which another index names it; None: it is the top one.
        """

    def run(self) -> Stored:
        """Take what the options say, and return what was made of the top-level manifest."""
        sides = self.sides
        parsed = parse_manifest(sides.source.manifest(), f"manifest of {quote(sides.source_name)}")
        if sides.options.instances is Instances.SYSTEM:
            platform = sides.options.platform or Platform.of_this_machine()
            image = descend(sides.source, parsed, platform, sides.source_name)
            return self.take_image(self._decide(image, chosen=image is not parsed))
        if isinstance(parsed, ImageManifest):
            return self.take_image(self._decide(parsed))
        if not sides.destination.capabilities.stores_indexes:
            problem = (
                "it cannot store a multi-platform image (leave out --all, or use oci: or dir:)"
            )
            raise UnsupportedByDestination(sides.destination_name, problem)
        return self._walk_index(parsed, None, depth=1)

    def check_change(self, signatures: Sequence[bytes]) -> None:
        """Refuse that a manifest changes, where its digest or its signatures are wanted."""
        if self.sides.options.preserve_digests:
            problem = (
                "the manifest would change, so digests cannot be preserved "
                "(leave out --preserve-digests)"
            )
            raise UnsupportedByDestination(self.sides.destination_name, problem)
        if signatures:
            problem = (
                "the manifest would change, and its signatures be void "
                "(--remove-signatures copies the image without them)"
            )
            raise UnsupportedByDestination(self.sides.destination_name, problem)

    def _walk_index(self, index: ImageIndex, named: Digest | None, *, depth: int) -> Stored:
        sides = self.sides
        if depth > INDEX_DEPTH:
            raise nested_too_deeply(sides.source_name)
        media_type = sides.planner.index_type(index.media_type)
        signatures = self._signatures(named)
        if media_type != index.media_type:
            self.check_change(signatures)
        instances = []
        if sides.options.instances is Instances.ALL:
            instances = [self._take_instance(each, depth=depth + 1) for each in index.manifests]
        return self.take_index(index, media_type, instances, signatures, named=named)

    def _take_instance(self, descriptor: Descriptor, *, depth: int) -> Stored:
        """Take what an index names, once: indexes in indexes may name it very often."""
        key = descriptor.digest, descriptor.size, descriptor.media_type, depth
        if key not in self._taken:
            instance = read_instance(self.sides.source, descriptor, self.sides.source_name)
            if isinstance(instance, ImageIndex):
                taken = self._walk_index(instance, descriptor.digest, depth=depth)
            else:
                decided = self._decide(instance, chosen=True, named=descriptor.digest)
                taken = self.take_image(decided)
            self._taken[key] = taken
        return self._taken[key]

    def _decide(
        self, image: ImageManifest, *, chosen: bool = False, named: Digest | None = None
    ) -> DecidedImage:
        """Decide what to do to an image.

        Args:
            image: Its manifest.
            chosen: It is one of an index's images.
            named: The digest by which the index names it, if that is copied too.
        """
        sides = self.sides
        planner = sides.planner
        media_type = planner.image_type(image.media_type)
        signatures = self._signatures((named or image.digest) if chosen else None)
        if media_type != image.media_type:
            self.check_change(signatures)
        config_name = f"config of {quote(sides.source_name)}"
        raw_config = read_document(sides.source, image.config, config_name)
        config = None
        if image.is_image:
            config = parse_config(raw_config, config_name)
            platform = None if chosen else sides.options.platform
            planner.check_config(image, config, platform)
        blobs = sides.source.layer_infos_for_copy(image) or [BlobInfo.of(d) for d in image.layers]
        tasks = planner.layers(image, config, blobs, media_type)
        distinct: dict[LayerKey, LayerTask] = {}
        diff_ids: set[Digest | None] = set()
        for layer, task in zip(image.layers, tasks, strict=True):
            if not planner.stays_out(layer) and task.key not in distinct:
                is_repetition = task.diff_id is not None and task.diff_id in diff_ids
                distinct[task.key] = task._replace(is_repetition=True) if is_repetition else task
                diff_ids.add(task.diff_id)
        return DecidedImage(
            manifest=image,
            media_type=media_type,
            signatures=signatures,
            raw_config=raw_config,
            config=config,
            tasks=tasks,
            distinct=distinct,
            named=named,
        )

    def _signatures(self, instance_digest: Digest | None) -> Sequence[bytes]:
        """Return the signatures to copy; refuse them where they cannot be stored."""
        sides = self.sides
        if sides.options.remove_signatures:
            return ()
        signatures = sides.source.signatures(instance_digest)
        refusal = sides.destination.capabilities.signatures_refusal
        if signatures and refusal is not None:
            problem = f"{refusal} (--remove-signatures copies the image without them)"
            raise UnsupportedByDestination(sides.destination_name, problem)
        return signatures
