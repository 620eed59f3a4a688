"""A layout that images are added to, by several processes at a time if need be."""

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import DestinationWriteFailed, InvalidDestination, SourceError
from imgcopy_core_stubs.file_lock import is_at, locked
from imgcopy_core_stubs.image_layout import INDEX, MARKER, MARKER_CONTENT, blob_path
from imgcopy_core_stubs.json_documents import DOCUMENT_LIMIT, encode_json
from imgcopy_core_stubs.json_values import JsonObject
from imgcopy_core_stubs.manifest import Descriptor
from imgcopy_core_stubs.streams import CHUNK, VerifyingStream
from imgcopy_core_stubs.transports._files import RegularFile, is_inside
from imgcopy_core_stubs.transports._new_file import examining, sync_directory, writing
from imgcopy_core_stubs.transports._staging import Staging
from imgcopy_core_stubs.transports.oci.index_edit import new_index, with_images
from imgcopy_core_stubs.transports.oci.layout import check_marker, read_index

_OURS: Final = ".imgcopy-"
_LOCK: Final = ".imgcopy-lock"


class WritableLayout:
    """A directory that is a layout, or becomes one with its first image.

    Attributes:
        path: The directory.
        staging: Where blobs and manifests are put until they are committed.

    Args:
        path: The directory. It is made if it does not exist; its parent must.
        fsync: Whether to flush what is written to the disk.

    Raises:
        InvalidDestination: It is no directory, or one with other things in it, or a layout that
            breaks its format.
        DestinationWriteFailed: It cannot be made, or is not writable.
    """

    def __init__(self, path: str, *, fsync: bool) -> None:
        self.path = path
        self._fsync = fsync
        self._made = False  # whether the directory is new, and ours
        self._images: list[tuple[Descriptor, Sequence[str]]] = []
        try:
            self.staging = self._prepare()
        except BaseException:
            self._remove_if_made()
            raise

    def stage_existing(self, digest: Digest, size: int | None) -> int | None:
        """Stage a blob that the layout has, after verifying it; return its size.

        It is linked, so it stays whatever others do to the layout until the commit. None:
        there is no such blob, or it is damaged, or cannot be linked.
        """
        link = os.path.join(self.staging.path, f"{os.urandom(6).hex()}.link")
        try:
            os.link(os.path.join(self.path, blob_path(digest)), link, follow_symlinks=False)
            with RegularFile(self.staging.path, os.path.basename(link)) as file:
                stream = VerifyingStream(file, "blob", digest=digest, size=size)
                while stream.read(CHUNK):
                    pass
            os.replace(link, self.staging.path_of(digest))
        except (OSError, SourceError):
            _unlink(link)
            return None
        self.staging.blobs[digest] = stream.bytes_read
        return stream.bytes_read

    def add_image(self, descriptor: Descriptor, names: Sequence[str]) -> None:
        """Have an image, whose parts are staged, put into the index by `commit`.

        Args:
            descriptor: The image's manifest or index.
            names: The image's names; without any it has none.
        """
        self._images.append((descriptor, names))

    def commit(self) -> None:
        """Move what was staged into the layout, and put the images into its index.

        Other images stay, whoever added them and when. One that has the same name gives way. Of
        several that were added under one name the last has it, and the others stay without it.

        Raises:
            InvalidDestination: The layout has become invalid, or its index would exceed 4 MiB.
            DestinationWriteFailed: The operating system reported an error; nothing was added.
        """
        with writing(self.path), locked(os.path.join(self.path, _LOCK)):
            index = encode_json(with_images(self._read_index(), self._images))
            if len(index) > DOCUMENT_LIMIT:
                problem = f"its {INDEX} would exceed {DOCUMENT_LIMIT} bytes"
                raise InvalidDestination(self.path, problem)
            self.staging.put_file(index, INDEX)
            self._put_in_place()
            if self._fsync:
                sync_directory(self.path)
                if self._made:
                    sync_directory(os.path.join(self.path, os.pardir))

    def close(self, *, committed: bool) -> None:
        """Remove what is staged and, if nothing was committed, the directory that was made."""
        self.staging.remove()
        if not committed:
            self._remove_if_made()

    def _prepare(self) -> Staging:
        while True:
            self._make_directory()
            try:
                self._read_index()
                return Staging(self.path, prefix=_OURS, destination=self.path, fsync=self._fsync)
            except DestinationWriteFailed as error:
                # Who made the directory may have given up, and removed it just now.
                if error.errno != errno.ENOENT:
                    raise

    def _make_directory(self) -> None:
        if not os.path.lexists(self.path):
            with writing(self.path), contextlib.suppress(FileExistsError):
                os.mkdir(self.path)
                self._made = True
        # Looked at once: whoever made it may remove it, and somebody else make it anew.
        with contextlib.suppress(FileNotFoundError):
            mode = os.lstat(self.path).st_mode
            if not (stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and os.path.isdir(self.path))):
                raise InvalidDestination(self.path, "it is not a directory")

    def _remove_if_made(self) -> None:
        if self._made:
            _rmdir(self.path)  # which fails if others have begun to use it

    def _read_index(self) -> JsonObject:
        """Return the layout's index, a new one if it has none yet."""
        with writing(self.path):
            names = {name for name in os.listdir(self.path) if not name.startswith(_OURS)}
        if not names:
            return new_index()
        with examining(self.path):
            check_marker(self.path)
            # A process that is killed in a layout's first commit leaves all but the index.
            return read_index(self.path).document if INDEX in names else new_index()

    def _put_in_place(self) -> None:
        """Move everything to its place, the index last, or nothing."""
        staged_index = os.path.join(self.staging.path, INDEX)
        index = os.path.join(self.path, INDEX)
        if os.path.lexists(index):
            os.chmod(staged_index, stat.S_IMODE(os.stat(index).st_mode))
        new = os.stat(staged_index)
        undo = ExitStack()
        try:
            self._place_marker(undo)
            directories = {self._place(digest, undo) for digest in self.staging.blobs}
            if self._fsync:
                for directory in (*directories, os.path.join(self.path, "blobs")):
                    sync_directory(directory)
            os.replace(staged_index, index)
        except BaseException:
            if not is_at(new, index):  # an interrupt may come just after the last step
                undo.close()
            raise

    def _place_marker(self, undo: ExitStack) -> None:
        path = os.path.join(self.path, MARKER)
        if not os.path.lexists(path):
            self.staging.put_file(MARKER_CONTENT, MARKER)
            undo.callback(_unlink, path)
            os.replace(os.path.join(self.staging.path, MARKER), path)

    def _place(self, digest: Digest, undo: ExitStack) -> str:
        """Move one blob to where it belongs; return the directory that it is in now."""
        path = os.path.join(self.path, blob_path(digest))
        directory = os.path.dirname(path)
        self._make_below(os.path.dirname(directory), undo)
        self._make_below(directory, undo)
        if not os.path.lexists(path):
            undo.callback(_unlink, path)
        # What is there may have been damaged; what was staged is known to be right.
        os.replace(self.staging.path_of(digest), path)
        return directory

    def _make_below(self, directory: str, undo: ExitStack) -> None:
        if not os.path.lexists(directory):
            undo.callback(_rmdir, directory)
            os.mkdir(directory)
        if not is_inside(self.path, directory):
            raise InvalidDestination(directory, "it is a symbolic link out of the layout")


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _rmdir(path: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(path)
