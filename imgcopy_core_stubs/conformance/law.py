"""A law: something that every transport must do, as a plain function with a name.

A law whose answer depends on a capability has two forms: what it means to have the capability, and
how to refuse what one has not. Either of them is tried, so no law ever just vanishes.
"""

import inspect
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from attrs import frozen

from imgcopy_core_stubs.conformance.subject import Subject

Check: TypeAlias = Callable[[Subject], None]
"""Tries a law; raises `LawBroken` if the subject breaks it."""


class About(Enum):
    """What a law is about."""

    TRANSPORT = "transport"
    """The transport and its references."""
    SOURCE = "source"
    DESTINATION = "destination"
    COPY = "copy"
    """Whole images, through the copy engine."""


@frozen
class Capability:
    """An answer of a transport that chooses between the two forms of a law."""

    name: str
    """The field of `SourceCapabilities` or `DestinationCapabilities`."""
    declared: Callable[[Subject], bool]
    """Whether the subject says that it has it: read from the object that the engine reads."""


@frozen(kw_only=True)
class Law:
    """Something that every transport must do."""

    about: About
    title: str
    check: Check
    """Tries the law, in the form for transports that have the capability."""
    capability: Capability | None = None
    refusal: Check | None = None
    """Tries the form for those that have not."""

    @property
    def name(self) -> str:
        """What the law is called everywhere, `known_failures` included."""
        return f"{self.about.value}: {self.title}"

    @property
    def statement(self) -> str:
        """The law in a sentence, or in two: one for each form."""
        forms = [self.check] if self.refusal is None else [self.check, self.refusal]
        return " ".join(inspect.getdoc(form) or "" for form in forms)


def law(
    about: About,
    title: str,
    *,
    capability: Capability | None = None,
    otherwise: Check | None = None,
) -> Callable[[Check], Law]:
    """Make a law of the function below, whose docstring states it in a sentence.

    Args:
        about: What the law is about.
        title: The law's name, which never changes: authors list their known failures by it.
        capability: What chooses between the law's two forms, if it has two.
        otherwise: Tries the form for a transport without the capability.
    """
    if (capability is None) != (otherwise is None):
        raise TypeError("a law has a capability and two forms, or neither")

    def decorate(check: Check) -> Law:
        return Law(about=about, title=title, check=check, capability=capability, refusal=otherwise)

    return decorate
