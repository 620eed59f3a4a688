"""What the values of a config must be for programs in Go, which decode it into typed fields. Pure.

They refuse a config as a whole if one value is of another type, and take null for any. A field's
name they take in any case; fields that they do not know they leave alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final, TypeAlias

from attrs import field, frozen

from imgcopy_core_stubs import JsonObject, JsonValue, quote


def not_docker(config: JsonObject) -> str:
    """Return which value is not of its type in Docker's image format, and what that is.

    The types are those of docker (`image.Image`) and of containers/image (`Schema2Image`).
    "": all values are.
    """
    return _mistyped(config, _DOCKER_IMAGE.fields, "")


def not_oci(config: JsonObject) -> str:
    """Return which value is not of its type in OCI's image format, and what that is.

    The types are those of the specification (`v1.Image`). "": all values are.
    """
    return _mistyped(config, _OCI_IMAGE.fields, "")


_Fields: TypeAlias = Mapping[str, "_Type"]
"""The types of an object's fields, by their folded names."""


@frozen
class _Type:
    name: str
    fits: Callable[[JsonValue], bool]
    fields: _Fields = field(factory=dict)
    """Of the object, or of each object in the list."""


def _mistyped(document: JsonObject, types: _Fields, path: str) -> str:
    for key, value in document.items():
        expected = types.get(key.casefold())
        if expected is None or value is None:
            continue
        if not expected.fits(value):
            return f"{quote(path + key)} must be {expected.name}"
        for place, item in _objects_in(value, path + key):
            if found := _mistyped(item, expected.fields, f"{place}."):
                return found
    return ""


def _objects_in(value: JsonValue, path: str) -> Iterator[tuple[str, JsonObject]]:
    """Yield an object, or the objects in a list, each with its path."""
    if isinstance(value, dict):
        yield path, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, dict):
                yield f"{path}[{number}]", item


# --- what fits a type -----------------------------------------------------------------------------

_INT64: Final = range(-(2**63), 2**63)
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d"
_TIME: Final = re.compile(
    rf"(\d{{4}})-(\d\d)-(\d\d)T{_CLOCK}:[0-5]\d(?:\.\d+)?(?:Z|[+-]{_CLOCK})", re.ASCII
)


def _is_string(value: JsonValue) -> bool:
    return isinstance(value, str)


def _is_boolean(value: JsonValue) -> bool:
    return isinstance(value, bool)


def _is_integer(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _INT64


def _is_time(value: JsonValue) -> bool:
    """Whether a value is a time as Go reads it: RFC 3339 in capital letters, no leap second."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return False
    year, month, day = map(int, match.groups())
    try:
        date(year % 400 + 400, month, day)  # Go knows a year 0, Python does not
    except ValueError:
        return False
    return True


def _is_object(value: JsonValue) -> bool:
    return isinstance(value, dict)


def _is_list_of(fits: Callable[[JsonValue], bool], value: JsonValue) -> bool:
    return isinstance(value, list) and all(item is None or fits(item) for item in value)


def _is_object_of(fits: Callable[[JsonValue], bool], value: JsonValue) -> bool:
    return isinstance(value, dict) and all(item is None or fits(item) for item in value.values())


def _is_strings(value: JsonValue) -> bool:
    return _is_list_of(_is_string, value)


# --- the image formats ----------------------------------------------------------------------------

_STRING: Final = _Type("a string", _is_string)
_BOOLEAN: Final = _Type("true or false", _is_boolean)
_INTEGER: Final = _Type("an integer of 64 bits", _is_integer)
_MOMENT: Final = _Type("a time as in RFC 3339", _is_time)
_STRINGS: Final = _Type("a list of strings", _is_strings)
_COMMAND: Final = _Type(
    "a list of strings, or one", lambda value: _is_string(value) or _is_strings(value)
)
_MAP: Final = _Type("an object of strings", lambda value: _is_object_of(_is_string, value))
_SET: Final = _Type("an object of objects", lambda value: _is_object_of(_is_object, value))


def _named(expected: _Type, names: str) -> _Fields:
    """Return fields of one type, given their names in a row."""
    return dict.fromkeys(names.casefold().split(), expected)


def _object(*fields: _Fields) -> _Type:
    return _Type("an object", _is_object, {name: each[name] for each in fields for name in each})


def _objects(*fields: _Fields) -> _Type:
    return _Type(
        "a list of objects", lambda value: _is_list_of(_is_object, value), _object(*fields).fields
    )


_OCI_CONTAINER: Final = _object(
    _named(_STRING, "User WorkingDir StopSignal"),
    _named(_STRINGS, "Env Cmd Entrypoint"),
    _named(_SET, "ExposedPorts Volumes"),
    _named(_MAP, "Labels"),
    _named(_BOOLEAN, "ArgsEscaped"),
)
_OCI_IMAGE: Final = _object(
    _named(_MOMENT, "created"),
    _named(_STRING, "author architecture variant os os.version"),
    _named(_STRINGS, "os.features"),
    _named(_OCI_CONTAINER, "config"),
    _named(_object(_named(_STRING, "type")), "rootfs"),
    _named(
        _objects(
            _named(_MOMENT, "created"),
            _named(_STRING, "author created_by comment"),
            _named(_BOOLEAN, "empty_layer"),
        ),
        "history",
    ),
)

_DOCKER_CONTAINER: Final = _object(
    _OCI_CONTAINER.fields,
    _named(_STRING, "Hostname Domainname Image MacAddress"),
    _named(_BOOLEAN, "AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce"),
    _named(_BOOLEAN, "NetworkDisabled"),
    _named(_STRINGS, "OnBuild"),
    _named(_COMMAND, "Cmd Entrypoint Shell"),
    _named(_INTEGER, "StopTimeout"),
    _named(
        _object(
            _named(_STRINGS, "Test"),
            _named(_INTEGER, "Interval Timeout StartPeriod Retries"),
        ),
        "Healthcheck",
    ),
)
_DOCKER_IMAGE: Final = _object(
    _OCI_IMAGE.fields,
    _named(_STRING, "id parent comment container docker_version"),
    _named(_INTEGER, "size"),
    _named(_DOCKER_CONTAINER, "config container_config"),
)
