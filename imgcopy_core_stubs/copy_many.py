"""Copying several images to one place, where they appear together if the place can do that."""

from collections.abc import Callable, Iterable, Sequence

from imgcopy_core_stubs._copy_walk import demands
from imgcopy_core_stubs.copy import CopyResult, copy_image
from imgcopy_core_stubs.copy_options import CopyOptions, CopySource
from imgcopy_core_stubs.events import Observer
from imgcopy_core_stubs.transport import ImageReference, OnlyImage, StoredImages


def copy_images(
    sources: Iterable[CopySource],
    destination: ImageReference,
    *,
    options: CopyOptions | None = None,
    destination_options: object | None = None,
    observers: Callable[[ImageReference], Sequence[Observer]] | None = None,
) -> tuple[CopyResult, ...]:
    """Copy images to one place, each under the names that it has at its own.

    They are copied one after the other. What the place has of one it need not be given for the
    next. In an archive all of them appear together, or none; in a layout each one when it is done.

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
    options = options or CopyOptions()
    fitted = destination.fitted_options(destination_options, demands(options))
    results: list[CopyResult] = []
    with destination.open_collection(fitted) as collection:
        for source in sources:
            with _opened(source) as images:
                for reference in images.references():
                    place = collection.place(reference.names(source.options))
                    results.append(
                        copy_image(
                            reference,
                            place,
                            options=options,
                            source_options=source.options,
                            observers=observers(reference) if observers else (),
                        )
                    )
        collection.commit()
    return tuple(results)


def _opened(source: CopySource) -> StoredImages:
    if source.all_images:
        return source.reference.open_images(source.options)
    return OnlyImage(source.reference)
