"""Whole copies to the transport: what of an image is the same afterwards."""

import json
from typing import Final

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.conformance.checking import (
    require_nothing_repeated,
    require_same_content,
    require_stored,
    stored_image,
)
from imgcopy_core_stubs.conformance.copying import copy_to
from imgcopy_core_stubs.conformance.images import (
    build_image,
    build_image_for,
    image_for,
    layer,
    odd_json,
)
from imgcopy_core_stubs.conformance.kit_place import KitPlace
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.laws.manifests import UNKNOWN_KEYS
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import require

_MANY: Final = 1000


@law(About.COPY, "config bytes and diff IDs survive")
def config_and_diff_ids_survive(subject: Subject) -> None:
    """Whatever becomes of manifest and layers, the config's bytes and the layers' content stay."""
    for media_type in media_types.IMAGE_MANIFESTS:
        for compression in (Compression.NONE, Compression.GZIP):
            image = build_image(
                [layer(0, 40_000), layer(1)],
                manifest_type=media_type,
                compression=compression,
                encode=odd_json,
            )
            what = f"an image of type {media_type} ({compression.value} compression)"
            spot = copy_to(subject, KitPlace.of(image), what)
            require_same_content(stored_image(subject, spot), image)


@law(About.COPY, "unknown JSON survives")
def unknown_json_survives(subject: Subject) -> None:
    """Keys that nobody knows stay in the manifest, even where its type or its layers change."""
    for media_type in media_types.IMAGE_MANIFESTS:
        image = build_image(
            [layer(0)], manifest_type=media_type, in_manifest=UNKNOWN_KEYS, in_config=UNKNOWN_KEYS
        )
        spot = copy_to(subject, KitPlace.of(image), f"an image of type {media_type}")
        stored = stored_image(subject, spot)
        require_same_content(stored, image)
        if stored.manifest is not None:
            document = json.loads(stored.manifest)
            lost = [key for key, value in UNKNOWN_KEYS.items() if document.get(key) != value]
            advice = "store the bytes of the manifest as put_manifest gets them"
            require(not lost, "unknown keys to stay in the manifest", f"lost: {lost}", advice)


@law(About.COPY, "an image that fits keeps its bytes")
def an_image_that_fits(subject: Subject) -> None:
    """Where nothing has to change nothing does, so the manifest has the same digest afterwards."""
    image = image_for(subject.capabilities, encode=odd_json)
    spot = copy_to(subject, KitPlace.of(image), "an image that the destination takes as it is")
    require_stored(subject, spot, image)


@law(About.COPY, "an image without layers is copied")
def no_layers(subject: Subject) -> None:
    """An image may have no layer at all."""
    image = build_image([])
    spot = copy_to(subject, KitPlace.of(image), "an image without layers")
    require_same_content(stored_image(subject, spot), image)


@law(About.COPY, "an image of 1,000 layers is copied")
def many_layers(subject: Subject) -> None:
    """An image may have any number of layers."""
    image = build_image([layer(number, 0) for number in range(_MANY)])
    spot = copy_to(subject, KitPlace.of(image), f"an image of {_MANY} layers")
    require_same_content(stored_image(subject, spot), image)


@law(About.COPY, "a repeated layer is stored once")
def a_repeated_layer(subject: Subject) -> None:
    """A layer that an image names several times is there once, and named as often."""
    image = build_image_for(subject.capabilities, [layer(0), layer(1), layer(0), layer(0)])
    spot = copy_to(subject, KitPlace.of(image), "an image that names a layer three times")
    stored = stored_image(subject, spot)
    require_same_content(stored, image)
    require_nothing_repeated(stored)
