"""Copying an image: choose, check, copy the blobs, write the manifest, commit.

What is to be done is decided in `_copy_walk` and `_copy_plan`, and done here. Who wants to see it
at work follows one layer through `_copy_blob`.
"""

from collections.abc import Sequence

from attrs import evolve, frozen

from imgcopy_core_stubs._copy_blob import (
    LayerTask,
    StoredLayer,
    copy_layer,
    put_document,
    reuse_layer,
)
from imgcopy_core_stubs._copy_streams import Cancellation
from imgcopy_core_stubs._copy_walk import DecidedImage, Sides, Walk, opened
from imgcopy_core_stubs._notifier import Notifier
from imgcopy_core_stubs._parallel import Turn, run_in_parallel
from imgcopy_core_stubs.conversion import edit_index, edit_manifest
from imgcopy_core_stubs.copy_options import CopyOptions
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.manifest import Descriptor, ImageIndex, ImageManifest, RawManifest
from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.transport import ImageReference
from imgcopy_core_stubs.value import Value


@frozen(eq=False, repr=False)
class CopyResult(Value):
    """A finished copy."""

    manifest: RawManifest
    """The top-level manifest or index as it was stored."""
    destination: str
    """Where it is: the destination's reference, with its scheme."""


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
        destination_options: An instance of the destination transport's `destination_options`. The
            destination fits what they leave open to what the copy demands.
        observers: Called with events, one at a time, but from several threads.

    Raises:
        SourceError: The image is missing, cannot be read, is invalid or does not verify.
        DestinationError: It cannot be stored.
        UsageError: An option does not apply to this image or destination.
    """
    options = options or CopyOptions()
    notifier = _notifier_of(observers)
    committed = False
    try:
        with opened(source, destination, options, source_options, destination_options) as sides:
            manifest = _Copy(sides, notifier).run()
            sides.destination.commit()
            committed = True
            notifier.committed(manifest.digest)
    except BaseException as error:
        if not committed:
            notifier.failed(error)
        raise
    return CopyResult(manifest, f"{destination.scheme}:{destination}")


def _notifier_of(observers: Sequence[Observer]) -> Notifier:
    if not observers:
        return Notifier()
    from imgcopy_core_stubs._event_notifier import EventNotifier  # noqa: PLC0415  (brings the events)

    return EventNotifier(observers)


class _Copy(Walk[RawManifest]):
    """One copy under way. What is made of a manifest is the manifest as it was stored."""

    def __init__(self, sides: Sides, notifier: Notifier) -> None:
        super().__init__(sides)
        self._notifier = notifier
        self._cancelled = Cancellation()

    def take_index(
        self,
        index: ImageIndex,
        media_type: str,
        instances: Sequence[RawManifest],
        signatures: Sequence[bytes],
        *,
        named: Digest | None,
    ) -> RawManifest:
        """Store an index that names the manifests as they were stored."""
        manifests = index.manifests
        if instances:
            manifests = tuple(map(_described, index.manifests, instances))
        edited = edit_index(index, media_type, manifests)
        self._store_manifest(index, edited, signatures, named)
        return edited

    def take_image(self, image: DecidedImage) -> RawManifest:
        """Copy one image."""
        sides, manifest = self.sides, image.manifest
        config = manifest.config
        distinct = list(image.distinct.values())
        self._notifier.copy_started(
            sides.source_name,
            sides.destination_name,
            blobs=len(distinct) + 1,
            size=sum(task.blob.size or 0 for task in distinct) + config.size,
        )

        # 1. The layers, each distinct one once.
        copied = run_in_parallel(
            self._copy_layer,
            distinct,
            at_a_time=self._layers_at_a_time(),
            cancelled=self._cancelled,
        )
        stored = dict(zip(image.distinct, copied, strict=True))
        layers = [
            sides.planner.describe(
                layer, stored.get(task.key), manifest.media_type, image.media_type
            )
            for layer, task in zip(manifest.layers, image.tasks, strict=True)
        ]

        # 2. The config, byte for byte.
        self._notifier.blob_started(config.digest, config.size, is_config=True)
        put_document(sides.destination, image.raw_config, config, sides.destination_name)
        self._notifier.blob_done(config.digest, config.size, is_config=True, reused=False)

        # 3. The manifest.
        edited = edit_manifest(manifest, image.media_type, layers)
        self._store_manifest(manifest, edited, image.signatures, image.named)
        return edited

    def _copy_layer(self, task: LayerTask, turn: Turn) -> StoredLayer:
        digest, size = task.source_digest, task.blob.size
        stored = reuse_layer(self.sides.destination, task)
        reused = stored is not None
        if stored is None:
            self._notifier.blob_started(digest, size, is_config=False)
            stored = copy_layer(
                self.sides.source,
                self.sides.destination,
                task,
                self.sides.destination_name,
                turn=turn,
                progress=self._notifier.progress_of(digest),
                cancelled=self._cancelled,
            )
        self._notifier.blob_done(digest, size, is_config=False, reused=reused)
        return stored

    def _store_manifest(
        self,
        original: ImageManifest | ImageIndex,
        edited: RawManifest,
        signatures: Sequence[bytes],
        named: Digest | None,
    ) -> None:
        instance_digest = named
        if edited.raw != original.raw:
            self.check_change(signatures)
            instance_digest = named and edited.digest
        destination = self.sides.destination
        destination.put_manifest(edited, instance_digest=instance_digest)
        if signatures:
            destination.put_signatures(signatures, instance_digest=instance_digest)

    def _layers_at_a_time(self) -> int:
        allowed = (
            self.sides.source.capabilities.parallel_blobs
            and self.sides.destination.capabilities.parallel_put_blob
        )
        return self.sides.options.parallel_copies if allowed else 1


def _described(descriptor: Descriptor, stored: RawManifest) -> Descriptor:
    """Return what an index says of a manifest, as it was stored."""
    if Digest.of(stored.raw, descriptor.digest.algorithm) == descriptor.digest:
        return descriptor
    return evolve(
        descriptor,
        digest=stored.digest,
        size=len(stored.raw),
        media_type=descriptor.media_type and stored.media_type,
        data="",
    )
