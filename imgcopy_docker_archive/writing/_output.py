"""Where an archive's bytes go: a file that can be written at any position, or a pipe."""

import errno
import fcntl
import io
import os
import stat
import sys
import threading
from abc import abstractmethod
from typing import BinaryIO, Final, Protocol

from imgcopy_core_stubs import CHUNK, flush_all, write_all
from imgcopy_docker_archive.writing._reservation import set_aside

_NO_COPY_IN_KERNEL: Final = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class DestinationFile(Protocol):
    """The file that an archive is written to: complete at its place from commit on, or a pipe."""

    file: BinaryIO
    """The open file; owned by this object."""

    def commit(self) -> None:
        """Close the file, and put it at its path. Raises `DestinationError`."""

    def discard(self) -> None:
        """Close the file and drop it, unless it was committed. May be called twice."""


class Output(Protocol):
    """Bytes that are written at positions, counted from where the archive starts.

    Every method raises the operating system's `OSError`.
    """

    seekable: bool
    """Whether one can go back and write over what is there, and write in several threads."""
    readable: bool = False
    """Whether one can read what was written, too."""

    @abstractmethod
    def write_at(self, position: int, data: bytes) -> None:
        """Write all of `data`."""

    def expect(self, position: int, size: int) -> None:
        """Prepare for so many bytes at a position, where that makes writing them faster."""
        del position, size

    def copy_at(self, position: int, descriptor: int, offset: int, size: int) -> int:
        """Let the system copy bytes of another file, and return how many it has copied.

        At most `size` of them; none where it cannot do that.
        """
        del position, descriptor, offset, size
        return 0

    def read_at(self, position: int, size: int) -> bytes:
        """Return exactly `size` bytes that were written. Only where `readable` is true."""
        raise io.UnsupportedOperation(f"cannot read {size} bytes at {position}")

    def move(self, start: int, end: int, distance: int) -> None:
        """Move what is between two positions up or down. Only where `readable` is true."""
        pieces = range(start, end, CHUNK)
        for piece in reversed(pieces) if distance > 0 else pieces:
            self.write_at(piece + distance, self.read_at(piece, min(CHUNK, end - piece)))

    @abstractmethod
    def truncate(self, position: int) -> None:
        """Cut everything off from `position` on. Only where `seekable` is true."""

    @abstractmethod
    def flush(self) -> None:
        """Hand what is buffered to the operating system, and leave the file at its end."""


def output_to(file: BinaryIO) -> Output:
    """Return the output that suits a binary file, from the file's present position on."""
    if not _can_go_back(file):
        return PipeOutput(file)
    if isinstance(file, io.FileIO):
        return FileOutput(file)
    return ObjectOutput(file)


class FileOutput(Output):
    """An unbuffered file: several threads can write to their positions at the same time."""

    seekable = True

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._start = file.tell()
        self.readable = file.readable()

    def write_at(self, position: int, data: bytes) -> None:
        """Write all of `data`, without moving where the file stands."""
        write_all(self._file, data, position=self._start + position)

    def read_at(self, position: int, size: int) -> bytes:
        """Read, without moving where the file stands."""
        data = b""
        while len(data) < size:
            where = self._start + position + len(data)
            data += _not_cut(os.pread(self._file.fileno(), size - len(data), where))
        return data

    def expect(self, position: int, size: int) -> None:
        """Have blocks set aside."""
        set_aside(self._file.fileno(), self._start + position, size)

    def copy_at(self, position: int, descriptor: int, offset: int, size: int) -> int:
        """Copy within the kernel, which shares the blocks where the file system can."""
        if not hasattr(os, "copy_file_range"):
            return 0
        try:
            return os.copy_file_range(
                descriptor, self._file.fileno(), size, offset, self._start + position
            )
        except OSError as error:
            if error.errno in _NO_COPY_IN_KERNEL:
                return 0
            raise

    def truncate(self, position: int) -> None:
        """Cut off the rest of the file."""
        self._file.truncate(self._start + position)

    def flush(self) -> None:
        """Leave the file standing at its end; nothing is buffered."""
        self._file.seek(0, io.SEEK_END)


class ObjectOutput(Output):
    """Any seekable file object: `io.BytesIO`, or a buffered file."""

    seekable = True

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = file.tell()
        self._lock = threading.Lock()
        self.readable = file.readable()

    def write_at(self, position: int, data: bytes) -> None:
        """Seek and write."""
        with self._lock:
            self._file.seek(self._start + position)
            write_all(self._file, data)

    def read_at(self, position: int, size: int) -> bytes:
        """Seek and read."""
        data = b""
        with self._lock:
            self._file.seek(self._start + position)
            while len(data) < size:
                data += _not_cut(self._file.read(size - len(data)))
        return data

    def truncate(self, position: int) -> None:
        """Cut off the rest of the file."""
        with self._lock:
            self._file.seek(self._start + position)
            self._file.truncate()

    def flush(self) -> None:
        """Flush the file, and leave it standing at its end."""
        self._file.seek(0, io.SEEK_END)
        self._file.flush()


class PipeOutput(Output):
    """A file that takes bytes in their order only."""

    seekable = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write_at(self, position: int, data: bytes) -> None:
        """Write all of `data`; `position` is where the one before ended."""
        del position
        write_all(self._file, data)

    def truncate(self, position: int) -> None:
        """Raise an error: what is in a pipe is out."""
        raise io.UnsupportedOperation(f"cannot go back to byte {position}")

    def flush(self) -> None:
        """Flush the file."""
        flush_all(self._file)


def _not_cut(data: bytes) -> bytes:
    if not data:
        raise OSError(errno.EIO, "the file was cut while it was written")
    return data


def _can_go_back(file: BinaryIO) -> bool:
    if not file.seekable() or _is_gzip_file(file):  # which says that it is seekable
        return False
    try:
        descriptor = file.fileno()
    except OSError:  # no file of the operating system: io.BytesIO, for example
        return True
    appends = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
    return stat.S_ISREG(os.fstat(descriptor).st_mode) and not appends


def _is_gzip_file(file: object) -> bool:
    gzip = sys.modules.get("gzip")  # whoever made such a file has loaded it; we need not
    return gzip is not None and isinstance(file, gzip.GzipFile)
