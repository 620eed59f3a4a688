"""Copying several images to one place, where they appear together."""

from collections.abc import Callable, Container, Iterable, Sequence
from itertools import starmap
from typing import TypeVar

from attrs import evolve, frozen

from imgcopy_core_stubs._copy_walk import demands
from imgcopy_core_stubs.copy import CopyResult, copy_image
from imgcopy_core_stubs.copy_options import CopyOptions, CopySource
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.dry_run import CopyPlan, plan_copy, refuse_what_cannot_be_tried
from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.reference import DockerReference
from imgcopy_core_stubs.transport import (
    ImageCollection,
    ImageReference,
    OnlyImage,
    StoredImages,
)

Result = TypeVar("Result")


def copy_images(
    sources: Iterable[CopySource],
    destination: ImageReference,
    *,
    options: CopyOptions | None = None,
    destination_options: object | None = None,
    observers: Callable[[ImageReference], Sequence[Observer]] | None = None,
) -> tuple[CopyResult, ...]:
    """Copy images to one place, each under the names that it has at its own.

    Names that only their transport knows are kept between places of that transport.

    They are copied one after the other. What the place has of one it need not be given for the
    next. All of them appear together, or none.

    Args:
        sources: The images.
        destination: The place, without the name of an image.
        options: How each is copied; None: the defaults.
        destination_options: An instance of the destination transport's `destination_options`.
        observers: Called for each copy with its source, returns who observes it; None: nobody does.

    Raises:
        UsageError: The destination holds one image at a place.
        SourceError: An image is missing, cannot be read, is invalid or does not verify.
        DestinationError: One cannot be stored.
    """
    chosen = options or CopyOptions()

    def copy(
        reference: ImageReference, place: ImageReference, source_options: object
    ) -> CopyResult:
        return copy_image(
            reference,
            place,
            options=chosen,
            source_options=source_options,
            observers=observers(reference) if observers else (),
        )

    with _open_collection(destination, chosen, destination_options) as collection:
        results = _as_named(_for_each(sources, destination.scheme, collection, copy), collection)
        collection.commit()
    return results


def plan_images(
    sources: Iterable[CopySource],
    destination: ImageReference,
    *,
    options: CopyOptions | None = None,
    destination_options: object | None = None,
) -> tuple[CopyPlan, ...]:
    """Find out what `copy_images` would do with the same arguments, without doing it.

    Args:
        sources: The images.
        destination: The place, without the name of an image.
        options: How each would be copied; None: the defaults.
        destination_options: An instance of the destination transport's `destination_options`.

    Returns:
        A plan for each image. What an earlier one would bring is reused for a later one.

    Raises:
        UsageError: The destination holds one image at a place, or cannot be tried out.
        SourceError: An image is missing, cannot be read, or is invalid.
        DestinationError: One cannot be stored.
    """
    refuse_what_cannot_be_tried(destination)
    chosen = options or CopyOptions()
    put: set[Digest] = set()

    def plan(image: ImageReference, place: ImageReference, source_options: object) -> CopyPlan:
        return plan_copy(
            image, place, options=chosen, source_options=source_options, put_before=put
        )

    with _open_collection(destination, chosen, destination_options) as collection:
        return tuple(plan for _, plan in _for_each(sources, destination.scheme, collection, plan))


def _open_collection(
    destination: ImageReference, options: CopyOptions, destination_options: object | None
) -> ImageCollection:
    fitted = destination.fitted_options(destination_options, demands(options))
    return destination.open_collection(fitted)


@frozen(eq=False, repr=False)
class _Names:
    """What an image of a collection is called."""

    full: Sequence[DockerReference]
    local: Sequence[str]

    def texts(self) -> Sequence[str]:
        """The names as they are at the place: the local ones, if there are any."""
        return self.local or [str(name) for name in self.full]

    def place_in(self, collection: ImageCollection) -> ImageReference:
        return collection.place(self.full, self.local)

    def only(self, kept: Container[str]) -> "_Names":
        if self.local:
            return _Names([], [name for name in self.local if name in kept])
        return _Names([name for name in self.full if str(name) in kept], [])


def _for_each(
    sources: Iterable[CopySource],
    scheme: str,
    collection: ImageCollection,
    do: Callable[[ImageReference, ImageReference, object], Result],
) -> list[tuple[_Names, Result]]:
    """Do something with each image, the place that it goes to, and the options to read it.

    The places are of the transport `scheme`.
    """
    results: list[tuple[_Names, Result]] = []
    for source in sources:
        with _opened(source) as images:
            for reference in images.references():
                is_at_home = reference.scheme == scheme
                names = _Names(
                    reference.names(source.options),
                    reference.local_names(source.options) if is_at_home else [],
                )
                results.append((names, do(reference, names.place_in(collection), source.options)))
    return results


def _as_named(
    copied: Sequence[tuple[_Names, CopyResult]], collection: ImageCollection
) -> tuple[CopyResult, ...]:
    """Have each result say what its image is called in the end: the last one of a name has it."""
    owners = {name: result.manifest.digest for names, result in copied for name in names.texts()}
    kept: dict[Digest, _Names] = {}
    for names, result in copied:
        digest = result.manifest.digest
        own = names.only({name for name in names.texts() if owners[name] == digest})
        if own.texts():
            kept.setdefault(digest, own)

    def as_named(names: _Names, result: CopyResult) -> CopyResult:
        digest = result.manifest.digest
        if names.texts() and all(owners[name] == digest for name in names.texts()):
            return result
        place = kept.get(digest, _Names([], [])).place_in(collection)
        return evolve(result, destination=f"{place.scheme}:{place}")

    return tuple(starmap(as_named, copied))


def _opened(source: CopySource) -> StoredImages:
    if source.all_images:
        return source.reference.open_images(source.options)
    return OnlyImage(source.reference)
