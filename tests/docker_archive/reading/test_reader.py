import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    AmbiguousImage,
    DockerReference,
    InvalidArchive,
    InvalidDocument,
    SourceError,
    SourceNotFound,
    TooLarge,
    UnsupportedImage,
)
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.format import ManifestItem
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._docker_images import ImageFiles, image_files
from imgcopy_docker_archive.reading.reader import ArchiveReader
from tests.docker_archive.archives import config_file, item, layer_files, manifest_json, parts
from tests.docker_archive.images import Image, make_image
from tests.docker_archive.reading.conftest import Open
from tests.docker_archive.tars import (
    altered,
    extended,
    file,
    hard_link,
    header,
    pax_record,
    symlink,
    tar,
)

MIB = 1024 * 1024


OTHER = make_image(b"other layer", os="linux", architecture="arm64")


def found(
    reader: ArchiveReader, tag: DockerReference | None = None, index: int | None = None
) -> ImageFiles:
    """The files of an image of the docker layout."""
    item = reader.choose(tag, index).content
    assert isinstance(item, ManifestItem)
    return image_files(reader.members, item)


def layers_in(data: bytes, files: ImageFiles) -> list[bytes]:
    return [data[layer.offset : layer.offset + layer.size] for layer in files.layers]


def refusal(opened: Open, data: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        found(opened(data))
    return caught.value


# --- which image ----------------------------------------------------------------------------------

THREE = [
    ["docker.io/library/app:1", "app:2"],
    ["registry.example:5000/team/app:1"],
    [],
]


@pytest.fixture
def three(opened: Open) -> ArchiveReader:
    """Three images: with a short tag, in a registry, untagged."""
    images = [make_image(b"layer %d" % n) for n in range(3)]
    items = [item(image, tags) for image, tags in zip(images, THREE, strict=True)]
    return opened(tar(*(parts(image) for image in images), manifest_json(*items)))


def test_tags_as_they_are_written(three: ArchiveReader) -> None:
    assert three.tags == [
        "docker.io/library/app:1",
        "app:2",
        "registry.example:5000/team/app:1",
        "@2",
    ]


@pytest.mark.parametrize(
    ("tag", "index"),
    [
        ("app:1", 0),
        ("docker.io/library/app:2", 0),
        ("index.docker.io/library/app:2", 0),
        ("registry.example:5000/team/app:1", 1),
    ],
)
def test_an_image_by_its_tag(three: ArchiveReader, tag: str, index: int) -> None:
    assert found(three, DockerReference.parse(tag)) == found(three, index=index)


def test_images_by_index_differ(three: ArchiveReader) -> None:
    assert len({found(three, index=index) for index in range(3)}) == 3


def test_a_tag_without_a_tag_is_latest(opened: Open, image: Image) -> None:
    reader = opened(
        tar(parts(image), parts(OTHER), manifest_json(item(image, ["app"]), item(OTHER)))
    )
    assert found(reader, DockerReference.parse("app:latest")) == found(reader, index=0)


def test_no_choice_among_several(three: ArchiveReader) -> None:
    with pytest.raises(AmbiguousImage) as caught:
        found(three)
    assert caught.value.choices == (
        "docker.io/library/app:1",
        "registry.example:5000/team/app:1",
        "@2",
    )


@pytest.mark.parametrize("tag", ["app:3", "team/app:1", "other.example/team/app:1"])
def test_no_such_tag(three: ArchiveReader, tag: str) -> None:
    with pytest.raises(SourceNotFound, match="app:2"):
        found(three, DockerReference.parse(tag))


def test_no_such_index(three: ArchiveReader) -> None:
    with pytest.raises(SourceNotFound, match="no image @3, only 3"):
        found(three, index=3)


def test_one_tag_on_two_images(opened: Open, image: Image) -> None:
    items = [item(image, ["app:1"]), item(OTHER, ["docker.io/library/app:1"])]
    reader = opened(tar(parts(image), parts(OTHER), manifest_json(*items)))
    with pytest.raises(AmbiguousImage) as caught:
        found(reader, DockerReference.parse("app:1"))
    assert caught.value.choices == ("@0", "@1")


def test_one_image_listed_twice(opened: Open, image: Image) -> None:
    items = [item(image, ["app:1"]), item(image, ["app:2"])]
    reader = opened(tar(parts(image), manifest_json(*items)))
    assert found(reader) == found(reader, DockerReference.parse("app:2")) == found(reader, index=0)


def test_a_malformed_tag_is_listed_and_names_nothing(opened: Open, image: Image) -> None:
    tags = ["App:1", "", "app@sha256:abc", "app:1"]
    reader = opened(tar(parts(image), manifest_json(item(image, tags))))
    assert reader.tags == tags
    assert found(reader, DockerReference.parse("app:1")) == found(reader)


@pytest.mark.parametrize("tags", [None, []])
def test_untagged(opened: Open, image: Image, tags: list[str] | None) -> None:
    reader = opened(tar(parts(image), manifest_json(item(image, tags))))
    assert reader.tags == ["@0"]
    assert found(reader) == found(reader, index=0)


# --- archives of other tools ----------------------------------------------------------------------


def docker_v1(image: Image) -> bytes:
    """As `docker save` 1.10 to 24 does: a folder for each layer, and links for repeated ones."""
    first, second = (f"{digest[::-1]}/layer.tar" for digest in image.layer_hexes)
    folder = header(first.replace("layer.tar", ""), type=b"5")
    layers = [first, second, "0/layer.tar"]
    return tar(
        folder,
        layer_files(image, first, second),
        symlink("0/layer.tar", f"../{first}"),
        config_file(image),
        manifest_json(item(image, ["app:1"], layers=layers)),
        file("repositories", b"{}"),
    )


def docker_hybrid(image: Image) -> bytes:
    """As `docker save` 25 and later does: an OCI layout with a manifest.json beside."""
    names = [f"blobs/sha256/{digest}" for digest in image.layer_hexes]
    config = f"blobs/sha256/{image.config_hex}"
    entry = {
        **item(image, ["app:1"], config=config, layers=[*names, names[0]]),
        "LayerSources": {"sha256:" + "0" * 64: {"mediaType": "a", "size": 1}},
        "Parent": "",
    }
    return tar(
        header("blobs/", type=b"5"),
        header("blobs/sha256/", type=b"5"),
        layer_files(image, *names),
        config_file(image, config),
        file("index.json", b"{}"),
        manifest_json(entry),
        file("oci-layout", b"{}"),
    )


def crane(image: Image) -> bytes:
    names = [f"{digest}.tar.gz" for digest in image.layer_hexes]
    config = f"sha256:{image.config_hex}"
    entry = item(image, ["app:1"], config=config, layers=[*names, names[0]])
    return tar(config_file(image, config), layer_files(image, *names), manifest_json(entry))


def manifest_first_with_leading_dots(image: Image) -> bytes:
    names = [f"./{digest}.tar" for digest in image.layer_hexes]
    entry = item(image, ["app:1"], config="./config.json", layers=[*names, names[0][2:]])
    return tar(
        header("./", type=b"5"),
        file("./manifest.json", json.dumps([entry]).encode()),
        config_file(image, "config.json"),
        layer_files(image, *names),
    )


def linked(image: Image) -> bytes:
    """Layers behind chains of links of both kinds, the file after the links."""
    entry = item(image, ["app:1"], layers=["v1/a", "b", "c"])
    return tar(
        symlink("v1/a", ".././layers/x"),
        hard_link("layers/x", "layers/y"),
        symlink("layers/y", "z"),
        hard_link("b", "./layers/second"),
        symlink("c", "v1/a"),
        layer_files(image, "layers/z", "layers/second"),
        symlink("dangling", "nowhere"),
        config_file(image),
        manifest_json(entry),
    )


@pytest.mark.parametrize(
    "make", [docker_v1, docker_hybrid, crane, manifest_first_with_leading_dots, linked]
)
def test_archives_of_other_tools(
    opened: Open, image: Image, make: Callable[[Image], bytes]
) -> None:
    data = make(image)
    reader = opened(data, Layout.DOCKER)
    files = found(reader)
    assert reader.tags == ["app:1"]
    assert layers_in(data, files) == [*image.layers, image.layers[0]]
    assert data[files.config.offset :][: files.config.size] == image.config


@pytest.mark.parametrize("layers", [None, []])
def test_no_layers(opened: Open, layers: list[str] | None) -> None:
    image = make_image()
    entry = {"Config": "c", "RepoTags": None, "Layers": layers}
    assert found(opened(tar(config_file(image, "c"), manifest_json(entry)))).layers == ()


def test_equal_members_of_the_same_name(opened: Open, image: Image) -> None:
    data = tar(parts(image), parts(image), manifest_json(item(image)), manifest_json(item(image)))
    assert layers_in(data, found(opened(data))) == list(image.layers)


def test_equal_links_of_the_same_name(opened: Open, image: Image) -> None:
    link = symlink("l", f"{image.layer_hexes[0]}.tar")
    entry = item(image, layers=["l", f"{image.layer_hexes[1]}.tar"])
    data = tar(parts(image), link, link, manifest_json(entry))
    assert layers_in(data, found(opened(data))) == list(image.layers)


def test_different_members_that_are_not_needed(opened: Open, image: Image) -> None:
    data = tar(file("x", b"1"), file("x", b"2"), parts(image), manifest_json(item(image)))
    assert layers_in(data, found(opened(data))) == list(image.layers)


# --- refusals: manifest.json ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (b"null", "$"),
        (b"{}", "$"),
        (b"[]", "$"),
        (b'"x"', "$"),
        (b"", "$"),
        (b"[{}", "$"),
        (b"[{}] []", "$"),
        (b"\xef\xbb\xbf[]", "$"),
        (b"[null]", "$[0]"),
        (b"[{}]", "$[0].Config"),
        (b'[{"Config":null}]', "$[0].Config"),
        (b'[{"Config":"c"},{"Config":7}]', "$[1].Config"),
        (b'[{"Config":"c","Layers":{}}]', "$[0].Layers"),
        (b'[{"Config":"c","Layers":["a",null]}]', "$[0].Layers[1]"),
        (b'[{"Config":"c","RepoTags":"app:1"}]', "$[0].RepoTags"),
        (b'[{"Config":"c","Config":"d"}]', "$[0]"),
        (b'[{"Config":"c","config":"d"}]', "$[0]"),
        (b'[{"Config":"c","Layers":[],"layers":["x"]}]', "$[0]"),
        (b'[{"Config":"\\ud800"}]', "$[0].Config"),
        (b"[" * 100_000, "$"),
    ],
)
def test_malformed_manifest_json(opened: Open, document: bytes, path: str) -> None:
    error = refusal(opened, tar(file("manifest.json", document), file("c", b"{}")))
    assert isinstance(error, InvalidDocument)
    assert error.path == path
    assert error.what == 'manifest.json of "a.tar"'


