"""An archive of the `docker` layout, written member by member; one image or several."""

from collections.abc import Sequence
from typing import BinaryIO, Final

from attrs import evolve

from imgcopy_core_stubs import (
    CHUNK,
    BlobInfo,
    ByteStream,
    Digest,
    DockerReference,
    ImageConfig,
    UnsupportedByDestination,
    VerifyingStream,
    media_types,
)
from imgcopy_docker_archive import format as layout
from imgcopy_docker_archive._tar_write import TarWriter

_ALGORITHM: Final = "sha256"


class ArchiveWriter:
    """Writes a docker archive to a binary file, seekable or not, that its caller opened and closes.

    Layers, v1 folders and configs are shared between images, each stored once. The order of calls:
    for each image its layers, then `add_image`; at the end `finish`.

    Args:
        file: Where to write, from its present position on.
        name: What the file is called in error messages.
        temporary_directory: Where a layer is kept on its way into a pipe; None: the system's place.
    """

    def __init__(
        self, file: BinaryIO, name: str = "archive", *, temporary_directory: str | None = None
    ) -> None:
        self._name = name
        self._tar = TarWriter(file, name, temporary_directory=temporary_directory)
        self._layers: dict[Digest, int] = {}  # sizes by diff ID
        self._v1_folders: dict[str, bytes] = {}  # their `json` by id
        self._images: dict[Digest, layout.ManifestItem] = {}  # by config, the first added first
        self._tag_owners: dict[DockerReference, Digest] = {}  # the config of each tag's image
        self._top_folders: dict[DockerReference, str] = {}  # ids; only of images with layers
        self._incomplete: list[Digest] = []  # the layers put since the last `add_image`
        self._complete_position = 0

    @property
    def parallel(self) -> bool:
        """Whether layers can be put from several threads at a time: in a pipe they cannot."""
        return self._tar.seekable

    def layer(self, diff_id: Digest) -> BlobInfo | None:
        """Return the layer with this diff ID if it is in the archive, or None."""
        size = self._layers.get(diff_id)
        return None if size is None else BlobInfo(diff_id, size, media_types.DOCKER_LAYER)

    def put_layer(self, stream: ByteStream, info: BlobInfo) -> BlobInfo:
        """Write a layer, and return it with its diff ID and size.

        Args:
            stream: Its bytes, decompressed. Where `info` has a digest, the stream verifies it.
            info: The layer's diff ID as digest, and its size in bytes, as far as they are known.

        Raises:
            UnsupportedByDestination: The diff ID is no SHA-256, which the format has no name for.
            DestinationWriteFailed: The operating system reported an error.
            SourceError: From the stream. Nothing of the layer stays (in a pipe: nothing follows).
        """
        if info.digest is not None and info.digest.algorithm != _ALGORITHM:
            problem = f"the diff ID {info.digest} is unsupported, layers are named by their SHA-256"
            raise UnsupportedByDestination(self._name, problem)
        known = info.digest
        if known is not None and known in self._layers:
            return evolve(info, size=_read_to_the_end(stream))
        if known is not None:
            size = self._tar.add_stream(stream, info.size, lambda: layout.layer_path(known))
            return self._remember(evolve(info, size=size))
        hashing = VerifyingStream(stream, f"a layer for {self._name}", size=info.size)
        size = self._tar.add_stream(hashing, None, lambda: self._name_if_new(hashing.digest))
        return self._remember(evolve(info, digest=hashing.digest, size=size))

    def add_image(self, config: ImageConfig, tags: Sequence[DockerReference]) -> None:
        """Write an image's config and v1 folders, and list it under its tags.

        An image that is here already gets the tags in addition. A tag that another image of the
        archive has moves to this one, as `docker tag` moves it.

        Raises:
            UnsupportedByDestination: A layer of the image was not put.
            DestinationWriteFailed: The operating system reported an error.
        """
        for diff_id in config.diff_ids:
            if diff_id not in self._layers:
                raise UnsupportedByDestination(self._name, f"the layer {diff_id} was not put")
        if config.digest not in self._images:
            self._tar.add(layout.config_path(config.digest), config.raw)
        folders = layout.v1_folders(config.diff_ids, config.raw, self._v1_folders)
        new_folders = [folder for folder in folders if folder.id not in self._v1_folders]
        for folder in new_folders:
            self._tar.add_symlink(f"{folder.id}/layer.tar", folder.layer_link)
            self._tar.add(f"{folder.id}/VERSION", layout.V1_VERSION)
            self._tar.add(f"{folder.id}/json", folder.json)
        self._v1_folders.update((folder.id, folder.json) for folder in new_folders)
        self._tag(config, tags, folders[-1].id if folders else None)
        self._incomplete.clear()
        self._complete_position = self._tar.position

    def drop_incomplete_image(self) -> None:
        """Forget, and on a seekable file cut off, what was put since the last `add_image`."""
        if self._tar.rewind(self._complete_position):
            for diff_id in self._incomplete:
                del self._layers[diff_id]
            self._incomplete.clear()

    def finish(self) -> None:
        """Write `repositories`, `manifest.json` and the end of the archive; flush the file."""
        images = self._images.values()
        if any(image.layers for image in images):
            document = layout.repositories_document(self._top_folders)
            self._tar.add(layout.REPOSITORIES, document)
        self._tar.add(layout.MANIFEST, layout.manifest_document(images))
        self._tar.finish()

    def _name_if_new(self, diff_id: Digest) -> str | None:
        return None if diff_id in self._layers else layout.layer_path(diff_id)

    def _remember(self, layer: BlobInfo) -> BlobInfo:
        if layer.digest is not None and layer.size is not None and layer.digest not in self._layers:
            self._layers[layer.digest] = layer.size
            self._incomplete.append(layer.digest)
        return layer

    def _tag(
        self, config: ImageConfig, tags: Sequence[DockerReference], top_folder: str | None
    ) -> None:
        image = self._images.get(config.digest)
        if image is None:
            image = layout.ManifestItem(config.digest, (), config.diff_ids)
        for tag in tags:
            owner = self._images.get(self._tag_owners.get(tag, config.digest))
            if owner is not None and owner.config != config.digest:
                kept = tuple(other for other in owner.repo_tags if other != tag)
                self._images[owner.config] = evolve(owner, repo_tags=kept)
            self._tag_owners[tag] = config.digest
            self._top_folders.pop(tag, None)
            if top_folder is not None:
                self._top_folders[tag] = top_folder
        repo_tags = tuple(dict.fromkeys([*image.repo_tags, *tags]))
        self._images[config.digest] = evolve(image, repo_tags=repo_tags)


def _read_to_the_end(stream: ByteStream) -> int:
    """Let a stream verify what is not needed, and return its size in bytes."""
    return sum(len(chunk) for chunk in iter(lambda: stream.read(CHUNK), b""))
