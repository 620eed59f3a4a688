"""What a user sees of bad inputs: one line that names the object, the family's exit code, and no
trace on the disk; through the whole command, into every kind of destination."""

import base64
import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.cli.running import Runner
from tests.core.transports.layouts import CONFIG, INDEX, LAYER, MANIFEST, Json, Layout, named, tree
from tests.core.transports.layouts import described as descriptor

DESTINATIONS = ("docker-archive:{}/out.tar:app:1", "oci:{}/out:app", "dir:{}/out")

Edit = Callable[[Json], object]


def nothing(_: Json) -> None:
    pass


def write_image(
    layout: Layout,
    *,
    layer: bytes = b"layer " * 1000,
    content: bytes | None = None,
    config: Edit = nothing,
    manifest: Edit = nothing,
    raw: Callable[[bytes], bytes] = bytes,
    index: Edit = nothing,
) -> None:
    """Write one image into a layout, with something changed: what is wrong is right otherwise."""
    diff_id = descriptor(layer if content is None else content, LAYER)["digest"]
    config_document: Json = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    config(config_document)
    document: Json = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.blob(json.dumps(config_document).encode(), CONFIG),
        "layers": [layout.blob(layer, LAYER)],
    }
    manifest(document)
    entry = layout.blob(raw(json.dumps(document).encode()), MANIFEST)
    index(entry)
    layout.write_index(named(entry, "app"))


def changed(path: str, value: object) -> Edit:
    """Return an edit that sets a value somewhere in a document."""

    def edit(document: Json) -> None:
        *steps, last = path.split(".")
        place: object = document
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]  # type: ignore[index]  # a path into JSON
        place[last] = value  # type: ignore[index]  # as above

    return edit


