"""An image's config, read and verified, and the platform that it says the image is for."""

from imgcopy_core_stubs._copy_blob import read_document
from imgcopy_core_stubs.errors import UnsupportedImage
from imgcopy_core_stubs.instances import check_platform, descend
from imgcopy_core_stubs.manifest import ImageConfig, ImageManifest, parse_config, parse_manifest
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import ImageSource


def read_config(source: ImageSource, manifest: ImageManifest, what: str) -> ImageConfig:
    """Read and verify an image's config.

    Raises:
        UnsupportedImage: It is not an image's manifest, but another artifact's.
        SourceError: The config is missing, invalid, or does not verify.
    """
    if not manifest.is_image:
        kind = quote(manifest.config.media_type)
        raise UnsupportedImage(
            quote(what), f"it is an artifact, with a config of type {kind} (show it with --raw)"
        )
    name = f"config of {quote(what)}"
    return parse_config(read_document(source, manifest.config, name), name)


def choose_fitting(source: ImageSource, platform: Platform, what: str) -> ImageManifest:
    """Read the image for a platform that was asked for: a single one, too, must be for it.

    Raises:
        NoMatchingPlatform: It is for another one, or no image of the index fits.
        SourceError: As for `read_config`.
    """
    parsed = parse_manifest(source.manifest(), f"manifest of {quote(what)}")
    image = descend(source, parsed, platform, what)
    if image is parsed:
        check_platform(read_config(source, image, what), platform, what)
    return image
