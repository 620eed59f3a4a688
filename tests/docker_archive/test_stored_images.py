"""All images of an archive, through one open file."""

import json
import os
import threading
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    AmbiguousImage,
    ByteStream,
    DestinationExists,
    ImageReference,
    InvalidArchive,
    SourceNotFound,
    SourceReadFailed,
)
from imgcopy_docker_archive import DockerArchiveSourceOptions
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reference import DockerArchiveReference

from .archives import item, manifest_json, parts
from .compressed import COMPRESSORS
from .images import Image, make_image
from .oci_archives import index_json, layout, oci_image
from .tars import file, tar

parse = DockerArchiveReference.parse
IMAGES = [make_image(b"layer %d" % n, b"base", os="linux") for n in range(4)]
TAGS = [["app:1", "example.org/app:2", "App:3"], ["app:4", "twice:1"], [], ["twice:1"]]
NAMES = [
    ["docker.io/library/app:1", "example.org/app:2"],
    ["docker.io/library/app:4", "docker.io/library/twice:1"],
    [],
    ["docker.io/library/twice:1"],
]
CHOICES = ["docker.io/library/app:1", "docker.io/library/app:4", "@2", "@3"]
"""For each image the text by which just it is meant."""


def docker_archive() -> bytes:
    members = b"".join(parts(image) for image in IMAGES)
    items = [item(image, tags) for image, tags in zip(IMAGES, TAGS, strict=True)]
    return tar(members, manifest_json(*items))


def oci_archive() -> bytes:
    images = [oci_image(image) for image in IMAGES]
    described = [
        image.manifest.descriptor(full=tag)
        for image, tags in zip(images, TAGS, strict=True)
        for tag in tags or [""]
    ]
    return layout(*(image.members for image in images), index_json(*described))


