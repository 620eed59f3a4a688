"""A guard around a third party's transport, so that a plugin's fault is told as the plugin's.

`guarded` wraps a reference, and what is opened through it is wrapped in turn. Every call passes
through; what comes back is held against the contract, and whatever is wrong with it, or raised
that is no error of imgcopy, becomes a `PluginError`. So the copy engine needs to know nothing of
plugins, and any other exception is a bug of imgcopy.
"""

import contextlib
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from imgcopy_core_stubs.capabilities import (
    CopyDemands,
    DestinationCapabilities,
    SourceCapabilities,
)
from imgcopy_core_stubs.closing import Closing
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import DestinationStateError, ImgcopyError
from imgcopy_core_stubs.manifest import ImageManifest, RawManifest
from imgcopy_core_stubs.plugins._checks import BrokenContractError, check_reference
from imgcopy_core_stubs.plugins._faults import blaming, failure
from imgcopy_core_stubs.plugins._results import (
    check_capabilities,
    check_collection,
    check_destination,
    check_images,
    check_instance,
    check_layer_infos,
    check_manifest,
    check_reused,
    check_sequence,
    check_source,
    check_stored,
    check_stream,
)
from imgcopy_core_stubs.plugins._streams import Blaming, StreamForPlugin, StreamOfPlugin
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.reference import DockerReference
from imgcopy_core_stubs.refusals import required_digest
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import (
    BlobInfo,
    ImageCollection,
    ImageDestination,
    ImageReference,
    ImageSource,
    StoredImages,
)

if TYPE_CHECKING:  # a copy does not need it
    from imgcopy_core_stubs.examination import Examination

T = TypeVar("T")
Opened = TypeVar("Opened", ImageSource, ImageDestination, StoredImages, ImageCollection)


def guarded(reference: ImageReference, label: str) -> ImageReference:
    """Return the reference with a guard around it, and around all that is opened through it.

    Args:
        reference: A reference of a plugin's transport.
        label: The plugin's label.
    """
    return _GuardedReference(reference, label)


class _GuardedReference(ImageReference):
    scheme: ClassVar[str] = ""

    def __init__(self, inner: ImageReference, label: str) -> None:
        # To the contract it is a variable of the class, but this class is for every scheme.
        vars(self)["scheme"] = inner.scheme
        self._inner = inner
        self._label = label

    def __str__(self) -> str:
        with self._blaming("__str__"):
            return str(self._inner)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _GuardedReference) and self._inner == other._inner

    def __hash__(self) -> int:
        return hash(self._inner)

    @property
    def docker_reference(self) -> DockerReference | None:
        with self._blaming("docker_reference"):
            return _optional(self._inner.docker_reference, DockerReference, "docker_reference")

    @property
    def path(self) -> str | None:
        with self._blaming("path"):
            return _optional(self._inner.path, str, "path")

    def tags(self, options: object | None = None) -> Sequence[str] | None:
        with self._blaming("tags"):
            tags = self._inner.tags(options)
            return None if tags is None else check_sequence(tags, str, "tags")

    def names(self, options: object | None = None) -> Sequence[DockerReference]:
        with self._blaming("names"):
            return check_sequence(self._inner.names(options), DockerReference, "names")

    def local_names(self, options: object | None = None) -> Sequence[str]:
        with self._blaming("local_names"):
            return check_sequence(self._inner.local_names(options), str, "local_names")

    def open_images(self, options: object | None = None) -> StoredImages:
        with self._blaming("open_images"):
            opened = self._inner.open_images(options)
            with _closed_if_refused(opened):
                return _GuardedImages(check_images(opened), self._blaming, self.scheme, self._label)

    def open_collection(self, options: object | None = None) -> ImageCollection:
        with self._blaming("open_collection"):
            opened = self._inner.open_collection(options)
            with _closed_if_refused(opened):
                return _GuardedCollection(
                    check_collection(opened), self._blaming, self.scheme, self._label
                )

    def fitted_options(self, options: object | None, demands: CopyDemands) -> object | None:
        with self._blaming("fitted_options"):
            return self._inner.fitted_options(options, demands)

    def open_source(self, options: object | None = None) -> ImageSource:
        with self._blaming("open_source"):
            opened = self._inner.open_source(options)
            with _closed_if_refused(opened):
                return _GuardedSource(check_source(opened), self._blaming)

    def open_destination(self, options: object | None = None) -> ImageDestination:
        with self._blaming("open_destination"):
            opened = self._inner.open_destination(options)
            with _closed_if_refused(opened):
                return _GuardedDestination(check_destination(opened), self._blaming, self.scheme)

    @contextlib.contextmanager
    def _blaming(self, operation: str, *passing: type[BaseException]) -> Iterator[None]:
        doing = f"{operation} of {quote(self.scheme)} failed"
        with blaming(self._label, doing, ImgcopyError, *passing):
            try:
                yield
            except DestinationStateError as error:
                # This guard and the engine keep the order of calls, so it is the plugin's fault.
                raise failure(self._label, doing, error) from error


