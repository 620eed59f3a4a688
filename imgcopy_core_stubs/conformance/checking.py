"""What is stored, held against what was put."""

import gzip
import zlib
from collections import Counter
from collections.abc import Mapping

from imgcopy_core_stubs.conformance.errors import Damaged, LawBroken
from imgcopy_core_stubs.conformance.images import Blob, Image
from imgcopy_core_stubs.conformance.place import StoredImage
from imgcopy_core_stubs.conformance.subject import Spot, Subject
from imgcopy_core_stubs.conformance.trying import require
from imgcopy_core_stubs.digest import Digest

_GZIP = b"\x1f\x8b"


def stored_image(subject: Subject, spot: Spot) -> StoredImage:
    """Return what is stored at a spot where an image was committed."""
    stored = subject.stored(spot)
    advice = "make the image visible in commit(), where the reference says"
    require(stored, "an image to be stored after the commit", "none", advice)
    assert stored is not None  # noqa: S101  (it was just required)
    return stored


def require_stored(subject: Subject, spot: Spot, image: Image) -> StoredImage:
    """Raise a `LawBroken` unless an image is stored, byte for byte; return what is stored."""
    stored = stored_image(subject, spot)
    require_manifest(stored, image)
    layers = {f"layer {number}": blob for number, blob in enumerate(image.layers)}
    require_blobs(stored, {"the config": image.config, **layers})
    return stored


def require_manifest(stored: StoredImage, image: Image) -> None:
    """Raise a `LawBroken` unless the manifest is stored, byte for byte.

    Of a format that keeps no manifest, config and layers must be those that the manifest names.
    """
    if stored.manifest not in (None, image.manifest.raw):
        raise LawBroken(
            "the manifest to be stored byte for byte",
            _difference(image.manifest.raw, stored.manifest or b""),
            "store the bytes of RawManifest.raw; never decode and encode a manifest",
        )
    layers = [str(layer.digest) for layer in image.layers]
    require(
        (stored.config_digest, stored.layer_digests) == (str(image.config.digest), layers),
        f"the image to have the config {image.config.digest} and the manifest's {len(layers)} "
        "layers, in their order",
        f"the config {stored.config_digest} and {len(stored.layer_digests)} layers",
        "store the image that put_manifest named",
    )


def require_blobs(stored: StoredImage, blobs: Mapping[str, Blob]) -> None:
    """Raise a `LawBroken` unless blobs are stored, byte for byte.

    Args:
        stored: What is stored.
        blobs: The blobs, by what they are called in messages.
    """
    contents: dict[str, list[bytes]] = {}
    for digest, content in stored.blobs:
        contents.setdefault(digest, []).append(content)
    for what, blob in blobs.items():
        found = contents.get(str(blob.digest), [])
        require(
            found,
            f"{what} to be stored under {blob.digest}",
            f"no such blob among {len(stored.blobs)}",
            "store every blob that put_blob was given, under the digest of its bytes",
        )
        for content in found:
            if content != blob.content:
                raise LawBroken(
                    f"{what} to be stored byte for byte",
                    _difference(blob.content, content),
                    "store what the stream gives, all of it, until read() returns b''",
                )


def require_nothing_else(stored: StoredImage, image: Image) -> None:
    """Raise a `LawBroken` if blobs are stored that are not the image's."""
    own = {str(blob.digest) for blob in (image.config, *image.layers)}
    own.add(str(image.manifest.digest))
    others = [digest for digest, _ in stored.blobs if digest not in own]
    require(
        not others,
        "no blob to be stored but those of the image",
        ", ".join(others[:3]),
        "delete what was stored of a blob when its stream raises, whatever it raises",
    )


def require_nothing_repeated(stored: StoredImage) -> None:
    """Raise a `LawBroken` if a blob is stored more than once."""
    counts = Counter(digest for digest, _ in stored.blobs)
    repeated = [f"{digest}: {count} times" for digest, count in counts.items() if count > 1]
    require(
        not repeated,
        "every blob to be stored once",
        ", ".join(repeated),
        "drop a blob that is there already when its stream has ended",
    )


def require_same_content(stored: StoredImage, image: Image) -> None:
    """Raise a `LawBroken` unless config and decompressed layers are those of an image."""
    require(
        stored.config_digest == str(image.config.digest),
        f"the image to have the config {image.config.digest}",
        stored.config_digest,
        "store the config's bytes as they come",
    )
    require_blobs(stored, {"the config": image.config})
    blobs = dict(stored.blobs)
    missing = [digest for digest in stored.layer_digests if digest not in blobs]
    require(
        not missing,
        "every layer that the stored image names to be stored",
        f"{len(missing)} are not, such as {missing[:1]}",
        "store every layer before the manifest that names it",
    )
    diff_ids = [str(Digest.of(_plain(blobs[digest]))) for digest in stored.layer_digests]
    require(
        diff_ids == image.diff_ids,
        f"the stored layers to have the {len(image.diff_ids)} diff IDs of the config",
        f"{len(diff_ids)} layers, of which "
        f"{sum(a == b for a, b in zip(diff_ids, image.diff_ids, strict=False))} do",
        "store the layers' bytes as they come, in the manifest's order",
    )


def _plain(content: bytes) -> bytes:
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged(f"a stored layer cannot be decompressed: {error}") from error


def _difference(expected: bytes, found: bytes) -> str:
    common = min(len(expected), len(found))
    first = next((n for n in range(common) if expected[n] != found[n]), common)
    return f"{len(found)} bytes, not {len(expected)}; they differ from byte {first} on"
