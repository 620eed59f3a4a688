"""What options classes say of themselves."""

from enum import Enum
from typing import Any, Optional

import attrs
import pytest
from attrs import field, frozen

from imgcopy_core_stubs.option_fields import OptionField, option_fields


class Mode(Enum):
    FAST = "fast"
    SAFE = "safe"


@frozen
class Options:
    mode: Mode = field(default=Mode.SAFE, metadata={"help": "how it is done"})
    maybe: Optional[Mode] = None  # noqa: UP045  (plugins may write it so)
    path: str = "/srv"
    level: int = 3
    strict: bool = False
    tags: tuple[str, ...] = ("a", "b")
    spelled: "tuple[str, ...] | None" = None
    made: str | None = field(factory=lambda: "of a factory")


def described(name: str, kind: str, default: Any, **more: Any) -> OptionField:
    given = {"choices": (), "repeatable": False, "help": "", **more}
    return OptionField(name=name, type=kind, default=default, **given)


def test_every_type() -> None:
    assert option_fields(Options) == (
        described("mode", "choice", "safe", choices=("fast", "safe"), help="how it is done"),
        described("maybe", "choice", None, choices=("fast", "safe")),
        described("path", "text", "/srv"),
        described("level", "integer", 3),
        described("strict", "boolean", default=False, choices=("true", "false")),
        described("tags", "text", ["a", "b"], repeatable=True),
        described("spelled", "text", None, repeatable=True),
        described("made", "text", "of a factory"),
    )


def test_a_class_without_options() -> None:
    assert option_fields(frozen(type("Nothing", (), {}))) == ()


class Numbers(Enum):
    ONE = 1


@pytest.mark.parametrize(
    "kind",
    [float, bytes, list[str], tuple[int, ...], tuple[str, str], dict[str, str], Numbers, str | int],
)
def test_other_types_are_refused(kind: Any) -> None:
    options = attrs.make_class("Options", {"odd": field(default=None, type=kind)})

    with pytest.raises(TypeError, match='has the field "odd" of an unsupported type'):
        option_fields(options)


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        (field(type=str), "has no default for odd"),
        (field(default="", type=str, alias="even"), 'the field "odd", which cannot be set by its'),
        (field(default="", type=str, init=False), 'the field "odd", which cannot be set by its'),
    ],
)
def test_fields_that_cannot_be_set_are_refused(odd: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        option_fields(attrs.make_class("Options", {"odd": odd}))