@pytest.mark.parametrize("size", [MIB, MIB + 1])
def test_manifest_json_up_to_1_mib(opened: Open, image: Image, size: int) -> None:
    document = json.dumps([item(image)]).encode().ljust(size)
    data = tar(parts(image), file("manifest.json", document))
    if size == MIB:
        assert layers_in(data, found(opened(data))) == list(image.layers)
    else:
        assert isinstance(refusal(opened, data), TooLarge)


@pytest.mark.parametrize("size", [4 * MIB, 4 * MIB + 1])
def test_a_config_up_to_4_mib(opened: Open, size: int) -> None:
    data = tar(file("c", bytes(size)), manifest_json({"Config": "c"}))
    if size == 4 * MIB:
        assert found(opened(data)).config.size == size
    else:
        assert isinstance(refusal(opened, data), TooLarge)


# --- refusals: other archives ---------------------------------------------------------------------


def test_no_manifest_json(opened: Open) -> None:
    error = refusal(opened, tar(file("hello", b"world")))
    assert isinstance(error, InvalidArchive)
    assert error.member == "manifest.json"


def test_an_oci_archive_that_is_no_docker_archive(opened: Open) -> None:
    with pytest.raises(UnsupportedImage) as caught:
        opened(tar(file("oci-layout", b"{}"), file("index.json", b"{}")), Layout.DOCKER)
    assert str(caught.value) == (
        'archive "a.tar" is unsupported: '
        "it is an OCI archive without manifest.json (read it with layout=oci)"
    )


