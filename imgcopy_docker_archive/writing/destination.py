"""`ImageDestination` over an archive: what both layouts share, and the `docker` layout."""

import contextlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import Final, Protocol

from attrs import evolve

from imgcopy_core_stubs import (
    DOCUMENT_LIMIT,
    BlobInfo,
    ByteStream,
    DestinationCapabilities,
    DestinationError,
    DestinationStateError,
    Digest,
    DockerReference,
    ImageConfig,
    ImageDestination,
    ImageManifest,
    LayerCompression,
    NoSignatures,
    RawManifest,
    TooLarge,
    UnsupportedByDestination,
    media_types,
    parse_config,
    parse_manifest,
    quote,
    required_digest,
)
from imgcopy_docker_archive.writing.writer import ArchiveWriter

SIGNATURES_REFUSAL: Final = "Storing signatures for docker tar files is not supported"

_CAPABILITIES: Final = DestinationCapabilities(
    manifest_types=(media_types.DOCKER_MANIFEST,),
    signatures_refusal=SIGNATURES_REFUSAL,
    layer_compression=LayerCompression.DECOMPRESS,
)


class Archive(Protocol):
    """The whole archive, of which a destination writes one image."""

    def commit(self) -> None:
        """Complete the archive, and put it at its path."""

    def close(self) -> None:
        """Drop the archive unless it was committed."""


class ArchiveDestination(NoSignatures, ImageDestination):
    """One image on its way into an archive.

    Args:
        parallel: Whether blobs can be written several at a time.
        name: What the archive is called in error messages.
        archive: The archive, if it holds just this image: then it is committed and closed with it.
    """

    base_capabilities: DestinationCapabilities

    def __init__(self, name: str, *, parallel: bool, archive: Archive | None) -> None:
        self._name = name
        self._archive = archive
        self._capabilities = evolve(self.base_capabilities, parallel_put_blob=parallel)
        self._closed = False

    @property
    def capabilities(self) -> DestinationCapabilities:
        """What the layout can hold; several blobs at a time, unless they go into a pipe."""
        return self._capabilities

    @property
    def is_open(self) -> bool:
        """Whether it was neither committed nor closed."""
        return not self._closed

    def commit(self) -> None:
        """Write what makes the blobs an image; complete the archive if it holds just this one.

        Raises:
            DestinationStateError: There is no manifest, or it was committed already.
            DestinationError: The archive cannot be completed.
        """
        self._check_open()
        self._add_image()
        self._closed = True
        if self._archive is not None:
            self._archive.commit()

    def close(self) -> None:
        """Drop the image from the archive unless it was committed."""
        try:
            if not self._closed:
                self._closed = True
                # An error is not raised here, where it would hide why there was no commit: a
                # writer that cannot go back refuses everything that follows.
                with contextlib.suppress(DestinationError):
                    self._drop_image()
        finally:
            if self._archive is not None:
                self._archive.close()

    def __str__(self) -> str:
        return self._name

    @abstractmethod
    def _add_image(self) -> None: ...

    @abstractmethod
    def _drop_image(self) -> None: ...

    def _check_open(self) -> None:
        if self._closed:
            raise DestinationStateError(self._name, "it is closed or committed already")


class DockerArchiveDestination(ArchiveDestination):
    """One image on its way into an archive of the `docker` layout.

    Args:
        writer: Writes the archive; whoever made it finishes it.
        tags: The image's names, with tags. Without any the image is untagged.
        name: What the archive is called in error messages.
        archive: The archive, if it holds just this image.
    """

    base_capabilities = _CAPABILITIES

    def __init__(
        self,
        writer: ArchiveWriter,
        tags: Sequence[DockerReference],
        name: str = "archive",
        *,
        archive: Archive | None = None,
    ) -> None:
        super().__init__(name, parallel=writer.parallel, archive=archive)
        self._writer = writer
        self._tags = tuple(tags)
        self._configs: dict[Digest, ImageConfig] = {}
        self._image: ImageConfig | None = None

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        """Write a layer into the archive; a config is kept until the manifest names it."""
        self._check_open()
        if not is_config:
            return self._writer.put_layer(stream, info)
        config = parse_config(read_document(stream), f"config for {quote(self._name)}")
        digest = info.digest or config.digest
        self._configs[digest] = config
        return BlobInfo(digest, len(config.raw), info.media_type)

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        """Return a layer that is in the archive already: it is never sent again."""
        del can_substitute
        self._check_open()
        return self._writer.layer(required_digest(info, self._name))

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        """Take the image that a Docker schema 2 manifest describes into the archive.

        Raises:
            UnsupportedByDestination: It is another kind of manifest, one of an index's, or names
                blobs that were not put.
        """
        self._check_open()
        if instance_digest is not None:
            problem = "the docker layout holds no indexes (--dest-opt layout=oci does)"
            raise UnsupportedByDestination(self._name, problem)
        if manifest.media_type not in ("", media_types.DOCKER_MANIFEST):
            raise self._unsupported(manifest.media_type)
        parsed = parse_manifest(manifest, f"manifest for {quote(self._name)}")
        if not isinstance(parsed, ImageManifest) or not parsed.is_docker:
            raise self._unsupported(parsed.media_type)
        config = self._configs.get(parsed.config.digest)
        if config is None:
            problem = f"the config {parsed.config.digest} was not put"
            raise UnsupportedByDestination(self._name, problem)
        if tuple(layer.digest for layer in parsed.layers) != config.diff_ids:
            problem = "the manifest's layers are not the config's diff IDs"
            raise UnsupportedByDestination(self._name, problem)
        self._image = config

    def _add_image(self) -> None:
        if self._image is None:
            raise DestinationStateError(self._name, "no manifest was put")
        self._writer.add_image(self._image, self._tags)

    def _drop_image(self) -> None:
        self._writer.drop_incomplete_image()

    def _unsupported(self, media_type: str) -> UnsupportedByDestination:
        return UnsupportedByDestination(
            self._name,
            f"a manifest of type {quote(media_type)} cannot be stored, "
            f"{quote(media_types.DOCKER_MANIFEST)} is needed",
        )


def read_document(stream: ByteStream) -> bytes:
    """Read an image's config.

    Raises:
        TooLarge: It has more than 4 MiB.
        SourceError: From the stream.
    """
    chunks = []
    size = 0
    while chunk := stream.read(DOCUMENT_LIMIT + 1):
        chunks.append(chunk)
        size += len(chunk)
        if size > DOCUMENT_LIMIT:
            raise TooLarge("an image config", DOCUMENT_LIMIT)
    return b"".join(chunks)
