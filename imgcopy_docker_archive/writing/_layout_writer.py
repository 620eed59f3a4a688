"""What writing an archive has in common in both layouts."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO

from imgcopy_core_stubs import Digest
from imgcopy_docker_archive.format import MANIFEST
from imgcopy_docker_archive.writing._blobs import BlobMembers
from imgcopy_docker_archive.writing._image_list import ImageList
from imgcopy_docker_archive.writing._tar_write import TarWriter

if TYPE_CHECKING:  # loaded when it is used
    from imgcopy_docker_archive.writing._old_archive import OldArchive


class LayoutWriter:
    """Writes blobs, and at the end the lists that make images of them.

    Args:
        file: Where to write, from its present position on; its caller opened it and closes it.
        name: What the file is called in error messages.
        temporary_directory: Where a blob is kept that cannot go to its place yet; None: the
            system's place.
        blob_path: Returns the member name of a blob.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        *,
        temporary_directory: str | None,
        blob_path: Callable[[Digest], str],
    ) -> None:
        self._name = name
        self._tar = TarWriter(file, name, temporary_directory=temporary_directory)
        self._blobs = BlobMembers(self._tar, name, blob_path)
        self._images = ImageList()  # those that manifest.json lists

    @property
    def parallel(self) -> bool:
        """Whether blobs can be put from several threads at a time: in a pipe they cannot."""
        return self._tar.seekable

    def resume(self, old: "OldArchive") -> None:
        """Take over an archive's members, before anything else is written.

        Args:
            old: An archive of the same layout. The caller closes it, after this writer's last call.
        """
        self._tar.take_over(old.kept)
        self._blobs.resume(old.contents.blobs)
        self._images = ImageList(old.contents.items)

    def drop_incomplete_image(self) -> None:
        """Forget, and on a seekable file cut off, what was put since the last `add_image`."""
        self._blobs.drop_incomplete()

    def _finish(self, documents: Sequence[tuple[str, bytes]]) -> None:
        """Write small members, `manifest.json` last, and the end of the archive; flush the file.

        Args:
            documents: The members' names and contents.
        """
        manifest = self._images.document(self._name)  # which may be refused
        for name, content in (*documents, (MANIFEST, manifest)):
            self._tar.add(name, content)
        self._tar.finish()