def without_bytes(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def replace(raw: bytes) -> bytes:
        assert old in raw
        return raw.replace(old, new, 1)

    return replace


BOMB = gzip.compress(bytes(50_000_000))
PLAIN = b"plain " * 5000
ZIPPED = gzip.compress(PLAIN)

# Which argument of `write_image` is wrong, and what the error line says of it.
BAD_IMAGES: dict[str, tuple[Json, str]] = {
    # Manifests, with their JSON path.
    "layers and manifests": ({"manifest": changed("manifests", [])}, "$.manifests: has no place"),
    "duplicate key": ({"raw": without_bytes(b"{", b'{"layers": [], ')}, '"layers" occurs twice'),
    "Layers beside layers": ({"manifest": changed("Layers", [])}, '"Layers" differs from "layers"'),
    "negative size": ({"manifest": changed("layers.0.size", -1)}, "$.layers[0].size: must be"),
    "size true": ({"manifest": changed("layers.0.size", True)}, "$.layers[0].size: must be"),
    "size 1.0": ({"manifest": changed("layers.0.size", 1.0)}, "$.layers[0].size: must be"),
    "size as text": ({"manifest": changed("layers.0.size", "7")}, "$.layers[0].size: must be"),
    "size of 5,000 digits": (
        {"raw": without_bytes(b'"size": 6000', b'"size": ' + b"9" * 5000)},
        "$.layers[0].size: must be an integer",
    ),
    "deep nesting": (
        {"raw": without_bytes(b"{", b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b", ")},
        "nested deeper than 64 levels",
    ),
    "NaN": ({"manifest": changed("x", float("nan"))}, "$.x: NaN is not JSON"),
    "lone surrogate": ({"manifest": changed("x", "\ud800")}, "has a lone surrogate"),
    "byte order mark": ({"raw": lambda raw: b"\xef\xbb\xbf" + raw}, "byte order mark"),
    "md5": ({"manifest": changed("layers.0.digest", "md5:" + "0" * 32)}, "$.layers[0].digest"),
    "digest as a path": (
        {"manifest": changed("layers.0.digest", "sha256:../../../etc/passwd")},
        "$.layers[0].digest",
    ),
    "contradicting media type": ({"manifest": changed("mediaType", INDEX)}, "$.mediaType"),
    "schema 1": ({"manifest": changed("schemaVersion", 1)}, "Docker schema 1"),
    "inline data": (
        {"manifest": changed("layers.0.data", base64.b64encode(b"other").decode())},
        "$.layers[0].data",
    ),
    "wrong manifest size": ({"index": changed("size", 10)}, "does not verify: expected 10 bytes"),
    # Configs.
    "rootfs null": ({"config": changed("rootfs", None)}, "$.rootfs: is null"),
    "too many diff IDs": (
        {"config": lambda document: document["rootfs"]["diff_ids"].append("sha256:" + "0" * 64)},
        "lists 2 diff IDs, but the manifest lists 1 layers",
    ),
    "too large config": ({"config": changed("x", "y" * 4 * 1024 * 1024)}, "4194304 bytes"),
    # Blobs.
    "larger than its descriptor": ({"manifest": changed("layers.0.size", 5999)}, "expected 5999"),
    "smaller than its descriptor": ({"manifest": changed("layers.0.size", 6001)}, "expected 6001"),
    "plain layer of another diff ID": ({"content": b"other"}, "does not verify: expected sha256:"),
}

# Found only where a layer is decompressed: into an archive.
BAD_LAYERS: dict[str, tuple[Json, str]] = {
    "other diff ID": ({"layer": ZIPPED, "content": b"other"}, "does not verify: expected sha256:"),
    "wrong CRC": (
        {"layer": ZIPPED[:-8] + b"\0\1\2\3" + ZIPPED[-4:], "content": PLAIN},
        "is corrupt",
    ),
    "truncated gzip": ({"layer": ZIPPED[:-20], "content": PLAIN}, "ends too early"),
    "truncated xz": ({"layer": lzma.compress(PLAIN)[:-9], "content": PLAIN}, "ends too early"),
    "trailing bytes": ({"layer": ZIPPED + b"garbage", "content": PLAIN}, "other bytes follow"),
    "zstd window of 2 GiB": ({"layer": b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(99)}, "is corrupt"),
    "encrypted layer": (
        {"manifest": changed("layers.0.mediaType", LAYER + "+gzip+encrypted")},
        "it is encrypted",
    ),
    "artifact": (
        {"manifest": changed("config.mediaType", "application/vnd.example")},
        'it is an artifact of type "application/vnd.example", not an image',
    ),
}


def refuse(run: Runner, source: str, destination: str, code: int, text: str, *more: str) -> None:
    """Copy, and hold what comes of it against what must: the line, the code, the disk."""
    place = Path(destination.partition(":")[2].partition(":")[0]).parent
    before = tree(place)
    result = run("copy", "-q", *more, source, destination)
    assert text in result.error
    assert result.code == code
    assert result.stdout == b""
    assert tree(place) == before


@pytest.mark.parametrize("destination", DESTINATIONS, ids=lambda text: text.partition(":")[0])
@pytest.mark.parametrize("case", BAD_IMAGES)
def test_a_bad_image(run: Runner, tmp_path: Path, case: str, destination: str) -> None:
    arguments, text = BAD_IMAGES[case]
    write_image(Layout(tmp_path / "layout"), **arguments)
    place = tmp_path / "place"
    place.mkdir()
    refuse(run, f"oci:{tmp_path}/layout:app", destination.format(place), 3, text)


@pytest.mark.parametrize("case", BAD_LAYERS)
def test_a_bad_layer(run: Runner, tmp_path: Path, case: str) -> None:
    arguments, text = BAD_LAYERS[case]
    write_image(Layout(tmp_path / "layout"), **arguments)
    place = tmp_path / "place"
    place.mkdir()
    refuse(run, f"oci:{tmp_path}/layout:app", DESTINATIONS[0].format(place), 3, text)


def test_a_bomb_over_the_users_limit(run: Runner, tmp_path: Path) -> None:
    write_image(Layout(tmp_path / "layout"), layer=BOMB, content=bytes(50_000_000))
    place = tmp_path / "place"
    place.mkdir()
    source, destination = f"oci:{tmp_path}/layout:app", DESTINATIONS[0].format(place)
    refuse(run, source, destination, 3, "limit of 49000000 bytes", "--max-layer-size", "49MB")
    assert run("copy", "-q", source, destination).code == 0


def _flip_a_byte(layout: Layout, blob: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)


def _remove(layout: Layout, blob: Path) -> None:
    blob.unlink()


def _replace_by_a_fifo(layout: Layout, blob: Path) -> None:
    blob.unlink()
    os.mkfifo(blob)


def _replace_by_a_link_to_outside(layout: Layout, blob: Path) -> None:
    outside = layout.path.parent / "outside"
    blob.rename(outside)
    blob.symlink_to(outside)


def _replace_by_a_device(layout: Layout, blob: Path) -> None:
    blob.unlink()
    blob.symlink_to("/dev/zero")


@pytest.mark.parametrize("part", ["layer", "config", "manifest"])
@pytest.mark.parametrize(
    "damage",
    [
        _flip_a_byte,
        _remove,
        _replace_by_a_fifo,
        _replace_by_a_link_to_outside,
        _replace_by_a_device,
    ],
    ids=lambda damage: damage.__name__.strip("_").replace("_", " "),
)
@pytest.mark.parametrize("destination", DESTINATIONS, ids=lambda text: text.partition(":")[0])
def test_a_damaged_layout(
    run: Runner,
    tmp_path: Path,
    damage: Callable[[Layout, Path], None],
    part: str,
    destination: str,
) -> None:
    layout = Layout(tmp_path / "layout")
    entry = layout.image("app")
    layout.write_index(named(entry, "app"))
    manifest = json.loads(layout.file(entry).read_bytes())
    victims = {"layer": manifest["layers"][0], "config": manifest["config"], "manifest": entry}
    damage(layout, layout.file(victims[part]))
    place = tmp_path / "place"
    place.mkdir()
    name = victims[part]["digest"].removeprefix("sha256:")
    refuse(run, f"oci:{tmp_path}/layout:app", destination.format(place), 3, name)


@pytest.mark.parametrize(
    ("break_it", "text"),
    [
        (lambda path: (path / "oci-layout").unlink(), "oci-layout"),
        (
            lambda path: (path / "oci-layout").write_text('{"imageLayoutVersion": "9.9.9"}'),
            "9.9.9",
        ),
        (lambda path: (path / "index.json").write_text("{} {}"), "not JSON: Extra data"),
        (lambda path: os.truncate(path / "index.json", 10 * 1024**3), "4194304 bytes"),
        (lambda path: (path / "index.json").unlink(), "index.json"),
    ],
    ids=["no oci-layout", "version 9.9.9", "trailing JSON", "10 GiB index", "no index"],
)
def test_a_broken_layout(
    run: Runner, layout: Layout, tmp_path: Path, break_it: Callable[[Path], object], text: str
) -> None:
    break_it(layout.path)
    place = tmp_path / "place"
    place.mkdir()
    refuse(run, f"oci:{layout.path}:app", DESTINATIONS[0].format(place), 3, text)


def test_two_images_and_no_choice(run: Runner, layout: Layout, tmp_path: Path) -> None:
    layout.write_index(named(layout.image("a"), "first"), named(layout.image("b"), "second"))
    place = tmp_path / "place"
    place.mkdir()
    refuse(run, f"oci:{layout.path}", DESTINATIONS[0].format(place), 3, '"first", "second"')


@pytest.mark.parametrize(
    ("reference", "part"),
    [
        ("", "it is empty"),
        ("docker-archive:", '"docker-archive:": its path is empty'),
        ("oci:", '"oci:": it is empty'),
        ("dir:", '"dir:": it is empty'),
        ("nowhere:x", 'unknown transport "nowhere"; known transports: dir, docker-archive, oci'),
        ("docker-archive:out.tar:UPPER", "lower case"),
        ("docker-archive:out.tar:app:" + "t" * 129, "129 characters"),
        ("docker-archive:out.tar:app@sha256:abc", "digest"),
        ("docker-archive:out.tar:app:1@sha256:" + "0" * 64, "digest"),
        ("docker-archive:out.tar:@-1", "@-1"),
        ("docker-archive:out.tar:@٣", "@٣"),
        ("docker-archive:out\0.tar", "NUL"),
        ("oci:out\0", "NUL"),
        ("dir:out\0", "NUL"),
    ],
)
def test_a_bad_reference(
    run: Runner,
    layout: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    reference: str,
    part: str,
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    for arguments in ((f"oci:{layout.path}:app", reference), (reference, "dir:elsewhere")):
        result = run("copy", "-q", *arguments)
        assert part in result.error
        assert result.code == 2
    assert list(place.iterdir()) == []
