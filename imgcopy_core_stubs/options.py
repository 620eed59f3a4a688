"""A transport's options: an attrs class, structured by cattrs from text or from TOML values.

Each field of such a class has a default and the metadata `help`. Supported types: `str`, `bool`,
`int`, `Enum` subclasses with text values, `tuple[str, ...]`, and any of them `| None`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs

from imgcopy_core_stubs.errors import InvalidDocument, InvalidOption
from imgcopy_core_stubs.json_values import LARGEST_INTEGER, JsonObject, JsonValue
from imgcopy_core_stubs.option_fields import item_type
from imgcopy_core_stubs.quoting import listing, quote
from imgcopy_core_stubs.structuring import structure

T = TypeVar("T", bound=attrs.AttrsInstance)

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_options(
    cls: type[T] | None, pairs: Iterable[tuple[str, str]], *, flag: str, scheme: str
) -> T | None:
    """Make an options object from `KEY=VALUE` pairs of the command line.

    Args:
        cls: The transport's options class, or None if it has none.
        pairs: Keys with their text values. A key of a tuple type may occur several times.
        flag: The command line option that they were given with, for error messages.
        scheme: The transport's scheme, for error messages.

    Raises:
        InvalidOption: A key is unknown or a value does not fit; valid ones are listed.
    """
    names = {} if cls is None else option_names(cls)
    values: JsonObject = {}
    for key, text in pairs:
        if cls is None or key not in names:
            raise _unknown(cls, key, flag, scheme)
        name = names[key]
        value = _from_text(attrs.fields_dict(cls)[name].type, text)
        previous = values.get(name)
        if isinstance(value, list) and isinstance(previous, list):
            value = previous + value
        elif name in values:
            raise InvalidOption(f"{flag} {key}", "given twice")
        values[name] = value
    return None if cls is None else structure_options(cls, values, flag=flag, scheme=scheme)


def structure_options(
    cls: type[T], values: Mapping[str, JsonValue], *, flag: str, scheme: str
) -> T:
    """Make an options object from typed values, as TOML has them.

    Raises:
        InvalidOption: A key is unknown or a value does not fit; valid ones are listed.
    """
    for key in values:
        if key not in attrs.fields_dict(cls):
            raise _unknown(cls, key, flag, scheme)
    try:
        return structure(dict(values), cls, scheme)
    except InvalidDocument as error:
        option = f"{flag} {error.path.lstrip('$.')}".rstrip()
        raise InvalidOption(option, error.problem) from None


def options_or_default(cls: type[T], options: object | None) -> T:
    """Return `options` if it is a `cls`, or `cls()` if it is None.

    Raises:
        TypeError: It is an instance of something else, which is a bug of the caller.
    """
    if options is None:
        return cls()
    if not isinstance(options, cls):
        raise TypeError(f"options must be {cls.__name__}, not {type(options).__name__}")
    return options


def option_names(cls: type) -> dict[str, str]:
    """Map every spelling that is accepted for a field (`-` and `_` are alike) to its name."""
    names = list(attrs.fields_dict(attrs.resolve_types(cls)))
    return {name.replace("_", "-"): name for name in names} | {name: name for name in names}


def _unknown(cls: type | None, key: str, flag: str, scheme: str) -> InvalidOption:
    if cls is None:
        return InvalidOption(f"{flag} {key}", f"the transport {quote(scheme)} has no options here")
    choices = listing(attrs.fields_dict(cls))
    return InvalidOption(f"{flag} {key}", f"unknown for {quote(scheme)}; it has {choices}")


def _from_text(cls: Any, text: str) -> JsonValue:
    """Read a text as the type of a field wants it; what does not fit stays text, and is refused."""
    kind, repeatable = item_type(cls)
    if repeatable:
        return [text]
    if kind is bool:
        return _BOOLEANS.get(text.lower(), text)
    if kind is int and text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_INTEGER)):
        return int(text)
    return text
