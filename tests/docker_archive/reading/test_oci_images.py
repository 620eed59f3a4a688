"""The images that an OCI layout in an archive lists: which there are, and their names."""

import json
from collections.abc import Sequence

import pytest

from imgcopy_core_stubs import (
    AmbiguousImage,
    Descriptor,
    DockerReference,
    InvalidArchive,
    InvalidDocument,
    SourceError,
    SourceNotFound,
    TooLarge,
    UnsupportedImage,
)
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.reading.reader import ArchiveReader
from tests.docker_archive.archives import manifest_json
from tests.docker_archive.images import make_image
from tests.docker_archive.oci_archives import (
    MARKER,
    Blob,
    Document,
    index_json,
    index_of,
    layout,
    oci_image,
)
from tests.docker_archive.reading.conftest import Open
from tests.docker_archive.tars import file, hard_link, symlink, tar

MIB = 1024 * 1024
ONE, TWO, THREE = (oci_image(make_image(b"layer %d" % n)) for n in range(3))
MEMBERS = ONE.members + TWO.members + THREE.members


def digests(reader: ArchiveReader) -> list[str]:
    contents = [image.content for image in reader.images]
    assert all(isinstance(content, Descriptor) for content in contents)
    return [content.digest.hex for content in contents if isinstance(content, Descriptor)]


