import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs.cli import output
from imgcopy_core_stubs.cli.output import indented_json, write_data
from imgcopy_core_stubs.json_values import NumberLiteral

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**63 - 1) | st.text(),
    lambda items: st.lists(items) | st.dictionaries(st.text(), items),
)


@given(VALUES)
def test_it_means_what_it_was_made_of_and_is_safe_to_print(value: Any) -> None:
    text = indented_json(value)

    assert json.loads(text) == value
    assert text.replace("\n", "").isprintable()


def test_the_format_is_that_of_skopeo() -> None:
    value: Any = {"Tags": ["a", "b"], "Empty": [], "None": None, "Map": {"x": {}}}

    assert indented_json(value) == (
        "{\n"
        '    "Tags": [\n'
        '        "a",\n'
        '        "b"\n'
        "    ],\n"
        '    "Empty": [],\n'
        '    "None": null,\n'
        '    "Map": {\n'
        '        "x": {}\n'
        "    }\n"
        "}"
    )


def test_number_literals_stay_as_they_were() -> None:
    assert indented_json([NumberLiteral("1.10"), NumberLiteral("1e400")]) == (
        "[\n    1.10,\n    1e400\n]"
    )


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    assert indented_json("é🐳\x1b\x7f\x9b\u202e\U000e0001") == (
        '"é🐳\\u001b\\u007f\\u009b\\u202e\\udb40\\udc01"'
    )


def test_standard_output_may_be_slow_and_need_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(1_000_000)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    monkeypatch.setattr(output, "open_standard_output", lambda: FileIO(writing, "wb"))
    with ThreadPoolExecutor() as pool, open(reading, "rb") as pipe:
        done = pool.submit(write_data, data)
        time.sleep(0.2)
        assert pipe.read() == data
    done.result()
