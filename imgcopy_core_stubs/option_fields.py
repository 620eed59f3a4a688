"""What an options class offers: each option's name, type, choices, default and help."""

import types
from enum import Enum
from typing import Any, NamedTuple, Union, get_args, get_origin

import attrs

from imgcopy_core_stubs.json_values import JsonValue
from imgcopy_core_stubs.quoting import quote

_PLAIN_TYPES = {str: "text", int: "integer", bool: "boolean"}


class OptionField(NamedTuple):
    """One option of a transport."""

    name: str
    type: str
    """`text`, `integer`, `boolean`, or `choice`."""
    choices: tuple[str, ...]
    """The values that it can have, where these are few."""
    repeatable: bool
    """It may be given several times, and holds a list."""
    default: JsonValue
    """The default as JSON has it; None: there is none, or the transport finds one."""
    help: str


def option_fields(cls: type[attrs.AttrsInstance]) -> tuple[OptionField, ...]:
    """Describe the options that an options class has, in its order.

    Raises:
        TypeError: A field has a type that options cannot have, has no default, or is not set by
            its name.
    """
    attrs.resolve_types(cls)
    fields = attrs.fields(cls)
    required = [field.name for field in fields if field.default is attrs.NOTHING]
    if required:
        raise TypeError(f"has no default for {', '.join(required)}")
    defaults = cls()
    return tuple(_described(field, getattr(defaults, field.name)) for field in fields)


def _described(field: "attrs.Attribute[Any]", default: object) -> OptionField:
    if not field.init or field.alias != field.name:
        raise TypeError(f"has the field {quote(field.name)}, which cannot be set by its name")
    kind, repeatable = item_type(field.type)
    if isinstance(kind, type) and issubclass(kind, Enum):
        name, choices = "choice", tuple(str(member.value) for member in kind)
        supported = all(isinstance(member.value, str) for member in kind)
    else:
        name, choices = _PLAIN_TYPES.get(kind, ""), ("true", "false") if kind is bool else ()
        supported = bool(name)
    if not supported or (repeatable and kind is not str):
        raise TypeError(
            f"has the field {quote(field.name)} of an unsupported type; options are str, int, "
            "bool, an Enum of texts, or tuple[str, ...], each with or without None"
        )
    return OptionField(
        name=field.name,
        type=name,
        choices=choices,
        repeatable=repeatable,
        default=_plain(default),
        help=str(field.metadata.get("help", "")),
    )


def item_type(kind: Any) -> tuple[Any, bool]:
    """Take the None and the tuple off a field's type, and say whether there was a tuple."""
    if get_origin(kind) in (Union, types.UnionType):
        members = [member for member in get_args(kind) if member is not types.NoneType]
        kind = members[0] if len(members) == 1 else None
    if get_origin(kind) is tuple and get_args(kind)[1:] == (...,):
        return get_args(kind)[0], True
    return kind, False


def _plain(value: object) -> JsonValue:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return value if value is None or isinstance(value, bool | int) else str(value)
