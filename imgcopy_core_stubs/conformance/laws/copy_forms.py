"""Whole copies, in the form that the destination's capabilities ask for."""

import json
from typing import Final

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.capabilities import CopyDemands, DestinationCapabilities, LayerCompression
from imgcopy_core_stubs.compression import Compression, sniff
from imgcopy_core_stubs.conformance.capabilities import ANY_OS, FOREIGN_LAYERS, INDEXES
from imgcopy_core_stubs.conformance.checking import require_same_content, stored_image
from imgcopy_core_stubs.conformance.copying import copy_to, expect_copy_to_fail
from imgcopy_core_stubs.conformance.images import (
    Image,
    build_image,
    build_image_for,
    build_index,
    index_types,
    layer,
)
from imgcopy_core_stubs.conformance.kit_place import KitPlace
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.place import StoredImage
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import require
from imgcopy_core_stubs.copy_options import CopyOptions, Instances
from imgcopy_core_stubs.errors import SourceError, UnsupportedByDestination

_ALL: Final = CopyOptions(instances=Instances.ALL)
_URL: Final = "https://example.org/layer"


@law(About.COPY, "layers have the compression that is asked for")
def layer_compression(subject: Subject) -> None:
    """`layer_compression` says what is stored: layers as they come, all plain, or none plain."""
    wanted = subject.capabilities.layer_compression
    for compression in (Compression.NONE, Compression.GZIP):
        image = build_image([layer(0), layer(1)], compression=compression)
        spot = copy_to(subject, KitPlace.of(image), f"layers ({compression.value} compression)")
        stored = stored_image(subject, spot)
        require_same_content(stored, image)
        blobs = dict(stored.blobs)
        found = {sniff(blobs[digest]) for digest in stored.layer_digests}
        expected = {
            LayerCompression.KEEP: compression,
            LayerCompression.DECOMPRESS: Compression.NONE,
            LayerCompression.COMPRESS: Compression.GZIP,
        }[wanted]
        require(
            found == {expected},
            f"stored layers to have {expected.value} compression, as {wanted} says",
            ", ".join(sorted(compression.value for compression in found)),
            "store layers as put_blob gets them; the engine does what layer_compression asks for",
        )


def _foreign_layers_are_stored(subject: Subject) -> None:
    """Where `accepts_foreign_layer_urls` is False, they are fetched and stored like any other."""
    image = _image_with_a_foreign_layer(subject)
    stored = stored_image(subject, copy_to(subject, KitPlace.of(image), "a foreign layer"))
    require_same_content(stored, image)
    lacking = KitPlace.of(image)
    del lacking.blobs[image.layers[-1].digest]
    what = "a foreign layer that the source has not"
    expect_copy_to_fail(subject, lacking, what, SourceError, advice="commit only what was put")


@law(
    About.COPY,
    "foreign layers stay out or are stored",
    capability=FOREIGN_LAYERS,
    otherwise=_foreign_layers_are_stored,
)
def foreign_layers_stay_out(subject: Subject) -> None:
    """A layer that is fetched from URLs may be missing; the stored manifest says where it is."""
    image = _image_with_a_foreign_layer(subject)
    source = KitPlace.of(image)
    del source.blobs[image.layers[-1].digest]
    stored = stored_image(subject, copy_to(subject, source, "an image whose last layer is foreign"))
    advice = "commit an image whose foreign layers were not put, or declare that you need them"
    digest = str(image.layers[-1].digest)
    require(digest in stored.layer_digests, "the image to name its foreign layer", "not", advice)
    if stored.manifest is not None:
        urls = json.loads(stored.manifest)["layers"][-1].get("urls")
        require(urls == [_URL], f"the foreign layer to have the URL {_URL}", urls, advice)


def _another_os_is_refused(subject: Subject) -> None:
    """Where `must_match_runtime_os` is True, an image for another one is not copied."""
    source = KitPlace.of(build_image([layer(0)], system="plan9"))
    advice = "let commit() be the only call that makes anything visible"
    what = "an image for another operating system"
    expect_copy_to_fail(subject, source, what, UnsupportedByDestination, advice=advice)


@law(
    About.COPY,
    "images for other systems are stored or refused",
    capability=ANY_OS,
    otherwise=_another_os_is_refused,
)
def another_os(subject: Subject) -> None:
    """An image may be for any operating system."""
    image = build_image([layer(0)], system="plan9")
    spot = copy_to(subject, KitPlace.of(image), "an image for another operating system")
    require_same_content(stored_image(subject, spot), image)


def _indexes_are_refused(subject: Subject) -> None:
    """Where `stores_indexes` is False, copying all of an index is refused, one image is copied.

    Unless `fitted_options` knows of options with which an index can be stored: then it is.
    """
    fitted = subject.fitted_capabilities(CopyDemands(indexes=True))
    source, images = _index(subject, media_types.OCI_INDEX)
    if fitted.stores_indexes:
        _require_copied_index(subject, fitted)
    else:
        advice = "let commit() be the only call that makes anything visible"
        expect_copy_to_fail(
            subject, source, "an index", UnsupportedByDestination, advice=advice, options=_ALL
        )
    one = KitPlace.of(images[0])
    require_same_content(stored_image(subject, copy_to(subject, one, "one image")), images[0])


@law(
    About.COPY,
    "indexes are copied or refused",
    capability=INDEXES,
    otherwise=_indexes_are_refused,
)
def indexes(subject: Subject) -> None:
    """An index is copied with all of its images."""
    _require_copied_index(subject, subject.capabilities)


def _require_copied_index(subject: Subject, capabilities: DestinationCapabilities) -> None:
    advice = f"list {' or '.join(media_types.INDEXES)} in manifest_types"
    types = index_types(capabilities)
    require(types, "a destination that stores indexes to declare a type of indexes", types, advice)
    source, images = _index(subject, types[0])
    stored = stored_image(subject, copy_to(subject, source, "an index", _ALL))
    advice = "store the manifests of an index under the instance_digest of put_manifest"
    named = stored.instance_digests
    require(len(named) == len(images), f"an index of {len(images)} images", len(named), advice)
    found = {**dict(stored.blobs), **stored.instances}
    for digest, image in zip(named, images, strict=True):
        require(digest in found, f"the instance {digest} to be stored", "none", advice)
        config = StoredImage(manifest=found[digest], blobs={}).config_digest
        right = config == str(image.config.digest) and found.get(config) == image.config.content
        require(right, "the instance to have the config of its image", config, advice)


def _image_with_a_foreign_layer(subject: Subject) -> Image:
    return build_image_for(subject.capabilities, [layer(0), layer(1)], urls=(_URL,))


def _index(subject: Subject, index_type: str) -> tuple[KitPlace, list[Image]]:
    images = [build_image_for(subject.capabilities, [layer(0), layer(n)]) for n in (1, 2)]
    source = KitPlace(build_index(images, index_type))
    for image in images:
        source.instances[image.manifest.digest] = image.manifest
        source.add_blobs(image)
    return source, images
