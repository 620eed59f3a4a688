"""Manifests: stored byte for byte, or refused by their type."""

import contextlib
from typing import Final

from attrs import evolve

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.conformance.capabilities import MANIFEST_TYPES
from imgcopy_core_stubs.conformance.checking import require_stored
from imgcopy_core_stubs.conformance.images import (
    Image,
    image_for,
    manifest_types,
    odd_json,
    plain_json,
)
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.storing import commit, put_config, put_layers
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting, require
from imgcopy_core_stubs.errors import UnsupportedByDestination
from imgcopy_core_stubs.manifest import RawManifest

UNKNOWN_KEYS: Final = {
    "org.example.text": "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve \N{SNOWMAN} </&>",
    "org.example.number": 12345678901234567890123,
    "org.example.nested": {"b": [1, 2.50, None, {"a": True}], "a": {}},
    "annotations": {"org.example.note": "kept"},
}
_UNKNOWN_TYPE: Final = "application/vnd.example.imgcopy.conformance.v1+json"


@law(About.DESTINATION, "documents are stored byte for byte")
def byte_for_byte(subject: Subject) -> None:
    """White space, escapes and the order of keys of manifest and config stay as they are."""
    image = image_for(subject.capabilities, encode=odd_json)
    require_stored(subject, subject.store(image), image)


@law(About.DESTINATION, "unknown JSON survives")
def unknown_json(subject: Subject) -> None:
    """Keys that nobody knows stay in manifest and config, whatever their values are."""
    image = image_for(subject.capabilities, in_manifest=UNKNOWN_KEYS, in_config=UNKNOWN_KEYS)
    require_stored(subject, subject.store(image), image)


@law(About.DESTINATION, "the declared types of manifests are stored")
def declared_types_are_stored(subject: Subject) -> None:
    """A manifest of each type in `manifest_types` is stored; of any type, if none are listed.

    Of any type means that it may be tried: some may raise `UnsupportedByDestination`, not all.
    """
    declared = subject.capabilities.manifest_types
    stored = [
        media_type
        for media_type in manifest_types(subject.capabilities)
        if _is_stored(subject, media_type, may_be_refused=not declared)
    ]
    advice = (
        f"list {' or '.join(media_types.IMAGE_MANIFESTS)} in capabilities.manifest_types, "
        "or nothing: then any may be tried"
    )
    require(stored, "images with some type of manifest to be stored", f"{declared}", advice)


def _undeclared_types_are_refused(subject: Subject) -> None:
    """A manifest of a type that is not listed raises `UnsupportedByDestination`."""
    declared = subject.capabilities.manifest_types
    images = [
        image_for(subject.capabilities, manifest_type=media_type)
        for media_type in media_types.IMAGE_MANIFESTS
    ]
    for image in (*images, _of_an_unknown_type(images[0])):
        media_type = image.manifest.media_type
        if media_type not in declared:
            _require_refused(subject, image, f"a manifest of the undeclared type {media_type}")


@law(
    About.DESTINATION,
    "other types of manifests are refused",
    capability=MANIFEST_TYPES,
    otherwise=_undeclared_types_are_refused,
)
def an_unknown_type(subject: Subject) -> None:
    """Where no types are listed, what is no manifest of an image still does no harm."""
    image = _of_an_unknown_type(image_for(subject.capabilities))
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_layers(destination, image.layers)
        put_config(destination, image)
        with (
            calling("put_manifest", "store it, or raise UnsupportedByDestination"),
            contextlib.suppress(UnsupportedByDestination),
        ):
            destination.put_manifest(image.manifest)
    subject.require_untouched(spot, "after a manifest of an unknown type")


def _is_stored(subject: Subject, media_type: str, *, may_be_refused: bool) -> bool:
    """Store an image with a manifest of a type; return False if that is refused, as it may be."""
    image = image_for(subject.capabilities, manifest_type=media_type)
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_layers(destination, image.layers)
        put_config(destination, image)
        with calling(f"put_manifest of type {media_type}", "store it, as it is declared"):
            try:
                destination.put_manifest(image.manifest)
            except UnsupportedByDestination:
                if not may_be_refused:
                    raise
                return False
        commit(destination)
    require_stored(subject, spot, image)
    return True


def _require_refused(subject: Subject, image: Image, what: str) -> None:
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        put_layers(destination, image.layers)
        put_config(destination, image)
        advice = "compare manifest.media_type with capabilities.manifest_types"
        with expecting(f"put_manifest of {what}", UnsupportedByDestination, advice=advice):
            destination.put_manifest(image.manifest)
    subject.require_untouched(spot, f"after {what}")


def _of_an_unknown_type(image: Image) -> Image:
    document = {
        "schemaVersion": 2,
        "mediaType": _UNKNOWN_TYPE,
        "config": image.config.descriptor,
        "layers": [layer.descriptor for layer in image.layers],
    }
    return evolve(image, manifest=RawManifest(plain_json(document), _UNKNOWN_TYPE))
