"""Several images into one place, under the names that they have."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imgcopy_core_stubs import (
    BlobDone,
    BlobInfo,
    BlobKind,
    CopySource,
    DestinationStateError,
    DigestMismatch,
    DockerReference,
    Event,
    ImageManifest,
    ImageReference,
    InvalidReference,
    LayerAction,
    LayerCompression,
    Observer,
    SourceNotFound,
    UsageError,
    copy_image,
    copy_images,
    parse_manifest,
    plan_images,
)
from imgcopy_core_stubs.transports.dir import DirTransport
from imgcopy_core_stubs.transports.oci import OciDestinationOptions, OciTransport
from tests.core.memory_transport import MemoryImage
from tests.core.transports.layouts import CONFIG, CONTAINERD_NAME, MANIFEST, Layout, named, tree

AS_IT_IS = OciDestinationOptions(layers=LayerCompression.KEEP)


def oci(path: Path | str) -> ImageReference:
    return OciTransport().parse_reference(str(path))


def entries(layout: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((layout / "index.json").read_bytes())["manifests"]
    return found


def names(layout: Path) -> list[str | None]:
    key = "org.opencontainers.image.ref.name"
    return [entry.get("annotations", {}).get(key) for entry in entries(layout)]


def image_of(layout: Layout, *layers: dict[str, Any]) -> dict[str, Any]:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    document = {
        "schemaVersion": 2,
        "config": layout.blob(json.dumps(config).encode(), CONFIG),
        "layers": layers,
    }
    return layout.blob(json.dumps(document).encode(), MANIFEST)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A layout: an image with two full names, one with containerd's, one with a bare tag."""
    layout = Layout(tmp_path / "source")
    one, two, three = (layout.image(content) for content in ("one", "two", "three"))
    layout.write_index(
        named(one, "example.org/one:1"),
        {**two, "annotations": {CONTAINERD_NAME: "docker.io/library/two:latest"}},
        named(three, "v3"),
        named(one, "example.org/one:latest"),
    )
    return layout.path


