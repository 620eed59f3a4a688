"""Writing to a destination, with the operating system's errors as the contract wants them."""

import contextlib
import os
from collections.abc import Iterator
from io import FileIO
from types import TracebackType
from typing import Final, Self

from imgcopy_core_stubs.errors import (
    DestinationWriteFailed,
    InvalidDestination,
    SourceError,
    SourceNotFound,
    SourceReadFailed,
)
from imgcopy_core_stubs.waiting import write_all

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextlib.contextmanager
def writing(destination: str) -> Iterator[None]:
    """Turn an `OSError` into a `DestinationWriteFailed` that names `destination`."""
    try:
        yield
    except OSError as error:
        raise DestinationWriteFailed(destination, error) from error


@contextlib.contextmanager
def examining(destination: str) -> Iterator[None]:
    """Turn a `SourceError`, about what is at a destination already, into a `DestinationError`."""
    try:
        yield
    except SourceReadFailed as error:
        raise DestinationWriteFailed(destination, error.cause) from error
    except SourceNotFound as error:
        raise InvalidDestination(destination, error.problem) from None
    except SourceError as error:
        raise InvalidDestination(destination, str(error)) from None


def sync_directory(path: str) -> None:
    """Flush a directory's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class NewFile:
    """A file that gets its name once it is complete. A context manager that removes any other.

    Each method raises a `DestinationWriteFailed` if the operating system reports an error.

    Args:
        directory: Where it is made.
        destination: The path that the user named, for error messages.
        fsync: Whether to flush it to the disk.
    """

    def __init__(self, directory: str, *, destination: str, fsync: bool) -> None:
        self._directory = directory
        self._destination = destination
        self._fsync = fsync
        self._temporary = os.path.join(directory, f"{os.urandom(6).hex()}.partial")
        with writing(destination):
            self._file = FileIO(os.open(self._temporary, _CREATE, 0o666), "wb")

    def write(self, data: bytes) -> None:
        """Append `data`."""
        with writing(self._destination):
            write_all(self._file, data)

    def finish(self, name: str) -> None:
        """Close the file and give it its name in the directory."""
        with writing(self._destination):
            if self._fsync:
                os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, os.path.join(self._directory, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        if kind is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
