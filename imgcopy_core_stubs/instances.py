"""From an index to the images below it: the instances, verified, and the one for a platform."""

from typing import Final

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    DigestMismatch,
    InvalidDocument,
    NoMatchingPlatform,
    SizeMismatch,
)
from imgcopy_core_stubs.manifest import (
    Descriptor,
    ImageConfig,
    ImageIndex,
    ImageManifest,
    RawManifest,
    parse_manifest,
)
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import ImageSource

INDEX_DEPTH: Final = 4
"""How many indexes may be one below the other, the top one included."""


def choose_instance(source: ImageSource, platform: Platform, what: str) -> ImageManifest:
    """Read a source's manifest, choosing by platform where it is an index, or several nested ones.

    Args:
        source: Where the manifests are.
        platform: The platform that the image must be for.
        what: The source's name for error messages, without quotes.

    Raises:
        NoMatchingPlatform: No image of the index fits.
        InvalidDocument: Indexes are nested too deeply, or contain themselves.
        SourceError: A manifest is missing, invalid or does not verify.
    """
    parsed = parse_manifest(source.manifest(), f"manifest of {quote(what)}")
    return descend(source, parsed, platform, what)


def descend(
    source: ImageSource, parsed: ImageManifest | ImageIndex, platform: Platform, what: str
) -> ImageManifest:
    """Return `parsed` if it is an image, or else the image below it that fits the platform.

    Raises:
        SourceError: As for `choose_instance`.
    """
    for _ in range(INDEX_DEPTH):
        if isinstance(parsed, ImageManifest):
            return parsed
        parsed = read_instance(source, parsed.choose(platform, quote(what)), what)
    if isinstance(parsed, ImageManifest):
        return parsed
    raise nested_too_deeply(what)


def check_platform(config: ImageConfig, platform: Platform, what: str) -> None:
    """Refuse an image that comes without an index and is not for a platform that was asked for.

    Args:
        config: The image's.
        platform: What was asked for.
        what: The source's name for error messages, without quotes.

    Raises:
        NoMatchingPlatform: It is for another one.
    """
    if platform.rank(config.platform) is None:
        raise NoMatchingPlatform(quote(what), str(platform), (str(config.platform),))


def read_instance(
    source: ImageSource, descriptor: Descriptor, what: str
) -> ImageManifest | ImageIndex:
    """Read a manifest that an index names, and verify it.

    Raises:
        SourceError: It is missing, invalid or does not verify.
    """
    name = f"manifest {descriptor.digest} of {quote(what)}"
    raw = source.manifest(descriptor.digest).raw
    if len(raw) != descriptor.size:
        raise SizeMismatch(name, descriptor.size, len(raw))
    actual = Digest.of(raw, descriptor.digest.algorithm)
    if actual != descriptor.digest:
        raise DigestMismatch(name, str(descriptor.digest), str(actual))
    return parse_manifest(RawManifest(raw, descriptor.media_type), name)


def nested_too_deeply(what: str) -> InvalidDocument:
    """Return the error for indexes that are nested too deeply, which those in a circle are too."""
    problem = f"indexes are nested deeper than {INDEX_DEPTH} levels, or contain themselves"
    return InvalidDocument(f"index of {quote(what)}", "$.manifests", problem)