@pytest.fixture(params=[docker_archive, oci_archive])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An archive of four images: one with tags, one that shares one of its tags, one untagged."""
    path = tmp_path / "with:colon.tar"
    path.write_bytes(request.param())
    return path


def escaped(path: Path) -> str:
    return str(path).replace(":", "\\:")


def config_of(reference: ImageReference) -> str:
    """The digest of the config of the image that a reference opens."""
    with reference.open_source() as source:
        digest: str = json.loads(source.manifest().raw)["config"]["digest"]
        return digest.removeprefix("sha256:")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_every_image(path: Path) -> None:
    with parse(escaped(path)).open_images() as images:
        references = images.references()
        assert [config_of(reference) for reference in references] == [i.config_hex for i in IMAGES]
        assert [str(reference) for reference in references] == [
            f"{escaped(path)}:{choice}" for choice in CHOICES
        ]
        assert [list(map(str, reference.names())) for reference in references] == NAMES
        assert all(reference.path == str(path) for reference in references)
        assert all(reference.scheme == "docker-archive" for reference in references)


def test_what_is_printed_means_the_same_image(path: Path) -> None:
    with parse(escaped(path)).open_images() as images:
        for reference, image in zip(images.references(), IMAGES, strict=True):
            again = parse(str(reference))
            assert again.docker_reference == reference.docker_reference
            assert config_of(again) == image.config_hex


@pytest.mark.parametrize(
    ("choice", "index", "names"),
    [
        (":example.org/app:2", 0, ["example.org/app:2"]),
        (":@1", 1, NAMES[1]),
        (":@2", 2, []),
    ],
)
def test_just_the_image_that_is_named(
    path: Path, choice: str, index: int, names: list[str]
) -> None:
    reference = parse(escaped(path) + choice)
    with reference.open_images() as images:
        (only,) = images.references()
        assert str(only) == str(reference)
        assert list(map(str, only.names())) == list(map(str, reference.names())) == names
        assert config_of(only) == IMAGES[index].config_hex


def list_images(reference: str) -> None:
    with parse(reference).open_images() as images:
        images.references()


def test_an_image_that_is_not_there(path: Path) -> None:
    before = open_files()
    for choice in (":app:9", ":@4"):
        with pytest.raises(SourceNotFound):
            list_images(escaped(path) + choice)
    with pytest.raises(AmbiguousImage):
        list_images(escaped(path) + ":twice:1")
    assert open_files() == before


def test_one_file_is_open_until_the_end(path: Path) -> None:
    before = open_files()
    with parse(escaped(path)).open_images() as images:
        path.unlink()
        for reference in images.references():
            for _ in range(2):  # closing a source leaves the archive open
                config_of(reference)
        assert open_files() == before + 1
    assert open_files() == before
    images.close()


def test_through_a_pipe(path: Path) -> None:
    fifo = path.with_name("fifo")
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(path.read_bytes()))
    writer.start()
    reference = parse(str(fifo))
    with reference.open_images() as images:
        writer.join()
        assert [config_of(image) for image in images.references()] == [i.config_hex for i in IMAGES]
    assert reference.names() == []


@pytest.mark.parametrize("compression", sorted(COMPRESSORS))
def test_a_compressed_archive(path: Path, compression: str) -> None:
    path.write_bytes(COMPRESSORS[compression](path.read_bytes()))
    with parse(escaped(path)).open_images() as images:
        assert [config_of(image) for image in images.references()] == [i.config_hex for i in IMAGES]


def test_tags_of_the_whole_archive(path: Path) -> None:
    tags = ["app:1", "example.org/app:2", "App:3", "app:4", "twice:1", "@2", "twice:1"]
    reference = parse(escaped(path))
    assert reference.tags() == tags
    with reference.open_images() as images:
        assert all(image.tags() == tags for image in images.references())


def test_not_a_place_to_write_to(path: Path) -> None:
    with parse(escaped(path)).open_images() as images, pytest.raises(DestinationExists):
        images.references()[0].open_destination()


def test_no_image_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(layout(index_json()))
    with pytest.raises(SourceNotFound, match="it holds no image"):
        list_images(str(path))


@pytest.mark.parametrize("data", [tar(file("hello")), docker_archive()[:-1024]])
def test_a_refused_archive_is_closed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    before = open_files()
    with pytest.raises(InvalidArchive):
        list_images(str(path))
    assert open_files() == before


def test_a_missing_archive_before_an_unescaped_colon(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match=r"a colon that belongs to the path is written as \\:"):
        parse(f"{tmp_path}/a:b").open_images()


def test_options_are_applied_when_the_archive_is_opened(path: Path) -> None:
    path.write_bytes(COMPRESSORS["gzip"](path.read_bytes()))
    options = DockerArchiveSourceOptions(temporary_directory="/nowhere")
    with pytest.raises(SourceReadFailed, match="/nowhere"):
        parse(escaped(path)).open_images(options)


def test_the_layout_that_is_wanted(tmp_path: Path, image: Image) -> None:
    path = tmp_path / "a.tar"
    made = oci_image(image)
    config, *layers = (blob.path for blob in made.blobs)
    listed = manifest_json(item(image, ["docker:1"], config=config, layers=layers))
    described = index_json(made.manifest.descriptor(full="docker.io/library/oci:1"))
    path.write_bytes(layout(made.members, listed, described))
    reference = parse(str(path))
    docker = DockerArchiveSourceOptions(layout=Layout.DOCKER)
    for options, name in ((None, "oci"), (docker, "docker")):
        assert list(map(str, reference.names(options))) == [f"docker.io/library/{name}:1"]
        with reference.open_images(options) as images, reference.open_source(options) as source:
            (only,) = images.references()
            assert list(map(str, only.names())) == [f"docker.io/library/{name}:1"]
            with only.open_source() as again:
                assert again.manifest() == source.manifest()
            assert (source.manifest().raw == made.manifest.raw) is (name == "oci")


@pytest.mark.parametrize("kind", ["docker", "oci"])
def test_the_time_is_linear(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is counted in reads, which does not hang on the machine."""
    counts = []
    for count in (50, 100):
        images = [make_image(b"%d" % n) for n in range(count)]
        if kind == "docker":
            items = [item(image, [f"app:{n}"]) for n, image in enumerate(images)]
            data = tar(*(parts(image) for image in images), manifest_json(*items))
        else:
            made = [oci_image(image) for image in images]
            described = [m.manifest.descriptor(ref=f"app:{n}") for n, m in enumerate(made)]
            data = layout(*(m.members for m in made), index_json(*described))
        path = tmp_path / "a.tar"
        path.write_bytes(data)
        counts.append(reads_of_everything(path, monkeypatch))
    assert counts[1] < 2.1 * counts[0]


def reads_of_everything(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    count = 0
    read = os.pread

    def counting(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal count
        count += 1
        return read(descriptor, size, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", counting)
        with parse(str(path)).open_images() as images:
            for reference in images.references():
                config_of(reference)
    return count


def test_a_compressed_layer_that_images_share_is_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = COMPRESSORS["gzip"](IMAGES[0].layers[1])
    images = [make_image(IMAGES[0].layers[1], os=f"os{n}") for n in range(5)]
    configs = b"".join(file(f"{image.config_hex}.json", image.config) for image in images)
    items = [item(image, [f"app:{n}"], layers=["base"]) for n, image in enumerate(images)]
    path = tmp_path / "a.tar"
    path.write_bytes(tar(file("base", base), configs, manifest_json(*items)))
    opened: list[object] = []
    stream = ArchiveFile.stream

    def counting(archive: ArchiveFile, offset: int, size: int) -> ByteStream:
        opened.append(size)
        return stream(archive, offset, size)

    monkeypatch.setattr(ArchiveFile, "stream", counting)
    with parse(str(path)).open_images() as stored:
        for reference in stored.references():
            with reference.open_source() as source:
                (layer,) = json.loads(source.manifest().raw)["layers"]
                assert layer["size"] == len(IMAGES[0].layers[1])
    assert opened == [len(base)]
