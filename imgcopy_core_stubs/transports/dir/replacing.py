"""Putting a directory in the place of another one."""

import ctypes
import errno
import os
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_NOT_SUPPORTED: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def exchange(new: str, old: str) -> None:
    """Let two directories change their names; at no moment is there nothing at `old`.

    Where the system cannot do that (Linux can, on most file systems), there is for a moment.

    Args:
        new: The directory that is to be at `old`.
        old: The directory that is to be at `new`.

    Raises:
        OSError: That failed, and nothing has changed.
    """
    if _renamed_at_once(new, old):
        return
    aside = f"{new}.{os.urandom(6).hex()}.old"
    os.rename(old, aside)
    try:
        os.rename(new, old)
    except BaseException:
        os.rename(aside, old)
        raise
    os.rename(aside, new)


def _renamed_at_once(new: str, old: str) -> bool:
    """Exchange them by `renameat2`, which Python does not offer; False if there is no such call."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    result = function(
        _AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), ctypes.c_uint(_RENAME_EXCHANGE)
    )
    if result == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number))
