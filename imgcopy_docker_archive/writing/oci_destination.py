"""`ImageDestination` over an archive of the `oci` layout, which keeps everything as it comes."""

import io
from collections.abc import Sequence
from typing import Final

from attrs import evolve

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Descriptor,
    DestinationCapabilities,
    DestinationStateError,
    Digest,
    DockerReference,
    ImageIndex,
    ImageManifest,
    InvalidDestination,
    InvalidOption,
    LayerCompression,
    Platform,
    RawManifest,
    UnsupportedByDestination,
    checked_manifest_digest,
    listing,
    media_types,
    parse_config,
    parse_manifest,
    quote,
    required_digest,
)
from imgcopy_docker_archive.oci_format import is_for_docker
from imgcopy_docker_archive.writing.destination import (
    SIGNATURES_REFUSAL,
    Archive,
    ArchiveDestination,
    read_document,
)
from imgcopy_docker_archive.writing.oci_writer import OciArchiveWriter

_CAPABILITIES: Final = DestinationCapabilities(
    manifest_types=(
        media_types.OCI_MANIFEST,
        media_types.DOCKER_MANIFEST,
        media_types.OCI_INDEX,
        media_types.DOCKER_MANIFEST_LIST,
    ),
    signatures_refusal=SIGNATURES_REFUSAL,
    layer_compression=LayerCompression.KEEP,
    stores_indexes=True,
)


class OciArchiveDestination(ArchiveDestination):
    """An image, or an index of images, on its way into an archive of the `oci` layout.

    Args:
        writer: Writes the archive; whoever made it finishes it.
        tags: The image's names, with tags. Without any the image is untagged.
        name: What the archive is called in error messages.
        platform: Which image of an index `manifest.json` lists, and what a single image must fit;
            None: this machine's, or else the first one.
        archive: The archive, if it holds just this image.
    """

    base_capabilities = _CAPABILITIES

    def __init__(
        self,
        writer: OciArchiveWriter,
        tags: Sequence[DockerReference],
        name: str = "archive",
        *,
        platform: Platform | None = None,
        archive: Archive | None = None,
    ) -> None:
        super().__init__(name, parallel=writer.parallel, archive=archive)
        self._writer = writer
        self._tags = tuple(tags)
        self._platform = platform
        self._manifests: dict[Digest, ImageManifest | ImageIndex] = {}
        self._top: Descriptor | None = None
        self._docker_image: ImageManifest | None = None  # what docker loads of it
        self._config: tuple[Digest | None, bytes] = None, b""  # the last one, if it is to be judged

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        """Write a blob into the archive."""
        self._check_open()
        if not is_config or self._platform is None:
            return self._writer.put_blob(stream, info)
        raw = read_document(stream)
        stored = self._writer.put_blob(io.BytesIO(raw), info)
        self._config = stored.digest, raw
        return stored

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        """Return a blob that is in the archive already: it is never sent again.

        Raises:
            InvalidDestination: The archive that is appended to has it in another size.
        """
        del can_substitute
        self._check_open()
        digest = required_digest(info, self._name)
        size = self._writer.blob_size(digest)
        if size is None:
            return None
        if self._writer.is_taken_over(digest) and info.size not in (None, size):
            problem = f"its blob {info.digest} has {size} bytes, not {info.size}: it is damaged"
            raise InvalidDestination(self._name, problem)
        return evolve(info, size=size)

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        """Write a manifest or an index.

        Raises:
            UnsupportedByDestination: It is of another type, or names what was not put.
            DestinationStateError: `instance_digest` is not its digest.
            InvalidOption: It is the top level, and nothing for the platform that was asked for.
        """
        self._check_open()
        if manifest.media_type not in ("", *_CAPABILITIES.manifest_types):
            problem = f"a manifest of type {quote(manifest.media_type)} cannot be stored"
            raise UnsupportedByDestination(self._name, problem)
        parsed = parse_manifest(manifest, f"manifest for {quote(self._name)}")
        digest = checked_manifest_digest(manifest, instance_digest, self._name)
        if isinstance(parsed, ImageManifest):
            self._require(parsed.config, "config")
            for layer in parsed.layers:
                self._require(layer, "layer")
        else:
            for descriptor in parsed.manifests:
                self._require(descriptor, "manifest")
        if instance_digest is None:
            self._docker_image = self._image_for_docker(parsed)  # which may be refused
        self._writer.put_manifest(manifest.raw, digest)
        self._manifests[digest] = parsed
        if instance_digest is None:
            self._top = Descriptor(digest, len(manifest.raw), parsed.media_type)

    def _add_image(self) -> None:
        if self._top is None:
            raise DestinationStateError(self._name, "no manifest was put")
        self._writer.add_image(self._top, self._tags, self._docker_image)

    def _drop_image(self) -> None:
        self._writer.drop_incomplete_image()

    def _require(self, descriptor: Descriptor, what: str) -> None:
        if self._writer.blob_size(descriptor.digest) is None:
            problem = f"the {what} {descriptor.digest} was not put"
            raise UnsupportedByDestination(self._name, problem)

    def _image_for_docker(self, parsed: ImageManifest | ImageIndex) -> ImageManifest | None:
        """Return the image that docker is to load, or None if there is none that it could."""
        if isinstance(parsed, ImageManifest):
            if self._platform is not None:
                self._check_platform(parsed, self._platform)
            return parsed if is_for_docker(parsed) else None
        images = [found for found in self._images_below(parsed) if is_for_docker(found[1])]
        wanted = self._platform or Platform.of_this_machine()
        best = wanted.best(platform for platform, _ in images)
        if best is not None:
            return images[best][1]
        if self._platform is not None:
            problem = f"the index has no image for {quote(wanted)} that docker can load"
            there = listing(platform for platform, _ in images)
            raise InvalidOption("platform", f"{problem}; it has {there}")
        return images[0][1] if images else None

    def _check_platform(self, image: ImageManifest, wanted: Platform) -> None:
        """Refuse a single image that is not for the platform that was asked for."""
        digest, raw = self._config
        if not image.is_image or digest != image.config.digest:
            problem = "what is copied has no platform (leave the option out)"
            raise InvalidOption("platform", problem)
        own = parse_config(raw, f"config for {quote(self._name)}").platform
        if wanted.rank(own) is None:
            problem = f"the image is for {quote(own)}, not for {quote(wanted)}"
            raise InvalidOption("platform", f"{problem} (leave the option out)")

    def _images_below(self, index: ImageIndex) -> list[tuple[Platform, ImageManifest]]:
        """Return the index's images with their platforms, those of nested indexes included.

        Each index is looked into once: indexes in indexes may name it very often.
        """
        images: list[tuple[Platform, ImageManifest]] = []
        seen: set[Digest] = set()

        def collect(index: ImageIndex) -> None:
            for descriptor in index.manifests:
                manifest = self._manifests.get(descriptor.digest)
                if isinstance(manifest, ImageManifest):
                    images.append((descriptor.platform or Platform(), manifest))
                elif manifest is not None and descriptor.digest not in seen:
                    seen.add(descriptor.digest)
                    collect(manifest)

        collect(index)
        return images
