import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.transports import OciReference, OciTransport

parse = OciTransport().parse_reference

paths = st.text(
    st.characters(exclude_characters="\0") | st.sampled_from(":\\@"), min_size=1, max_size=20
)
images = st.from_regex(r"[A-Za-z0-9]+(?:[-._:@+/][A-Za-z0-9]+){0,4}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("dir", OciReference("dir")),
        ("/a/b.c", OciReference("/a/b.c")),
        ("dir:1.0", OciReference("dir", "1.0")),
        ("dir:a:b:c", OciReference("dir", "a:b:c")),
        (
            "dir:registry.example:5000/app:1",
            OciReference("dir", "registry.example:5000/app:1"),
        ),
        ("dir:@0", OciReference("dir", None, 0)),
        ("dir:@12", OciReference("dir", None, 12)),
        (r"C\:/images:t", OciReference("C:/images", "t")),
        (r"a\\:t", OciReference("a\\", "t")),
        (r"a\b", OciReference(r"a\b")),
        ("dir@1", OciReference("dir@1")),
        ("dir:" + "t" * 128, OciReference("dir", "t" * 128)),
        ("dir:host/" + "p" * 200, OciReference("dir", "host/" + "p" * 200)),
    ],
)
def test_parses(text: str, reference: OciReference) -> None:
    assert parse(text) == reference


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        (":tag", "its path is empty"),
        ("dir:", "is empty"),
        ("d\0ir", "its path has a NUL character"),
        ("dir:ta\0g", "NUL character"),
        ("dir:-tag", '"-tag" is malformed'),
        ("dir:tag\n", r'"tag\n" is malformed'),
        ("C:/images", r"a colon that belongs to the path is written \:"),
        ("dir:é", '"é" is malformed'),
        ("dir:a//b", '"a//b" is malformed'),
        ("dir:" + "t" * 129, "its tag has 129 characters, 128 are allowed"),
        ("dir:app:" + "t" * 129, "its tag has 129 characters, 128 are allowed"),
        ("dir:@", '"@" is no position'),
        ("dir:@-1", '"@-1" is no position'),
        ("dir:@1\n", r'"@1\n" is no position'),
        ("dir:@٣", '"@٣" is no position'),
        ("dir:@" + "9" * 5000, "is no position"),
        ("dir:@sha256:abc", '"@sha256:abc" is no position'),
    ],
)
def test_refuses_and_names_the_part(text: str, problem: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(text)
    assert problem in str(caught.value)


@given(paths, st.none() | images, st.none() | st.integers(0, 10**9 - 1))
def test_prints_what_parses_to_an_equal_reference(
    path: str, image: str | None, position: int | None
) -> None:
    reference = OciReference(path, image if position is None else None, position)
    assert parse(str(reference)) == reference


@given(st.text(st.characters() | st.sampled_from(":\\@/"), max_size=20))
def test_any_text_is_refused_or_means_what_it_prints(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidReference:
        return
    assert parse(str(reference)) == reference


def test_names_its_path() -> None:
    assert parse(r"a\:b:t").path == "a:b"


def test_a_position_is_for_reading_only() -> None:
    with pytest.raises(InvalidReference, match="@3 is for reading"):
        parse("dir:@3").open_destination()
