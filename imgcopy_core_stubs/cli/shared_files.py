"""Files that two things would go to, or one would be read from and written to."""

import os
import stat
from collections.abc import Sequence
from typing import Final

from imgcopy_core_stubs.errors import DestinationWriteFailed, InvalidOption, SameFile
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.standard_output import (
    STANDARD_OUTPUT_PATHS,
    is_standard_stream,
    open_standard_output,
)
from imgcopy_core_stubs.transport import ImageReference

_STANDARD_INPUT: Final = 0


def refuse_shared_digest_file(
    path: str | None, destination: ImageReference, sources: Sequence[ImageReference]
) -> None:
    """Refuse a digest file that the image itself goes to or comes from, or one among its files.

    Args:
        path: The digest file, if there is one.
        destination: Where the image goes.
        sources: Where images come from.

    Raises:
        InvalidOption: It is one of them, or in such a directory.
        DestinationWriteFailed: There is no such place.
    """
    if path is None:
        return
    if path in STANDARD_OUTPUT_PATHS:
        if is_standard_stream(destination.path, str(destination)):
            problem = "the image goes to standard output, and nothing else may (name a file)"
            raise InvalidOption(f"--digestfile {path}", problem)
        return
    try:
        place = os.path.realpath(path)
    except OSError as error:  # the working directory was deleted
        raise DestinationWriteFailed(path, error) from error
    for reference in (destination, *sources):
        if reference.path is not None and _is_at_or_below(place, reference.path):
            problem = f"the image is there: {quote(f'{reference.scheme}:{reference}')}"
            raise InvalidOption(f"--digestfile {path}", f"{problem} (name another file)")


def _is_at_or_below(place: str, path: str) -> bool:
    try:
        top = os.path.realpath(path)
    except OSError:
        return False  # which is for its transport to say
    return os.path.join(place, "").startswith(os.path.join(top, ""))


def refuse_same_file(source: ImageReference, destination: ImageReference) -> None:
    """Refuse that an image is copied to the file that it comes from, by whatever name.

    Raises:
        SameFile: It is.
    """
    try:
        source_stat = _stat(source, is_source=True)
        destination_stat = _stat(destination, is_source=False)
    except OSError:
        return  # one of them is not there, which is for its transport to judge
    if source_stat is None or destination_stat is None:
        return
    if stat.S_ISREG(source_stat.st_mode) and os.path.samestat(source_stat, destination_stat):
        raise SameFile(destination.path or str(destination))


def _stat(reference: ImageReference, *, is_source: bool) -> os.stat_result | None:
    """Return what is at a reference's path, or is the standard stream that it means."""
    if not is_standard_stream(reference.path, str(reference)):
        return None if reference.path is None else os.stat(reference.path)
    if is_source:
        return os.fstat(_STANDARD_INPUT)
    with open_standard_output() as file:
        return os.fstat(file.fileno())
