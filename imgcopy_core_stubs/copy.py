"""Copying an image: choose, check, copy the blobs, write the manifest, commit.

`copy_image` reads top to bottom under headed steps. Who wants to see it at work follows one layer
through `_copy_blob`.
"""

import threading
from collections.abc import Callable, Sequence
from enum import Enum

from attrs import evolve, field, frozen

from imgcopy_core_stubs._copy_blob import (
    LayerKey,
    LayerTask,
    StoredLayer,
    copy_layer,
    put_document,
    read_document,
    reuse_layer,
)
from imgcopy_core_stubs._copy_plan import Planner
from imgcopy_core_stubs._parallel import Turn, run_in_parallel
from imgcopy_core_stubs.conversion import edit_index, edit_manifest
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import UnsupportedByDestination
from imgcopy_core_stubs.events import (
    BlobDone,
    BlobKind,
    BlobProgress,
    BlobStarted,
    Committed,
    CopyFailed,
    CopyStarted,
    Event,
    Observer,
)
from imgcopy_core_stubs.instances import INDEX_DEPTH, descend, nested_too_deeply, read_instance
from imgcopy_core_stubs.manifest import (
    ImageIndex,
    ImageManifest,
    RawManifest,
    parse_config,
    parse_manifest,
)
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination, ImageReference, ImageSource


class Instances(Enum):
    """Which images of an index are copied."""

    SYSTEM = "system"
    """The one for this machine, or for `CopyOptions.platform`, without the index."""
    ALL = "all"
    """The index and all that it names."""
    INDEX_ONLY = "index-only"
    """The index alone: what it names is there already, or comes later."""


@frozen(kw_only=True)
class CopyOptions:
    """How an image is copied."""

    platform: Platform | None = None
    """The platform to choose from an index; None: this machine's. A single image must fit it."""
    manifest_type: str | None = None
    """The media type that the stored manifest shall have; None: the source's, if possible."""
    preserve_digests: bool = False
    """Fail rather than store a manifest with another digest."""
    instances: Instances = Instances.SYSTEM
    """Which images of an index are copied."""
    remove_signatures: bool = False
    """Leave the source's signatures behind."""
    parallel_copies: int = 2
    """How many layers are copied at a time, where source and destination allow it."""
    layer_limit: int | None = None
    """The most bytes that a layer may decompress to; None: any number."""


@frozen
class CopyResult:
    """A finished copy."""

    manifest: RawManifest
    """The top-level manifest or index as it was stored."""


def copy_image(
    source: ImageReference,
    destination: ImageReference,
    *,
    options: CopyOptions | None = None,
    source_options: object | None = None,
    destination_options: object | None = None,
    observers: Sequence[Observer] = (),
) -> CopyResult:
    """Copy an image, or an index of images, from one place to another.

    Nothing is visible at the destination before everything has been copied and verified; after an
    error or an interruption the destination is as it was.

    Args:
        source: The image.
        destination: Where it goes.
        options: How it is copied; None: the defaults.
        source_options: An instance of the source transport's `source_options`, or None.
        destination_options: An instance of the destination transport's `destination_options`.
        observers: Called with events, one at a time, but from several threads.

    Raises:
        SourceError: The image is missing, cannot be read, is invalid or does not verify.
        DestinationError: It cannot be stored.
        UsageError: An option does not apply to this image or destination.
    """
    options = options or CopyOptions()
    notify = _Notifier(observers)
    committed = False
    try:
        # The destination comes first: what it refuses is refused before anything is read.
        with (
            destination.open_destination(destination_options) as opened_destination,
            source.open_source(source_options) as opened_source,
        ):
            planner = Planner(
                capabilities=opened_destination.capabilities,
                source=_name(source),
                destination=_name(destination),
                manifest_type=options.manifest_type,
                preserve_digests=options.preserve_digests,
                layer_limit=options.layer_limit,
            )
            copy = _Copy(
                source=opened_source,
                source_name=_name(source),
                destination=opened_destination,
                destination_name=_name(destination),
                options=options,
                planner=planner,
                notify=notify,
            )
            manifest = copy.run()
            opened_destination.commit()
            committed = True
            notify(Committed(manifest.digest))
    except BaseException as error:
        if not committed:
            notify(CopyFailed(error))
        raise
    return CopyResult(manifest)


def _name(reference: ImageReference) -> str:
    return f"{reference.scheme}:{reference}"


