"""`--digestfile`: the digests of what was copied, for scripts."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Final

from imgcopy_core_stubs.atomic_file import AtomicFile
from imgcopy_core_stubs.cli.output import write_data
from imgcopy_core_stubs.errors import DestinationWriteFailed, InvalidOption
from imgcopy_core_stubs.standard_output import STANDARD_OUTPUT_PATHS, is_pipe_or_device
from imgcopy_core_stubs.transport import ImageReference
from imgcopy_core_stubs.waiting import write_all

_STANDARD_OUTPUT: Final = "-"


def refuse_shared_output(path: str | None, destination: ImageReference) -> None:
    """Refuse a digest file that is standard output if the image goes there, which it would spoil.

    Args:
        path: The digest file, if there is one.
        destination: Where the image goes. What is written `-` or `-:NAME` and has no path is
            standard output.

    Raises:
        InvalidOption: Both are standard output.
    """
    if path not in STANDARD_OUTPUT_PATHS:
        return
    if destination.path is None:
        is_shared = str(destination).partition(":")[0] == _STANDARD_OUTPUT
    else:
        is_shared = destination.path in STANDARD_OUTPUT_PATHS
    if is_shared:
        problem = "the image goes to standard output, and nothing else may (name a file)"
        raise InvalidOption(f"--digestfile {path}", problem)


@contextlib.contextmanager
def digest_file(path: str | None) -> Iterator[Callable[[str], None]]:
    """Prepare to write a digest to a file, so that what is in the way is found before the copy.

    Args:
        path: The file, which is replaced; or a device or pipe. None: nothing is written.

    Returns:
        The function that writes the digest, as skopeo does: without a line's end. Several are
        given one a line.

    Raises:
        DestinationError: It cannot be written.
    """
    if path is None:
        yield lambda _: None
    elif path in STANDARD_OUTPUT_PATHS:
        yield lambda digest: write_data(digest.encode())
    elif is_pipe_or_device(path):
        yield lambda digest: _write_special(path, digest)
    else:
        with AtomicFile(os.path.realpath(path), replace=True) as file:

            def write(digest: str) -> None:
                try:
                    write_all(file.file, digest.encode())
                except OSError as error:
                    raise DestinationWriteFailed(path, error) from error
                file.commit()

            yield write


def _write_special(path: str, digest: str) -> None:
    try:
        with open(path, "wb", buffering=0) as file:
            write_all(file, digest.encode())
    except OSError as error:
        raise DestinationWriteFailed(path, error) from error
