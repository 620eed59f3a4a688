"""Manifests, indexes and configs: typed, read-only views over bytes that carry a digest.

The bytes are kept as they came and are what gets stored; a view is for reading. Image manifests
of OCI and of Docker (schema 2) have one shape, and so have OCI indexes and Docker manifest lists.

Sources: OCI image-spec `manifest.md`, `image-index.md`, `config.md`, `descriptor.md`; Docker
distribution `manifest-v2-2.md`.
"""

import binascii
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import InvalidDocument, NoMatchingPlatform, UnsupportedImage
from imgcopy_core_stubs.json_documents import decode_json
from imgcopy_core_stubs.json_values import JsonObject
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.structuring import structure
from imgcopy_core_stubs.value import Value

_SCHEMA_VERSION: Final = 2


@frozen(eq=False, repr=False)
class RawManifest(Value):
    """A manifest's or index's bytes, and the media type that its place says it has ("" if none)."""

    raw: bytes
    media_type: str = ""

    @property
    def digest(self) -> Digest:
        """The digest that names the manifest."""
        return Digest.of(self.raw)


@frozen(eq=False, repr=False)
class Descriptor(Value):
    """What names a blob or a manifest: its digest, size in bytes and media type."""

    digest: Digest
    size: int
    media_type: str = field(default="", metadata={"key": "mediaType"})
    urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(factory=dict, hash=False)
    data: str = ""
    platform: Platform | None = None
    artifact_type: str = field(default="", metadata={"key": "artifactType"})


@frozen(eq=False, repr=False)
class ImageManifest(Value):
    """An OCI image manifest or a Docker schema 2 manifest."""

    raw: bytes
    media_type: str
    document: JsonObject = field(repr=False)
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def digest(self) -> Digest:
        """The digest that names the manifest."""
        return Digest.of(self.raw)

    @property
    def is_image(self) -> bool:
        """Whether it describes a container image, and not some other artifact."""
        return self.config.media_type in media_types.IMAGE_CONFIGS

    @property
    def is_docker(self) -> bool:
        """Whether it is a Docker schema 2 manifest."""
        return self.media_type == media_types.DOCKER_MANIFEST


@frozen(eq=False, repr=False)
class ImageIndex(Value):
    """An OCI image index or a Docker manifest list."""

    raw: bytes
    media_type: str
    document: JsonObject = field(repr=False)
    manifests: tuple[Descriptor, ...]

    @property
    def digest(self) -> Digest:
        """The digest that names the index."""
        return Digest.of(self.raw)

    def choose(self, wanted: Platform, what: str) -> Descriptor:
        """Return the manifest that fits a platform best; the first one of equals.

        Raises:
            NoMatchingPlatform: None fits; the error lists those that there are.
        """
        best = wanted.best(manifest.platform or Platform() for manifest in self.manifests)
        if best is not None:
            return self.manifests[best]
        if len(self.manifests) == 1 and self.manifests[0].platform is None:
            return self.manifests[0]
        available = tuple(
            str(manifest.platform)
            for manifest in self.manifests
            if manifest.platform and manifest.platform.os != "unknown"  # that is an attestation
        )
        raise NoMatchingPlatform(what, str(wanted), available)


@frozen(eq=False, repr=False)
class _RootFs:
    diff_ids: tuple[Digest, ...] = ()


@frozen(eq=False, repr=False)
class _ConfigFields:
    rootfs: _RootFs
    architecture: str = ""
    os: str = ""
    variant: str = ""


@frozen(eq=False, repr=False)
class ImageConfig(Value):
    """An image's config, as far as copying needs it. The OCI and the Docker one agree in this."""

    raw: bytes
    document: JsonObject = field(repr=False)
    diff_ids: tuple[Digest, ...]
    platform: Platform

    @property
    def digest(self) -> Digest:
        """The digest that names the config. Docker calls it the image ID."""
        return Digest.of(self.raw)


