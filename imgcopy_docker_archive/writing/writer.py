"""An archive of the `docker` layout, written member by member; one image or several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Digest,
    DockerReference,
    ImageConfig,
    UnsupportedByDestination,
    media_types,
)
from imgcopy_docker_archive import format as layout
from imgcopy_docker_archive.writing._image_list import tags_of
from imgcopy_docker_archive.writing._layout_writer import LayoutWriter

if TYPE_CHECKING:  # loaded when it is used
    from imgcopy_docker_archive.writing._old_archive import OldArchive


class ArchiveWriter(LayoutWriter):
    """Writes a docker archive to a binary file, seekable or not, that its caller opened and closes.

    Layers, v1 folders and configs are shared between images, each stored once. The order of calls:
    for each image its layers, then `add_image`; at the end `finish`.

    Args:
        file: Where to write, from its present position on.
        name: What the file is called in error messages.
        temporary_directory: Where a layer is kept that cannot go to its place yet; None: the
            system's place.
        v1_folders: Whether to write what was the format before Docker 1.10, too: a folder with a
            symlink for each layer, and `repositories`.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str = "archive",
        *,
        temporary_directory: str | None = None,
        v1_folders: bool = True,
    ) -> None:
        super().__init__(
            file,
            name,
            temporary_directory=temporary_directory,
            blob_path=layout.layer_path,  # by diff ID
        )
        self._has_v1_folders = v1_folders
        # By id, the digests of their `json`: each of these may have megabytes.
        self._v1_folders: dict[str, Digest] = {}
        self._top_folders: dict[str, str] = {}  # by config, of images with layers

    def resume(self, old: "OldArchive") -> None:
        """Take over an archive's members, as `LayoutWriter` does, and its v1 folders."""
        super().resume(old)
        self._v1_folders = dict(old.contents.v1_folders)
        self._top_folders = dict(old.contents.top_folders)

    def layer(self, diff_id: Digest) -> BlobInfo | None:
        """Return the layer with this diff ID if it is in the archive, or None."""
        size = self._blobs.size(diff_id)
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
        return self._blobs.put(stream, info)

    def add_image(self, config: ImageConfig, tags: Sequence[DockerReference]) -> None:
        """Write an image's config and v1 folders, and list it under its tags.

        An image that is here already gets the tags in addition. A tag that another image of the
        archive has moves to this one, as `docker tag` moves it.

        Raises:
            UnsupportedByDestination: A layer of the image was not put.
            DestinationWriteFailed: The operating system reported an error.
        """
        for diff_id in config.diff_ids:
            if diff_id not in self._blobs:
                raise UnsupportedByDestination(self._name, f"the layer {diff_id} was not put")
        path = layout.config_path(config.digest)
        if path not in self._images:
            self._tar.add(path, config.raw)
        if self._has_v1_folders:
            self._add_v1_folders(path, config)
        self._images.add(path, [layout.layer_path(diff_id) for diff_id in config.diff_ids], tags)
        self._blobs.complete()

    def finish(self) -> None:
        """Write `repositories`, `manifest.json` and the end of the archive; flush the file.

        Raises:
            UnsupportedByDestination: There are so many images that no reader takes the list.
            DestinationWriteFailed: The operating system reported an error.
        """
        has_layers = any(item.layers for item in self._images)
        if self._has_v1_folders and has_layers:
            self._finish([(layout.REPOSITORIES, self._repositories())])
        else:
            self._finish([])

    def _repositories(self) -> bytes:
        return layout.repositories_document(
            {
                tag: self._top_folders[item.config]
                for item in self._images
                for tag in tags_of(item)
                if item.config in self._top_folders
            }
        )

    def _add_v1_folders(self, path: str, config: ImageConfig) -> None:
        folders = layout.v1_folders(config.diff_ids, config.raw, self._v1_folders)
        new_folders = [folder for folder in folders if folder.id not in self._v1_folders]
        for folder in new_folders:
            self._tar.add_symlink(f"{folder.id}/layer.tar", folder.layer_link)
            self._tar.add(f"{folder.id}/VERSION", layout.V1_VERSION)
            self._tar.add(f"{folder.id}/json", folder.json)
        self._v1_folders |= {folder.id: Digest.of(folder.json) for folder in new_folders}
        if folders:
            self._top_folders[path] = folders[-1].id
