"""Bytes that cannot go to their place yet, kept in a temporary file."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO

from imgcopy_core_stubs import CHUNK, ByteStream, DestinationWriteFailed, quote, write_all


@contextmanager
def spooled(
    stream: ByteStream, archive: str, directory: str | None
) -> Iterator[tuple[FileIO, int]]:
    """Copy a stream into a temporary file without a name; give the file, and its size in bytes.

    Args:
        stream: Read to the end; the caller closes it.
        archive: The archive's name for error messages.
        directory: Where the file is; None: the system's place.

    Raises:
        DestinationWriteFailed: The file cannot be made or written.
        SourceError: From the stream.
    """
    size = 0
    with ExitStack() as stack:
        with _spooling(archive, directory):
            file = stack.enter_context(tempfile.TemporaryFile(dir=directory, buffering=0))
        while chunk := stream.read(CHUNK):
            with _spooling(archive, directory):
                write_all(file, chunk)
            size += len(chunk)
        file.seek(0)
        yield file, size


@contextmanager
def _spooling(archive: str, directory: str | None) -> Iterator[None]:
    """Say of an error that it is the temporary file's, and not the archive's."""
    try:
        yield
    except OSError as error:
        where = quote(directory) if directory else "the temporary directory ($TMPDIR)"
        problem = f"keeping a blob in {where}: {error.strerror or error}"
        raise DestinationWriteFailed(archive, OSError(error.errno, problem)) from error
