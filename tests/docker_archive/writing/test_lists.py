"""Which image has which tag, in `manifest.json` and in `index.json` of an archive to append to."""

import hashlib
import json
import time
from collections.abc import Iterator

from imgcopy_core_stubs import Descriptor, Digest, DockerReference, JsonObject
from imgcopy_docker_archive.format import ManifestItem
from imgcopy_docker_archive.writing._image_list import ImageList
from imgcopy_docker_archive.writing._index_list import IndexList

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
FULL_NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"
MANY = 3000
"""Tags; what takes them away one by one and reads all others each time takes half a minute."""


def reference(name: str) -> DockerReference:
    return DockerReference.parse(name)


def hex_of(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def descriptor(number: int) -> Descriptor:
    return Descriptor(Digest("sha256", hex_of(number)), 7, OCI_MANIFEST)


def entry(number: int, **annotations: str) -> JsonObject:
    """A descriptor of `index.json`; `full` and `ref` are the annotations with names."""
    keys = {"full": FULL_NAME, "ref": REF_NAME}
    named: JsonObject = {keys.get(key, key): value for key, value in annotations.items()}
    found: JsonObject = {
        "mediaType": OCI_MANIFEST,
        "digest": f"sha256:{hex_of(number)}",
        "size": 7,
    }
    return {**found, "annotations": named} if named else found


def tags(images: ImageList) -> dict[str, list[str]]:
    return {
        item["Config"]: item["RepoTags"] for item in json.loads(images.document("archive")) or ()
    }


def annotations(index: IndexList) -> Iterator[tuple[str, dict[str, str] | None]]:
    for each in json.loads(index.document())["manifests"]:
        yield each["digest"].removeprefix("sha256:"), each.get("annotations")


class TestManifestJson:
    def test_items_of_one_config_are_one_image_with_all_their_tags(self) -> None:
        images = ImageList(
            [
                ManifestItem("a", ("one:1", "two:2"), ("l",), {"Parent": "p"}),
                ManifestItem("b", ("other:1",), ()),
                ManifestItem("a", ("three:3", "one:1", "not a tag"), ("l",)),
            ]
        )
        assert tags(images) == {
            "a": ["one:1", "two:2", "three:3", "not a tag"],
            "b": ["other:1"],
        }
        images.add("a", ["l"], [reference("new:1")])
        images.add("b", [], [reference("three:3")])
        assert tags(images) == {
            "a": ["one:1", "two:2", "not a tag", "docker.io/library/new:1"],
            "b": ["other:1", "docker.io/library/three:3"],
        }
        (first, _) = json.loads(images.document("archive"))
        assert (first["Layers"], first["Parent"]) == (["l"], "p")

    def test_a_tag_is_taken_from_all_images_that_have_it(self) -> None:
        images = ImageList(
            [
                ManifestItem("a", ("app:1", "docker.io/library/app:1"), ()),
                ManifestItem("b", (), ()),
                ManifestItem("c", ("app:1", "app"), ()),
            ]
        )
        images.add("b", [], [reference("app:1")])
        assert tags(images) == {"a": [], "b": ["docker.io/library/app:1"], "c": ["app"]}
        images.untag([reference("app:1"), reference("app:1"), reference("app:latest")])
        assert tags(images) == {"a": [], "b": [], "c": []}

    def test_a_tag_that_the_image_shares_becomes_its_own(self) -> None:
        images = ImageList([ManifestItem("a", ("app:1",), ()), ManifestItem("b", ("app:1",), ())])
        images.add("a", [], [reference("app:1")])
        assert tags(images) == {"a": ["docker.io/library/app:1"], "b": []}

    def test_a_tag_that_the_image_has_stays_as_it_is_written(self) -> None:
        images = ImageList([ManifestItem("a", ("app:1", "app:2"), ())])
        images.add("a", [], [reference("app:2"), reference("app:1")])
        assert tags(images) == {"a": ["app:1", "app:2"]}

    def test_many_tags_move_in_little_time(self) -> None:
        texts = [f"docker.io/library/app:{number}" for number in range(MANY)]
        images = ImageList([ManifestItem("a", tuple(texts), ())])
        start = time.process_time()
        images.add("b", [], [reference(text) for text in texts[: MANY // 2]])
        for text in texts[MANY // 2 :]:
            images.add("c", [], [reference(text)])
        assert time.process_time() - start < 5
        expected = {"a": [], "b": texts[: MANY // 2], "c": texts[MANY // 2 :]}
        assert tags(images) == expected


class TestIndexJson:
    def test_a_full_name_in_ref_name_is_a_name(self) -> None:
        index = IndexList([entry(1, ref="docker.io/library/app:1"), entry(1, ref="example.org/b")])
        index.add(descriptor(2), [reference("app:1"), reference("example.org/b:latest")])
        assert list(annotations(index)) == [
            (hex_of(1), None),
            (hex_of(2), {FULL_NAME: "docker.io/library/app:1", REF_NAME: "1"}),
            (hex_of(2), {FULL_NAME: "example.org/b:latest", REF_NAME: "latest"}),
        ]

    def test_a_bare_tag_in_ref_name_is_none(self) -> None:
        index = IndexList([entry(1, ref="1"), entry(1, ref="app")])
        index.add(descriptor(2), [reference("app"), reference("1")])
        assert list(annotations(index))[:2] == [
            (hex_of(1), {REF_NAME: "1"}),
            (hex_of(1), {REF_NAME: "app"}),
        ]

    def test_ref_name_is_no_name_beside_a_full_one(self) -> None:
        index = IndexList([entry(1, full="example.org/a:1", ref="example.org/b:1")])
        index.add(descriptor(2), [reference("example.org/b:1")])
        assert dict(annotations(index))[hex_of(1)] == {
            FULL_NAME: "example.org/a:1",
            REF_NAME: "example.org/b:1",
        }

    def test_a_tag_is_taken_from_all_images_that_have_it(self) -> None:
        index = IndexList(
            [
                entry(1, full="docker.io/library/app:1", other="kept"),
                entry(2, full="app:1"),
                entry(2, full="app:1", ref="1"),
                entry(2, full="app:2"),
            ]
        )
        index.add(descriptor(3), [reference("app:1")])
        assert list(annotations(index)) == [
            (hex_of(1), {"other": "kept"}),
            (hex_of(2), {FULL_NAME: "app:2"}),
            (hex_of(3), {FULL_NAME: "docker.io/library/app:1", REF_NAME: "1"}),
        ]

    def test_what_an_index_says_of_an_image_stays_when_it_gets_a_tag(self) -> None:
        described: JsonObject = {
            "platform": {"os": "linux", "architecture": "arm64"},
            "artifactType": "application/x",
            "urls": ["https://example.org/x"],
        }
        for before, kept in (
            (entry(1), []),
            (entry(1, other="kept"), [{"other": "kept"}]),
            (entry(1, full="example.org/a:1"), [{FULL_NAME: "example.org/a:1"}]),
        ):
            index = IndexList([{**before, **described}])
            index.add(descriptor(1), [reference("app:1"), reference("app:2")])
            for each in json.loads(index.document())["manifests"]:
                rest = {key: value for key, value in each.items() if key != "annotations"}
                assert rest == {**entry(1), **described}
            assert [names for _, names in annotations(index)] == [
                *kept,
                {FULL_NAME: "docker.io/library/app:1", REF_NAME: "1"},
                {FULL_NAME: "docker.io/library/app:2", REF_NAME: "2"},
            ]

    def test_many_tags_move_in_little_time(self) -> None:
        texts = [f"docker.io/library/app:{number}" for number in range(MANY)]
        index = IndexList([entry(1, full=text) for text in texts])
        start = time.process_time()
        index.add(descriptor(2), [reference(text) for text in texts])
        assert time.process_time() - start < 5
        named = [(digest, names and names[FULL_NAME]) for digest, names in annotations(index)]
        assert named == [(hex_of(1), None), *((hex_of(2), text) for text in texts)]
