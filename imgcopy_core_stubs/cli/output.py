"""Data: what a command prints on standard output, and nothing else goes there."""

import json
from typing import Final

from imgcopy_core_stubs.errors import DestinationWriteFailed
from imgcopy_core_stubs.json_documents import encode_json
from imgcopy_core_stubs.json_values import JsonValue
from imgcopy_core_stubs.quoting import printable
from imgcopy_core_stubs.standard_output import open_standard_output
from imgcopy_core_stubs.waiting import write_all

STANDARD_OUTPUT: Final = "standard output"
_INDENT: Final = "    "


def write_data(data: bytes) -> None:
    """Write to standard output.

    Raises:
        DestinationWriteFailed: It is closed or full, or nobody reads it any more.
    """
    try:
        with open_standard_output() as file:
            write_all(file, data)
    except OSError as error:
        raise DestinationWriteFailed(STANDARD_OUTPUT, error) from error


def write_line(line: str) -> None:
    """Write a line of text to standard output."""
    write_data(printable(line).encode() + b"\n")


def write_json(value: JsonValue) -> None:
    """Write JSON to standard output, indented as skopeo does it."""
    write_data(indented_json(value).encode() + b"\n")


def indented_json(value: JsonValue, indent: str = "") -> str:
    """Return a JSON text with an item on each line and number literals as they were.

    What a terminal would act on is escaped.
    """
    deeper = indent + _INDENT
    if value and isinstance(value, dict):
        members = [f"{_escaped(key)}: {indented_json(item, deeper)}" for key, item in value.items()]
        brackets = "{}"
    elif value and isinstance(value, list):
        members = [indented_json(item, deeper) for item in value]
        brackets = "[]"
    else:
        return _escaped(value)
    lines = ",\n".join(deeper + member for member in members)
    return f"{brackets[0]}\n{lines}\n{indent}{brackets[1]}"


def _escaped(value: JsonValue) -> str:
    text = encode_json(value).decode()
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
