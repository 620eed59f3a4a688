"""There and back again: what the transport stored, the transport reads."""

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.conformance.checking import require_same_content, stored_image
from imgcopy_core_stubs.conformance.copying import copy_back, copy_to
from imgcopy_core_stubs.conformance.images import build_image, layer, odd_json
from imgcopy_core_stubs.conformance.kit_place import KitPlace
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.place import StoredImage
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import require


@law(About.COPY, "an image comes back the same")
def there_and_back(subject: Subject) -> None:
    """Copied to the transport and back, an image has the same config and the same content."""
    for media_type in media_types.IMAGE_MANIFESTS:
        image = build_image(
            [layer(0, 40_000), layer(1), layer(0, 40_000)],
            manifest_type=media_type,
            compression=Compression.GZIP,
            encode=odd_json,
        )
        what = f"an image of type {media_type}"
        spot = copy_to(subject, KitPlace.of(image), what)
        back = _as_stored(copy_back(subject, spot, what))
        require_same_content(back, image)
        stored = stored_image(subject, spot).manifest
        same = stored is None or back.manifest == stored
        advice = "let the source give the manifest's bytes as they are stored"
        require(same, "the manifest to come back as it is stored", "other bytes", advice)


@law(About.COPY, "an image without layers comes back")
def there_and_back_without_layers(subject: Subject) -> None:
    """What can be stored can be read again, be it an image with nothing in it."""
    image = build_image([])
    spot = copy_to(subject, KitPlace.of(image), "an image without layers")
    require_same_content(_as_stored(copy_back(subject, spot, "an image without layers")), image)


@law(About.COPY, "a copy of the copy is the same image")
def a_second_copy(subject: Subject) -> None:
    """Copied from the transport to the transport nothing changes any more."""
    image = build_image([layer(0, 40_000), layer(1)], encode=odd_json)
    first = copy_to(subject, KitPlace.of(image), "an image")
    second = copy_to(subject, first.reference, "the image that was stored")
    require_same_content(stored_image(subject, second), image)
    manifests = [stored_image(subject, spot).manifest for spot in (first, second)]
    advice = "store and give the bytes of manifests as they are"
    require(manifests[0] == manifests[1], "both manifests to be the same", "they differ", advice)


def _as_stored(place: KitPlace) -> StoredImage:
    blobs = {str(digest): content for digest, content in place.blobs.items()}
    assert place.manifest is not None  # noqa: S101  (it was committed)
    return StoredImage(manifest=place.manifest.raw, blobs=blobs)
