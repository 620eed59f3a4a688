"""Typed objects from decoded JSON: the one cattrs converter, whose hooks coerce nothing.

cattrs would make 7 of `"7"`, but two programs that read a manifest differently are an attack's way
in. So `"7"`, `true` and `1.0` are no integers here, and a key that differs from a known one only by
case is refused, since Go's decoder would take it for the known one.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs
from cattrs import BaseConverter

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import InvalidDocument
from imgcopy_core_stubs.json_values import (
    LARGEST_INTEGER,
    JsonProblem,
    JsonValue,
    described,
    key_step,
)
from imgcopy_core_stubs.quoting import quote

T = TypeVar("T")


def structure(value: JsonValue, cls: type[T], what: str, path: str = "$") -> T:
    """Make an instance of the attrs class `cls` from decoded JSON, without any coercion.

    A field's JSON name is its metadata `key`, or else its own name. A field with a default may be
    absent or null. Keys that no field names are left alone, unless they differ from a known one
    only by case.

    Raises:
        InvalidDocument: The value does not fit; its `path` says where.
    """
    try:
        return converter.structure(value, cls)
    except JsonProblem as problem:
        raise InvalidDocument(what, path + problem.path, problem.text) from None


def _strict_int(value: object, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_INTEGER:
        raise JsonProblem(f"must be an integer from 0 to {LARGEST_INTEGER}, not {described(value)}")
    return value


def _strict(kind: type[T], name: str) -> Callable[[object, object], T]:
    def check(value: object, _: object) -> T:
        if not isinstance(value, kind):
            raise JsonProblem(f"must be {name}, not {described(value)}")
        return value

    return check


def _digest(value: object, _: object) -> Digest:
    try:
        return Digest.parse(_strict(str, "a digest")(value, str))
    except ValueError as error:
        raise JsonProblem(f"{described(value)}: {error}") from None


def _strict_enum(value: object, cls: type[Enum]) -> Enum:
    for member in cls:
        if member.value == value:
            return member
    choices = ", ".join(str(member.value) for member in cls)
    raise JsonProblem(f"must be one of {choices}, not {described(value)}")


def _tuple_hook(cls: Any) -> Callable[[object, object], tuple[object, ...]]:
    item_type = get_args(cls)[0]

    def check(value: object, _: object) -> tuple[object, ...]:
        items = _strict(list, "a list")(value, list)
        result = []
        for index, item in enumerate(items):
            try:
                result.append(converter.structure(item, item_type))
            except JsonProblem as problem:
                raise problem.below(f"[{index}]") from None
        return tuple(result)

    return check


def _mapping_hook(cls: Any) -> Callable[[object, object], dict[str, object]]:
    value_type = get_args(cls)[1]

    def check(value: object, _: object) -> dict[str, object]:
        items = _strict(dict, "an object")(value, dict)
        result = {}
        for key, item in items.items():
            try:
                result[key] = converter.structure(item, value_type)
            except JsonProblem as problem:
                raise problem.below(key_step(key)) from None
        return result

    return check


def _attrs_hook(cls: Any) -> Callable[[object, object], object]:
    attrs.resolve_types(cls)
    by_key = {field.metadata.get("key", field.name): field for field in attrs.fields(cls)}
    known_by_fold = {key.casefold(): key for key in by_key}

    def check(value: object, _: object) -> object:
        document = _strict(dict, "an object")(value, dict)
        for key in document:
            known = known_by_fold.get(key.casefold(), key)
            if key != known:
                raise JsonProblem(f"the key {quote(key)} differs from {quote(known)} only by case")
        arguments = {}
        for key, field in by_key.items():
            item = document.get(key)
            if item is None:
                if field.default is attrs.NOTHING:
                    raise JsonProblem("is missing" if key not in document else "is null", f".{key}")
                continue
            try:
                arguments[field.alias] = converter.structure(item, field.type)
            except JsonProblem as problem:
                raise problem.below(f".{key}") from None
        try:
            return cls(**arguments)
        except ValueError as error:  # from an attrs validator, which adds the field to its text
            raise JsonProblem(str(error.args[0]) if error.args else "is invalid") from None

    return check


def _has_origin(*origins: object) -> Callable[[Any], bool]:
    return lambda cls: get_origin(cls) in origins


converter: Final = BaseConverter(detailed_validation=False)
"""The converter of all documents and options. Its hooks coerce nothing.

It is the one without hooks of its own for classes, since ours take their place.
"""

converter.register_structure_hook(int, _strict_int)
converter.register_structure_hook(str, _strict(str, "a string"))
converter.register_structure_hook(bool, _strict(bool, "true or false"))
converter.register_structure_hook(Digest, _digest)
converter.register_structure_hook(Enum, _strict_enum)
converter.register_structure_hook_factory(_has_origin(tuple), _tuple_hook)
converter.register_structure_hook_factory(_has_origin(dict, Mapping), _mapping_hook)
converter.register_structure_hook_factory(
    lambda cls: attrs.has(cls) and cls is not Digest, _attrs_hook
)