def refusal(opened: Open, data: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        opened(data)
    return caught.value


# --- which images, and their names ----------------------------------------------------------------


def test_descriptors_of_one_digest_are_one_image(opened: Open) -> None:
    one, two = ONE.manifest, TWO.manifest
    reader = opened(
        layout(
            MEMBERS,
            index_json(
                one.descriptor(full="docker.io/library/app:1", ref="1"),
                two.descriptor(),
                one.descriptor(full="example.org/app:2", ref="2"),
                one.descriptor(full="docker.io/library/app:1", ref="1"),
                one.descriptor(),
            ),
        )
    )
    assert reader.layout is Layout.OCI
    assert digests(reader) == [one.hex, two.hex]
    assert reader.tags == ["docker.io/library/app:1", "example.org/app:2", "@1"]
    for tag in ("app:1", "example.org/app:2"):
        assert reader.choose(DockerReference.parse(tag)) == reader.choose(index=0)


@pytest.mark.parametrize(
    ("full", "ref", "tags"),
    [
        ("docker.io/library/app:1", "1", ["docker.io/library/app:1"]),
        ("docker.io/library/app:1", "other:2", ["docker.io/library/app:1"]),
        ("", "app:1", ["app:1"]),
        ("", "example.org/app", ["example.org/app"]),
        ("", "localhost:5000/app:1", ["localhost:5000/app:1"]),
        ("", "1", ["@0"]),
        ("", "", ["@0"]),
        ("App:1", "", ["App:1"]),
    ],
)
def test_a_name(opened: Open, full: str, ref: str, tags: list[str]) -> None:
    described = ONE.manifest.descriptor(full=full, ref=ref)
    assert opened(layout(MEMBERS, index_json(described))).tags == tags


def test_names_that_have_no_tag_are_none(opened: Open) -> None:
    digest = "sha256:" + "0" * 64
    names = ["App:1", f"app@{digest}", f"app:1@{digest}", "app", "docker.io/library/app:latest"]
    described = [ONE.manifest.descriptor(full=name) for name in names]
    reader = opened(layout(MEMBERS, index_json(*described)))
    assert reader.tags == names
    assert reader.images[0].names == [DockerReference("docker.io", "library/app", "latest")]


def item(config: str, tags: Sequence[str] | None) -> Document:
    return {"Config": config, "RepoTags": tags, "Layers": []}


def test_names_that_only_manifest_json_has(opened: Open) -> None:
    index = index_of(THREE.manifest.descriptor())
    items = [
        item("./" + ONE.blobs[0].path, ["app:1", "app:2"]),
        item(TWO.blobs[0].path, ["app:3"]),
        item(THREE.blobs[0].path, ["app:4"]),
    ]
    reader = opened(
        layout(
            MEMBERS,
            index.member,
            manifest_json(*items),
            index_json(
                ONE.manifest.descriptor(ref="1"),
                TWO.manifest.descriptor(full="docker.io/library/named:1"),
                index.descriptor(),
            ),
        )
    )
    assert reader.tags == ["app:1", "app:2", "docker.io/library/named:1", "@2"]


def test_a_name_in_index_json_is_not_another_images_too(opened: Open) -> None:
    """`manifest.json` knows images by their configs, and an index has its image's there."""
    index = index_of(ONE.manifest.descriptor())
    reader = opened(
        layout(
            MEMBERS,
            index.member,
            manifest_json(item(ONE.blobs[0].path, ["app:1", "app:2", "App:3"])),
            index_json(
                ONE.manifest.descriptor(),
                index.descriptor(full="docker.io/library/app:1"),
                TWO.manifest.descriptor(full="App:4"),
            ),
        )
    )
    assert reader.tags == ["app:2", "App:3", "docker.io/library/app:1", "App:4"]
    assert reader.choose(DockerReference("docker.io", "library/app", "1"), None) is reader.images[1]


@pytest.mark.parametrize(
    "manifest",
    [
        file("manifest.json", b"{"),
        symlink("manifest.json", "../x"),
        manifest_json(item(ONE.blobs[0].path, None)),
        manifest_json(item("blobs/sha256/" + "0" * 64, ["app:1"])),
    ],
)
def test_a_manifest_json_that_gives_no_names(opened: Open, manifest: bytes) -> None:
    described = ONE.manifest.descriptor()
    assert opened(layout(MEMBERS, manifest, index_json(described))).tags == ["@0"]


def test_a_manifest_that_is_missing_is_listed(opened: Open) -> None:
    listed = manifest_json(item(ONE.blobs[0].path, ["app:1"]))
    reader = opened(layout(listed, index_json(ONE.manifest.descriptor())))
    assert reader.tags == ["@0"]


# --- which one is meant ---------------------------------------------------------------------------


def test_no_choice_among_several(opened: Open) -> None:
    described = [ONE.manifest.descriptor(full="app:1"), TWO.manifest.descriptor()]
    with pytest.raises(AmbiguousImage) as caught:
        opened(layout(MEMBERS, index_json(*described))).choose()
    assert caught.value.choices == ("app:1", "@1")


def test_one_name_on_two_images(opened: Open) -> None:
    one, two = (image.manifest.descriptor(full="app:1") for image in (ONE, TWO))
    reader = opened(layout(MEMBERS, index_json(one, two)))
    with pytest.raises(AmbiguousImage) as caught:
        reader.choose(DockerReference.parse("app:1"))
    assert caught.value.choices == ("@0", "@1")


def test_no_such_image(opened: Open) -> None:
    reader = opened(layout(MEMBERS, index_json(ONE.manifest.descriptor(full="app:1"))))
    with pytest.raises(SourceNotFound, match="app:1"):
        reader.choose(DockerReference.parse("app:2"))
    with pytest.raises(SourceNotFound, match="no image @1, only 1"):
        reader.choose(index=1)


def test_no_image_at_all(opened: Open) -> None:
    reader = opened(layout(index_json()))
    assert reader.tags == []
    with pytest.raises(SourceNotFound, match="it holds no image"):
        reader.choose()


# --- which layout ---------------------------------------------------------------------------------


def test_an_archive_that_is_both(opened: Open) -> None:
    config = ONE.blobs[0]
    listed = manifest_json(item(config.path, ["docker:1"]))
    described = index_json(TWO.manifest.descriptor(full="oci:1"))
    data = layout(MEMBERS, listed, described)
    assert opened(data).tags == opened(data, Layout.OCI).tags == ["oci:1"]
    assert opened(data, Layout.DOCKER).tags == ["docker:1"]


def test_an_index_json_without_the_marker(opened: Open) -> None:
    listed = manifest_json(item(ONE.blobs[0].path, ["docker:1"]))
    described = index_json(TWO.manifest.descriptor(full="oci:1"))
    assert opened(tar(MEMBERS, listed, described)).tags == ["docker:1"]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0", "1.20.300"])
def test_layouts_of_version_1(opened: Open, version: str) -> None:
    marker = json.dumps({"imageLayoutVersion": version}).encode()
    data = layout(MEMBERS, index_json(ONE.manifest.descriptor()), marker=marker)
    assert opened(data).tags == ["@0"]


@pytest.mark.parametrize(
    ("marker", "kind"),
    [
        (b"", InvalidDocument),
        (b"{}", InvalidDocument),
        (b"[]", InvalidDocument),
        (b'{"imageLayoutVersion":1}', InvalidDocument),
        (b'{"imageLayoutVersion":"1.0.0"} {}', InvalidDocument),
        (b'{"imageLayoutVersion":"9.9.9"}', UnsupportedImage),
        (b'{"imageLayoutVersion":"1.0"}', UnsupportedImage),
        (b'{"imageLayoutVersion":"1.0.0\\n"}', UnsupportedImage),
        (MARKER.ljust(4 * MIB + 1), TooLarge),
    ],
)
def test_a_marker_that_is_refused(opened: Open, marker: bytes, kind: type[SourceError]) -> None:
    data = layout(MEMBERS, index_json(ONE.manifest.descriptor()), marker=marker)
    error = refusal(opened, data)
    assert isinstance(error, kind)
    assert '"a.tar"' in str(error)


def test_two_markers_that_differ(opened: Open) -> None:
    other = file("oci-layout", b'{"imageLayoutVersion":"1.0.1"}')
    error = refusal(opened, layout(MEMBERS, index_json(ONE.manifest.descriptor()), other))
    assert isinstance(error, InvalidArchive)


def test_no_index_json(opened: Open) -> None:
    error = refusal(opened, layout(MEMBERS))
    assert str(error) == 'invalid archive "a.tar", member "index.json": it is not in the archive'


DIGEST = b'"digest":"sha256:' + b"0" * 64 + b'"'


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (b"", "$"),
        (b"[]", "$"),
        (b"{}", "$.schemaVersion"),
        (b'{"schemaVersion":2,"manifests":[]} {}', "$"),
        (b'{"schemaVersion":2,"manifests":{}}', "$.manifests"),
        (b'{"schemaVersion":2,"manifests":[],"layers":[]}', "$.layers"),
        (b'{"schemaVersion":2,"manifests":[],"manifests":[]}', "$"),
        (b'{"schemaVersion":2,"manifests":[{}]}', "$.manifests[0].digest"),
        (b'{"schemaVersion":2,"manifests":[{' + DIGEST + b"}]}", "$.manifests[0].size"),
        (b'{"schemaVersion":2,"manifests":[{"size":-1,' + DIGEST + b"}]}", "$.manifests[0].size"),
        (
            b'{"schemaVersion":2,"manifests":[{"size":1,"digest":"md5:' + b"0" * 32 + b'"}]}',
            "$.manifests[0].digest",
        ),
        (
            b'{"schemaVersion":2,"manifests":[{"size":1,"digest":"sha256:../../x"}]}',
            "$.manifests[0].digest",
        ),
        (
            b'{"schemaVersion":2,"manifests":[{"size":1,%s},{"size":2,%s}]}' % (DIGEST, DIGEST),
            "$.manifests[1].size",
        ),
        (
            b'{"schemaVersion":2,"manifests":[{"size":1,"annotations":{"a":7},' + DIGEST + b"}]}",
            "$.manifests[0].annotations.a",
        ),
        (
            json.dumps({"schemaVersion": 2, "mediaType": ONE.manifest.media_type}).encode(),
            "$.mediaType",
        ),
    ],
)
def test_a_malformed_index_json(opened: Open, document: bytes, path: str) -> None:
    error = refusal(opened, layout(MEMBERS, file("index.json", document)))
    assert isinstance(error, InvalidDocument)
    assert error.path == path
    assert error.what == 'index.json of "a.tar"'


@pytest.mark.parametrize("size", [4 * MIB, 4 * MIB + 1])
def test_an_index_json_up_to_4_mib(opened: Open, size: int) -> None:
    index = Blob(json.dumps({"schemaVersion": 2, "manifests": []}).encode().ljust(size))
    data = layout(MEMBERS, index.member, hard_link("index.json", index.path))
    if size == 4 * MIB:
        assert opened(data).tags == []
    else:
        assert isinstance(refusal(opened, data), TooLarge)
