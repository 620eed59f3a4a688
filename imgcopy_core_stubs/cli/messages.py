"""Messages to people: lines on standard error."""

import contextlib
import sys

from imgcopy_core_stubs.quoting import printable


def say(line: str) -> None:
    """Write a line to standard error. That it cannot be written is no reason to fail."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(printable(line) + "\n")
            sys.stderr.flush()


def warn(problem: object) -> None:
    """Write a warning."""
    say(f"imgcopy: warning: {problem}")


def complain(problem: object) -> None:
    """Write an error."""
    say(f"imgcopy: error: {problem}")
