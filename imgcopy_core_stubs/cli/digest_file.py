"""`--digestfile`: the digests of what was copied, for scripts."""

import contextlib
import os
from collections.abc import Callable, Iterator

from imgcopy_core_stubs.atomic_file import AtomicFile
from imgcopy_core_stubs.cli.output import write_data
from imgcopy_core_stubs.errors import DestinationWriteFailed
from imgcopy_core_stubs.standard_output import STANDARD_OUTPUT_PATHS, is_pipe_or_device
from imgcopy_core_stubs.waiting import write_all


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
