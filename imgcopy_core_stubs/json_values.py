"""Decoded JSON: its types, and how errors speak of a place and a value in it."""

import json
from typing import Final, TypeAlias

from attrs import frozen

from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.value import Value

LARGEST_INTEGER: Final = 2**63 - 1

JsonValue: TypeAlias = (
    "dict[str, JsonValue] | list[JsonValue] | str | int | bool | NumberLiteral | None"
)
JsonObject: TypeAlias = "dict[str, JsonValue]"


@frozen(eq=False, repr=False)
class NumberLiteral(Value):
    """A JSON number that is no 64-bit integer, kept as it was written (`1.10`, `1e400`, `-0`)."""

    text: str


class JsonProblem(Exception):
    """Something is wrong at `path`, which grows from the inside out as the exception travels."""

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.path = path

    def below(self, step: str) -> "JsonProblem":
        """Return the problem as seen from one step further out."""
        return JsonProblem(self.text, step + self.path)


def shortened(text: str, most: int = 80) -> str:
    """Return text that fits a line."""
    return text if len(text) <= most else text[: most - 3] + "..."


def key_step(key: str) -> str:
    """Return the step of a JSON path to a key."""
    plain = key.isascii() and key.isidentifier()
    return f".{shortened(key)}" if plain else f"[{quote(shortened(key))}]"


def described(value: object) -> str:
    """Return what an error says that a value is."""
    if isinstance(value, NumberLiteral):
        return f"the number {shortened(value.text, 40)}"
    if isinstance(value, str):
        return quote(shortened(value))
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return json.dumps(value) if value is None or isinstance(value, bool | int) else repr(value)
