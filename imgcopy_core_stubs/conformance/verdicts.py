"""What was found out about a law."""

from enum import Enum

from attrs import frozen

from imgcopy_core_stubs.conformance.errors import LawBroken, described
from imgcopy_core_stubs.conformance.law import Law


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

    law: Law
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
