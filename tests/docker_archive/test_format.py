import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import Digest, DockerReference
from imgcopy_docker_archive import format as layout

A, B, C = (Digest("sha256", letter * 64) for letter in "abc")


def test_the_chain_of_ids_starts_with_the_first_layer() -> None:
    # sha256("sha256:aa…a sha256:bb…b") and on with cc…c, computed with sha256sum.
    folders = layout.v1_folders([A, B, C], b"{}", {})
    assert [folder.id for folder in folders] == [
        "a" * 64,
        "ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c",
        "c1377126441fb2f5ec2c21ae2a60255331d639e830f0ee1b40a36e52d4c40588",
    ]


def test_only_the_top_layer_takes_the_configs_values() -> None:
    config = b'{"os":"linux","extra":1,"created":"now"}'
    base, top = layout.v1_folders([A, B], config, {})
    assert base.json == b'{"id":"%s"}' % (b"a" * 64)
    assert top.json == (
        b'{"architecture":null,"config":null,"container":null,"container_config":null,'
        b'"created":"now","docker_version":null,"id":"%s","os":"linux","parent":"%s"}'
        % (top.id.encode(), b"a" * 64)
    )
    assert top.layer_link == "../" + "b" * 64 + ".tar"


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("1e400", "1e400"),
        ("-0", "-0"),
        ("1.10", "1.10"),
        ("12345678901234567890123", "12345678901234567890123"),
        ('"<a href=\\"x\\">&amp;"', '"\\u003ca href=\\"x\\"\\u003e\\u0026amp;"'),
        ('"\u2028 \u2029 na\u00efve \U0001f433"', '"\\u2028 \\u2029 na\u00efve \U0001f433"'),
        ('"\\u00ef \\/ \\u003C \x7f"', '"\\u00ef \\/ \\u003C \x7f"'),
        ('{ "z" : 1 ,\n\t"a" : [ ] , "M" : { } }', '{"z":1,"a":[],"M":{}}'),
        ('["a:b", "c,d", "[e]", "{f}", "\\"", "\\\\"]', '["a:b","c,d","[e]","{f}","\\"","\\\\"]'),
        ("[ true , false , null ]", "[true,false,null]"),
        ('" spaces stay "', '" spaces stay "'),
        ('"\\\\\\"a\\\\"', '"\\\\\\"a\\\\"'),
        ('{"\\\\" : "\\\\\\\\" , "\\"" : ""}', '{"\\\\":"\\\\\\\\","\\"":""}'),
    ],
)
def test_values_keep_their_text_but_for_white_space_and_html(written: str, taken: str) -> None:
    members = layout.raw_members('\n{ "before" : 1 , "config" : ' + written + ' ,"after":{}}\n')
    assert members == {"before": "1", "config": taken, "after": "{}"}


def test_a_key_may_be_written_with_escapes() -> None:
    assert layout.raw_members('{"\\u006fs": "linux"}') == {"os": '"linux"'}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.sampled_from([None, 1, "\t"]))
def test_raw_members_are_what_json_reads(document: dict[str, object], indent: int | None) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    members = layout.raw_members(text)
    assert {key: json.loads(value) for key, value in members.items()} == document
    for key, value in members.items():
        compact = json.dumps(document[key], ensure_ascii=False, separators=(",", ":"))
        for character in "<>&\u2028\u2029":
            compact = compact.replace(character, f"\\u{ord(character):04x}")
        assert value == compact


# Configs of 4 MiB, with as many values as there may be.
LARGE_VALUES = {
    "a long string": """'"' + 'a' * size + '"'""",
    "escapes": r"""'"' + r'\u0041' * (size // 6) + '"'""",
    "quotes": r"""'"' + r'\"' * (size // 2) + '"'""",
    "values": """'[' + '"",' * 490_000 + '1]'""",
}

MEASURED = """
from imgcopy_docker_archive.format import raw_members
size = 4 * 1024 * 1024 - 20
value = {value}
assert raw_members('{{"config":' + value + '}}') == {{"config": value}}
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("value", LARGE_VALUES)
def test_large_values_take_little_memory(value: str) -> None:
    script = MEASURED.format(value=LARGE_VALUES[value])
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(result.stdout) < 128 * 1024


def test_a_folder_with_other_content_gets_an_id_of_its_own() -> None:
    first = layout.v1_folders([A], b'{"os":"linux"}', {})[0]
    taken = {first.id: Digest.of(first.json)}
    (same,) = layout.v1_folders([A], b'{"os":"linux","extra":1}', taken)
    assert (same.id, same.json) == (first.id, first.json)
    second = layout.v1_folders([A], b'{"os":"plan9"}', taken)[0]
    # sha256sum of {"architecture":null,…,"layer_id":"sha256:aa…a","os":"plan9"}
    assert second.id == "fd12c5866f516d10cb5ca0a2b6e0ac788786f3d1c263ea1df5c206fae7ce005a"
    assert json.loads(second.json)["id"] == second.id


def test_repositories_are_sorted_by_name_and_tag() -> None:
    ids = {
        DockerReference.parse("quay.io/b:2"): "2" * 64,
        DockerReference.parse("quay.io/b:10"): "1" * 64,
        DockerReference.parse("app:latest"): "0" * 64,
    }
    assert layout.repositories_document(ids) == (
        b'{"docker.io/library/app":{"latest":"%s"},"quay.io/b":{"10":"%s","2":"%s"}}'
        % (b"0" * 64, b"1" * 64, b"2" * 64)
    )
    assert layout.repositories_document({}) == b"{}"


def test_an_untagged_image_without_layers() -> None:
    item = layout.ManifestItem(config=layout.config_path(A), repo_tags=(), layers=())
    assert layout.manifest_document([item]) == (
        b'[{"Config":"%s.json","RepoTags":[],"Layers":null}]' % (b"a" * 64)
    )
