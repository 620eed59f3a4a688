"""Text for people: whatever it comes from, nothing in it acts on a terminal."""

import os
from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 1000
"""How many characters of a name are shown; a hostile one may have a million."""


def printable(text: object) -> str:
    """Return text on one line, with everything that a terminal would act on escaped."""
    return "".join(c if c.isprintable() else _escape(c) for c in str(text))


def quote(text: object) -> str:
    """Put text into double quotes, printable, and cut off where it gets too long to read.

    What comes from an image, a file or a registry is shown to people only through this function.
    """
    whole = str(text)
    return f'"{printable(whole[:_LONGEST])}{"..." if len(whole) > _LONGEST else ""}"'


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004  (a byte of a file name that is no UTF-8, PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def listing(items: Iterable[object], *, most: int = 12) -> str:
    """Join items as a person would list them, quoted; of those past `most` only the count."""
    quoted = [quote(item) for item in items]
    if len(quoted) > most:
        quoted[most:] = [f"and {len(quoted) - most} more"]
    return ", ".join(quoted) or "none"


def strerror(cause: OSError) -> str:
    """What the operating system says of an error, without the path that the message already has."""
    text = cause.strerror or (os.strerror(cause.errno) if cause.errno else str(cause))
    return printable(text) or type(cause).__name__
