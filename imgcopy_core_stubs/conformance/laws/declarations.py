"""What a transport declares: answers that make sense, and that it does not take back."""

from collections.abc import Iterator

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.capabilities import DestinationCapabilities, LayerCompression
from imgcopy_core_stubs.conformance.images import image_for, index_types, manifest_types
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.reading import blobs_of, read_blob
from imgcopy_core_stubs.conformance.storing import commit, put_blob, put_config
from imgcopy_core_stubs.conformance.subject import (
    Subject,
    destination_capabilities,
    source_capabilities,
)
from imgcopy_core_stubs.conformance.trying import calling, require
from imgcopy_core_stubs.transport import ImageDestination


@law(About.DESTINATION, "capabilities make sense")
def sensible_capabilities(subject: Subject) -> None:
    """Each capability is an answer of the kind that the contract wants, and none contradicts."""
    for problem in _problems(subject.capabilities):
        require(
            condition=False,
            expected="capabilities as capabilities.py describes them",
            found=problem,
            advice="return one DestinationCapabilities, with values of the declared types",
        )


@law(About.DESTINATION, "capabilities are constant")
def constant_capabilities(subject: Subject) -> None:
    """A destination's `capabilities` are the same for as long as it lives."""
    image = image_for(subject.capabilities)
    with subject.destination(subject.new_spot()) as destination:
        first = destination_capabilities(destination)
        for blob in image.layers:
            put_blob(destination, blob)
            _require_same(first, destination, "after put_blob")
        put_config(destination, image)
        with calling("put_manifest"):
            destination.put_manifest(image.manifest)
        _require_same(first, destination, "after put_manifest")
        commit(destination)
        _require_same(first, destination, "after commit")
    _require_same(first, destination, "after close")


@law(About.SOURCE, "capabilities are constant")
def constant_source_capabilities(subject: Subject) -> None:
    """A source's `capabilities` are the same for as long as it lives."""
    with subject.source(subject.readable_spot()) as source:
        first = source_capabilities(source)
        for info in blobs_of(source):
            read_blob(source, info)
        now = source_capabilities(source)
    require(now == first, f"{first} as before", now, "decide them when the source is made")


def _problems(capabilities: DestinationCapabilities) -> Iterator[str]:
    # A plugin need not be type-checked, so nothing is taken for granted.
    types: object = capabilities.manifest_types
    if not isinstance(types, tuple) or not all(isinstance(one, str) for one in types):
        yield f"manifest_types is {types!r}, no tuple of media types"
        return
    if not manifest_types(capabilities):
        known = " nor ".join(media_types.IMAGE_MANIFESTS)
        yield f"manifest_types lists neither {known}, so no image can be stored"
    if capabilities.stores_indexes and not index_types(capabilities):
        known = " nor ".join(media_types.INDEXES)
        yield f"stores_indexes is True, but manifest_types lists neither {known}"
    refusal: object = capabilities.signatures_refusal
    if refusal is not None and not (isinstance(refusal, str) and refusal.strip()):
        yield f"signatures_refusal is {refusal!r}, neither None nor a text for the user"
    compression: object = capabilities.layer_compression
    if not isinstance(compression, LayerCompression):
        yield f"layer_compression is {compression!r}, no LayerCompression"
    for name in (
        "accepts_foreign_layer_urls",
        "must_match_runtime_os",
        "ignores_embedded_docker_reference",
        "parallel_put_blob",
        "stores_indexes",
    ):
        if not isinstance(getattr(capabilities, name), bool):
            yield f"{name} is {getattr(capabilities, name)!r}, neither True nor False"


def _require_same(first: DestinationCapabilities, destination: ImageDestination, when: str) -> None:
    now = destination_capabilities(destination)
    advice = "decide them when the destination is made: the engine asks just once"
    require(now == first, f"the capabilities to be the same {when} as before", now, advice)