def test_a_docker_archive_that_is_no_oci_archive(opened: Open, image: Image) -> None:
    with pytest.raises(InvalidArchive) as caught:
        opened(tar(parts(image), manifest_json(item(image))), Layout.OCI)
    assert (caught.value.member, caught.value.offset) == ("oci-layout", None)


# --- refusals: files ------------------------------------------------------------------------------

CHAIN = b"".join(symlink(f"l{n}", f"l{n + 1}") for n in range(50))


def sparse(name: str) -> bytes:
    return extended(b"x", pax_record("GNU.sparse.major", "1")) + file(name, b"x")


@pytest.mark.parametrize(
    ("members", "layer", "member", "problem"),
    [
        pytest.param(b"", "../../etc/passwd", "../../etc/passwd", "outside of", id="outside"),
        pytest.param(b"", "x/../../y", "x/../../y", "outside of", id="outside, hidden"),
        pytest.param(b"", "..", "..", "outside of", id="parent"),
        pytest.param(file("../x"), "../x", "../x", "outside of", id="outside, as a member"),
        pytest.param(b"", "/etc/passwd", "/etc/passwd", "not in", id="absolute"),
        pytest.param(b"", "nowhere", "nowhere", "not in", id="missing"),
        pytest.param(b"", "", "", "not in", id="empty"),
        pytest.param(header("l/", type=b"5"), "l", "l", "a directory", id="directory"),
        pytest.param(header("l", type=b"6"), "l", "l", "a FIFO", id="FIFO"),
        pytest.param(header("l", type=b"A"), "l", "l", "unknown type", id="unknown type"),
        pytest.param(altered(header("l"), {156: b"S"}), "l", "l", "sparse", id="old sparse file"),
        pytest.param(sparse("l"), "l", "l", "sparse", id="pax sparse file"),
        pytest.param(symlink("l", "nowhere"), "l", "l", "not in", id="dangling symlink"),
        pytest.param(hard_link("l", "nowhere"), "l", "l", "not in", id="dangling hard link"),
        pytest.param(symlink("l", "../l"), "l", "l", "outside of", id="symlink to outside"),
        pytest.param(symlink("a/l", "../../m"), "a/l", "a/l", "outside of", id="from a folder"),
        pytest.param(
            hard_link("a/l", "../m"), "a/l", "a/l", "outside of", id="hard link to outside"
        ),
        pytest.param(symlink("l", "/m") + file("m"), "l", "l", "outside of", id="absolute symlink"),
        pytest.param(symlink("l", "l"), "l", "l", "cycle", id="link to itself"),
        pytest.param(symlink("l", "m") + hard_link("m", "l"), "l", "m", "cycle", id="cycle"),
        pytest.param(CHAIN + file("l50"), "l0", "l39", "more than 40", id="long chain"),
        pytest.param(
            symlink("l", "d") + header("d/", type=b"5"),
            "l",
            "d",
            "a directory",
            id="link to a directory",
        ),
        pytest.param(
            file("l", b"1") + file("./l", b"2"), "l", "l", "other content", id="two contents"
        ),
        pytest.param(
            file("l", b"1") + file("x/../l", b"12"), "l", "l", "other content", id="two sizes"
        ),
        pytest.param(
            file("l") + header("l/", type=b"5"), "l", "l", "other content", id="file and directory"
        ),
        pytest.param(
            file("l") + symlink("l", "m") + file("m"), "l", "l", "other content", id="file and link"
        ),
        pytest.param(
            symlink("l", "m") + symlink("l", "n") + file("m"),
            "l",
            "l",
            "other content",
            id="two targets",
        ),
        pytest.param(
            symlink("l", "m") + file("m", b"1") + file("m", b"2"),
            "l",
            "m",
            "other content",
            id="two contents behind a link",
        ),
    ],
)
def test_layers_that_are_refused(
    opened: Open, members: bytes, layer: str, member: str, problem: str
) -> None:
    image = make_image(b"")
    data = tar(members, config_file(image), manifest_json(item(image, layers=[layer])))
    error = refusal(opened, data)
    assert isinstance(error, InvalidArchive)
    assert (error.name, error.member) == ("a.tar", member)
    assert problem in error.problem


