"""Archives that images are appended to: what they hold, held against a model."""

import errno
import fcntl
import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    BlobInfo,
    CopyOptions,
    DestinationExists,
    Digest,
    ImageReference,
    InvalidDestination,
    InvalidOption,
    copy_image,
)
from imgcopy_core_stubs.transports.oci import OciTransport
from imgcopy_docker_archive import DockerArchive, DockerArchiveDestinationOptions, Existing
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.transport import DockerArchiveTransport

from . import expected_archive
from .source_layouts import OCI_MANIFEST, SourceLayout

LAYERS = [bytes([number]) * (300 * number + 1) for number in range(4)]
IMAGES: list[tuple[int, ...]] = [(0, 1), (0, 1, 2), (3,), (), (0, 1)]
TAGS = ["app:1", "app:2", "example.org/b:1"]
FULL = {"app:1": "docker.io/library/app:1", "app:2": "docker.io/library/app:2"}


def appending(**more: Any) -> DockerArchiveDestinationOptions:
    return DockerArchiveDestinationOptions(existing=Existing.APPEND, **more)


def target(path: Path, tag: str = "") -> ImageReference:
    return DockerArchiveTransport().parse_reference(f"{path}:{tag}" if tag else str(path))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[ImageReference]:
    """A reference to each of `IMAGES`; the last has another config on the first one's layers."""
    layout = SourceLayout(tmp_path_factory.mktemp("source") / "layout")
    return [
        OciTransport().parse_reference(
            layout.add(
                layout.manifest(*(LAYERS[n] for n in layers), author=str(number)), f"i{number}"
            )
        )
        for number, layers in enumerate(IMAGES)
    ]


def manifest_bytes(source: ImageReference) -> bytes:
    with source.open_source() as opened:
        return opened.manifest().raw


class Model:
    """What an archive holds after any number of copies: images in order, and who has each tag."""

    def __init__(self) -> None:
        self.images: dict[int, list[str]] = {}

    def copy(self, image: int, tags: list[str]) -> None:
        names = [FULL.get(tag, tag) for tag in tags]
        mine = self.images.setdefault(image, [])
        for other in self.images.values():
            if other is not mine:
                other[:] = [name for name in other if name not in names]
        mine += [name for name in dict.fromkeys(names) if name not in mine]


STEP = st.tuples(
    st.integers(0, len(IMAGES) - 1),
    st.lists(st.sampled_from(TAGS), max_size=2),
    st.booleans(),  # whether another session begins
)
SETTINGS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def sessions(steps: list[tuple[int, list[str], bool]]) -> Iterator[list[tuple[int, list[str]]]]:
    session: list[tuple[int, list[str]]] = []
    for image, tags, ends in steps:
        session.append((image, tags))
        if ends:
            yield session
            session = []
    if session:
        yield session


def write(
    path: Path, sources: list[ImageReference], steps: list[tuple[int, list[str]]], layout: Layout
) -> None:
    with DockerArchive(str(path), appending(layout=layout)) as archive:
        for image, tags in steps:
            copy_image(sources[image], archive.reference(*tags))
        archive.commit()


@pytest.mark.parametrize("layout", Layout)
@given(steps=st.lists(STEP, min_size=1, max_size=8))
@SETTINGS
def test_any_sequence_of_copies_and_appends_equals_the_model(
    sources: list[ImageReference],
    tmp_path: Path,
    layout: Layout,
    steps: list[tuple[int, list[str], bool]],
) -> None:
    path, at_once = tmp_path / "a.tar", tmp_path / "b.tar"
    path.unlink(missing_ok=True)
    at_once.unlink(missing_ok=True)
    model = Model()
    for session in sessions(steps):
        write(path, sources, session, layout)
    write(at_once, sources, [(image, tags) for image, tags, _ in steps], layout)
    for image, tags, _ in steps:
        model.copy(image, tags)

    data = path.read_bytes()
    members = expected_archive.read(data)  # which refuses a name that is there twice
    items = json.loads(members["manifest.json"])
    assert [item["RepoTags"] for item in items] == list(model.images.values())
    for item, image in zip(items, model.images, strict=True):
        config = json.loads(members[item["Config"]])
        assert config["author"] == str(image)
        assert len(item["Layers"] or []) == len(IMAGES[image])
        for name, number in zip(item["Layers"] or [], IMAGES[image], strict=True):
            assert unpacked(members[name]) == LAYERS[number]
    if layout is Layout.OCI:
        check_index(members, model, sources)
    else:
        check_repositories(members, model)
    assert data == at_once.read_bytes(), "appending gives the bytes of one session"


