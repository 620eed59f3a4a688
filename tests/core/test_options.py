"""Transports' options, from the command line's text and from TOML's values."""

import tomllib
from enum import Enum
from typing import Any

import pytest
from attrs import field, frozen

from imgcopy_core_stubs import InvalidOption, options_or_default
from imgcopy_core_stubs.options import option_names, parse_options, structure_options


class Existing(Enum):
    REFUSE = "refuse"
    REPLACE = "replace"


def _check_level(_: object, __: object, value: int) -> None:
    if value > 9:
        raise ValueError("level must be from 0 to 9")


@frozen
class Options:
    path: str = ""
    fsync: bool = False
    level: int = field(default=6, validator=_check_level)
    existing: Existing = Existing.REFUSE
    additional_tags: tuple[str, ...] = ()
    temporary_directory: str | None = None
    strict: bool | None = None
    depth: int | None = None
    mode: Existing | None = None
    names: tuple[str, ...] | None = None


def parse(*pairs: tuple[str, str]) -> Options:
    options = parse_options(Options, pairs, flag="--dest-opt", scheme="x")
    assert options is not None
    return options


@pytest.mark.parametrize(
    ("key", "text", "name", "value"),
    [
        ("path", "a=b", "path", "a=b"),
        ("path", "", "path", ""),
        ("path", "true", "path", "true"),
        ("path", "7", "path", "7"),
        ("fsync", "true", "fsync", True),
        ("fsync", "Yes", "fsync", True),
        ("fsync", "1", "fsync", True),
        ("fsync", "FALSE", "fsync", False),
        ("fsync", "no", "fsync", False),
        ("fsync", "0", "fsync", False),
        ("level", "0", "level", 0),
        ("level", "9", "level", 9),
        ("existing", "replace", "existing", Existing.REPLACE),
        ("additional_tags", "a:1", "additional_tags", ("a:1",)),
        ("additional-tags", "a,b", "additional_tags", ("a,b",)),
        ("temporary_directory", "/x", "temporary_directory", "/x"),
        ("temporary-directory", "/x", "temporary_directory", "/x"),
        ("strict", "yes", "strict", True),
        ("depth", "9223372036854775807", "depth", 2**63 - 1),
        ("mode", "refuse", "mode", Existing.REFUSE),
        ("names", "n", "names", ("n",)),
    ],
)
def test_text_of_every_type(key: str, text: str, name: str, value: object) -> None:
    options = parse((key, text))
    assert getattr(options, name) == value
    assert options == Options(**{name: value})  # type: ignore[arg-type]  # the table's types vary


def test_types_may_be_spelled_as_text() -> None:
    @frozen
    class Spelled:
        flag: "bool" = False  # as `from __future__ import annotations` leaves them
        words: "tuple[str, ...]" = ()

    pairs = [("flag", "yes"), ("words", "a")]
    parsed = parse_options(Spelled, pairs, flag="--dest-opt", scheme="x")
    assert parsed == Spelled(flag=True, words=("a",))


def test_no_pairs_are_the_defaults() -> None:
    assert parse() == Options()
    assert parse_options(None, [], flag="--src-opt", scheme="x") is None


def test_several_pairs() -> None:
    assert parse(("fsync", "true"), ("additional-tags", "a"), ("additional_tags", "b")) == Options(
        fsync=True, additional_tags=("a", "b")
    )


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("fsync", "maybe")], 'option "--dest-opt fsync": must be true or false, not "maybe"'),
        ([("fsync", "")], 'option "--dest-opt fsync": must be true or false, not ""'),
        ([("strict", "2")], 'option "--dest-opt strict": must be true or false, not "2"'),
        ([("level", "high")], 'option "--dest-opt level": must be an integer from 0 to'),
        ([("level", "-1")], 'not "-1"'),
        ([("level", "1.5")], 'not "1.5"'),
        ([("level", "٣")], 'not "٣"'),
        ([("level", "²")], 'not "²"'),
        ([("level", "9" * 5000)], "must be an integer from 0 to"),
        ([("depth", "9223372036854775808")], "not 9223372036854775808"),
        ([("level", "10")], "level must be from 0 to 9"),
        (
            [("existing", "append")],
            'option "--dest-opt existing": must be one of refuse, replace, not "append"',
        ),
        ([("mode", "\x1b")], r'must be one of refuse, replace, not "\x1b"'),
        (
            [("colour", "red")],
            (
                'option "--dest-opt colour": unknown for "x"; it has "path", "fsync", "level", '
                '"existing", "additional_tags", "temporary_directory", "strict", "depth", "mode", '
                '"names"'
            ),
        ),
        ([("Fsync", "true")], 'option "--dest-opt Fsync": unknown for "x"; it has "path"'),
        ([("", "true")], 'option "--dest-opt ": unknown for "x"'),
        ([("fsync", "1"), ("fsync", "1")], 'option "--dest-opt fsync": given twice'),
        (
            [("temporary-directory", "a"), ("temporary_directory", "a")],
            'option "--dest-opt temporary_directory": given twice',
        ),
    ],
)
def test_errors_name_the_key_and_the_choices(pairs: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        parse(*pairs)
    assert message in str(caught.value)
    assert str(caught.value).startswith('option "--dest-opt')
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_transport_without_options_says_so() -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_options(None, [("a", "b")], flag="--src-opt", scheme="x")
    assert str(caught.value) == 'option "--src-opt a": the transport "x" has no options here'


def test_values_of_toml() -> None:
    document = tomllib.loads(
        'path = "p"\nfsync = true\nlevel = 3\nexisting = "replace"\nadditional_tags = ["a", "b"]\n'
    )
    assert structure_options(Options, document, flag="config", scheme="x") == Options(
        path="p", fsync=True, level=3, existing=Existing.REPLACE, additional_tags=("a", "b")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path = 7", 'option "config path": must be a string, not 7'),
        ("fsync = 1", 'option "config fsync": must be true or false, not 1'),
        ('level = "3"', 'option "config level": must be an integer from 0 to'),
        ("level = 1.5", "not 1.5"),
        ("level = nan", "not nan"),
        ("level = true", "not true"),
        ("level = 1979-05-27", "must be an integer"),
        ('existing = ["replace"]', 'option "config existing": must be one of refuse, replace'),
        ("existing = {}", "must be one of refuse, replace, not an object"),
        ('additional_tags = "a"', 'option "config additional_tags": must be a list, not "a"'),
        ("additional_tags = [1]", 'option "config additional_tags[0]": must be a string, not 1'),
        ("colour = 1", 'option "config colour": unknown for "x"; it has "path"'),
        ("level = 10", 'option "config": level must be from 0 to 9'),
    ],
)
def test_values_of_toml_that_do_not_fit(text: str, message: str) -> None:
    values: dict[str, Any] = tomllib.loads(text)
    with pytest.raises(InvalidOption) as caught:
        structure_options(Options, values, flag="config", scheme="x")
    assert message in str(caught.value)


def test_names() -> None:
    names = option_names(Options)
    assert names["additional-tags"] == names["additional_tags"] == "additional_tags"
    assert "additional tags" not in names


def test_the_default_options() -> None:
    given = Options(fsync=True)
    assert options_or_default(Options, None) == Options()
    assert options_or_default(Options, given) is given
    with pytest.raises(TypeError, match="options must be Options, not dict"):
        options_or_default(Options, {})
