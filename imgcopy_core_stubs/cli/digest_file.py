"""`--digestfile`: the digest of what was copied, for scripts."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator

from imgcopy_core_stubs.atomic_file import AtomicFile
from imgcopy_core_stubs.cli.output import write_data
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import DestinationWriteFailed
from imgcopy_core_stubs.standard_output import STANDARD_OUTPUT_PATHS


@contextlib.contextmanager
def digest_file(path: str | None) -> Iterator[Callable[[Digest], None]]:
    """Prepare to write a digest to a file, so that what is in the way is found before the copy.

    Args:
        path: The file, which is replaced; or a device or pipe. None: nothing is written.

    Returns:
        The function that writes the digest, as skopeo does: without a line's end.

    Raises:
        DestinationError: It cannot be written.
    """
    if path is None:
        yield lambda _: None
    elif path in STANDARD_OUTPUT_PATHS:
        yield lambda digest: write_data(str(digest).encode())
    elif _is_special(path):
        yield lambda digest: _write_special(path, digest)
    else:
        with AtomicFile(os.path.realpath(path), replace=True) as file:

            def write(digest: Digest) -> None:
                try:
                    file.file.write(str(digest).encode())
                except OSError as error:
                    raise DestinationWriteFailed(path, error) from error
                file.commit()

            yield write


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _write_special(path: str, digest: Digest) -> None:
    try:
        with open(path, "wb", buffering=0) as file:
            file.write(str(digest).encode())
    except OSError as error:
        raise DestinationWriteFailed(path, error) from error
