"""A file that appears complete at its path, or not at all.

It is written without a name (Linux's `O_TMPFILE`), or under a temporary name beside its path where
the file system cannot do that, and linked or renamed into place at commit. So a failed or killed
copy leaves neither a fragment nor a changed old file.
"""

import contextlib
import errno
import os
import stat
from types import TracebackType
from typing import BinaryIO, Final, Self

from imgcopy_core_stubs.errors import (
    DestinationExists,
    DestinationStateError,
    DestinationWriteFailed,
    InvalidDestination,
)
from imgcopy_core_stubs.quoting import quote

# What systems without unnamed files say. Where it is meant otherwise, making a file with a name
# fails as well, and says it better.
_NO_UNNAMED_FILES: Final = (
    errno.EOPNOTSUPP,
    errno.EISDIR,
    errno.EINVAL,
    errno.ENOENT,
    errno.EPERM,
)
_NO_HARD_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


class AtomicFile:
    """A new file for `path`. A context manager that discards what was not committed.

    Attributes:
        path: Where the file will be.
        file: The open binary file, readable, writable and seekable; owned by this object. It is
            not buffered: `write` may take less than it is given.

    Args:
        path: Where the file shall be. Its directory must exist.
        replace: Whether to replace a file that is there. An empty one (as `mktemp` makes it) is
            replaced in any case. The new file takes over the old one's permissions.
        fsync: Whether to flush file and directory to the disk at commit.

    Raises:
        DestinationExists: There is a file, and it is not to be replaced.
        InvalidDestination: There is something that is no regular file.
        DestinationWriteFailed: The directory is missing or not writable.
    """

    def __init__(self, path: str, *, replace: bool = False, fsync: bool = False) -> None:
        self.path = path
        self._replace = replace
        self._fsync = fsync
        self._directory = os.path.dirname(path) or "."
        self._temporary: str | None = None
        self._done = False
        old = _check_target(path, replace=replace)
        self._fills_empty = old is not None
        try:
            self.file: BinaryIO = os.fdopen(self._open(), "w+b", buffering=0)
            try:
                if old is not None:
                    os.fchmod(self.file.fileno(), stat.S_IMODE(old.st_mode))
            except OSError:
                self.discard()
                raise
        except OSError as error:
            raise DestinationWriteFailed(path, error) from error

    def commit(self) -> None:
        """Close the file and put it at its path.

        Raises:
            DestinationExists: Another file has come there in the meantime.
            DestinationWriteFailed: The operating system reported an error. Nothing has changed,
                unless it was the directory that could not be flushed: then the file is in place.
            DestinationStateError: It was committed or discarded already.
        """
        if self._done:
            raise DestinationStateError(self.path, "the file was committed or discarded already")
        try:
            if self._fsync:
                os.fsync(self.file.fileno())
            # Network file systems report what they could not store when a descriptor is closed:
            # close one while nothing is in place yet.
            os.close(os.dup(self.file.fileno()))
            self._put_in_place()
            if self._fsync:
                self._sync_directory()
        except FileExistsError:
            raise DestinationExists(self.path) from None
        except OSError as error:
            raise DestinationWriteFailed(self.path, error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Close the file and remove it, unless it was committed. May be called twice."""
        self._done = True
        with contextlib.suppress(OSError):
            self.file.close()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()

    def _open(self) -> int:
        if hasattr(os, "O_TMPFILE") and os.path.exists("/proc/self/fd"):
            try:
                return os.open(self._directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
            except OSError as error:
                if error.errno not in _NO_UNNAMED_FILES:
                    raise
        temporary = self._beside()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o666)
        self._temporary = temporary
        return descriptor

    def _beside(self) -> str:
        return os.path.join(self._directory, f".imgcopy-{os.urandom(8).hex()}.partial")

    def _put_in_place(self) -> None:
        if self._replace or self._fills_empty:
            _check_target(self.path, replace=self._replace)
            if self._temporary is None:
                temporary = self._beside()
                self._link_unnamed(temporary)
                self._temporary = temporary
            os.replace(self._temporary, self.path)
            self._temporary = None
        elif self._temporary is None:
            self._link_unnamed(self.path)
        else:
            _link_or_move(self._temporary, self.path)

    def _link_unnamed(self, path: str) -> None:
        descriptor = self.file.fileno()
        # Python calls linkat(2), which can follow the link in /proc, only if there is a `dir_fd`.
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _link_or_move(source: str, path: str) -> None:
    """Give a file the name `path`; fail if something has it. The old name may stay."""
    try:
        os.link(source, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
    else:
        return
    # FAT, and some network file systems: an empty file reserves the name until it is replaced.
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    try:
        os.replace(source, path)
    except BaseException:
        os.unlink(path)
        raise


def _check_target(path: str, *, replace: bool) -> os.stat_result | None:
    """Return what is at `path` if it is a file that may be replaced, None if there is nothing."""
    try:
        old = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DestinationWriteFailed(path, error) from error
    if stat.S_ISLNK(old.st_mode):
        target = os.path.realpath(path)
        raise InvalidDestination(path, f"it is a symbolic link (name its target {quote(target)})")
    if stat.S_ISDIR(old.st_mode):
        raise InvalidDestination(path, "it is a directory")
    if not stat.S_ISREG(old.st_mode):
        raise InvalidDestination(path, "it is not a regular file")
    if not replace and old.st_size > 0:
        raise DestinationExists(path)
    return old