def _optional(value: object, cls: type[T], method: str) -> T | None:
    return None if value is None else check_instance(value, cls, method)


@contextlib.contextmanager
def _closed_if_refused(opened: Closing) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # that it cannot be closed is the least of its faults
            opened.close()
        raise


class _Guarded(Generic[Opened]):
    """Closes what it guards once, and tells of a failure then unless there was another before."""

    def __init__(self, inner: Opened, blaming: Blaming) -> None:
        self._inner: Opened = inner
        self._blaming = blaming
        self._closed = False

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            with self._blaming("close"):
                self._inner.close()

    def __enter__(self) -> Self:
        with self._blaming("__enter__"):
            if self._inner.__enter__() is not self._inner:
                raise BrokenContractError("__enter__ did not return the object itself")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            with self._blaming("__exit__"):
                self._inner.__exit__(kind, value, traceback)
        except ImgcopyError:
            if value is None:
                raise


class _GuardedImages(_Guarded[StoredImages], StoredImages):
    def __init__(self, inner: StoredImages, blaming: Blaming, scheme: str, label: str) -> None:
        super().__init__(inner, blaming)
        self._scheme = scheme
        self._label = label

    def references(self) -> Sequence[ImageReference]:
        with self._blaming("references"):
            return [
                guarded(check_reference(reference, self._scheme, "references"), self._label)
                for reference in check_sequence(self._inner.references(), object, "references")
            ]

    def examine(self) -> "Examination":
        from imgcopy_core_stubs.examination import Examination  # noqa: PLC0415  (see above)

        with self._blaming("examine"):
            return check_instance(self._inner.examine(), Examination, "examine")


class _GuardedCollection(_Guarded[ImageCollection], ImageCollection):
    def __init__(self, inner: ImageCollection, blaming: Blaming, scheme: str, label: str) -> None:
        super().__init__(inner, blaming)
        self._scheme = scheme
        self._label = label

    def place(
        self, names: Sequence[DockerReference], local_names: Sequence[str] = ()
    ) -> ImageReference:
        with self._blaming("place"):
            place = self._inner.place(names, local_names)
            return guarded(check_reference(place, self._scheme, "place"), self._label)

    def commit(self) -> None:
        with self._blaming("commit"):
            self._inner.commit()


class _GuardedSource(_Guarded[ImageSource], ImageSource):
    def __init__(self, inner: ImageSource, blaming: Blaming) -> None:
        super().__init__(inner, blaming)
        self._capabilities = check_capabilities(inner.capabilities, SourceCapabilities)

    @property
    def capabilities(self) -> SourceCapabilities:
        return self._capabilities

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        with self._blaming("manifest"):
            return check_manifest(self._inner.manifest(instance_digest))

    def blob(self, info: BlobInfo) -> ByteStream:
        with self._blaming("blob"):
            return StreamOfPlugin(check_stream(self._inner.blob(info)), self._blaming)

    def signatures(self, instance_digest: Digest | None = None) -> Sequence[bytes]:
        with self._blaming("signatures"):
            return check_sequence(self._inner.signatures(instance_digest), bytes, "signatures")

    def layer_infos_for_copy(self, manifest: ImageManifest) -> Sequence[BlobInfo] | None:
        with self._blaming("layer_infos_for_copy"):
            return check_layer_infos(self._inner.layer_infos_for_copy(manifest), manifest)


class _GuardedDestination(_Guarded[ImageDestination], ImageDestination):
    """Keeps the order of calls too: nothing reaches the plugin after `commit` or `close`."""

    def __init__(self, inner: ImageDestination, blaming: Blaming, scheme: str) -> None:
        super().__init__(inner, blaming)
        self._capabilities = check_capabilities(inner.capabilities, DestinationCapabilities)
        self._scheme = scheme
        self._committed = False

    @property
    def capabilities(self) -> DestinationCapabilities:
        return self._capabilities

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        self._require_open()
        # An OSError passes: the engine says that writing to the destination failed.
        with (
            StreamForPlugin(stream, takes_digest=info.digest is None) as watched,
            self._blaming("put_blob", OSError),
        ):
            stored = self._inner.put_blob(watched, info, is_config=is_config)
            return check_stored(stored, info, watched.passed)

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        self._require_open()
        required_digest(info, self._scheme)
        with self._blaming("try_reusing_blob"):
            reused = self._inner.try_reusing_blob(info, can_substitute=can_substitute)
            return check_reused(reused, info, can_substitute=can_substitute)

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        self._require_open()
        with self._blaming("put_manifest"):
            self._inner.put_manifest(manifest, instance_digest=instance_digest)

    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        self._require_open()
        with self._blaming("put_signatures"):
            self._inner.put_signatures(signatures, instance_digest=instance_digest)

    def commit(self) -> None:
        self._require_open()
        self._committed = True
        with self._blaming("commit"):
            self._inner.commit()

    def _require_open(self) -> None:
        if self._closed:
            raise DestinationStateError(self._scheme, "it is closed")
        if self._committed:
            raise DestinationStateError(self._scheme, "it was committed already")
