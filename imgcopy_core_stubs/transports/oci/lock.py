"""The lock of a layout: one commit at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import Final

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which exists only as long as someone does.

    It is a file, and not the directory that it guards, because a network file system locks only
    what is open for writing.

    Raises:
        OSError: The file cannot be made or locked.
    """
    descriptor = _acquire(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def is_at(status: os.stat_result, path: str) -> bool:
    """Whether the file that has this status is the one at `path`."""
    try:
        return os.path.samestat(status, os.lstat(path))
    except FileNotFoundError:
        return False


def _acquire(path: str) -> int:
    while True:
        descriptor = os.open(path, _FLAGS, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if is_at(os.fstat(descriptor), path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever had the lock removed the file
