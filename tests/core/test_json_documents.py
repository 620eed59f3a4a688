"""Strict, bounded JSON, and structuring without coercion."""

import json
import subprocess
import sys
from collections.abc import Mapping
from enum import Enum

import attrs
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    DOCUMENT_LIMIT,
    Digest,
    InvalidDocument,
    JsonValue,
    TooLarge,
    decode_json,
    decode_json_value,
    encode_json,
    structure,
)
from imgcopy_core_stubs.json_documents import DEPTH_LIMIT, VALUE_LIMIT
from imgcopy_core_stubs.json_values import LARGEST_INTEGER, NumberLiteral

# --- decoding ------------------------------------------------------------------------------------


def test_a_document() -> None:
    raw = b' {"a": [1, -2, true, false, null, "x\\u00e9\\n"], "b": {}, "": []} \n'
    assert decode_json(raw, "doc") == {"a": [1, -2, True, False, None, "xé\n"], "b": {}, "": []}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"[]", "invalid doc: must be a JSON object, not a list"),
        (b"null", "invalid doc: must be a JSON object, not null"),
        (b"7", "invalid doc: must be a JSON object, not 7"),
        (b"1.5", "invalid doc: must be a JSON object, not the number 1.5"),
        (b'"\\u001b"', r'invalid doc: must be a JSON object, not "\x1b"'),
        (b"", "invalid doc: not JSON: Expecting value (line 1, column 1)"),
        (b" ", "invalid doc: not JSON: Expecting value (line 1, column 2)"),
        (b"{", "invalid doc: not JSON: Expecting property name enclosed in double quotes"),
        (b"{}{}", "invalid doc: not JSON: Extra data (line 1, column 3)"),
        (b"{}\n0", "invalid doc: not JSON: Extra data (line 2, column 1)"),
        (b"{}\0", "invalid doc: not JSON: Extra data"),
        (b'{"a":1,}', "invalid doc: not JSON: "),
        (b"{'a':1}", "invalid doc: not JSON: "),
        (b'{"a":01}', "invalid doc: not JSON: "),
        (b'{"a":+1}', "invalid doc: not JSON: "),
        (b'{"a":1.}', "invalid doc: not JSON: "),
        (b'{"a":0x1}', "invalid doc: not JSON: "),
        ('{"a":\u0661}'.encode(), "invalid doc: not JSON: "),
        (b'{"a":"\n"}', "invalid doc: not JSON: Invalid control character"),
        (b'{"a":"', "invalid doc: not JSON: Unterminated string"),
        (b'{"a":"\\', "invalid doc: not JSON: Unterminated string"),
        (b'{"a":"\\x"}', "invalid doc: not JSON: Invalid \\escape"),
        (b'\xef\xbb\xbf{"a":1}', "invalid doc: begins with a byte order mark"),
        ('{"a":1}'.encode("utf-16"), "invalid doc: not UTF-8 at byte 0"),
        (b'{"a":"\xff"}', "invalid doc: not UTF-8 at byte 6"),
        (b'{"a":"\xed\xa0\x80"}', "invalid doc: not UTF-8 at byte 6"),
        (b'{"a":"\xc0\x80"}', "invalid doc: not UTF-8 at byte 6"),
        # What Python's decoder lets pass, each with its JSON path.
        (b'{"a":1,"a":1}', 'invalid doc: the key "a" occurs twice in one object'),
        (b'{"a":{"b":[0,{"c":1,"\\u0063":2}]}}', 'invalid doc: $.a.b[1]: the key "c" occurs twice'),
        (b'{"a b":{"c":1,"c":1}}', 'invalid doc: $["a b"]: the key "c" occurs twice'),
        (b'{"\\u001b":1,"\\u001b":1}', r'invalid doc: the key "\x1b" occurs twice'),
        (b'{"\\ud800":1,"\\ud800":1}', r'invalid doc: the key "\ud800" occurs twice'),
        (b'{"a":{"b":1,"b":NaN},"c":1,"c":1}', 'invalid doc: the key "c" occurs twice'),
        (b'{"a":[NaN]}', "invalid doc: $.a[0]: NaN is not JSON"),
        (b'{"a":Infinity}', "invalid doc: $.a: Infinity is not JSON"),
        (b'{"a":-Infinity}', "invalid doc: $.a: -Infinity is not JSON"),
        (b'{"a":["\\ud800"]}', r'invalid doc: $.a[0]: "\ud800" has a lone surrogate'),
        (b'{"a":"\\udc00\\ud800"}', "has a lone surrogate"),
        (b'{"a":"\\ud83d\\\\udc33"}', "has a lone surrogate"),
        (b'{"a":{"\\udfff":1}}', r'invalid doc: $.a: "\udfff" has a lone surrogate'),
    ],
)
def test_what_is_no_document(raw: bytes, message: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        decode_json(raw, "doc")
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_problem_has_its_path_as_data() -> None:
    with pytest.raises(InvalidDocument) as caught:
        decode_json(b'{"a":[{"b":NaN}]}', "manifest of x")
    error = caught.value
    assert (error.what, error.path, error.problem) == (
        "manifest of x",
        "$.a[0].b",
        "NaN is not JSON",
    )


def test_escaped_surrogate_pairs_are_characters() -> None:
    assert decode_json(rb'{"a":"\ud83d\udc33 \\ud800"}', "doc") == {"a": "🐳 \\ud800"}


def test_long_keys_are_shortened_in_messages() -> None:
    with pytest.raises(InvalidDocument) as caught:
        decode_json(b'{"%s":{"%s":1,"%s":1}}' % (b"k" * 10_000, b"d" * 10_000, b"d" * 10_000), "")
    assert len(str(caught.value)) < 300


def test_the_size_limit() -> None:
    def document(size: int) -> bytes:
        return b'{"a":"%s"}' % (b"x" * (size - 8))

    assert decode_json(document(DOCUMENT_LIMIT), "doc")["a"] == "x" * (DOCUMENT_LIMIT - 8)
    with pytest.raises(TooLarge, match="doc exceeds the limit of 4194304 bytes"):
        decode_json(document(DOCUMENT_LIMIT + 1), "doc")
    assert decode_json(document(100), "doc", limit=100)
    with pytest.raises(TooLarge):
        decode_json_value(document(101), "doc", limit=100)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_the_depth_limit(opening: str, closing: str) -> None:
    def document(depth: int) -> bytes:
        inner = depth - 1
        return b'{"x":%s0%s}' % (opening.encode() * inner, closing.encode() * inner)

    assert DEPTH_LIMIT == 64
    value: JsonValue = decode_json(document(64), "doc")
    assert encode_json(value) == document(64)
    for depth in (65, 1000, 100_000):
        with pytest.raises(InvalidDocument, match="nested deeper than 64 levels"):
            decode_json(document(depth), "doc")


def test_brackets_in_strings_are_not_levels() -> None:
    text = '\\"' + "[{" * 1000 + '"' + "[" * 1000 + "\\"
    assert decode_json(json.dumps({"a": text}).encode(), "doc") == {"a": text}


def test_neighbours_are_not_levels() -> None:
    assert decode_json_value(b"[" + b"[[]]," * 1000 + b"0]", "doc") == [*[[[]]] * 1000, 0]


def test_the_limit_on_values() -> None:
    def document(values: int) -> bytes:
        return b"[%s0]" % (b"0," * (values - 1))

    assert len(decode_json_value(document(VALUE_LIMIT), "doc")) == VALUE_LIMIT  # type: ignore[arg-type]  # a list
    with pytest.raises(InvalidDocument, match="has more than 131072 values"):
        decode_json_value(document(VALUE_LIMIT + 1), "doc")


HOSTILE_DOCUMENTS = {
    "[": "b'[' * limit",
    '{"a":': """b'{"a":' * (limit // 5)""",
    "[],": "b'[' + b'[],' * (limit // 3 - 1) + b'0]'",
    "deep lists": "b'[' + (b'[' * 60 + b']' * 60 + b',') * (limit // 121 - 1) + b'0]'",
    "deep objects": """b'[' + (b'{"":' * 60 + b'0' + b'}' * 60 + b',') * 8190 + b'0]'""",
    "quotes": """b'"' * limit""",
    "an endless string of escapes": r"""b'"' + b'\\"' * (limit // 2 - 1)""",
    "short strings": """b'[' + b'"",' * (limit // 3 - 1) + b'0]'""",
    "keys": """b'{' + b','.join(b'"%d":"%d"' % (i, i) for i in range(240_000)) + b'}'""",
    "numbers": "b'[' + b'1.5,' * 499_000 + b'0]'",
    "a long number": "b'[' + b'9' * (limit - 2) + b']'",
    "escapes": r"""b'["' + b'\\u0041' * (limit // 6 - 1) + b'"]'""",
}

MEASURE = """
import resource, time
from imgcopy_core_stubs import DOCUMENT_LIMIT as limit, InvalidDocument, decode_json_value
raw = {document}
assert limit // 2.5 < len(raw) <= limit, len(raw)
start = time.process_time()
try:
    decode_json_value(raw, "doc")
except InvalidDocument:
    pass
print(time.process_time() - start)
# Not ru_maxrss, which a process inherits from the one that started it.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("document", HOSTILE_DOCUMENTS)
def test_hostile_documents_take_little_time_and_memory(document: str) -> None:
    script = MEASURE.format(document=HOSTILE_DOCUMENTS[document])
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    seconds, kibibytes = result.stdout.split()
    assert float(seconds) < 5
    assert int(kibibytes) < 192 * 1024


# --- encoding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"b":1,"a":2,"unknown":{"z":[],"y":null}}',
        b'{"a":[1.10,1e400,-0,-0.0,1E+2,0.1e-7,5.0,100000000000000000000,-9223372036854775809]}',
        b'{"a":[0,-1,9223372036854775807,9223372036854775808,-9223372036854775808]}',
        b'{"a":%s}' % (b"9" * 5000),
        '{"a":"<&>é\u2028🐳\x7f"}'.encode(),
        rb'{"a":"\"\\\n\r\t\b\f\u0000\u001f/"}',
        b'{"":{"":""}}',
    ],
)
def test_what_is_decoded_encodes_to_the_same_bytes(raw: bytes) -> None:
    assert encode_json(decode_json(raw, "doc")) == raw


@pytest.mark.parametrize("literal", ["1.10", "1e400", "-0", "1E5", "0.0", "9" * 20, "-" + "9" * 20])
def test_exotic_numbers_are_literals(literal: str) -> None:
    assert decode_json_value(literal.encode(), "doc") == NumberLiteral(literal)


@pytest.mark.parametrize("number", [0, -1, LARGEST_INTEGER, LARGEST_INTEGER + 1, -(2**63)])
def test_plain_numbers_are_integers(number: int) -> None:
    assert decode_json_value(str(number).encode(), "doc") == number


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(json_values)
def test_decoding_agrees_with_the_standard_library(value: JsonValue) -> None:
    for raw in (json.dumps(value), json.dumps(value, indent=1)):
        assert decode_json_value(raw.encode(), "doc") == value
    raw_utf8 = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert decode_json_value(raw_utf8, "doc") == value
    assert encode_json(value) == raw_utf8


@given(st.text(alphabet='{}[]",:\\u0d8 1-.eNa\n', max_size=20))
def test_any_text_is_decoded_as_the_standard_library_does_or_refused(text: str) -> None:
    try:
        value = decode_json_value(text.encode(), "doc")
    except InvalidDocument:
        return
    plain = encode_json(value).decode()
    assert json.loads(plain) == json.loads(text)


# --- structuring ---------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@frozen
class Inner:
    size: int
    key_name: str = field(default="", metadata={"key": "keyName"})


@frozen
class Outer:
    name: str
    inner: Inner
    flag: bool = False
    colour: Colour = Colour.RED
    digest: Digest | None = None
    items: tuple[Inner, ...] = ()
    words: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(factory=dict)
    spelled: "int | None" = None
    even: int = field(default=0)

    @even.validator
    def _check_even(self, _: object, value: int) -> None:
        if value % 2:
            raise ValueError("must be even")


DIGEST = "sha256:" + "a" * 64


def test_structuring() -> None:
    raw = (
        b'{"name":"n","inner":{"size":0,"keyName":"k"},"flag":true,"colour":"blue",'
        b'"digest":"%s","items":[{"size":9223372036854775807}],"words":["a","b"],'
        b'"labels":{"x":"y"},"spelled":7,"unknown":{"Name":1}}' % DIGEST.encode()
    )
    assert structure(decode_json(raw, "doc"), Outer, "doc") == Outer(
        name="n",
        inner=Inner(0, "k"),
        flag=True,
        colour=Colour.BLUE,
        digest=Digest("sha256", "a" * 64),
        items=(Inner(LARGEST_INTEGER),),
        words=("a", "b"),
        labels={"x": "y"},
        spelled=7,
    )


def test_a_field_with_a_default_may_be_absent_or_null() -> None:
    smallest = Outer("n", Inner(1))
    assert structure({"name": "n", "inner": {"size": 1}}, Outer, "doc") == smallest
    document: JsonValue = dict.fromkeys(attrs.fields_dict(Outer))
    assert isinstance(document, dict)
    document |= {"name": "n", "inner": {"size": 1, "keyName": None}}
    assert structure(document, Outer, "doc") == smallest


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        (b'"name":null', "$.name", "is null"),
        (b'"name":7', "$.name", "must be a string, not 7"),
        (b'"inner":[]', "$.inner", "must be an object, not a list"),
        (b'"inner":{}', "$.inner.size", "is missing"),
        (b'"inner":{"size":-1}', "$.inner.size", "must be an integer from 0 to"),
        (b'"inner":{"size":true}', "$.inner.size", "9223372036854775807, not true"),
        (b'"inner":{"size":1.0}', "$.inner.size", "not the number 1.0"),
        (b'"inner":{"size":1e3}', "$.inner.size", "not the number 1e3"),
        (b'"inner":{"size":-0}', "$.inner.size", "not the number -0"),
        (b'"inner":{"size":"7"}', "$.inner.size", 'not "7"'),
        (b'"inner":{"size":9223372036854775808}', "$.inner.size", "not 9223372036854775808"),
        (b'"inner":{"size":%s}' % (b"9" * 5000), "$.inner.size", f"number {'9' * 37}..."),
        (b'"inner":{"size":1,"Size":1}', "$.inner", '"Size" differs from "size" only by case'),
        (b'"inner":{"size":1,"keyname":""}', "$.inner", '"keyname" differs from "keyName"'),
        (b'"inner":{"\xc5\xbfize":1}', "$.inner", '"\u017fize" differs from "size" only by case'),
        (b'"flag":0', "$.flag", "must be true or false, not 0"),
        (b'"flag":"true"', "$.flag", 'must be true or false, not "true"'),
        (b'"colour":"green"', "$.colour", 'must be one of red, blue, not "green"'),
        (b'"colour":[]', "$.colour", "must be one of red, blue, not a list"),
        (b'"colour":{}', "$.colour", "must be one of red, blue, not an object"),
        (b'"colour":0', "$.colour", "must be one of red, blue, not 0"),
        (b'"digest":7', "$.digest", "must be a digest, not 7"),
        (b'"digest":"md5:00"', "$.digest", '"md5:00": digest algorithm md5 is unsupported'),
        (b'"digest":"sha256:\\n"', "$.digest", r'"sha256:\n": not a digest'),
        (b'"items":{}', "$.items", "must be a list, not an object"),
        (b'"items":[{"size":1},{}]', "$.items[1].size", "is missing"),
        (b'"items":[{"size":1},null]', "$.items[1]", "must be an object, not null"),
        (b'"words":"ab"', "$.words", 'must be a list, not "ab"'),
        (b'"words":["a",1]', "$.words[1]", "must be a string, not 1"),
        (b'"labels":{"a b":1}', '$.labels["a b"]', "must be a string, not 1"),
        (b'"labels":{"ab":null}', "$.labels.ab", "must be a string, not null"),
        (b'"labels":[]', "$.labels", "must be an object, not a list"),
        (b'"spelled":"7"', "$.spelled", "must be an integer"),
        (b'"even":3', "$", "must be even"),
        (b'"name":7,"NAME":"n"', "$", '"NAME" differs from "name" only by case'),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(
    changes: bytes, path: str, problem: str
) -> None:
    document = decode_json(b'{"name":"n","inner":{"size":1}}', "doc")
    document |= decode_json(b"{%s}" % changes, "doc")
    with pytest.raises(InvalidDocument) as caught:
        structure(document, Outer, "doc")
    assert caught.value.path == path
    assert problem in caught.value.problem
    assert str(caught.value).isprintable()


def test_a_path_may_start_below_the_top() -> None:
    with pytest.raises(InvalidDocument) as caught:
        structure({}, Inner, "doc", "$.layers[3]")
    assert caught.value.path == "$.layers[3].size"


def test_long_values_are_shortened_in_messages() -> None:
    document: JsonValue = {"name": "n", "inner": "x" * 10_000}
    with pytest.raises(InvalidDocument) as caught:
        structure(document, Outer, "doc")
    assert caught.value.problem == f'must be an object, not "{"x" * 77}..."'
