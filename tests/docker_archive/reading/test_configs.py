"""Configs that many images of an archive have: parsed once, and with the same result for each."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    DigestMismatch,
    InvalidDestination,
    InvalidDocument,
    Outcome,
)
from imgcopy_docker_archive import DockerArchiveSourceOptions
from imgcopy_docker_archive._stored_images import open_source
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reference import DockerArchiveReference
from imgcopy_docker_archive.writing._old_archive import OldArchive
from tests.docker_archive.archives import config_file, item, layer_files, manifest_json
from tests.docker_archive.images import Image, digest_of, make_image
from tests.docker_archive.tars import file, hard_link, tar

LABELS = {f"label {number}": "value" for number in range(25_000)}
COUNT = 400
"""Images that have the config; to parse it for each of them takes about 15 seconds."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tar"


@pytest.fixture
def in_little_time() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < 4


LARGE = make_image(b"base", b"top", config={"Labels": LABELS})
INVALID = Image(LARGE.layers, LARGE.config[:-1])
LONG = make_image(*(b"%d" % number for number in range(9000)))


def with_many_images(image: Image, layers: list[str]) -> bytes:
    items = [
        {"Config": f"{'./' * (n % 9)}c", "RepoTags": [f"app:{n}"], "Layers": layers}
        for n in range(COUNT)
    ]
    files = file("l0", b"base") + file("l1", b"top")
    return tar(config_file(image, "c"), files, manifest_json(*items))


DATA: dict[str, Callable[[], bytes]] = {
    "sound": lambda: with_many_images(LARGE, ["l0", "l1"]),
    "invalid": lambda: with_many_images(INVALID, ["l0", "l1"]),
    "of another number of layers": lambda: with_many_images(LONG, ["l0", "l1"]),
}


@pytest.mark.parametrize("data", DATA)
def test_many_images_are_opened(path: Path, data: str, in_little_time: None) -> None:
    path.write_bytes(DATA[data]())
    found = set()
    with DockerArchiveReference(str(path)).open_images() as images:
        for image in images.references():
            try:
                with image.open_source() as source:
                    found.add(source.manifest().raw)
            except InvalidDocument as error:
                found.add(error.problem.encode())
    (one,) = (text.replace(b"./", b"") for text in found if b"./" not in text)
    if data == "sound":
        assert f"sha256:{LARGE.config_hex}".encode() in one
        assert [each["digest"][7:] for each in json.loads(one)["layers"]] == LARGE.layer_hexes
    elif data == "invalid":
        assert one.startswith(b"not JSON")
    else:
        assert one == b'the image has 2 layers, its config "c" has 9000 diff IDs'


@pytest.mark.parametrize("data", DATA)
def test_many_images_are_examined(path: Path, data: str, in_little_time: None) -> None:
    path.write_bytes(DATA[data]())
    with DockerArchiveReference(str(path)).open_images() as images:
        verdicts = images.examine().verdicts
    skopeo = [each for each in verdicts if each.reader == "skopeo docker-archive:"]
    assert len(skopeo) == COUNT
    expected = {
        "sound": (Outcome.LOADS, ""),
        "invalid": (Outcome.REFUSES, 'the config "c" is invalid'),
        "of another number of layers": (
            Outcome.REFUSES,
            "the number of its layers is 2, and not 9000 as its config says",
        ),
    }
    assert (skopeo[0].outcome, skopeo[0].reason) == expected[data]


@pytest.mark.parametrize("data", DATA)
def test_one_appends_to_many_images(path: Path, data: str, in_little_time: None) -> None:
    path.write_bytes(DATA[data]())
    if data == "invalid":
        with pytest.raises(InvalidDestination, match="not JSON"):
            OldArchive(str(path), temporary_directory=None)
    else:
        with OldArchive(str(path), temporary_directory=None) as old:
            assert len(old.contents.items) == COUNT
            assert old.contents.blobs == {}  # these layers are not named by diff IDs


# --- what images with one config do not have in common --------------------------------------------


def test_images_of_one_config_with_other_numbers_of_layers(path: Path, image: Image) -> None:
    names = [f"{digest}.tar" for digest in image.layer_hexes]
    layers: list[list[str]] = [names[:1], names, [], names]
    items = [item(image, layers=each) for each in layers]
    path.write_bytes(tar(layer_files(image), config_file(image), manifest_json(*items)))
    found = []
    with DockerArchiveReference(str(path)).open_images() as images:
        for each in images.references():
            try:
                with each.open_source() as source:
                    manifest = json.loads(source.manifest().raw)
                found.append([layer["digest"][7:] for layer in manifest["layers"]])
            except InvalidDocument as error:
                found.append([error.problem.partition(",")[0]])
    assert found == [
        ["the image has 1 layers"],
        image.layer_hexes,
        ["the image has 0 layers"],
        image.layer_hexes,
    ]
    with OldArchive(str(path), temporary_directory=None) as old:
        assert old.contents.blobs == {digest_of(layer): len(layer) for layer in image.layers}


def test_one_config_under_a_right_and_a_wrong_digest(path: Path, image: Image) -> None:
    wrong = f"{'0' * 64}.json"
    path.write_bytes(
        tar(
            *(config_file(image), hard_link(wrong, f"{image.config_hex}.json")),
            *(layer_files(image), manifest_json(item(image), item(image, config=wrong))),
        )
    )
    options = DockerArchiveSourceOptions()
    with DockerArchiveReference(str(path)).open_images(options) as images:
        first, second = images.references()
        first.open_source().close()
        with pytest.raises(DigestMismatch, match=wrong):
            second.open_source()
    with pytest.raises(DigestMismatch, match=wrong):
        open_source(str(path), None, 1, options)


def test_an_invalid_config_has_the_name_by_which_it_is_read(path: Path) -> None:
    content = b'{"rootfs":{"diff_ids":["sha256:abc"]}}'
    digest = hashlib.sha256(content).hexdigest()
    path.write_bytes(tar(file("c", content)))
    with path.open("rb") as opened:
        members = ArchiveMembers(ArchiveFile(opened, "a.tar"))
        for name in ("one", "two"):
            with pytest.raises(InvalidDocument) as caught:
                members.configs.read(members.file("c"), name, layer_count=1, digest=digest)
            assert (caught.value.what, caught.value.path) == (name, "$.rootfs.diff_ids[0]")
            with pytest.raises(DigestMismatch):
                members.configs.read(members.file("c"), name, layer_count=1, digest="0" * 64)


def test_diff_ids_are_kept_for_as_many_layers_only(path: Path) -> None:
    """Thousands of configs, each with very many diff IDs, would need gigabytes of memory."""
    path.write_bytes(tar(config_file(LONG, "c")))
    with path.open("rb") as opened:
        members = ArchiveMembers(ArchiveFile(opened, "a.tar"))
        member = members.file("c")
        config = members.configs.read(member, "config", layer_count=8999)
        assert (config.layer_count, config.diff_ids) == (9000, None)
        found = members.configs.read(member, "config", layer_count=9000).diff_ids
        assert found is not None
        assert [digest.hex for digest in found] == LONG.layer_hexes
