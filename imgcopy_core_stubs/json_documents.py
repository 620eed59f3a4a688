"""Strict, bounded JSON.

A manifest that two programs read differently is an attack (CVE-2021-41190), so what the standard
library lets pass is refused here: duplicate keys, NaN, lone surrogates, deep nesting.

Documents whose bytes carry a digest are decoded to be *read*; their bytes are kept beside. Where a
conversion has to write a changed document, `decode_json` and `encode_json` keep what they do not
know, number literals included.
"""

import codecs
import json
import re
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Final

from imgcopy_core_stubs.errors import InvalidDocument, TooLarge
from imgcopy_core_stubs.json_values import (
    LARGEST_INTEGER,
    JsonObject,
    JsonProblem,
    JsonValue,
    NumberLiteral,
    described,
    key_step,
    shortened,
)
from imgcopy_core_stubs.quoting import quote

DOCUMENT_LIMIT: Final = 4 * 1024 * 1024
"""Most bytes of a manifest, index or config, as registries and podman have it."""

DEPTH_LIMIT: Final = 64
VALUE_LIMIT: Final = 131_072
"""Most values of a document: decoding makes objects of each and of its key, of up to 500 bytes, and
a copy may hold two documents twice. A manifest of 10,000 layers with annotations has 90,000."""


def decode_json(raw: bytes, what: str, *, limit: int = DOCUMENT_LIMIT) -> JsonObject:
    """Decode a JSON document whose top level is an object.

    Args:
        raw: The bytes, UTF-8 without a byte order mark.
        what: The document's name for error messages ("the manifest of …").
        limit: The most bytes that it may have.

    Raises:
        TooLarge: It is longer than `limit`.
        InvalidDocument: It is no JSON object, or is one that readers could disagree about.
    """
    document = decode_json_value(raw, what, limit=limit)
    if not isinstance(document, dict):
        raise InvalidDocument(what, "$", f"must be a JSON object, not {described(document)}")
    return document


def decode_json_value(raw: bytes, what: str, *, limit: int = DOCUMENT_LIMIT) -> JsonValue:
    """Like `decode_json`, for documents whose top level may be any JSON value."""
    if len(raw) > limit:
        raise TooLarge(what, limit)
    try:
        _check_shape(raw)
        value: JsonValue = _decoder.decode(raw.decode("utf-8"))
        _check_value(value)
    except UnicodeDecodeError as error:
        raise InvalidDocument(what, "$", f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        # Before Python 3.13 some messages carry the position of an inner token; ours says it once.
        problem = f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise InvalidDocument(what, "$", problem) from None
    except JsonProblem as found:
        raise InvalidDocument(what, "$" + found.path, found.text) from None
    return value


def encode_json(value: JsonValue) -> bytes:
    """Encode a decoded document compactly, keys in their order, number literals as they were."""
    pieces: list[str] = []
    _encode(value, pieces.append)
    return "".join(pieces).encode("utf-8")


# --- decoding ------------------------------------------------------------------------------------


class _Refused:
    """Stands in a decoded value for what must not be there, until it is found with its path."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


def _unique_keys(pairs: list[tuple[str, JsonValue]]) -> "JsonObject | _Refused":
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                return _Refused(f"the key {quote(shortened(key))} occurs twice in one object")
            seen.add(key)
    return result


_LONGEST_INTEGER: Final = len(str(LARGEST_INTEGER))
_NEGATIVE_ZERO: Final = NumberLiteral("-0")


def _number(text: str) -> int | NumberLiteral:
    if text == "-0":
        return _NEGATIVE_ZERO
    return int(text) if len(text.lstrip("-")) <= _LONGEST_INTEGER else NumberLiteral(text)


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_int=_number,
    parse_float=NumberLiteral,
    parse_constant=lambda name: _Refused(f"{name} is not JSON"),
)

# A string that does not end reaches to the end of the document: so every byte is looked at once.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


def _check_shape(raw: bytes) -> None:
    """Bound depth and number of values, before the decoder recurses and makes objects."""
    if raw.startswith(codecs.BOM_UTF8):
        raise JsonProblem("begins with a byte order mark")
    depth = values = 0
    for match in _TOKEN.finditer(raw):
        token = match[0]
        if token in (b"]", b"}"):
            depth -= 1
        elif token in (b"[", b"{", b","):
            values += 1
            depth += token != b","
        if depth > DEPTH_LIMIT:
            raise JsonProblem(f"nested deeper than {DEPTH_LIMIT} levels")
        if values > VALUE_LIMIT:
            raise JsonProblem(f"has more than {VALUE_LIMIT} values")


def _check_value(value: object) -> None:
    """Look for duplicate keys, numbers that are none, and lone surrogates."""
    if isinstance(value, _Refused):
        raise JsonProblem(value.problem)
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            try:
                _check_value(item)
            except JsonProblem as problem:
                raise problem.below(f"[{index}]") from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            try:
                _check_value(item)
            except JsonProblem as problem:
                raise problem.below(key_step(key)) from None


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise JsonProblem(f"{quote(shortened(text))} has a lone surrogate") from None


def _encode(value: JsonValue, write: Callable[[str], object]) -> None:
    if isinstance(value, dict):
        separator = "{"
        for key, item in value.items():
            write(separator + encode_basestring(key) + ":")
            _encode(item, write)
            separator = ","
        write("}" if value else "{}")
    elif isinstance(value, list):
        separator = "["
        for item in value:
            write(separator)
            _encode(item, write)
            separator = ","
        write("]" if value else "[]")
    elif isinstance(value, str):
        write(encode_basestring(value))
    elif isinstance(value, NumberLiteral):
        write(value.text)
    else:
        write(json.dumps(value))
