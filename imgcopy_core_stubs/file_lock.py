"""Files that are locked, so that one process at a time changes what they guard."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import Final

_LOCK_FILE: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which exists only as long as someone does.

    It is a file, and not the directory that it guards, because a network file system locks only
    what is open for writing.

    Raises:
        OSError: The file cannot be made or locked.
    """
    descriptor = open_locked(path, _LOCK_FILE)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def open_locked(path: str, flags: int) -> int:
    """Open and lock a file, and make sure that it is still the one at its path.

    Args:
        path: The file.
        flags: How to open it, as for `os.open`.

    Returns:
        The descriptor; closing it gives up the lock.

    Raises:
        OSError: It cannot be opened or locked.
    """
    while True:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if is_at(os.fstat(descriptor), path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever had the lock has removed or replaced the file


def is_at(status: os.stat_result, path: str) -> bool:
    """Whether the file that has this status is the one at `path`."""
    try:
        return os.path.samestat(status, os.stat(path))
    except FileNotFoundError:
        return False
