"""Copying several images to one place, where they appear together if the place can do that."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from imgcopy_core_stubs._copy_walk import demands
from imgcopy_core_stubs.copy import CopyResult, copy_image
from imgcopy_core_stubs.copy_options import CopyOptions, CopySource
from imgcopy_core_stubs.errors import UsageError
from imgcopy_core_stubs.events import Observer
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import ImageReference


def no_observers(source: ImageReference, destination: ImageReference) -> Sequence[Observer]:
    """Return nobody."""
    del source, destination
    return ()


def copy_images(
    sources: Iterable[CopySource],
    destination: ImageReference,
    *,
    options: CopyOptions | None = None,
    destination_options: object | None = None,
    observers: Callable[[ImageReference, ImageReference], Sequence[Observer]] = no_observers,
) -> tuple[CopyResult, ...]:
    """Copy images to one place, each under the names that it has at its own.

    They are copied one after the other. What the place has of one it need not be given for the
    next. In an archive all of them appear together, or none; in a layout each one when it is done.

    Args:
        sources: The images.
        destination: The place, without the name of an image.
        options: How each is copied; None: the defaults.
        destination_options: An instance of the destination transport's `destination_options`.
        observers: Called for each copy with its source and destination; who observes it.

    Raises:
        UsageError: The destination holds one image at a place.
        SourceError: An image is missing, cannot be read, is invalid or does not verify.
        DestinationError: One cannot be stored.
    """
    options = options or CopyOptions()
    fitted = destination.fitted_options(destination_options, demands(options))
    collection = destination.open_collection(fitted)
    if collection is None:
        problem = f"a place of {quote(destination.scheme)} holds one image, and several are copied"
        raise UsageError(problem)
    results: list[CopyResult] = []
    with collection:
        for source in sources:
            with _images(source) as references:
                for reference in references:
                    place = collection.place(reference.names(source.options))
                    results.append(
                        copy_image(
                            reference,
                            place,
                            options=options,
                            source_options=source.options,
                            observers=observers(reference, destination),
                        )
                    )
        collection.commit()
    return tuple(results)


@contextmanager
def _images(source: CopySource) -> Iterator[Sequence[ImageReference]]:
    stored = source.reference.open_images(source.options) if source.all_images else None
    if stored is None:
        yield [source.reference]
        return
    with stored:
        yield stored.references
