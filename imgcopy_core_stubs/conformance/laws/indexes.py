"""Indexes: stored with all that they name, or refused."""

from collections.abc import Sequence

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.conformance.capabilities import INDEXES
from imgcopy_core_stubs.conformance.checking import require_blobs, stored_image
from imgcopy_core_stubs.conformance.images import (
    Image,
    build_image_for,
    build_index,
    image_for,
    index_types,
    layer,
)
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.storing import commit, put_config, put_layers
from imgcopy_core_stubs.conformance.subject import Spot, Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting, require
from imgcopy_core_stubs.errors import UnsupportedByDestination
from imgcopy_core_stubs.manifest import RawManifest


def store_index(
    subject: Subject, *, signatures: Sequence[bytes] = ()
) -> tuple[Spot, RawManifest, list[Image]]:
    """Store an index of two images at a new spot; return the spot, the index and the images.

    Args:
        subject: The transport.
        signatures: Signatures of the second image, if there are to be any.

    Raises:
        LawBroken: A call failed, or no type of indexes is declared.
    """
    types = index_types(subject.capabilities)
    advice = f"list {' or '.join(media_types.INDEXES)} in manifest_types"
    require(types, "a destination that stores indexes to declare a type of indexes", "none", advice)
    images = [build_image_for(subject.capabilities, [layer(0), layer(n)]) for n in (1, 2)]
    index = build_index(images, types[0])
    spot = subject.new_spot()
    with subject.destination(spot) as destination:
        for image in images:
            put_layers(destination, image.layers)
            put_config(destination, image)
            digest = image.manifest.digest
            with calling("put_manifest with an instance_digest"):
                destination.put_manifest(image.manifest, instance_digest=digest)
        if signatures:
            with calling("put_signatures with an instance_digest"):
                destination.put_signatures(signatures, instance_digest=digest)
        with calling("put_manifest of the index"):
            destination.put_manifest(index)
        commit(destination)
    return spot, index, images


def _refuses_indexes(subject: Subject) -> None:
    """Where `stores_indexes` is False, both raise `UnsupportedByDestination`."""
    image = image_for(subject.capabilities)
    index = build_index([image, image], media_types.OCI_INDEX)
    advice = "refuse every instance_digest, and the media types of indexes"
    for manifest, instance_digest, what in (
        (image.manifest, image.manifest.digest, "the manifest of an index's instance"),
        (index, None, "an index"),
    ):
        spot = subject.new_spot()
        with subject.destination(spot) as destination:
            put_layers(destination, image.layers)
            put_config(destination, image)
            with expecting(f"put_manifest of {what}", UnsupportedByDestination, advice=advice):
                destination.put_manifest(manifest, instance_digest=instance_digest)
        subject.require_untouched(spot, f"after {what}")


@law(
    About.DESTINATION,
    "indexes are stored or refused",
    capability=INDEXES,
    otherwise=_refuses_indexes,
)
def indexes(subject: Subject) -> None:
    """An index is stored byte for byte with the manifests that it names, and their blobs."""
    spot, index, images = store_index(subject)
    stored = stored_image(subject, spot)
    advice = "store the top-level manifest last, and its instances under their digests"
    require(stored.manifest == index.raw, "the index to be the top-level manifest", "not", advice)
    found = {**dict(stored.blobs), **stored.instances}
    for number, image in enumerate(images):
        require(
            found.get(str(image.manifest.digest)) == image.manifest.raw,
            f"instance {number} of the index to be stored byte for byte",
            "other bytes" if str(image.manifest.digest) in found else "none",
            advice,
        )
        layers = {f"layer {n} of instance {number}": blob for n, blob in enumerate(image.layers)}
        require_blobs(stored, {f"the config of instance {number}": image.config, **layers})
