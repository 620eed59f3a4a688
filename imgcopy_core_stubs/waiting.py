"""Binary files that refuse to wait, written and read as if they did.

A pipe, socket or terminal that a process was given may be in the mode `O_NONBLOCK`: node and ssh
set it on theirs. The mode belongs to all who have the file open, so it stays as it is.
"""

import os
from io import FileIO
from typing import BinaryIO, Final, Protocol

_PIECE: Final = 512 * 1024
"""The most bytes that are written at once.

For more of them Linux takes larger blocks of free memory. Those are rare where memory is in use by
many; and in a virtual machine the host may have taken them back, and gives them slowly. Measured in
one, in turn: 0.08 to 0.18 s for 463 MB in such pieces, and 0.08 to 0.47 s in twice as large ones.

Where the position is known, pieces end at multiples of this size, which saves a seventh of the
time: Linux takes one block for such a piece, and a dozen of smaller ones for a piece across.
"""


class _File(Protocol):
    def fileno(self) -> int: ...


class _Writable(_File, Protocol):
    def write(self, data: bytes | memoryview, /) -> int | None: ...


def write_all(file: _Writable, data: bytes, *, position: int | None = None) -> None:
    """Write all of `data`, however little a file takes at a time, and wait where it would block.

    An unbuffered file is given it in pieces that the operating system takes quickly.

    Args:
        file: A binary file, unbuffered or buffered.
        data: What to write.
        position: Where to write it, in bytes from the file's start; several threads can do so at
            the same time. Only for an unbuffered file that one can go back in. None: where the
            file stands.

    Raises:
        OSError: From the file, which may have taken a part of `data`.
    """
    rest: bytes | memoryview = data
    while rest:
        where = (position or 0) + len(data) - len(rest)
        most = _PIECE - where % _PIECE if isinstance(file, FileIO) else len(rest)
        piece = rest if len(rest) <= most else memoryview(rest)[:most]
        try:
            if position is None:
                written = file.write(piece)
            else:
                written = os.pwrite(file.fileno(), piece, where)
        except BlockingIOError as error:  # of a buffered file, which may have taken some
            written = getattr(error, "characters_written", 0)
        if written:
            rest = memoryview(rest)[written:]
        else:
            _wait(file, for_writing=True)


def flush_all(file: BinaryIO) -> None:
    """Flush a binary file, and wait where it would block.

    Raises:
        OSError: From the file.
    """
    while True:
        try:
            return file.flush()
        except BlockingIOError:
            _wait(file, for_writing=True)


class WaitingReader:
    """A byte stream of an unbuffered file that waits where the file would block.

    Args:
        file: The file; owned from now on.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def read(self, size: int, /) -> bytes:
        """Return at least one and at most `size` bytes, or `b""` at the end. Raises `OSError`."""
        while True:
            data: bytes | None = self._file.read(size)
            if data is not None:
                return data
            _wait(self._file, for_writing=False)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()


def _wait(file: _File, *, for_writing: bool) -> None:
    import select  # noqa: PLC0415  (files that would block are rare)

    poll = select.poll()
    poll.register(file.fileno(), select.POLLOUT if for_writing else select.POLLIN)
    poll.poll()
