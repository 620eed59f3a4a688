"""An archive's plain bytes, read at any place by any thread.

A regular file that is not compressed is read where it is. What is compressed as a whole, or comes
through a pipe, is unpacked once into a temporary file that has no name.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from typing import IO, Final

from imgcopy_core_stubs import (
    CHUNK,
    ByteStream,
    Compression,
    DecompressedStream,
    InvalidArchive,
    SourceNotFound,
    SourceReadFailed,
    UnsupportedImage,
    WaitingReader,
    quote,
    sniff,
    sniff_stream,
    write_all,
)
from imgcopy_docker_archive.format import BLOCK
from imgcopy_docker_archive.reading._tar_header import is_header

STANDARD_INPUT: Final = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


class ArchiveFile:
    """A file that is read by position only, so that threads can share it.

    Attributes:
        name: What it is called in error messages.
        size: Its size in bytes when it was opened.
        compression: How it was compressed as a whole, before it was unpacked.

    Args:
        file: A regular file, open for reading; owned from now on.
        name: What to call it.
        compression: See above.
    """

    def __init__(
        self, file: IO[bytes], name: str, compression: Compression = Compression.NONE
    ) -> None:
        self._file = file
        self.name = name
        self.compression = compression
        self.size = os.fstat(file.fileno()).st_size

    def read_at(self, offset: int, size: int, /) -> bytes:
        """Return exactly `size` bytes from `offset` on.

        Raises:
            InvalidArchive: The file ends before.
            SourceReadFailed: The operating system reported an error.
        """
        data = self.read_some_at(offset, size)
        while len(data) < size:
            data += self.read_some_at(offset + len(data), size - len(data))
        return data

    def read_some_at(self, offset: int, size: int, /) -> bytes:
        """Return at least one and at most `size` bytes from `offset` on; the errors as above."""
        try:
            data = os.pread(self._file.fileno(), size, offset)
        except OSError as error:
            raise SourceReadFailed(self.name, error) from error
        if size and not data:
            raise InvalidArchive(self.name, "", offset, "the file was cut while it was read")
        return data

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._file.fileno()

    def stream(self, offset: int, size: int) -> ByteStream:
        """Return `size` bytes from `offset` on as a stream; it ends with this object."""
        return _Part(self, offset, size)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()


class _Part:
    """A part of an archive: a stored stream with a position of its own."""

    def __init__(self, archive: ArchiveFile, offset: int, size: int) -> None:
        self._archive = archive
        self._start = self._offset = offset
        self._end = offset + size
        self._closed = False

    def read(self, size: int, /) -> bytes:
        if self._closed:
            raise ValueError("read of a closed stream")
        data = self._archive.read_some_at(self._offset, min(size, self._end - self._offset))
        self._offset += len(data)
        return data

    def read_end(self, size: int, /) -> bytes:
        start = max(self._start, self._end - size)
        return self._archive.read_at(start, self._end - start)

    def close(self) -> None:
        self._closed = True


def open_archive(path: str, *, temporary_directory: str | None = None) -> ArchiveFile:
    """Open an archive; the caller closes it.

    Args:
        path: A file or a pipe; `-` or `/dev/stdin` is standard input, which stays open.
        temporary_directory: Where to unpack what cannot be read in place; None: the system's place.

    Raises:
        SourceNotFound: There is no such file.
        SourceReadFailed: It cannot be read, or not be unpacked.
        UnsupportedImage: It is neither a file nor a pipe.
        InvalidArchive: It is no tar archive, by its first bytes.
        CorruptBlob: Its compression is damaged.
    """
    try:
        with ExitStack() as stack:
            file = stack.enter_context(_open(path))
            if _is_regular(file, path):
                archive = ArchiveFile(file, path)
                beginning = archive.read_at(0, min(BLOCK, archive.size))
                if sniff(beginning) is Compression.NONE:
                    _check_beginning(beginning, path)
                    stack.pop_all()
                    return archive
            compression, stream = sniff_stream(WaitingReader(file))
            if compression is not Compression.NONE:
                stream = DecompressedStream(stream, compression, f"archive {quote(path)}")
            return ArchiveFile(_unpack(stream, path, temporary_directory), path, compression)
    except FileNotFoundError:
        raise SourceNotFound(path) from None
    except OSError as error:
        raise SourceReadFailed(path, error) from error


def is_read_once(path: str) -> bool:
    """Whether what is at a path is gone when it has been read: a pipe, or standard input."""
    try:
        return path in STANDARD_INPUT or not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _open(path: str) -> FileIO:
    if path in STANDARD_INPUT:
        # A descriptor of its own, so that closing it leaves the process's standard input open.
        return os.fdopen(os.dup(0), "rb", buffering=0)
    return open(path, "rb", buffering=0)


def _is_regular(file: FileIO, path: str) -> bool:
    """Whether a file can be read in place; if not, it is a pipe (or one that was read before)."""
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(mode):
        return file.tell() == 0
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        raise UnsupportedImage(quote(path), "it is neither a file nor a pipe")
    return False


def _check_beginning(block: bytes, path: str) -> None:
    if not block:
        raise InvalidArchive(path, "", 0, "it is empty")
    if len(block) < BLOCK or not is_header(block):
        raise InvalidArchive(path, "", 0, "it does not begin as a tar archive does")


def _unpack(stream: ByteStream, path: str, directory: str | None) -> IO[bytes]:
    """Copy a stream, which stays its opener's, into a temporary file, and return that."""
    chunk = b""
    while len(chunk) < BLOCK and (more := stream.read(CHUNK)):
        chunk += more
    _check_beginning(chunk[:BLOCK], path)
    with ExitStack() as stack:
        with _unpacking(path, directory):
            file = stack.enter_context(tempfile.TemporaryFile(dir=directory, buffering=0))
        while chunk:
            with _unpacking(path, directory):
                write_all(file, chunk)
            chunk = stream.read(CHUNK)
        stack.pop_all()
        return file


@contextmanager
def _unpacking(path: str, directory: str | None) -> Iterator[None]:
    """Say of an error that it is the temporary file's, and not the archive's."""
    try:
        yield
    except OSError as error:
        where = quote(directory) if directory else "the temporary directory ($TMPDIR)"
        problem = f"unpacking it into {where}: {error.strerror or error}"
        raise SourceReadFailed(path, OSError(error.errno, problem)) from error