def test_a_config_outside_of_the_archive(opened: Open, image: Image) -> None:
    entry = item(image, config="../../etc/passwd")
    error = refusal(opened, tar(parts(image), manifest_json(entry)))
    assert str(error) == (
        'invalid archive "a.tar", member "../../etc/passwd": '
        "manifest.json names it, but it is outside of the archive"
    )


def test_two_manifests_that_differ(opened: Open, image: Image) -> None:
    first, second = manifest_json(item(image)), manifest_json(item(image, ["app:1"]))
    error = refusal(opened, tar(first, parts(image), second))
    assert isinstance(error, InvalidArchive)
    assert (error.member, error.offset) == ("manifest.json", len(first) + len(parts(image)))


@pytest.mark.parametrize("equal", [True, False])
def test_large_members_of_the_same_name(opened: Open, equal: bool) -> None:
    image = make_image(b"")
    large = b"".join(bytes([n]) * MIB for n in range(3))
    data = tar(
        file("l", large + b"x"),
        file("l", large + (b"x" if equal else b"y")),
        config_file(image),
        manifest_json(item(image, layers=["l"])),
    )
    if equal:
        assert found(opened(data)).layers[0].size == len(large) + 1
    else:
        assert "other content" in str(refusal(opened, data))


@pytest.mark.parametrize("name", ["manifest.json", "c"])
def test_a_document_of_a_tebibyte_is_not_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.tar"
    with path.open("w+b", buffering=0) as sparse:
        for _ in range(2):
            sparse.write(header(name, 1024**4, format=tarfile.GNU_FORMAT))
            sparse.seek(1024**4, os.SEEK_CUR)
        sparse.write(tar(manifest_json({"Config": "c"})))
        archive = ArchiveFile(sparse, "a.tar")
        with pytest.raises(TooLarge):
            found(ArchiveReader(archive))
