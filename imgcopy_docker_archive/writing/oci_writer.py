"""An archive of the `oci` layout, written member by member; one image or several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Descriptor,
    Digest,
    DockerReference,
    ImageManifest,
)
from imgcopy_core_stubs import image_layout as layout
from imgcopy_docker_archive.writing._index_list import IndexList
from imgcopy_docker_archive.writing._layout_writer import LayoutWriter

if TYPE_CHECKING:  # loaded when it is used
    from imgcopy_docker_archive.writing._old_archive import OldArchive


class OciArchiveWriter(LayoutWriter):
    """Writes an archive of the `oci` layout to a binary file that its caller opened and closes.

    Blobs are shared between images, each stored once, as it comes. The order of calls: for each
    image its blobs and manifests, then `add_image`; at the end `finish`.

    Args:
        file: Where to write, from its present position on; seekable or not.
        name: What the file is called in error messages.
        temporary_directory: Where a blob is kept that cannot go to its place yet; None: the
            system's place.
    """

    def __init__(
        self, file: BinaryIO, name: str = "archive", *, temporary_directory: str | None = None
    ) -> None:
        super().__init__(
            file, name, temporary_directory=temporary_directory, blob_path=layout.blob_path
        )
        self._index = IndexList()

    def resume(self, old: "OldArchive") -> None:
        """Take over an archive's members, as `LayoutWriter` does, and its index."""
        super().resume(old)
        self._index = IndexList(old.contents.entries)

    def blob_size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a blob or manifest that is in the archive, or None."""
        return self._blobs.size(digest)

    def is_taken_over(self, digest: Digest) -> bool:
        """Whether a blob is of the archive that is appended to: nobody has verified its size."""
        return self._blobs.is_taken_over(digest)

    def put_blob(self, stream: ByteStream, info: BlobInfo) -> BlobInfo:
        """Write a layer or a config as it comes, and return it with its digest and size.

        Args:
            stream: Its bytes. Where `info` has a digest, the stream verifies it.
            info: The blob's digest, and its size in bytes, as far as they are known.

        Raises:
            UnsupportedByDestination: The digest is no SHA-256, which the format has no name for.
            DestinationWriteFailed: The operating system reported an error.
            SourceError: From the stream. Nothing of the blob stays (in a pipe: nothing follows).
        """
        return self._blobs.put(stream, info)

    def put_manifest(self, raw: bytes, digest: Digest) -> None:
        """Write a manifest or an index, byte for byte.

        Raises:
            UnsupportedByDestination: The digest is no SHA-256.
            DestinationWriteFailed: The operating system reported an error.
        """
        self._blobs.put_document(raw, digest)

    def add_image(
        self,
        descriptor: Descriptor,
        tags: Sequence[DockerReference],
        docker_image: ImageManifest | None,
    ) -> None:
        """List an image under its tags.

        An image that is here already gets the tags in addition. A tag that another image of the
        archive has moves to this one, as `docker tag` moves it.

        Args:
            descriptor: The image's manifest or index, which was put.
            tags: Its names, with tags.
            docker_image: What `manifest.json` lists: the image itself, or one of the index; None:
                nothing, where there is nothing that docker could load.
        """
        self._index.add(descriptor, tags)
        if docker_image is None:
            self._images.untag(tags)
        else:
            config = layout.blob_path(docker_image.config.digest)
            layers = [layout.blob_path(layer.digest) for layer in docker_image.layers]
            self._images.add(config, layers, tags)
        self._blobs.complete()

    def finish(self) -> None:
        """Write what makes the blobs a layout and an archive, and its end; flush the file.

        Raises:
            UnsupportedByDestination: There are so many images that no reader takes the list.
            DestinationWriteFailed: The operating system reported an error.
        """
        self._finish(
            [(layout.MARKER, layout.MARKER_CONTENT), (layout.INDEX, self._index.document())]
        )
