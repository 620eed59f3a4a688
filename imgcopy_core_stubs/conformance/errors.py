"""What goes wrong when a law is tried: the transport's fault, or the kit's."""

from attrs import define

from imgcopy_core_stubs.quoting import printable

_MESSAGE_LIMIT = 500
"""How many characters of a foreign exception's text go into a message."""


@define(eq=False, repr=False)
class LawBroken(Exception):
    """The transport does not do what a law says.

    Args:
        expected: What should have happened.
        found: What happened instead.
        advice: What the transport's author should do about it.
    """

    expected: str
    found: str
    advice: str

    def __str__(self) -> str:
        return f"expected {self.expected}; found: {self.found}. What to do: {self.advice}"


class BrokenKit(Exception):
    """A law could not be tried: what the author supplied for it failed, or the kit has a bug."""


class Damaged(Exception):
    """Raised by a read-back for a place where something is, but no whole image. The text says what.

    It counts against the transport; any other exception of a read-back counts against the
    read-back.
    """


def described(error: BaseException) -> str:
    """Return an exception's type and text, on one line."""
    text = printable(str(error)[:_MESSAGE_LIMIT])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
