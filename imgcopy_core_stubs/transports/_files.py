"""Files of a directory that comes from someone else: opened and read without trusting it.

A blob may be missing, a FIFO that never answers, a device that never ends, a symbolic link out of
the directory, or a sparse file of gigabytes. All of these are refused at once.
"""

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

from imgcopy_core_stubs.closing import Closing
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    SizeMismatch,
    SourceNotFound,
    SourceReadFailed,
    TooLarge,
    UnsupportedImage,
)
from imgcopy_core_stubs.json_documents import DOCUMENT_LIMIT
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.streams import CHUNK
from imgcopy_core_stubs.transport import BlobInfo

_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_SPECIAL_FILE: Final = (errno.ENXIO, errno.ELOOP)


class RegularFile(Closing):
    """A regular file, open for reading: a stored stream that knows its size.

    Attributes:
        path: The file's path, as the user would write it.
        size: Its size in bytes when it was opened.

    Args:
        root: The directory that the file must be in.
        name: Its name there, with slashes where it is further down. A symbolic link is followed as
            long as it stays inside `root`.

    Raises:
        SourceNotFound: There is no such file.
        UnsupportedImage: It is no regular file, or a symbolic link out of `root`.
        SourceReadFailed: The operating system does not let us open it.
    """

    def __init__(self, root: str, name: str) -> None:
        self.path = os.path.join(root, name)
        target = os.path.realpath(self.path)
        if not is_inside(root, target):
            problem = f"it is a symbolic link to {quote(target)}, outside of {quote(root)}"
            raise UnsupportedImage(quote(self.path), problem)
        try:
            self._file = os.fdopen(os.open(target, _FLAGS), "rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError):
            raise SourceNotFound(self.path) from None
        except IsADirectoryError:
            raise self._not_regular() from None
        except OSError as error:
            if error.errno in _SPECIAL_FILE:
                raise self._not_regular() from None
            raise SourceReadFailed(self.path, error) from error
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            self._file.close()
            raise self._not_regular()
        self.size = status.st_size

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, `b""` at the end.

        Raises:
            SourceReadFailed: The operating system reported an error.
        """
        try:
            return self._file.read(size)
        except OSError as error:
            raise SourceReadFailed(self.path, error) from error

    def read_end(self, size: int, /) -> bytes:
        """Return the last `size` bytes, or all if there are fewer; the errors as above."""
        try:
            return os.pread(self._file.fileno(), size, max(0, self.size - size))
        except OSError as error:
            raise SourceReadFailed(self.path, error) from error

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()

    def _not_regular(self) -> UnsupportedImage:
        return UnsupportedImage(quote(self.path), "it is not a regular file")


def read_document(root: str, name: str, what: str, *, limit: int = DOCUMENT_LIMIT) -> bytes:
    """Return the bytes of a small file; one that is too large is refused by its size, unread.

    Args:
        root: The directory that the file must be in.
        name: Its name there.
        what: The document's name for error messages.
        limit: The most bytes that it may have.

    Raises:
        TooLarge: It has more than `limit` bytes.
        SourceError: It cannot be opened or read (see `RegularFile`).
    """
    with RegularFile(root, name) as file:
        if file.size > limit:
            raise TooLarge(what, limit)
        pieces = []
        left = limit + 1  # the size is only what it was a moment ago
        while left and (chunk := file.read(min(left, CHUNK))):
            pieces.append(chunk)
            left -= len(chunk)
    if not left:
        raise TooLarge(what, limit)
    return b"".join(pieces)


def open_blob(root: str, file_name: Callable[[Digest], str], info: BlobInfo) -> RegularFile:
    """Open a blob's file; the caller closes it.

    Args:
        root: The directory that the file must be in.
        file_name: Names the file there, given the blob's digest.
        info: The blob. Its digest must be known.

    Raises:
        SizeMismatch: It does not have the size that the blob should have.
        SourceError: It cannot be opened (see `RegularFile`).
    """
    if info.digest is None:
        raise ValueError("a blob is opened by its digest")
    file = RegularFile(root, file_name(info.digest))
    if info.size is not None and file.size != info.size:
        file.close()
        raise SizeMismatch(f"blob {info.digest} of {quote(root)}", info.size, file.size)
    return file


def is_inside(root: str, path: str) -> bool:
    """Whether `path`, with all symbolic links followed, is in the directory `root`."""
    real_root = os.path.realpath(root)
    return os.path.commonpath((real_root, os.path.realpath(path))) == real_root


def require_directory(path: str) -> None:
    """Raise a `SourceNotFound` unless `path` is a directory, or a symbolic link to one."""
    if os.path.isdir(path):
        return
    problem = "it is not a directory" if os.path.lexists(path) else "there is no such directory"
    raise SourceNotFound(path, problem)
