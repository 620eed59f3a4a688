"""Copying through the engine, as the command does it."""

from imgcopy_core_stubs.conformance.kit_place import KitPlace
from imgcopy_core_stubs.conformance.subject import Spot, Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting
from imgcopy_core_stubs.copy import copy_image
from imgcopy_core_stubs.copy_options import CopyOptions
from imgcopy_core_stubs.transport import ImageReference


def copy_to(
    subject: Subject, source: ImageReference, what: str, options: CopyOptions | None = None
) -> Spot:
    """Copy an image to a new spot.

    Args:
        subject: The transport under trial.
        source: The image.
        what: What is copied, for messages.
        options: How it is copied.

    Returns:
        The spot.
    """
    spot = subject.new_spot()
    with calling(f"copying {what} to the transport"):
        copy_image(
            source,
            spot.reference,
            options=options,
            source_options=_options_for(subject, source),
            destination_options=subject.place.destination_options,
        )
    return spot


def copy_back(subject: Subject, spot: Spot, what: str) -> KitPlace:
    """Copy an image from a spot to a new place of the kit, and return that."""
    place = KitPlace()
    with calling(f"copying {what} back from the transport"):
        copy_image(spot.reference, place, source_options=subject.place.source_options)
    return place


def expect_copy_to_fail(
    subject: Subject,
    source: ImageReference,
    what: str,
    *errors: type[BaseException],
    advice: str,
    options: CopyOptions | None = None,
) -> None:
    """Copy an image to a new spot, which must fail with one of `errors` and leave nothing."""
    spot = subject.new_spot()
    with expecting(f"copying {what}", *errors, advice=advice):
        copy_image(
            source,
            spot.reference,
            options=options,
            destination_options=subject.place.destination_options,
        )
    subject.require_untouched(spot, f"after copying {what} failed")


def _options_for(subject: Subject, source: ImageReference) -> object | None:
    """Return the options for reading: the author's where the source is of the same transport."""
    is_own = source.scheme == subject.place.transport.scheme
    return subject.place.source_options if is_own else None
