"""Places of several images: all of them are given, and several are taken."""

from collections.abc import Sequence
from contextlib import closing
from typing import Final

from imgcopy_core_stubs.conformance.images import Image, build_image_for, layer
from imgcopy_core_stubs.conformance.kit_place import KitPlace
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.subject import Spot, Subject
from imgcopy_core_stubs.conformance.trying import calling, require
from imgcopy_core_stubs.copy import copy_image
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import UsageError
from imgcopy_core_stubs.manifest import ImageManifest, parse_manifest
from imgcopy_core_stubs.reference import DockerReference
from imgcopy_core_stubs.transport import ImageCollection

_NAMES: Final = ("example.org/kit/one:1", "example.org/kit/two:latest")
_EVERY_TIME: Final = "take several images every time, or never"


@law(About.SOURCE, "all images of a place are given")
def all_images(subject: Subject) -> None:
    """`open_images` gives the image that is stored, whatever else is there."""
    spot = subject.readable_spot()
    with subject.source(spot) as source, calling("manifest"):
        wanted = source.manifest().digest
    images = _images(subject, spot)
    advice = "leave open_images out if a place holds one image, or else give all of them"
    require(wanted in images, "open_images to give the image that is stored", "not", advice)


@law(About.COPY, "several images go to one place")
def several_images(subject: Subject) -> None:
    """Images that `open_collection` takes come back from `open_images`, each with its name.

    Where a place holds one image, or the reference names one, it raises a `UsageError`. Give the
    `Place` a `new_collection` if there are places for several.
    """
    images = _two_images(subject)
    spot = _stored_together(subject, images)
    if spot is None:
        return  # one image at a place
    found = _images(subject, spot)
    advice = "store an image that place() was called for under the names that it was given"
    names = sorted(name for each in found.values() for name in each.names)
    require(names == sorted(_NAMES), f"images named {_NAMES}", names, advice)
    by_name = {each.names: each.config for each in found.values()}
    for image, name in zip(images, _NAMES, strict=True):
        right = by_name.get((name,)) == image.config.digest
        require(right, f"{name} to be the image that was copied there", by_name, advice)


@law(About.COPY, "names that only the transport knows are kept")
def local_names(subject: Subject) -> None:
    """What `local_names` calls an image, another place calls it that takes several.

    A transport without such names leaves `local_names` out.
    """
    images = _two_images(subject)
    spot = _stored_together(subject, images)
    if spot is None:
        return  # one image at a place
    called = {found.config: found.local_names for found in _images(subject, spot).values()}
    if not any(called.values()):
        return
    # Each gets the other one's: so what it is called in full does not tell.
    others = [called.get(image.config.digest, ()) for image in reversed(images)]
    other = _stored_together(subject, images, others)
    require(other is not None, "open_collection to open a collection again", "not", _EVERY_TIME)
    assert other is not None  # noqa: S101  (as the line above has made sure)
    found = {each.config: each.local_names for each in _images(subject, other).values()}
    expected = {image.config.digest: local for image, local in zip(images, others, strict=True)}
    advice = "store an image under the local names that place() was given, rather than the others"
    require(found == expected, f"images called {others}", list(found.values()), advice)


class _Found:
    def __init__(
        self, config: Digest | None, names: tuple[str, ...], local_names: tuple[str, ...]
    ) -> None:
        self.config = config
        self.names = names
        self.local_names = local_names


def _two_images(subject: Subject) -> Sequence[Image]:
    return [build_image_for(subject.capabilities, [layer(0), layer(n)]) for n in (1, 2)]


def _stored_together(
    subject: Subject, images: Sequence[Image], local_names: Sequence[Sequence[str]] = ((), ())
) -> Spot | None:
    """Store two images at one place, each with its names; None: a place holds one image."""
    spot = subject.collection_spot()
    collection = _open_collection(subject, spot)
    if collection is None:
        return None
    with collection:
        for image, name, local in zip(images, _NAMES, local_names, strict=True):
            with calling("place"):
                place = collection.place([DockerReference.parse(name)], local)
            with calling(f"copying {name} into a collection"):
                copy_image(KitPlace.of(image), place)
        with calling("commit of the collection"):
            collection.commit()
    return spot


def _images(subject: Subject, spot: Spot) -> dict[Digest, _Found]:
    """Open every image at a spot; return their configs and names by their manifests."""
    options = subject.place.source_options
    with calling("open_images", "give references that can be opened while open_images is open"):
        opened = spot.reference.open_images(options)
        found: dict[Digest, _Found] = {}
        with opened:
            for reference in opened.references():
                with closing(reference.open_source(options)) as source:
                    parsed = parse_manifest(source.manifest(), f"manifest of {reference}")
                config = parsed.config.digest if isinstance(parsed, ImageManifest) else None
                names = tuple(str(name) for name in reference.names(options))
                local = tuple(reference.local_names(options))
                found[parsed.digest] = _Found(config, names, local)
        opened.close()  # which may be done twice
        return found


def _open_collection(subject: Subject, spot: Spot) -> ImageCollection | None:
    options = subject.place.destination_options
    with calling("open_collection", "return a collection, or raise a UsageError"):
        try:
            return spot.reference.open_collection(options)
        except UsageError:
            if subject.place.new_collection is None:
                return None
            raise