def test_all_images_keep_their_names(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    results = copy_images(
        [CopySource(oci(source), all_images=True)], oci(target), destination_options=AS_IT_IS
    )

    assert names(target) == [
        "example.org/one:1",
        "example.org/one:latest",
        "docker.io/library/two:latest",
        "v3",
    ]
    stored = [entry["digest"] for entry in entries(target)]
    assert [str(result.manifest.digest) for result in results] == [stored[0], *stored[2:]]
    assert stored[0] == stored[1]
    assert {*stored} == {entry["digest"] for entry in entries(source)}


def test_several_sources_keep_theirs(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    wanted = [CopySource(oci(f"{source}:v3")), CopySource(oci(f"{source}:@0"))]
    copy_images(wanted, oci(target))
    assert names(target) == ["v3", "example.org/one:1", "example.org/one:latest"]


def test_all_images_of_a_reference_that_names_one(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    copy_images([CopySource(oci(f"{source}:example.org/one:1"), all_images=True)], oci(target))
    assert names(target) == ["example.org/one:1", "example.org/one:latest"]


def test_a_layout_keeps_what_another_calls_an_image(tmp_path: Path) -> None:
    """As they are written there; `app:1` is not made `docker.io/library/app:1`."""
    layout = Layout(tmp_path / "source")
    layout.write_index(
        named(layout.image("one"), "app:1"), named(layout.image("two"), "v1.0+build--2")
    )
    with oci(layout.path).open_images() as images:
        found = [(image.names(), image.local_names()) for image in images.references()]
    assert found == [
        ([DockerReference.parse("docker.io/library/app:1")], ("app:1",)),
        ([], ("v1.0+build--2",)),
    ]
    assert oci(f"{layout.path}:app:1").local_names() == ["app:1"]
    target = tmp_path / "target"
    copy_images([CopySource(oci(layout.path), all_images=True)], oci(target))
    assert names(target) == ["app:1", "v1.0+build--2"]


def test_a_name_of_several_images_is_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "source")
    one, two = layout.image("one"), layout.image("two")
    layout.write_index(
        named(one, "latest"), named(two, "latest"), named(two, "latest"), named(one, "one")
    )
    with oci(layout.path).open_images() as images:
        assert [image.local_names() for image in images.references()] == [("one",), ()]
    target = tmp_path / "target"
    copy_images([CopySource(oci(layout.path), all_images=True)], oci(target))
    assert names(target) == ["one", None]


@pytest.mark.parametrize(
    "name", ["two words", "", "a@sha256:" + "0" * 64, "a:1@sha256:" + "0" * 64, "a:" + "t" * 129]
)
def test_what_is_no_name_of_an_image_is_not_kept(tmp_path: Path, name: str) -> None:
    """A digest would say what the image is not, for layers are compressed on the way."""
    layout = Layout(tmp_path / "source")
    layout.write_index(named(layout.image("one"), name), named(layout.image("two"), "two"))
    target = tmp_path / "target"
    copy_images([CopySource(oci(layout.path), all_images=True)], oci(target))
    assert names(target) == [None, "two"]


@pytest.mark.parametrize(
    "name", ["my__app:1", "app:_dev", "two---x:1", "three:1..2", "[2001:db8::1]:5000/five:1"]
)
def test_a_docker_name_is_kept_that_is_not_the_specifications(tmp_path: Path, name: str) -> None:
    """The OCI grammar of names takes fewer characters than docker's."""
    layout = Layout(tmp_path / "source")
    layout.write_index(named(layout.image("one"), name), named(layout.image("two"), "two"))
    target, again = tmp_path / "target", tmp_path / "again"
    copy_images([CopySource(oci(layout.path), all_images=True)], oci(target))
    copy_images([CopySource(oci(target), all_images=True)], oci(again))
    assert names(again) == names(target) == [name, "two"]
    with oci(target).open_images() as images:
        assert images.references()[0].names() == [DockerReference.parse(name)]


def test_an_image_that_is_named_keeps_that_name_only(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "source")
    one, two = layout.image("one"), layout.image("two")
    own = ("v1", "latest", "app:1", "app:2")
    layout.write_index(*(named(one, name) for name in own), named(two, "two"))
    target = tmp_path / "target"
    copy_images([CopySource(oci(f"{layout.path}:{name}")) for name in ("two", "v1")], oci(target))
    assert names(target) == ["two", "v1"]
    chosen = [oci(f"{layout.path}:{name}").names() for name in ("app:2", "v1", "two")]
    both = [DockerReference.parse("app:1"), DockerReference.parse("app:2")]
    assert chosen == [[both[1]], both, []]


def test_the_names_are_those_that_are_listed(tmp_path: Path) -> None:
    """With containerd's annotation, too: a tag of its own, and a reference that another has."""
    layout = Layout(tmp_path / "source")
    layout.write_index(
        containerd(layout.image("one"), "docker.io/library/app:1", "stable"),
        containerd(layout.image("two"), "docker.io/library/app:2", "2"),
        containerd(layout.image("three"), "docker.io/library/app:3", "3"),
        named(layout.image("four"), "docker.io/library/app:3"),
    )
    target = tmp_path / "target"
    copy_images([CopySource(oci(layout.path), all_images=True)], oci(target))
    assert names(target) == [
        "stable",
        "docker.io/library/app:1",
        "docker.io/library/app:2",
        "3",
        "docker.io/library/app:3",
    ]


def containerd(entry: dict[str, Any], full: str, tag: str) -> dict[str, Any]:
    """An entry of an index as containerd and `docker save` write it."""
    key = "org.opencontainers.image.ref.name"
    return {**entry, "annotations": {CONTAINERD_NAME: full, key: tag}}


def test_containerds_images_stay_when_another_takes_their_tag(tmp_path: Path) -> None:
    """All of them have the tag, and each its full reference."""
    target = Layout(tmp_path / "target")
    there = [
        containerd(target.image(name), f"docker.io/library/{name}:latest", "latest")
        for name in ("redis", "nginx")
    ]
    target.write_index(*there)
    layout = Layout(tmp_path / "source")
    layout.write_index(named(layout.image("mine"), "latest"))

    copy_images([CopySource(oci(layout.path), all_images=True)], oci(target.path))

    *old, new = entries(target.path)
    assert [entry["digest"] for entry in old] == [entry["digest"] for entry in there]
    assert [entry["annotations"] for entry in old] == [
        {CONTAINERD_NAME: "docker.io/library/redis:latest"},
        {CONTAINERD_NAME: "docker.io/library/nginx:latest"},
    ]
    assert new["annotations"] == {"org.opencontainers.image.ref.name": "latest"}
    for name in ("latest", "docker.io/library/redis:latest", "docker.io/library/nginx:latest"):
        with oci(f"{target.path}:{name}").open_source() as image:
            image.manifest()


@pytest.mark.parametrize(
    ("tag", "stays"), [("latest", []), ("mine", [{"org.opencontainers.image.ref.name": "mine"}])]
)
def test_an_image_gives_way_that_containerd_called_so(
    tmp_path: Path, tag: str, stays: list[dict[str, str]]
) -> None:
    full = "docker.io/library/redis:latest"
    target = Layout(tmp_path / "target")
    target.write_index(containerd(target.image("old"), full, tag))
    layout = Layout(tmp_path / "source")
    layout.write_index(named(layout.image("new"), full))

    copy_images([CopySource(oci(layout.path), all_images=True)], oci(target.path))

    new = {"org.opencontainers.image.ref.name": full}
    assert [entry["annotations"] for entry in entries(target.path)] == [*stays, new]


def test_a_name_of_a_layout_means_nothing_elsewhere(source: Path, tmp_path: Path) -> None:
    """Nor what another transport calls an image to a layout."""

    class Elsewhere(MemoryImage):
        def local_names(self, options: object | None = None) -> Sequence[str]:
            raise AssertionError

    elsewhere = Elsewhere()
    copy_image(oci(f"{source}:v3"), elsewhere)
    copy_images([CopySource(elsewhere)], oci(tmp_path / "target"))
    assert names(tmp_path / "target") == [None]


def test_the_last_of_one_name_has_it(tmp_path: Path) -> None:
    """And the others are there without it, as their results say."""
    sources = []
    for content, *own in (("one", "app:1"), ("two", "app:1", "two"), ("three", "app:1")):
        layout = Layout(tmp_path / content)
        image = layout.image(content)
        layout.write_index(*(named(image, name) for name in own))
        sources.append(CopySource(oci(layout.path), all_images=True))
    target = tmp_path / "target"
    results = copy_images(sources, oci(target))
    assert names(target) == [None, "two", "app:1"]
    stored = [entry["digest"] for entry in entries(target)]
    assert stored == [str(result.manifest.digest) for result in results]
    places = [result.destination for result in results]
    assert places == [f"oci:{target}", f"oci:{target}:two", f"oci:{target}:app:1"]


def test_an_image_that_has_a_name_left_is_not_there_without_one(tmp_path: Path) -> None:
    sources = []
    for number, (content, name) in enumerate((("a", "x"), ("a", "y"), ("b", "x"), ("a", None))):
        layout = Layout(tmp_path / str(number))
        image = layout.image(content)
        layout.write_index(image if name is None else named(image, name))
        sources.append(CopySource(oci(layout.path), all_images=True))
    target = tmp_path / "target"
    results = copy_images(sources, oci(target))
    assert names(target) == ["y", "x"]
    places = [result.destination for result in results]
    assert places == [f"oci:{target}:{name}" for name in ("y", "y", "x", "y")]


@pytest.mark.parametrize("tag", ["", ":1"])
def test_a_name_with_a_digest_is_no_name_to_inherit(tmp_path: Path, tag: str) -> None:
    """As containerd names what was pulled by its digest."""
    layout = Layout(tmp_path / "source")
    pulled, named_twice = layout.image("pulled"), layout.image("named twice")
    full = f"docker.io/library/alpine{tag}@{pulled['digest']}"
    layout.write_index(
        {**pulled, "annotations": {CONTAINERD_NAME: full}},
        {**named_twice, "annotations": {CONTAINERD_NAME: full}},
        named(named_twice, "example.org/own:1"),
    )
    with oci(layout.path).open_images() as images:
        found = [[str(name) for name in image.names()] for image in images.references()]
    assert found == [[], ["example.org/own:1"]]
    target = tmp_path / "target"
    copy_images([CopySource(oci(layout.path), all_images=True)], oci(target))
    assert names(target) == [None, "example.org/own:1"]


def test_the_images_of_a_layout_are_equal_by_their_positions(source: Path) -> None:
    with oci(source).open_images() as once, oci(source).open_images() as again:
        first, second = list(once.references()), list(again.references())
    assert first == second
    assert len({*first, *second}) == len(first) == 3


def test_the_places_of_new_images_are_equal_by_their_names(tmp_path: Path) -> None:
    one, two = (DockerReference.parse(f"example.org/app:{tag}") for tag in "12")
    with oci(tmp_path / "target").open_collection() as collection:
        assert collection.place([one]) == collection.place([one])
        assert len({collection.place(names) for names in ([one], [one], [two], [])}) == 3


def test_a_plan_says_what_is_read_for_each(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "source")
    base, *tops = (layout.blob(content) for content in (b"base", b"one", b"two"))
    layout.write_index(*(image_of(layout, base, top) for top in tops))
    sources = [CopySource(oci(layout.path), all_images=True)]
    target = tmp_path / "target"

    plans = plan_images(sources, oci(target), destination_options=AS_IT_IS)

    assert not target.exists()
    planned = [
        {
            str(layer.digest): layer.action is not LayerAction.REUSED
            for image in plan.images
            for layer in image.layers
        }
        for plan in plans
    ]
    assert planned == [
        {base["digest"]: True, tops[0]["digest"]: True},
        {base["digest"]: False, tops[1]["digest"]: True},
    ]
    assert [plan.source for plan in plans] == [f"oci:{layout.path}:@{number}" for number in (0, 1)]
    events: list[list[Event]] = []

    def observers(_: ImageReference) -> list[Observer]:
        events.append([])
        return [events[-1].append]

    copy_images(sources, oci(target), destination_options=AS_IT_IS, observers=observers)
    copied = [  # the layers of an image are done in any order
        {
            str(event.digest): not event.reused
            for event in of_image
            if isinstance(event, BlobDone) and event.kind is BlobKind.LAYER
        }
        for of_image in events
    ]
    assert planned == copied


def test_a_plan_refuses_what_a_copy_refuses(source: Path, tmp_path: Path) -> None:
    target = DirTransport().parse_reference(str(tmp_path / "target"))
    with pytest.raises(UsageError, match='a place of "dir" holds one image'):
        plan_images([CopySource(oci(source), all_images=True)], target)


def test_a_place_of_one_image_takes_no_more(source: Path, tmp_path: Path) -> None:
    target = DirTransport().parse_reference(str(tmp_path / "target"))
    with pytest.raises(UsageError, match='a place of "dir" holds one image'):
        copy_images([CopySource(oci(source), all_images=True)], target)
    assert not (tmp_path / "target").exists()


def test_a_place_of_one_image_gives_it(source: Path, tmp_path: Path) -> None:
    directory = DirTransport().parse_reference(str(tmp_path / "directory"))
    copy_image(oci(f"{source}:v3"), directory)
    copy_images([CopySource(directory, all_images=True)], oci(tmp_path / "target"))
    assert names(tmp_path / "target") == [None]


def test_a_layout_without_images_has_none_to_copy(source: Path, tmp_path: Path) -> None:
    empty = Layout(tmp_path / "empty")
    target = tmp_path / "target"
    with pytest.raises(SourceNotFound, match="the layout holds no image"):
        copy_images([CopySource(oci(empty.path), all_images=True)], oci(target))
    assert not target.exists()


def test_the_destination_must_not_name_an_image(source: Path, tmp_path: Path) -> None:
    for text in ("target:name", "target:@0"):
        with pytest.raises(InvalidReference, match="it names one image, and several go there"):
            copy_images([CopySource(oci(source), all_images=True)], oci(tmp_path / text))


def damage(source: Path, name: str) -> None:
    """Damage the manifest of the image that has this name."""
    for entry in entries(source):
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == name:
            blob = source / "blobs" / "sha256" / entry["digest"].removeprefix("sha256:")
            blob.write_bytes(blob.read_bytes().replace(b"2", b"3", 1))


def test_images_of_a_layout_appear_together_or_not_at_all(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    wanted = [CopySource(oci(source), all_images=True)]
    damage(source, "v3")
    with pytest.raises(DigestMismatch):
        copy_images(wanted, oci(target))
    assert not target.exists()

    copy_image(oci(f"{source}:example.org/one:1"), oci(f"{target}:here"))
    before = tree(target)
    with pytest.raises(DigestMismatch):
        copy_images(wanted, oci(target))
    assert tree(target) == before


def test_an_image_that_fails_leaves_nothing_beside_the_others(source: Path, tmp_path: Path) -> None:
    """Who writes a collection may go on after a failure."""
    target = tmp_path / "target"
    with oci(target).open_collection(AS_IT_IS) as collection:
        copy_image(oci(f"{source}:@0"), collection.place([DockerReference.parse("one:1")]))
        with (
            collection.place([]).open_destination() as destination,
            oci(f"{source}:v3").open_source() as failing,
        ):
            manifest = parse_manifest(failing.manifest(), "x")
            assert isinstance(manifest, ImageManifest)
            config = BlobInfo.of(manifest.config)
            with closing(failing.blob(config)) as stream:
                destination.put_blob(stream, config, is_config=True)
        collection.commit()
        with pytest.raises(DestinationStateError):
            collection.commit()
    assert names(target) == ["docker.io/library/one:1"]
    stored = {file.name for file in (target / "blobs" / "sha256").iterdir()}
    assert len(stored) == 3  # the manifest, the config, the layer
    assert manifest.config.digest.hex not in stored
    assert sorted(path.name for path in target.iterdir() if not path.name.startswith(".")) == [
        "blobs",
        "index.json",
        "oci-layout",
    ]


def test_what_images_share_is_read_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "source")
    base = layout.blob(b"base" * 1000)
    layout.write_index(*(image_of(layout, base, layout.blob(b"%d" % n)) for n in range(5)))
    target = tmp_path / "target"
    events: list[Event] = []
    copy_images(
        [CopySource(oci(layout.path), all_images=True)],
        oci(target),
        destination_options=AS_IT_IS,
        observers=lambda _: [events.append],
    )
    done = [event for event in events if isinstance(event, BlobDone)]
    reused = [event.reused for event in done if str(event.digest) == base["digest"]]
    assert reused == [False, True, True, True, True]
    assert len(entries(target)) == 5


def test_a_name_is_normalised(source: Path) -> None:
    assert oci(f"{source}:@1").names() == [DockerReference.parse("two:latest")]