def unpacked(layer: bytes | str) -> bytes:
    assert isinstance(layer, bytes)
    return gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer


def check_index(
    members: dict[str, bytes | str], model: Model, sources: list[ImageReference]
) -> None:
    found: dict[str, list[str]] = {}
    for entry in json.loads(members["index.json"])["manifests"]:
        names = found.setdefault(entry["digest"], [])
        if "annotations" in entry:
            names.append(entry["annotations"]["io.containerd.image.name"])
            assert names[-1].endswith(
                ":" + entry["annotations"]["org.opencontainers.image.ref.name"]
            )
    expected = {
        "sha256:" + hashlib.sha256(manifest_bytes(sources[image])).hexdigest(): tags
        for image, tags in model.images.items()
    }
    assert found == expected
    for digest in found:
        blob = members["blobs/sha256/" + digest.removeprefix("sha256:")]
        assert isinstance(blob, bytes)
        assert "sha256:" + hashlib.sha256(blob).hexdigest() == digest
    assert json.loads(members["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def check_repositories(members: dict[str, bytes | str], model: Model) -> None:
    tagged = {name: image for image, tags in model.images.items() for name in tags if IMAGES[image]}
    if not any(IMAGES[image] for image in model.images):
        assert "repositories" not in members
        return
    found = {
        f"{name}:{tag}": folder
        for name, tags in json.loads(members["repositories"]).items()
        for tag, folder in tags.items()
    }
    assert found.keys() == tagged.keys()
    for name, folder in found.items():
        document = json.loads(members[f"{folder}/json"])
        assert document["id"] == folder
        link = members[f"{folder}/layer.tar"]
        assert isinstance(link, str)
        top = LAYERS[IMAGES[tagged[name]][-1]]
        assert link == f"../{hashlib.sha256(top).hexdigest()}.tar"


@pytest.mark.parametrize("layout", Layout)
def test_layers_that_are_there_are_not_read_from_the_source(tmp_path: Path, layout: Layout) -> None:
    source = SourceLayout(tmp_path / "layout")
    base = source.manifest(LAYERS[1])
    derived = source.manifest(LAYERS[1], LAYERS[2])
    first, second = source.add(base, "base"), source.add(derived, "derived")
    path = tmp_path / "a.tar"
    oci = OciTransport()
    copy_image(
        oci.parse_reference(first),
        target(path, "base:1"),
        destination_options=appending(layout=layout),
    )
    base_layer = json.loads((source.path / "blobs" / "sha256" / base["digest"][7:]).read_bytes())
    (source.path / "blobs" / "sha256" / base_layer["layers"][0]["digest"][7:]).unlink()

    copy_image(
        oci.parse_reference(second), target(path, "derived:1"), destination_options=appending()
    )

    items = json.loads(expected_archive.read(path.read_bytes())["manifest.json"])
    assert [item["RepoTags"] for item in items] == [
        ["docker.io/library/base:1"],
        ["docker.io/library/derived:1"],
    ]
    assert items[0]["Layers"][0] == items[1]["Layers"][0]


def test_a_failed_append_leaves_the_archive_as_it_was(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    path = tmp_path / "a.tar"
    copy_image(sources[0], target(path, "app:1"))
    before = path.read_bytes()
    broken = SourceLayout(tmp_path / "layout")
    reference = broken.add(broken.manifest(LAYERS[3]), "broken")
    for blob in (broken.path / "blobs" / "sha256").iterdir():
        if blob.read_bytes()[:2] == b"\x1f\x8b":
            blob.write_bytes(blob.read_bytes()[:-1] + b"x")

    with pytest.raises(Exception, match="sha256:"):
        copy_image(
            OciTransport().parse_reference(reference), target(path), destination_options=appending()
        )

    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["a.tar", "layout"]


def test_the_new_archive_keeps_the_old_ones_permissions(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    path = tmp_path / "a.tar"
    copy_image(sources[0], target(path))
    path.chmod(0o640)
    copy_image(sources[2], target(path), destination_options=appending())
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_empty_file_and_none_are_begun(sources: list[ImageReference], tmp_path: Path) -> None:
    (tmp_path / "empty.tar").touch()
    for name in ("empty.tar", "none.tar"):
        copy_image(sources[0], target(tmp_path / name, "app:1"), destination_options=appending())
    copy_image(sources[0], target(tmp_path / "plain.tar", "app:1"))
    plain = (tmp_path / "plain.tar").read_bytes()
    assert (tmp_path / "empty.tar").read_bytes() == plain
    assert (tmp_path / "none.tar").read_bytes() == plain


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"text", "does not begin as a tar"),
        (bytes(10240), "does not begin as a tar"),
        (
            expected_archive.archive(expected_archive.member("a", b"")),
            "it is not in the archive",
        ),
        (
            expected_archive.archive(expected_archive.member("manifest.json", b"{}")),
            "must be a list of at least one",
        ),
        (
            expected_archive.archive(
                expected_archive.member("manifest.json", b"[]"),
                expected_archive.member("manifest.json", b"[ ]"),
            ),
            "another member has the same name",
        ),
    ],
)
def test_what_is_no_archive_is_refused(
    sources: list[ImageReference], tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(InvalidDestination, match=problem):
        copy_image(sources[0], target(path), destination_options=appending())
    assert path.read_bytes() == content


def test_the_archives_layout_stays(sources: list[ImageReference], tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    copy_image(sources[0], target(path), destination_options=appending(layout=Layout.OCI))
    copy_image(sources[2], target(path), destination_options=appending())
    assert len(json.loads(expected_archive.read(path.read_bytes())["index.json"])["manifests"]) == 2
    with pytest.raises(
        InvalidDestination, match="it has the oci layout, so no image of the docker"
    ):
        copy_image(sources[3], target(path), destination_options=appending(layout=Layout.DOCKER))


@pytest.mark.parametrize("v1_folders", [True, False])
def test_the_archive_stays_with_v1_folders_or_without(
    sources: list[ImageReference], tmp_path: Path, v1_folders: bool
) -> None:
    path, at_once = tmp_path / "a.tar", tmp_path / "b.tar"
    as_first = DockerArchiveDestinationOptions(v1_folders=v1_folders)
    copy_image(sources[0], target(path, "app:1"), destination_options=as_first)
    before = path.read_bytes()
    with pytest.raises(InvalidOption, match=f"has {'them' if v1_folders else 'none'} ") as caught:
        copy_image(
            sources[1],
            target(path, "app:2"),
            destination_options=appending(v1_folders=not v1_folders),
        )
    assert caught.value.option == "v1_folders"
    assert path.read_bytes() == before

    copy_image(sources[1], target(path, "app:2"), destination_options=appending())
    copy_image(
        sources[2],
        target(path, "example.org/b:1"),
        destination_options=appending(v1_folders=v1_folders),
    )

    with DockerArchive(str(at_once), as_first) as archive:
        for source, tag in zip(sources, ("app:1", "app:2", "example.org/b:1"), strict=False):
            copy_image(source, archive.reference(tag))
        archive.commit()
    assert path.read_bytes() == at_once.read_bytes()
    members = expected_archive.read(path.read_bytes())
    links = [content for content in members.values() if isinstance(content, str)]
    # The first two images share one layer's folder; the next has a config's values in one only.
    assert len(links) == (5 if v1_folders else 0)
    assert ("repositories" in members) is v1_folders


@pytest.mark.parametrize("v1_folders", [True, False])
def test_an_archive_without_a_layer_can_go_on_with_v1_folders_or_without(
    sources: list[ImageReference], tmp_path: Path, v1_folders: bool
) -> None:
    path = tmp_path / "a.tar"
    copy_image(sources[3], target(path, "app:1"))
    options = appending(v1_folders=v1_folders)
    copy_image(sources[0], target(path, "app:2"), destination_options=options)
    assert ("repositories" in expected_archive.read(path.read_bytes())) is v1_folders


def test_digests_cannot_be_kept_in_an_archive_of_the_docker_layout(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    path = tmp_path / "a.tar"
    copy_image(sources[0], target(path))
    keeping = CopyOptions(preserve_digests=True)
    with pytest.raises(InvalidDestination, match="it has the docker layout"):
        copy_image(sources[2], target(path), options=keeping, destination_options=appending())
    explicit = DockerArchiveDestinationOptions(layout=Layout.DOCKER)
    with pytest.raises(InvalidOption, match="the docker layout cannot keep digests"):
        copy_image(
            sources[2], target(tmp_path / "b.tar"), options=keeping, destination_options=explicit
        )


def test_an_archive_that_another_tool_wrote(sources: list[ImageReference], tmp_path: Path) -> None:
    """As `docker save` wrote it: folders, lists in the middle, short names, more keys."""
    layer, config_layer = b"old layer", hashlib.sha256(b"old layer").hexdigest()
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [f"sha256:{config_layer}"]}})
    config_name = hashlib.sha256(config.encode()).hexdigest() + ".json"
    item = {"Config": config_name, "RepoTags": ["old:1"], "Layers": ["f/layer.tar"], "Parent": "p"}
    path = tmp_path / "a.tar"
    member = expected_archive.member
    path.write_bytes(
        expected_archive.archive(
            member("manifest.json", json.dumps([item]).encode()),
            member(config_name, config.encode()),
            member("repositories", b'{"old":{"1":"f"}}'),
            member("f/layer.tar", layer),
        )
    )

    copy_image(sources[0], target(path, "app:1"), destination_options=appending())

    members = expected_archive.read(path.read_bytes())
    items = json.loads(members["manifest.json"])
    assert items[0] == item
    assert items[1]["RepoTags"] == ["docker.io/library/app:1"]
    assert members["f/layer.tar"] == layer
    assert json.loads(members["repositories"])["docker.io/library/old"] == {"1": "f"}


def test_what_another_tool_says_of_an_image_stays_as_it_is_written(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    """Numbers too that no integer of 64 bits holds, and text beyond ASCII."""
    others = (
        '"Extra":[1.50,1e3,-0,20000000000000000000,7,null,true],'
        '"Na\u00efve":{"b":"\U0001f433","a":"\\u003cp\\u003e"}'
    )
    item = f'{{"Config":"c.json","RepoTags":["old:1"],"Layers":null,{others}}}'
    path = tmp_path / "a.tar"
    member = expected_archive.member
    path.write_bytes(
        expected_archive.archive(
            member("c.json", b'{"rootfs":{"type":"layers","diff_ids":[]}}'),
            member("manifest.json", f"[{item}]".encode()),
        )
    )

    copy_image(sources[0], target(path, "app:1"), destination_options=appending())

    listed = expected_archive.read(path.read_bytes())["manifest.json"]
    assert isinstance(listed, bytes)
    assert listed.decode().startswith(f"[{item},")


def test_an_archive_that_lists_one_image_twice(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    """With one tag each time, as some tools write it: no tag is lost."""
    config = b'{"rootfs":{"type":"layers","diff_ids":[]}}'
    items = [{"Config": "c.json", "RepoTags": [tag], "Layers": []} for tag in ("one:1", "two:2")]
    path = tmp_path / "a.tar"
    member = expected_archive.member
    path.write_bytes(
        expected_archive.archive(
            member("c.json", config), member("manifest.json", json.dumps(items).encode())
        )
    )

    copy_image(sources[0], target(path, "app:1"), destination_options=appending())

    listed = json.loads(expected_archive.read(path.read_bytes())["manifest.json"])
    assert [(item["Config"], item["RepoTags"]) for item in listed[:1]] == [
        ("c.json", ["one:1", "two:2"])
    ]
    assert [item["RepoTags"] for item in listed[1:]] == [["docker.io/library/app:1"]]


def test_a_tag_moves_from_an_image_that_is_named_by_ref_name(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    old, path = SourceLayout(tmp_path / "old"), tmp_path / "a.tar"
    old.add(old.manifest(LAYERS[1]), "docker.io/library/app:1")
    with tarfile.open(path, "w") as tar:
        tar.add(old.path, "")

    copy_image(sources[2], target(path, "app:1"), destination_options=appending())

    with target(path, "app:1").open_source() as source:  # which would be ambiguous
        assert source.manifest().raw == manifest_bytes(sources[2])
    with target(path).open_images() as images:
        assert [[str(name) for name in image.names()] for image in images.references()] == [
            [],
            ["docker.io/library/app:1"],
        ]


def test_a_compressed_archive_stays_compressed(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    path, plain = tmp_path / "a.tar.gz", tmp_path / "a.tar"
    for place in (path, plain):
        copy_image(sources[0], target(place, "app:1"), destination_options=appending())
        copy_image(sources[1], target(place, "app:2"), destination_options=appending())
    assert gzip.decompress(path.read_bytes()) == plain.read_bytes()


def test_who_appends_to_nothing_is_not_told_to_replace_what_came(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    path = tmp_path / "x.tar"
    with DockerArchive(str(path), appending()) as archive:
        copy_image(sources[0], archive.reference("app:1"))
        path.write_bytes(b"of another program")
        with pytest.raises(DestinationExists) as caught:
            archive.commit()
    assert str(caught.value) == (
        f'"{path}" already exists (it was not when this began; do it again to append to it)'
    )
    assert path.read_bytes() == b"of another program"


def test_another_archive_that_came_meanwhile_is_not_replaced(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    path, other = tmp_path / "x.tar", tmp_path / "other.tar"
    copy_image(sources[0], target(path, "app:1"))
    copy_image(sources[2], target(other, "app:2"))
    replacement = other.read_bytes()
    with DockerArchive(str(path), appending()) as archive:
        copy_image(sources[1], archive.reference("example.org/b:1"))
        other.replace(path)
        with pytest.raises(DestinationExists) as caught:
            archive.commit()
    assert str(caught.value) == (
        f'"{path}" already exists (it is another file than when this began; '
        "do it again to append to it)"
    )
    assert path.read_bytes() == replacement
    assert os.listdir(tmp_path) == ["x.tar"]


def test_an_archive_that_went_meanwhile_comes_again(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    path = tmp_path / "x.tar"
    copy_image(sources[0], target(path, "app:1"))
    with DockerArchive(str(path), appending()) as archive:
        copy_image(sources[1], archive.reference("example.org/b:1"))
        path.unlink()
        archive.commit()
    assert target(path).tags() == ["docker.io/library/app:1", "example.org/b:1"]


@pytest.mark.parametrize("kind", ["file", "link"])
@pytest.mark.parametrize("size_known", [True, False], ids=["known size", "unknown size"])
def test_a_member_of_no_image_that_has_a_layers_name_is_refused(
    sources: list[ImageReference], tmp_path: Path, kind: str, *, size_known: bool
) -> None:
    path = tmp_path / "x.tar"
    layer = LAYERS[3]
    name = hashlib.sha256(layer).hexdigest() + ".tar"
    stray = (
        expected_archive.member(name, b"?" * len(layer))
        if kind == "file"
        else expected_archive.symlink(name, "elsewhere")
    )
    copy_image(sources[0], target(path, "app:1"))
    before = stray + path.read_bytes()
    path.write_bytes(before)

    digest = Digest.of(layer)
    info = BlobInfo(digest, len(layer)) if size_known else BlobInfo(None)
    with (
        DockerArchive(str(path), appending()) as archive,
        archive.destination() as destination,
        pytest.raises(InvalidDestination) as caught,
    ):
        destination.put_blob(io.BytesIO(layer), info, is_config=False)
    assert str(caught.value) == (
        f'cannot write "{path}": it has a member "{name}" that belongs to no image '
        "(copy its images into a new archive with --all-images)"
    )
    assert path.read_bytes() == before


def test_the_images_of_an_oci_archive_are_listed_for_docker_too(
    sources: list[ImageReference], tmp_path: Path
) -> None:
    """podman and skopeo go by `manifest.json` where there is one, and would not see the others."""
    layout = SourceLayout(tmp_path / "layout")
    arm = layout.manifest(b"arm", architecture="arm64")
    amd = layout.manifest(b"amd")
    several = layout.index(
        {**arm, "platform": {"os": "linux", "architecture": "arm64"}},
        {**amd, "platform": {"os": "linux", "architecture": "amd64"}},
    )
    damaged = layout.manifest(b"base", b"lost", author="x")
    artifact = {
        **layout.blob(b"{}", "application/vnd.example"),
        "mediaType": "application/vnd.oci.empty.v1+json",
    }
    document = {"schemaVersion": 2, "config": artifact, "layers": []}
    layout.add(layout.manifest(b"one", b"two"), "example.org/old:1")
    layout.add(several, "example.org/old:2")
    layout.add(damaged, "example.org/old:3")
    layout.add(layout.blob(json.dumps(document).encode(), OCI_MANIFEST), "example.org/old:4")
    blobs = layout.path / "blobs" / "sha256"
    lost = hashlib.sha256(gzip.compress(b"lost", mtime=0)).hexdigest()
    (blobs / lost).unlink()
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(layout.path, ".")

    copy_image(sources[2], target(path, "app:1"), destination_options=appending())

    items = json.loads(expected_archive.read(path.read_bytes())["manifest.json"])
    here = amd if platform.machine() in ("x86_64", "AMD64") else arm
    wanted = {}
    for name, descriptor in {"1": layout.manifest(b"one", b"two"), "2": here}.items():
        manifest = json.loads((blobs / descriptor["digest"][7:]).read_bytes())
        wanted[f"example.org/old:{name}"] = [
            f"blobs/sha256/{blob['digest'][7:]}"
            for blob in (manifest["config"], *manifest["layers"])
        ]
    assert {item["RepoTags"][0]: [item["Config"], *item["Layers"]] for item in items[:-1]} == wanted
    assert items[-1]["RepoTags"] == ["docker.io/library/app:1"]


@pytest.mark.parametrize("more", [b"", b',"manifests":null', b',"manifests":[]'])
def test_an_index_that_names_nothing(
    sources: list[ImageReference], tmp_path: Path, more: bytes
) -> None:
    path = tmp_path / "x.tar"
    member = expected_archive.member
    path.write_bytes(
        expected_archive.archive(
            member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
            member("index.json", b'{"schemaVersion":2%s}' % more),
        )
    )
    copy_image(sources[0], target(path, "app:1"), destination_options=appending())
    assert target(path).tags() == ["docker.io/library/app:1"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (appending(), "one cannot append"),
        (DockerArchiveDestinationOptions(existing=Existing.REPLACE), "nothing is replaced"),
        (DockerArchiveDestinationOptions(fsync=True), "nothing is flushed"),
    ],
)
def test_what_a_pipe_cannot_do(
    sources: list[ImageReference],
    tmp_path: Path,
    options: DockerArchiveDestinationOptions,
    says: str,
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, Path("-"), Path("/dev/stdout"), Path("/dev/null")):
        with pytest.raises(InvalidOption, match=says):
            copy_image(sources[0], target(path), destination_options=options)


@pytest.mark.parametrize("before", ["an archive", "an empty file", "nothing"])
def test_who_appends_waits_for_its_turn(
    sources: list[ImageReference], tmp_path: Path, before: str
) -> None:
    """No image is lost when several append at the same time."""
    path = tmp_path / "a.tar"
    first = ["docker.io/library/first:1"] if before == "an archive" else []
    if first:
        copy_image(sources[3], target(path, "first:1"))
    elif before == "an empty file":
        path.touch()

    def append(number: int) -> None:
        copy_image(
            sources[number % 3], target(path, f"app:{number}"), destination_options=appending()
        )

    threads = [threading.Thread(target=append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    items = json.loads(expected_archive.read(path.read_bytes())["manifest.json"])
    tags = {tag for item in items for tag in item["RepoTags"]}
    assert tags == {*first, *(f"docker.io/library/app:{number}" for number in range(8))}
    assert os.listdir(tmp_path) == ["a.tar"]


def test_the_archive_is_locked_where_a_lock_is_for_writers_only(
    sources: list[ImageReference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over NFS an exclusive lock needs a descriptor that is open for writing: flock(2)."""
    path = tmp_path / "a.tar"
    copy_image(sources[0], target(path, "app:1"))
    flock = fcntl.flock

    def nfs_flock(descriptor: int, operation: int) -> None:
        access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if operation & fcntl.LOCK_EX and access == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", nfs_flock)
    copy_image(sources[1], target(path, "app:2"), destination_options=appending())
    assert len(json.loads(expected_archive.read(path.read_bytes())["manifest.json"])) == 2


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY])
def test_an_archive_that_cannot_be_opened_for_writing_is_appended_to(
    sources: list[ImageReference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It is replaced, which only its directory has to permit."""
    path = tmp_path / "a.tar"
    copy_image(sources[0], target(path, "app:1"))
    system_open = os.open

    def refusing(name: str, flags: int, *more: Any, **others: Any) -> int:
        if str(name) == str(path) and flags & os.O_ACCMODE != os.O_RDONLY:
            raise OSError(number, os.strerror(number))
        return system_open(name, flags, *more, **others)

    monkeypatch.setattr(os, "open", refusing)
    copy_image(sources[1], target(path, "app:2"), destination_options=appending())
    assert len(json.loads(expected_archive.read(path.read_bytes())["manifest.json"])) == 2


def test_a_directory_is_not_appended_to(sources: list[ImageReference], tmp_path: Path) -> None:
    with pytest.raises(InvalidDestination, match="directory"):
        copy_image(sources[0], target(tmp_path), destination_options=appending())


def test_who_waits_can_be_interrupted(sources: list[ImageReference], tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    copy_image(sources[3], target(path))
    program = (
        "import os, sys; from imgcopy_core_stubs import open_locked;"
        "print('waiting', flush=True); open_locked(sys.argv[1], os.O_RDONLY)"
    )
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with subprocess.Popen(
            [sys.executable, "-c", program, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"waiting\n"
            process.terminate()
            assert process.wait(timeout=30) != 0


def test_five_hundred_images_that_share_their_base(tmp_path: Path) -> None:
    layout = SourceLayout(tmp_path / "layout")
    path = tmp_path / "a.tar"
    oci = OciTransport()
    with DockerArchive(str(path)) as archive:
        for number in range(500):
            descriptor = layout.manifest(LAYERS[1], b"%d" % number, author=str(number))
            reference = f"{layout.path}:@0"
            (layout.path / "index.json").write_text(
                json.dumps({"schemaVersion": 2, "manifests": [descriptor]})
            )
            copy_image(oci.parse_reference(reference), archive.reference(f"app:{number}"))
        archive.commit()
    with tarfile.open(path) as tar:
        names = tar.getnames()
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        assert len(json.load(manifest)) == 500
    assert len(names) == len(set(names)) == 1 + 500 + 500 + 3 * 501 + 2
