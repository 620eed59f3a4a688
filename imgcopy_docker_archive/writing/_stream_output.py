"""An archive that goes into standard output, a pipe or a device."""

import contextlib
from typing import BinaryIO, Final

from imgcopy_core_stubs import (
    STANDARD_OUTPUT_PATHS,
    DestinationWriteFailed,
    InvalidDestination,
    open_standard_output,
)
from imgcopy_docker_archive.writing._output import DestinationFile

_STANDARD_OUTPUT: Final = ("-", *STANDARD_OUTPUT_PATHS)


def is_standard_output(path: str) -> bool:
    """Whether a path means standard output."""
    return path in _STANDARD_OUTPUT


def open_stream(path: str) -> DestinationFile:
    """Open standard output, a pipe or a device.

    Raises:
        InvalidDestination: It is a terminal.
        DestinationWriteFailed: The operating system reported an error.
    """
    try:
        if is_standard_output(path):
            return _OpenFile(path, _standard_output(path))
        return _OpenFile(path, open(path, "wb", buffering=0))
    except OSError as error:
        raise DestinationWriteFailed(path, error) from error


class _OpenFile:
    """A pipe or a device: what is written to it is out, commit only closes it."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self.file = file

    def commit(self) -> None:
        try:
            self.file.close()
        except OSError as error:
            raise DestinationWriteFailed(self._path, error) from error

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()


def _standard_output(path: str) -> BinaryIO:
    file = open_standard_output()
    if file.isatty():
        file.close()
        raise InvalidDestination(path, "it is a terminal (redirect it to a file or a pipe)")
    return file
