"""What can be found out about a law, and the errors that say so."""

from enum import Enum
from typing import TYPE_CHECKING

from attrs import define, frozen

from imgcopy_core_stubs.quoting import printable

if TYPE_CHECKING:
    from imgcopy_core_stubs.conformance.law import Law

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


class Verdict(Enum):
    """What was found out about a law."""

    HELD = "held"
    REFUSED = "refused as declared"
    """The transport declares that it cannot do it, and refuses it as the contract says."""
    FAILED = "failed"
    """The transport breaks the law; or it was expected to, and does not any more."""
    KNOWN = "known failure"
    """The transport breaks the law, and its author has said why."""
    BROKEN_KIT = "broken kit"
    """The law could not be tried, which says nothing about the transport."""


@frozen(kw_only=True)
class Outcome:
    """A law that was tried."""

    law: "Law"
    statement: str
    """What the law says, in the form that was tried."""
    verdict: Verdict
    problem: Exception | None = None
    """Why it is not held: a `LawBroken`, or whatever broke the kit."""
    reason: str = ""
    """Why the author expects the failure, where there is a known one."""

    @property
    def text(self) -> str:
        """The problem for a reader, several lines long; empty where there is none."""
        if self.problem is None:
            return ""
        if isinstance(self.problem, LawBroken):
            lines = [
                f"expected    {self.problem.expected}",
                f"found       {self.problem.found}",
                f"what to do  {self.problem.advice}",
            ]
        else:
            lines = [described(self.problem)]
        steps: list[str] = getattr(self.problem, "__notes__", [])
        return "\n".join([*lines, *(line for step in steps for line in step.splitlines())])


def described(error: BaseException) -> str:
    """Return an exception's type and text, on one line."""
    text = printable(str(error)[:_MESSAGE_LIMIT])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
