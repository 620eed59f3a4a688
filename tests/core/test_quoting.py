import errno
import os

import pytest

from imgcopy_core_stubs.quoting import listing, printable, quote, strerror


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (OSError(errno.ENOENT, "No such file or directory", "path"), "No such file or directory"),
        (OSError("CRC check failed"), "CRC check failed"),
        (OSError(), "OSError"),
        (OSError("two\nlines"), r"two\nlines"),
        (FileNotFoundError(), "FileNotFoundError"),
    ],
)
def test_what_the_operating_system_says(cause: OSError, text: str) -> None:
    assert strerror(cause) == text


def test_an_error_number_without_a_text() -> None:
    cause = OSError()
    cause.errno = errno.ENOSPC
    assert strerror(cause) == os.strerror(errno.ENOSPC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 日本 🐳", "plain ünïcode 日本 🐳"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\tb\nc\r", r"a\tb\nc\r"),
        ("\x7f\x85\xa0", r"\x7f\x85\xa0"),
        ("\u200b\u2066\ufeff", r"\u200b\u2066\ufeff"),
        ("\udc80\udcff", r"\x80\xff"),
        ("\udc7f\ud800\udfff", r"\udc7f\ud800\udfff"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_printable_escapes_what_a_terminal_would_act_on(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert quote(text) == f'"{shown}"'


def test_quote_takes_any_object() -> None:
    assert quote(7) == '"7"'
    assert quote(None) == '"None"'


def test_listings() -> None:
    assert listing([]) == "none"
    assert listing(["a", "b\n"]) == r'"a", "b\n"'
    assert listing("abcd", most=4) == '"a", "b", "c", "d"'
    assert listing("abcde", most=3) == '"a", "b", "c", and 2 more'


def test_a_name_of_any_length_fits_a_message() -> None:
    assert quote("x" * 1000) == '"' + "x" * 1000 + '"'
    assert quote("x" * 1_000_000) == '"' + "x" * 1000 + '..."'
