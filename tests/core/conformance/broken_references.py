"""References and transports that lie, each in one way."""

import os
from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from imgcopy_core_stubs import (
    ImageSource,
)
from tests.core.conformance.catching import caught_by
from tests.core.conformance.shelf import ShelfReference, ShelfTransport


@caught_by(
    "transport: parsing and printing are inverse",
    "to parse to an equal reference",
)
@frozen
class PrintsTheScheme(ShelfReference):
    """Prints more than was parsed."""

    def __str__(self) -> str:
        return f"shelf/{self.name}"


@caught_by(
    "transport: parsing and printing are inverse",
    "to parse to an equal reference",
)
@frozen
class ForgetsCase(ShelfReference):
    """Prints in lower case what is stored in upper case."""

    def __str__(self) -> str:
        return self.name.lower()


@caught_by(
    "transport: parsing and printing are inverse",
    "equal: False",
)
@frozen(eq=False)
class EqualsItself(ShelfReference):
    """Is equal to nothing but itself."""

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


@caught_by(
    "transport: references to different places differ",
    "equal: True",
)
@frozen(eq=False)
class EqualsAll(ShelfReference):
    """Is equal to every other."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EqualsAll)

    def __hash__(self) -> int:
        return 0


@caught_by(
    "source: an empty place is a SourceError",
    "KeyError",
)
@frozen
class RaisesWhereNothingIs(ShelfReference):
    """Expects that an image is there."""

    def open_source(self, options: object | None = None) -> ImageSource:
        return self.transport.source(self.transport.shelves[self.name])


@caught_by(
    "source: an image that is there is listed",
    "nothing is",
)
@frozen
class ListsNothing(ShelfReference):
    """Lists no image, whatever is there."""

    def tags(self, options: object | None = None) -> Sequence[str]:
        return []


@caught_by(
    "transport: text that is no reference is an InvalidReference",
    "ValueError: unprintable",
)
class ParsesWithValueErrors(ShelfTransport):
    """Raises what it likes."""

    def parse_reference(self, text: str) -> ShelfReference:
        if not text.isprintable():
            raise ValueError("unprintable")
        return super().parse_reference(text)


@caught_by(
    "transport: text that is no reference is an InvalidReference",
    "raised nothing",
)
class ParsesNothing(ShelfTransport):
    """Takes no text for an image."""

    def parse_reference(self, text: str) -> ShelfReference:
        return super().parse_reference(text or "default")


@caught_by(
    "transport: parsing touches nothing",
    "['Shelf-",
)
class MakesDirectories(ShelfTransport):
    """Prepares what it is asked for repeatedly."""

    def __init__(self) -> None:
        super().__init__()
        self.parsed: set[str] = set()

    def parse_reference(self, text: str) -> ShelfReference:
        if text in self.parsed and os.path.isdir(os.path.dirname(text)):
            os.makedirs(text, exist_ok=True)
        self.parsed.add(text)
        return super().parse_reference(text)


@caught_by(
    "transport: it can be registered",
    "version 99",
)
class IsOfAnotherVersion(ShelfTransport):
    """Was written for another contract."""

    api_version: ClassVar[int] = 99


@frozen
class Options:
    """Options that explain nothing."""

    speed: int = 1


@caught_by(
    "transport: options have defaults and a help text",
    "speed",
)
class ExplainsNothing(ShelfTransport):
    """Has an option without a help text."""

    source_options: ClassVar[type | None] = Options
