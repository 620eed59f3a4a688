import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.transports import DirReference, DirTransport

parse = DirTransport().parse_reference


@given(st.text(st.characters(exclude_characters="\0") | st.sampled_from(":\\@/"), min_size=1))
def test_all_of_the_text_is_the_path(text: str) -> None:
    reference = parse(text)
    assert reference == DirReference(text)
    assert reference.path == text
    assert str(reference) == text


@pytest.mark.parametrize(("text", "problem"), [("", "it is empty"), ("a\0b", "NUL character")])
def test_refuses_what_is_no_path(text: str, problem: str) -> None:
    with pytest.raises(InvalidReference, match=problem):
        parse(text)


def test_knows_no_tags() -> None:
    assert parse("dir").tags() is None