def parse_manifest(manifest: RawManifest, what: str) -> ImageManifest | ImageIndex:
    """Read a manifest or an index.

    Args:
        manifest: The bytes and the media type that their place (descriptor, header) says they have.
        what: The document's name for error messages.

    Raises:
        InvalidDocument: It breaks its format, or is one that readers could disagree about.
        UnsupportedImage: It is Docker schema 1, or no manifest of an image at all.
        TooLarge: It has more than 4 MiB.
    """
    document = decode_json(manifest.raw, what)
    media_type = _media_type(document, manifest.media_type, what)
    if media_type in media_types.INDEXES:
        _refuse_keys(document, ("config", "layers"), media_type, what)
        index = structure(document, _IndexFields, what)
        for position, descriptor in enumerate(index.manifests):
            _check_inline_data(descriptor, f"$.manifests[{position}]", what)
        return ImageIndex(manifest.raw, media_type, document, index.manifests)
    if media_type in media_types.IMAGE_MANIFESTS:
        _refuse_keys(document, ("manifests",), media_type, what)
        image = structure(document, _ManifestFields, what)
        _check_inline_data(image.config, "$.config", what)
        for position, descriptor in enumerate(image.layers):
            _check_inline_data(descriptor, f"$.layers[{position}]", what)
        return ImageManifest(manifest.raw, media_type, document, image.config, image.layers)
    raise UnsupportedImage(what, f"its media type is {quote(media_type)}")


def parse_config(raw: bytes, what: str) -> ImageConfig:
    """Read an image's config.

    Raises:
        InvalidDocument: It breaks its format; `rootfs` is missing or null, for example.
        TooLarge: It has more than 4 MiB.
    """
    document = decode_json(raw, what)
    fields = structure(document, _ConfigFields, what)
    platform = Platform(fields.os, fields.architecture, fields.variant)
    return ImageConfig(raw, document, fields.rootfs.diff_ids, platform)


@frozen(eq=False, repr=False)
class _IndexFields:
    schema_version: int = field(metadata={"key": "schemaVersion"})
    media_type: str = field(default="", metadata={"key": "mediaType"})
    manifests: tuple[Descriptor, ...] = ()


@frozen(eq=False, repr=False)
class _ManifestFields:
    schema_version: int = field(metadata={"key": "schemaVersion"})
    config: Descriptor
    media_type: str = field(default="", metadata={"key": "mediaType"})
    layers: tuple[Descriptor, ...] = ()


def _media_type(document: JsonObject, expected: str, what: str) -> str:
    """Find out what a document is: by its own word, its place's, or its shape; they must agree."""
    version = document.get("schemaVersion")
    if (version == 1 and version is not True) or expected in media_types.DOCKER_SCHEMA1:
        raise UnsupportedImage(what, "it is a Docker schema 1 manifest (pull and push it anew)")
    if "schemaVersion" in document and version != _SCHEMA_VERSION:
        raise InvalidDocument(what, "$.schemaVersion", "must be 2")
    declared = document.get("mediaType") or ""
    if not isinstance(declared, str):
        raise InvalidDocument(what, "$.mediaType", "must be a string")
    if declared and expected and declared != expected:
        problem = f"{quote(declared)} contradicts its descriptor, which says {quote(expected)}"
        raise InvalidDocument(what, "$.mediaType", problem)
    return declared or expected or _guessed_type(document)


def _guessed_type(document: JsonObject) -> str:
    if "manifests" in document:
        return media_types.OCI_INDEX
    config = document.get("config")
    if isinstance(config, dict) and config.get("mediaType") == media_types.DOCKER_CONFIG:
        return media_types.DOCKER_MANIFEST
    return media_types.OCI_MANIFEST


def _refuse_keys(document: JsonObject, keys: tuple[str, ...], media_type: str, what: str) -> None:
    """Refuse keys of another kind of document, in any case, as Go's decoder takes them."""
    for key in document:
        if key.casefold() in keys:
            problem = f"has no place in a {quote(media_type)}: readers could take it for another"
            raise InvalidDocument(what, f"$.{key}", problem)


def _check_inline_data(descriptor: Descriptor, path: str, what: str) -> None:
    """Hold content that a descriptor embeds against the descriptor (OCI image-spec, `data`)."""
    if not descriptor.data:
        return
    try:
        data = binascii.a2b_base64(descriptor.data, strict_mode=True)
    except ValueError:
        raise InvalidDocument(what, f"{path}.data", "is not base64") from None
    algorithm = descriptor.digest.algorithm
    if len(data) != descriptor.size or Digest.of(data, algorithm) != descriptor.digest:
        problem = f"does not have the digest {descriptor.digest} and the size {descriptor.size}"
        raise InvalidDocument(what, f"{path}.data", problem)
