"""Values behave as the classes do that attrs writes out."""

from typing import TypeAlias

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs._value import Value


@frozen
class Written:
    name: str
    size: int | None = None
    note: str = field(default="", eq=False)
    secret: str = field(default="", repr=False)


@frozen(eq=False, repr=False)
class Inherited(Value):
    name: str
    size: int | None = None
    note: str = field(default="", eq=False)
    secret: str = field(default="", repr=False)


_Fields: TypeAlias = tuple[str, int | None, str, str]

_few = st.sampled_from(["", "a", "b"])
_fields = st.tuples(_few, st.sampled_from([None, 0, 1]), _few, _few)


@given(_fields, _fields)
def test_equality_is_the_one_that_attrs_writes(one: _Fields, other: _Fields) -> None:
    equal = Written(*one) == Written(*other)
    assert (Inherited(*one) == Inherited(*other)) is equal
    assert (Inherited(*one) != Inherited(*other)) is not equal
    assert (len({Inherited(*one), Inherited(*other)}) == 1) is equal


@given(_fields)
def test_so_is_what_is_shown(fields: _Fields) -> None:
    assert repr(Inherited(*fields)) == repr(Written(*fields)).replace("Written", "Inherited")


def test_another_class_is_never_equal() -> None:
    @frozen(eq=False, repr=False)
    class Derived(Inherited):
        pass

    assert Inherited("a") != Derived("a")
    assert Derived("a") != Inherited("a")
    assert Inherited("a") != "a"


def test_what_cannot_be_hashed_is_in_no_set() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Inherited([]))  # type: ignore[arg-type]  # a list is no name


def test_nothing_can_be_added() -> None:
    assert not hasattr(Inherited("a"), "__dict__")
