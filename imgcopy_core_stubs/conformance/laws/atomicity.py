"""All or nothing: before `commit` there is nothing, afterwards there is everything."""

from imgcopy_core_stubs.conformance.checking import require_stored
from imgcopy_core_stubs.conformance.images import build_image_for, image_for, layer
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.storing import (
    commit,
    put_blob,
    put_image,
    put_layers,
    put_manifest,
)
from imgcopy_core_stubs.conformance.subject import Spot, Subject
from imgcopy_core_stubs.conformance.trying import calling, require
from imgcopy_core_stubs.errors import DestinationError

_ADVICE = "stage what is put where no reader looks, and move it to its place in commit()"


@law(About.DESTINATION, "nothing is visible before commit")
def nothing_before_commit(subject: Subject) -> None:
    """An image cannot be found before `commit`, whatever of it was put, and can be afterwards."""
    image = image_for(subject.capabilities)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        _require_invisible(subject, spot, "after open_destination")
        for blob in image.layers:
            put_blob(destination, blob)
            _require_invisible(subject, spot, "after put_blob of a layer")
        put_manifest(destination, image)
        _require_invisible(subject, spot, "after put_manifest")
        commit(destination)
        require_stored(subject, spot, image)
    require_stored(subject, spot, image)


@law(About.DESTINATION, "closing without commit leaves everything as it was")
def close_without_commit(subject: Subject) -> None:
    """`close` without `commit` drops all that was put, no matter how far the copy had come."""
    image = image_for(subject.capabilities)
    for steps in range(4):
        spot = subject.new_spot()
        with subject.destination(spot) as destination:
            if steps > 0:
                put_blob(destination, image.layers[0])
            if steps > 1:
                put_layers(destination, image.layers[1:])
            if steps > 2:  # noqa: PLR2004  (the last step)
                put_manifest(destination, image)
        subject.require_untouched(spot, "after close() without commit()")


@law(About.DESTINATION, "an image that was there before survives a copy that is given up")
def the_old_image_survives(subject: Subject) -> None:
    """A destination refuses to open where an image is, or leaves it as it is until `commit`."""
    old = image_for(subject.capabilities)
    new = build_image_for(subject.capabilities, [layer(7), layer(8)])
    spot = subject.store(old)
    before = subject.stored(spot)
    with subject.second_destination(spot) as destination:
        if destination is not None:
            put_image(destination, new)
            now = subject.stored(spot)
            require(now == before, "the old image to be there until commit()", "another", _ADVICE)
    require_stored(subject, spot, old)
    require(
        subject.stored(spot) == before,
        "the place to be as it was before the copy that was given up",
        "it has changed",
        "change nothing that exists before commit()",
    )


@law(About.DESTINATION, "an image replaces the old one, or is refused")
def an_image_replaces_another(subject: Subject) -> None:
    """Where an image is, another one takes its place at `commit`, or a `DestinationError` tells."""
    images = [build_image_for(subject.capabilities, [layer(n), layer(9)]) for n in (1, 2)]
    spot = subject.store(images[0])
    replaced = False
    with subject.second_destination(spot) as destination:
        if destination is not None:
            put_image(destination, images[1])
            with calling("commit where an image is", "replace it, or raise a DestinationError"):
                try:
                    destination.commit()
                    replaced = True
                except DestinationError:
                    pass
    require_stored(subject, spot, images[replaced])


@law(About.DESTINATION, "the manifest alone decides what the image is")
def the_last_manifest_counts(subject: Subject) -> None:
    """A blob that no manifest names makes no part of the image."""
    image = image_for(subject.capabilities)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_layers(destination, build_image_for(subject.capabilities, [layer(7)]).layers)
        put_image(destination, image)
        commit(destination)
    require_stored(subject, spot, image)


def _require_invisible(subject: Subject, spot: Spot, when: str) -> None:
    require(subject.stored(spot) is None, f"nothing to be stored {when}", "an image", _ADVICE)
