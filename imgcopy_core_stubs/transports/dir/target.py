"""What is at a destination's path already, and whether it may be replaced."""

import os
import stat

from imgcopy_core_stubs.errors import DestinationExists, InvalidDestination
from imgcopy_core_stubs.quoting import listing, quote
from imgcopy_core_stubs.transports._files import read_document
from imgcopy_core_stubs.transports._new_file import examining, writing
from imgcopy_core_stubs.transports.dir.names import (
    VERSION_FILE,
    VERSION_FILE_LIMIT,
    is_compatible_version,
    is_known_file,
)


def check_target(path: str, *, replace: bool) -> os.stat_result | None:
    """Return the directory that is to be replaced, None if there is nothing.

    An empty directory may be filled in any case. What is not known to be an image of this format is
    never replaced.

    Args:
        path: The directory, without a slash at its end.
        replace: Whether an image that is there may be replaced.

    Raises:
        DestinationExists: There is an image, and it is not to be replaced.
        InvalidDestination: There is something else.
        DestinationWriteFailed: The operating system reported an error.
    """
    with writing(path):
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(status.st_mode):
            target = quote(os.path.realpath(path))
            raise InvalidDestination(path, f"it is a symbolic link (name its target {target})")
        if not stat.S_ISDIR(status.st_mode):
            raise InvalidDestination(path, "it is not a directory")
        if os.path.basename(path) in ("", ".", "..") or os.path.ismount(path):
            problem = "a directory like this cannot be replaced as a whole (name a new one in it)"
            raise InvalidDestination(path, problem)
        with os.scandir(path) as entries:
            files = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    if not files:
        return status
    if VERSION_FILE not in files:
        problem = f"it is not empty, and no image (it has no file {quote(VERSION_FILE)})"
        raise InvalidDestination(path, problem)
    strange = [name for name, is_file in files.items() if not is_file or not is_known_file(name)]
    if strange:
        problem = f"it holds other things than an image: {listing(sorted(strange))}"
        raise InvalidDestination(path, problem)
    with examining(path):
        version = read_document(path, VERSION_FILE, VERSION_FILE, limit=VERSION_FILE_LIMIT)
    if not is_compatible_version(version):
        raise InvalidDestination(path, f"its file {quote(VERSION_FILE)} is not that of an image")
    if not replace:
        raise DestinationExists(path)
    return status
