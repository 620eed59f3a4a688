"""Values behave as the classes do that attrs writes out."""

from typing import TypeAlias

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import BlobInfo, Descriptor, Digest
from imgcopy_core_stubs.value import Value


@frozen
class Written:
    name: str
    size: int | None = None
    note: str = field(default="", eq=False)
    secret: str = field(default="", repr=False)
    labels: dict[str, str] = field(factory=dict, hash=False)


@frozen(eq=False, repr=False)
class Inherited(Value):
    name: str
    size: int | None = None
    note: str = field(default="", eq=False)
    secret: str = field(default="", repr=False)
    labels: dict[str, str] = field(factory=dict, hash=False)


_Fields: TypeAlias = tuple[str, int | None, str, str, dict[str, str]]

_few = st.sampled_from(["", "a", "b"])
_labels = st.dictionaries(_few, _few, max_size=1)
_fields = st.tuples(_few, st.sampled_from([None, 0, 1]), _few, _few, _labels)


@given(_fields, _fields)
def test_equality_is_the_one_that_attrs_writes(one: _Fields, other: _Fields) -> None:
    equal = Written(*one) == Written(*other)
    assert (Inherited(*one) == Inherited(*other)) is equal
    assert (Inherited(*one) != Inherited(*other)) is not equal
    assert (len({Inherited(*one), Inherited(*other)}) == 1) is equal
    same_hash = hash(Written(*one)) == hash(Written(*other))
    assert (hash(Inherited(*one)) == hash(Inherited(*other))) is same_hash


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


def test_blobs_can_be_in_sets_whatever_their_annotations() -> None:
    digest = Digest.of(b"blob")
    descriptors = [Descriptor(digest, 4, annotations={"key": value}) for value in "aab"]
    assert len(set(descriptors)) == 2
    assert len(set(map(BlobInfo.of, descriptors))) == 2


def test_nothing_can_be_added() -> None:
    assert not hasattr(Inherited("a"), "__dict__")
