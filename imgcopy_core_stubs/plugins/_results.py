"""What a plugin's references, sources and destinations return, held against the contract.

Each check returns what it was given, or raises `BrokenContractError`. A plugin need not be
type-checked, so nothing is taken for granted.
"""

from collections.abc import Sequence
from typing import Final, TypeVar, cast

import attrs

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.manifest import ImageManifest, RawManifest
from imgcopy_core_stubs.plugins._checks import (
    BrokenContractError,
    described,
    require_callable,
    require_members,
)
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import (
    BlobInfo,
    ImageCollection,
    ImageDestination,
    ImageSource,
    StoredImages,
)

T = TypeVar("T")

_CLOSING: Final = ("close", "__enter__", "__exit__")
_SOURCE_METHODS: Final = ("manifest", "blob", "signatures", "layer_infos_for_copy", *_CLOSING)
_IMAGES_METHODS: Final = ("references", "examine", *_CLOSING)
_COLLECTION_METHODS: Final = ("place", "commit", *_CLOSING)
_DESTINATION_METHODS: Final = (
    "put_blob",
    "try_reusing_blob",
    "put_manifest",
    "put_signatures",
    "commit",
    *_CLOSING,
)


def check_instance(value: object, cls: type[T], method: str) -> T:
    """Check that a method returned an instance of `cls`."""
    if not isinstance(value, cls):
        wanted = quote(cls.__name__)
        raise BrokenContractError(f"{method} returned {described(value)}, not of {wanted}")
    return value


def check_sequence(value: object, cls: type[T], method: str) -> Sequence[T]:
    """Check that a method returned a sequence of instances of `cls`."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise BrokenContractError(f"{method} returned {described(value)}, not a sequence")
    return [check_instance(item, cls, f"an item that {method}") for item in value]


def check_source(value: object) -> ImageSource:
    """Check that `open_source` returned a source, as far as can be seen without reading."""
    _check_members(value, "open_source", _SOURCE_METHODS, ("capabilities",))
    return cast("ImageSource", value)


def check_destination(value: object) -> ImageDestination:
    """Check that `open_destination` returned a destination, as far as can be seen from outside."""
    _check_members(value, "open_destination", _DESTINATION_METHODS, ("capabilities",))
    return cast("ImageDestination", value)


def check_images(value: object) -> StoredImages:
    """Check that `open_images` returned stored images, as far as can be seen from outside."""
    _check_members(value, "open_images", _IMAGES_METHODS)
    return cast("StoredImages", value)


def check_collection(value: object) -> ImageCollection:
    """Check that `open_collection` returned a collection, as far as can be seen from outside."""
    _check_members(value, "open_collection", _COLLECTION_METHODS)
    return cast("ImageCollection", value)


def check_capabilities(value: object, cls: type[T]) -> T:
    """Check that capabilities are an instance of `cls` whose answers have the right types."""
    capabilities = check_instance(value, cls, "capabilities")
    assert attrs.has(cls)  # noqa: S101  (both classes of capabilities are)
    for field in attrs.fields(cls):
        answer = getattr(capabilities, field.name)
        is_no_refusal = field.name == "signatures_refusal" and answer is None
        if not is_no_refusal and not isinstance(answer, type(field.default)):
            raise BrokenContractError(f"its capability {field.name} is {described(answer)}")
        if isinstance(answer, tuple):
            check_sequence(answer, str, field.name)
    return capabilities


def check_manifest(value: object) -> RawManifest:
    """Check that `manifest` returned bytes with a media type."""
    manifest = check_instance(value, RawManifest, "manifest")
    check_instance(manifest.raw, bytes, "manifest")
    check_instance(manifest.media_type, str, "manifest")
    return manifest


def check_stream(value: object) -> ByteStream:
    """Check that `blob` returned a stream."""
    what = f"what blob returned, {described(value)},"
    require_members(value, ("read", "close"), what)
    require_callable(value, ("read", "close"), what)
    return cast("ByteStream", value)


def check_chunk(value: object, size: int) -> bytes:
    """Check that a stream's `read` returned at most `size` bytes."""
    chunk = check_instance(value, bytes, "read")
    if len(chunk) > size:
        raise BrokenContractError(f"read returned {len(chunk)} bytes where {size} were asked for")
    return chunk


def check_layer_infos(value: object, manifest: ImageManifest) -> Sequence[BlobInfo] | None:
    """Check that `layer_infos_for_copy` named one blob for each layer, or none at all."""
    if value is None:
        return None
    method = "layer_infos_for_copy"
    blobs = check_sequence(value, BlobInfo, method)
    if len(blobs) != len(manifest.layers):
        problem = f"{method} returned {len(blobs)} blobs for {len(manifest.layers)} layers"
        raise BrokenContractError(problem)
    for blob in blobs:
        check_instance(blob.digest, Digest, f"the digest that {method}")
    return blobs


def check_stored(value: object, wanted: BlobInfo, passed: BlobInfo | None) -> BlobInfo:
    """Check that `put_blob` read the blob to its end, and says what it stored.

    Args:
        value: What it returned.
        wanted: The blob that it was to store.
        passed: The size of what it read, and the digest where `wanted` has none; None: it did not
            read to the end.
    """
    if passed is None:
        raise BrokenContractError("put_blob did not read the blob to its end")
    stored = check_instance(value, BlobInfo, "put_blob")
    digest, size = _digest_and_size(stored, "put_blob")
    expected = wanted.digest or passed.digest
    if wanted.digest is None and expected and digest.algorithm != expected.algorithm:
        expected = digest  # it chose another algorithm, which it may
    if digest != expected or size != passed.size:
        problem = (
            f"put_blob says that it stored {digest} of {size} bytes, "
            f"not {expected} of {passed.size}"
        )
        raise BrokenContractError(problem)
    return stored


def check_reused(value: object, wanted: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
    """Check that `try_reusing_blob` returned the blob that is wanted, or None.

    Its size may be another one than was asked for, which came from a manifest: the engine judges.
    """
    if value is None:
        return None
    reused = check_instance(value, BlobInfo, "try_reusing_blob")
    digest, _ = _digest_and_size(reused, "try_reusing_blob")
    if digest != wanted.digest and not can_substitute:
        raise BrokenContractError(f"try_reusing_blob returned {digest}, not {wanted.digest}")
    return reused


def _digest_and_size(blob: BlobInfo, method: str) -> tuple[Digest, int]:
    digest: object = blob.digest
    size: object = blob.size
    if not isinstance(digest, Digest) or isinstance(size, bool) or not isinstance(size, int):
        raise BrokenContractError(f"{method} did not say which digest and size the blob has")
    return digest, size


def _check_members(
    value: object, opening: str, methods: tuple[str, ...], attributes: tuple[str, ...] = ()
) -> None:
    if value is None:
        raise BrokenContractError(f"{opening} returned None")
    what = f"what {opening} returned, {described(value)},"
    require_members(value, (*attributes, *methods), what)
    require_callable(value, methods, what)
