"""Standard output: for data alone, whatever else the process prints; and what is like it.

A program reserves it before it runs foreign code. From then on, descriptor 1 and `sys.stdout` lead
to standard error: that is where `print`, `os.write(1, …)`, a C library and subprocesses write, in
any thread and at exit too. Data goes through a descriptor that no subprocess inherits.
"""

import os
import stat
import sys
from io import FileIO
from typing import Final, NamedTuple, TextIO

STANDARD_OUTPUT_PATHS: Final = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""The paths that users call standard output by."""

_NUMBER: Final = 1
_CLOSED: Final = -1


class _Reserved(NamedTuple):
    descriptor: int
    """Where data goes; -1: standard output is closed."""
    printed: TextIO | None
    """`sys.stdout` as it was."""


_reserved: list[_Reserved] = []  # one at most


def is_standard_stream(path: str | None, text: str) -> bool:
    """Whether a reference means standard output, or as a source standard input.

    Args:
        path: Its path. None: `-` and `-:NAME` are standard streams.
        text: The reference without its scheme.
    """
    return text.partition(":")[0] == "-" if path is None else path in STANDARD_OUTPUT_PATHS


def is_pipe_or_device(path: str) -> bool:
    """Whether there is something at a path that is opened as it is: no file, and no directory."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False  # which is for whoever opens it to judge
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def open_standard_output() -> FileIO:
    """Open standard output for data, unbuffered; the caller closes what is returned.

    A transport does so if its reference says so (`-`). It must write nothing there otherwise.

    Raises:
        OSError: It is closed.
    """
    return FileIO(os.dup(_reserved[0].descriptor if _reserved else _NUMBER), "wb")


def reserve_standard_output() -> None:
    """Reserve standard output for data, until the process ends. Doing so twice is harmless."""
    if _reserved:
        return
    printed: TextIO | None = sys.stdout
    if printed is None:  # it is closed, and the number 1 may be another file's by now
        descriptor = _CLOSED
    else:
        printed.flush()
        descriptor = os.dup(_NUMBER)
    _reserved.append(_Reserved(descriptor, printed))
    if sys.stderr is None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, _NUMBER)
    else:
        os.dup2(2, _NUMBER)
    sys.stdout = sys.stderr


def release_standard_output() -> None:
    """Undo `reserve_standard_output`, for a program that goes on when the foreign code is done."""
    while _reserved:
        reserved = _reserved.pop()
        if reserved.printed is None:
            os.close(_NUMBER)
        else:
            os.dup2(reserved.descriptor, _NUMBER)
            os.close(reserved.descriptor)
            sys.stdout = reserved.printed