class _Notifier:
    """Hands events to observers, one at a time whatever thread they come from."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            for observer in self._observers:
                observer(event)


@frozen(kw_only=True)
class _Copy:
    """One copy under way."""

    source: ImageSource
    source_name: str
    destination: ImageDestination
    destination_name: str
    options: CopyOptions
    planner: Planner
    notify: Callable[[Event], None]
    cancelled: threading.Event = field(factory=threading.Event)

    def run(self) -> RawManifest:
        """Copy what the options say, and return the top-level manifest as it was stored."""
        what = f"manifest of {quote(self.source_name)}"
        parsed = parse_manifest(self.source.manifest(), what)
        if self.options.instances is Instances.SYSTEM:
            platform = self.options.platform or Platform.of_this_machine()
            image = descend(self.source, parsed, platform, self.source_name)
            return self._copy_image(image, chosen=image is not parsed)
        if isinstance(parsed, ImageManifest):
            return self._copy_image(parsed)
        if not self.destination.capabilities.stores_indexes:
            problem = (
                "it cannot store a multi-platform image (leave out --all, or use oci: or dir:)"
            )
            raise UnsupportedByDestination(self.destination_name, problem)
        return self._copy_index(parsed, depth=1)

    def _copy_index(self, index: ImageIndex, *, depth: int) -> RawManifest:
        if depth > INDEX_DEPTH:
            raise nested_too_deeply(self.source_name)
        media_type = self.planner.index_type(index.media_type)
        source_digest = None if depth == 1 else index.digest
        signatures = self._signatures(source_digest)
        manifests = list(index.manifests)
        if self.options.instances is Instances.ALL:
            for position, descriptor in enumerate(index.manifests):
                instance = read_instance(self.source, descriptor, self.source_name)
                if isinstance(instance, ImageIndex):
                    stored = self._copy_index(instance, depth=depth + 1)
                else:
                    stored = self._copy_image(instance, chosen=True, below_index=True)
                manifests[position] = evolve(
                    descriptor,
                    digest=stored.digest,
                    size=len(stored.raw),
                    media_type=descriptor.media_type and stored.media_type,
                )
        edited = edit_index(index, media_type, manifests)
        self._store_manifest(index, edited, signatures, below_index=depth > 1)
        return edited

    def _copy_image(
        self, image: ImageManifest, *, chosen: bool = False, below_index: bool = False
    ) -> RawManifest:
        """Copy one image.

        Args:
            image: Its manifest.
            chosen: It is one of an index's images.
            below_index: The index is copied too.
        """
        # 1. Decide; refuse what cannot be done before any layer is read.
        media_type = self.planner.image_type(image.media_type)
        signatures = self._signatures(image.digest if chosen else None)
        config_name = f"config of {quote(self.source_name)}"
        raw_config = read_document(self.source, image.config, config_name)
        config = None
        if image.is_image:
            config = parse_config(raw_config, config_name)
            platform = None if chosen else self.options.platform
            self.planner.check_config(image, config, platform)
        blobs = self.source.layer_infos_for_copy(image) or [BlobInfo.of(d) for d in image.layers]
        tasks = self.planner.layers(image, config, blobs, media_type)
        distinct: dict[LayerKey, LayerTask] = {}
        for layer, task in zip(image.layers, tasks, strict=True):
            if not self.planner.stays_out(layer):
                distinct.setdefault(task.key, task)
        self.notify(
            CopyStarted(
                self.source_name,
                self.destination_name,
                blobs=len(distinct) + 1,
                size=sum(task.blob.size or 0 for task in distinct.values()) + image.config.size,
            )
        )

        # 2. The layers, each distinct one once.
        copied = run_in_parallel(
            self._copy_layer,
            list(distinct.values()),
            at_a_time=self._layers_at_a_time(),
            cancelled=self.cancelled,
        )
        stored = dict(zip(distinct, copied, strict=True))
        layers = [
            self.planner.describe(layer, stored.get(task.key), image.media_type, media_type)
            for layer, task in zip(image.layers, tasks, strict=True)
        ]

        # 3. The config, byte for byte.
        config_blob = (image.config.digest, BlobKind.CONFIG, image.config.size)
        self.notify(BlobStarted(*config_blob))
        put_document(self.destination, raw_config, image.config, self.destination_name)
        self.notify(BlobDone(*config_blob, reused=False))

        # 4. The manifest.
        edited = edit_manifest(image, media_type, layers)
        self._store_manifest(image, edited, signatures, below_index=below_index)
        return edited

    def _copy_layer(self, task: LayerTask, turn: Turn) -> StoredLayer:
        digest = task.source_digest
        blob = (digest, BlobKind.LAYER, task.blob.size)
        stored = reuse_layer(self.destination, task)
        reused = stored is not None
        if stored is None:
            self.notify(BlobStarted(*blob))
            stored = copy_layer(
                self.source,
                self.destination,
                task,
                self.destination_name,
                turn=turn,
                progress=lambda bytes_read: self.notify(BlobProgress(digest, bytes_read)),
                cancelled=self.cancelled,
            )
        self.notify(BlobDone(*blob, reused=reused))
        return stored

    def _signatures(self, instance_digest: Digest | None) -> Sequence[bytes]:
        """Return the signatures to copy; refuse them where they cannot be stored."""
        if self.options.remove_signatures:
            return ()
        signatures = self.source.signatures(instance_digest)
        refusal = self.destination.capabilities.signatures_refusal
        if signatures and refusal is not None:
            problem = f"{refusal} (--remove-signatures copies the image without them)"
            raise UnsupportedByDestination(self.destination_name, problem)
        return signatures

    def _store_manifest(
        self,
        original: ImageManifest | ImageIndex,
        edited: RawManifest,
        signatures: Sequence[bytes],
        *,
        below_index: bool,
    ) -> None:
        if edited.raw != original.raw:
            if self.options.preserve_digests:
                problem = "the manifest would change, so digests cannot be preserved"
                raise UnsupportedByDestination(self.destination_name, problem)
            if signatures:
                problem = (
                    "the manifest would change, and its signatures be void "
                    "(--remove-signatures copies the image without them)"
                )
                raise UnsupportedByDestination(self.destination_name, problem)
        instance_digest = edited.digest if below_index else None
        self.destination.put_manifest(edited, instance_digest=instance_digest)
        if signatures:
            self.destination.put_signatures(signatures, instance_digest=instance_digest)

    def _layers_at_a_time(self) -> int:
        allowed = (
            self.source.capabilities.parallel_blobs
            and self.destination.capabilities.parallel_put_blob
        )
        return self.options.parallel_copies if allowed else 1
