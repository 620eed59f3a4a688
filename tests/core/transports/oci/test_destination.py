import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcopy_core_stubs.capabilities import LayerCompression
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import InvalidDestination, UnsupportedByDestination
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.options import parse_options
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination
from imgcopy_core_stubs.transports import OciDestinationOptions, OciReference, OciTransport
from tests.core.transports.layouts import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    REF_NAME,
    Image,
    Json,
    Layout,
    described,
    files,
    named,
    sha256,
    tree,
)

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def info_of(data: bytes) -> BlobInfo:
    return BlobInfo(Digest.parse(sha256(data)), len(data))


def put(destination: ImageDestination, image: Image, **instance: Digest) -> None:
    for data in (image.layer, image.config):
        destination.put_blob(io.BytesIO(data), info_of(data), is_config=data is image.config)
    destination.put_manifest(RawManifest(image.manifest, MANIFEST), **instance)


def write(path: Path, image: str, name: str | None = None) -> None:
    with OciReference(str(path), name).open_destination() as destination:
        put(destination, Image(image))
        destination.commit()


def index_of(path: Path) -> Json:
    index: Json = json.loads((path / "index.json").read_text())
    return index


def entry(image: str) -> Json:
    return described(Image(image).manifest, MANIFEST)


# --- what is written -----------------------------------------------------------------------------


def test_writes_a_layout(tmp_path: Path) -> None:
    image = Image("a")
    write(tmp_path / "layout", "a", "1.0")
    written = files(tmp_path / "layout")
    assert json.loads(written.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads(written.pop("index.json")) == {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [named(entry("a"), "1.0")],
    }
    assert written == {
        f"blobs/sha256/{sha256(data).removeprefix('sha256:')}": data
        for data in (image.layer, image.config, image.manifest)
    }


def test_writes_an_index_and_its_instances(tmp_path: Path) -> None:
    entries = [{**entry(name), "platform": {"os": "linux", "architecture": name}} for name in "ab"]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    with OciReference(str(tmp_path / "layout"), "all").open_destination() as destination:
        for name in "ab":
            image = Image(name)
            put(destination, image, instance_digest=Digest.parse(sha256(image.manifest)))
        destination.put_manifest(RawManifest(index, INDEX))
        destination.commit()
    assert index_of(tmp_path / "layout")["manifests"] == [named(described(index, INDEX), "all")]
    stored = files(tmp_path / "layout")
    for data in (index, Image("a").manifest, Image("b").manifest):
        assert stored[f"blobs/sha256/{sha256(data).removeprefix('sha256:')}"] == data


def test_stores_sha512_blobs_where_they_belong(tmp_path: Path) -> None:
    digest = Digest.of(b"data", "sha512")
    with OciReference(str(tmp_path / "layout")).open_destination() as destination:
        destination.put_blob(io.BytesIO(b"data"), BlobInfo(digest, 4), is_config=False)
        put(destination, Image("a"))
        destination.commit()
    assert (tmp_path / "layout" / "blobs" / "sha512" / digest.hex).read_bytes() == b"data"


def test_takes_the_type_of_a_manifest_from_itself_if_need_be(tmp_path: Path) -> None:
    with OciReference(str(tmp_path / "layout")).open_destination() as destination:
        destination.put_manifest(RawManifest(Image("a").manifest))
        destination.commit()
    assert index_of(tmp_path / "layout")["manifests"] == [entry("a")]


def test_a_new_layouts_entry_is_flushed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    (tmp_path / "below").mkdir()
    (tmp_path / "link").symlink_to("below")
    for name, parent in (("a", tmp_path), ("b/", tmp_path), ("link/c", tmp_path / "below")):
        for is_new in (True, False):
            flushed.clear()
            reference = OciReference(f"{tmp_path}/{name}")
            with reference.open_destination(OciDestinationOptions(fsync=True)) as destination:
                put(destination, Image("a"))
                destination.commit()
            assert (str(parent) in flushed) is is_new, name


# --- the index -----------------------------------------------------------------------------------


def test_keeps_the_other_images_and_all_that_it_does_not_know(layout: Layout) -> None:
    others = [
        {**named(layout.image("a"), "a"), "x-unknown": {"number": 1.5, "list": [None, True]}},
        layout.image("b", platform={"os": "linux", "architecture": "arm64", "os.features": ["x"]}),
    ]
    layout.write_index(*others, annotations={"made": "by hand"}, extension=[1.10])
    before = tree(layout.path)
    write(layout.path, "c", "c")
    assert index_of(layout.path) == {
        "schemaVersion": 2,
        "annotations": {"made": "by hand"},
        "extension": [1.10],
        "manifests": [*others, named(entry("c"), "c")],
    }
    del before["index.json"]
    assert before.items() <= tree(layout.path).items()


def test_number_literals_of_the_index_survive(layout: Layout) -> None:
    (layout.path / "index.json").write_text('{"schemaVersion":2,"x":1.10,"y":1e400,"manifests":[]}')
    write(layout.path, "a")
    text = (layout.path / "index.json").read_text()
    assert text.startswith('{"schemaVersion":2,"x":1.10,"y":1e400,"manifests":[{')


def test_takes_over_a_name_at_its_position(layout: Layout) -> None:
    layout.write_index(
        named(layout.image("a"), "1"), named(layout.image("b"), "2"), named(layout.image("c"), "1")
    )
    write(layout.path, "d", "1")
    assert index_of(layout.path)["manifests"] == [named(entry("d"), "1"), named(entry("b"), "2")]
    assert layout.file(entry("a")).exists()


@pytest.mark.parametrize("manifests", [[], None])
def test_an_image_without_a_name_is_added_once(layout: Layout, manifests: object) -> None:
    layout.write_index(manifests=manifests)
    write(layout.path, "a", "t")
    write(layout.path, "a")
    write(layout.path, "b")
    write(layout.path, "a")
    assert index_of(layout.path)["manifests"] == [named(entry("a"), "t"), entry("a"), entry("b")]


def test_an_index_that_would_exceed_the_limit_is_refused(layout: Layout) -> None:
    layout.write_index(layout.image("a"), x="y" * (4 * 1024 * 1024 - 400))
    before = tree(layout.path)
    with pytest.raises(InvalidDestination, match=r"index\.json would exceed"):
        write(layout.path, "b", "long-name" * 10)
    assert tree(layout.path) == before


def test_a_layout_may_be_reached_by_a_link(layout: Layout) -> None:
    link = layout.path.parent / "link"
    link.symlink_to(layout.path)
    write(link, "a", "t")
    assert index_of(layout.path)["manifests"] == [named(entry("a"), "t")]


# --- layouts that are not written to -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("oci-layout", None, 'no file "oci-layout"'),
        ("oci-layout", '{"imageLayoutVersion":"9.9.9"}', '"9.9.9"'),
        ("index.json", "{} {}", "not JSON"),
        ("index.json", '{"schemaVersion":2,"manifests":{}}', "must be a list"),
        ("index.json", '{"schemaVersion":2,"manifests":[],"manifests":[]}', "twice"),
        ("index.json", " " * (4 * 1024 * 1024 + 1), "exceeds the limit"),
    ],
)
def test_an_invalid_layout_is_refused_at_once(
    layout: Layout, name: str, content: str | None, problem: str
) -> None:
    (layout.path / name).unlink()
    if content is not None:
        (layout.path / name).write_text(content)
    before = tree(layout.path)
    with pytest.raises(InvalidDestination) as caught:
        OciReference(str(layout.path)).open_destination()
    assert problem in str(caught.value)
    assert str(layout.path) in str(caught.value)
    assert tree(layout.path) == before


def test_a_layout_that_becomes_invalid_is_not_changed(layout: Layout) -> None:
    with OciReference(str(layout.path)).open_destination() as destination:
        put(destination, Image("a"))
        (layout.path / "index.json").write_text("[]")
        with pytest.raises(InvalidDestination):
            destination.commit()
    assert files(layout.path).keys() == {"index.json", "oci-layout"}


def test_blobs_are_not_written_outside_of_the_layout(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    layout.blobs.rmdir()
    layout.blobs.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidDestination, match="out of the layout"):
        write(layout.path, "a")
    assert tree(tmp_path / "elsewhere") == {}


def test_a_first_commit_that_was_killed_can_be_repeated(layout: Layout) -> None:
    layout.image("a")
    (layout.path / "index.json").unlink()
    (layout.path / ".imgcopy-lock").touch()
    write(layout.path, "b", "t")
    assert index_of(layout.path)["manifests"] == [named(entry("b"), "t")]
    assert not (layout.path / ".imgcopy-lock").exists()


# --- reuse ---------------------------------------------------------------------------------------


def test_reuses_a_blob_that_verifies(layout: Layout) -> None:
    image = Image("a")
    layout.image("a")
    before = tree(layout.path)
    with OciReference(str(layout.path), "t").open_destination() as destination:
        for data in (image.layer, image.config):
            info = info_of(data)
            assert destination.try_reusing_blob(info, can_substitute=False) == info
        without_size = BlobInfo(info_of(image.layer).digest)
        assert destination.try_reusing_blob(without_size, can_substitute=False) == info_of(
            image.layer
        )
        destination.put_manifest(RawManifest(image.manifest, MANIFEST))
        destination.commit()
    after = tree(layout.path)
    assert after.pop("index.json") != before.pop("index.json")
    assert after == before


def _truncated(path: Path) -> None:
    os.truncate(path, 5)


def _changed(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.parent / "moved")
    path.symlink_to("moved")


def _missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [_truncated, _changed, _longer, _fifo, _link, _missing])
def test_does_not_reuse_but_replaces_a_damaged_blob(
    layout: Layout, damage: Callable[[Path], None]
) -> None:
    image = Image("a")
    blob = layout.blob(image.layer)
    damage(layout.file(blob))
    with OciReference(str(layout.path), "t").open_destination() as destination:
        for info in (info_of(image.layer), BlobInfo(info_of(image.layer).digest)):
            assert destination.try_reusing_blob(info, can_substitute=False) is None
        put(destination, image)
        destination.commit()
    assert not layout.file(blob).is_symlink()
    assert layout.file(blob).read_bytes() == image.layer


def test_does_not_reuse_a_blob_of_another_size(layout: Layout) -> None:
    layout.blob(b"data")
    with OciReference(str(layout.path)).open_destination() as destination:
        wrong = BlobInfo(Digest.of(b"data"), 5)
        assert destination.try_reusing_blob(wrong, can_substitute=False) is None


def test_a_reused_blob_stays_though_others_remove_it(layout: Layout) -> None:
    """`umoci gc` and its like remove what no image names yet."""
    image = Image("a")
    blob = layout.blob(image.layer)
    with OciReference(str(layout.path), "t").open_destination() as destination:
        assert destination.try_reusing_blob(info_of(image.layer), can_substitute=False)
        layout.file(blob).unlink()
        destination.put_manifest(RawManifest(image.manifest, MANIFEST))
        destination.commit()
    assert layout.file(blob).read_bytes() == image.layer


# --- several writers -----------------------------------------------------------------------------

_WRITER = """
import io, sys
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.transport import BlobInfo
from imgcopy_core_stubs.transports import OciReference
from tests.core.transports.layouts import MANIFEST, Image
path, number = sys.argv[1:]
image = Image(number)
with OciReference(path, number).open_destination() as destination:
    for data in (image.layer, image.config, b"shared by all"):
        destination.put_blob(io.BytesIO(data), BlobInfo(), is_config=False)
    destination.put_manifest(RawManifest(image.manifest, MANIFEST))
    print("ready", flush=True)
    sys.stdin.read()
    destination.commit()
"""


def test_ten_processes_write_to_one_new_layout(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(10)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:  # now that all have opened and put, let all commit
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        assert process.wait() == 0
        assert process.stdout is not None
        process.stdout.close()
    entries = index_of(path)["manifests"]
    assert sorted(e["annotations"][REF_NAME] for e in entries) == [str(n) for n in range(10)]
    for number in range(10):
        reference = OciReference(str(path), str(number))
        assert reference.open_source().manifest().raw == Image(str(number)).manifest
    assert len(files(path)) == 2 + 10 * 3 + 1
    assert not [name for name in tree(path) if "imgcopy" in name]


def test_one_that_gives_up_leaves_the_others_alone(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    first = OciReference(str(path), "a").open_destination()
    with OciReference(str(path), "b").open_destination() as second:
        put(second, Image("b"))
        first.close()
        second.commit()
    assert index_of(path)["manifests"] == [named(entry("b"), "b")]


# --- what it can do ------------------------------------------------------------------------------


def test_says_what_it_can_do(tmp_path: Path) -> None:
    with OciReference(str(tmp_path / "layout")).open_destination() as destination:
        capabilities = destination.capabilities
    assert capabilities.manifest_types == (MANIFEST, INDEX)
    assert capabilities.layer_compression is LayerCompression.COMPRESS
    assert capabilities.stores_indexes
    assert not capabilities.accepts_foreign_layer_urls


@pytest.mark.parametrize("choice", LayerCompression)
def test_the_compression_of_layers_is_an_option(tmp_path: Path, choice: LayerCompression) -> None:
    assert OciTransport.destination_options is OciDestinationOptions
    pairs = [("layers", choice.value)]
    options = parse_options(OciDestinationOptions, pairs, flag="--dest-opt", scheme="oci")
    assert options == OciDestinationOptions(layers=choice)
    with OciReference(str(tmp_path / "layout")).open_destination(options) as destination:
        assert destination.capabilities.layer_compression is choice


def test_refuses_other_manifests(tmp_path: Path) -> None:
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": described(b"{}", CONFIG),
        "layers": [described(b"", LAYER)],
    }
    raw = json.dumps(manifest).encode()
    with OciReference(str(tmp_path / "layout"), "t").open_destination() as destination:
        for media_type in (DOCKER_MANIFEST, ""):
            with pytest.raises(UnsupportedByDestination) as caught:
                destination.put_manifest(RawManifest(raw, media_type))
            for part in (MANIFEST, INDEX, DOCKER_MANIFEST, f'"oci:{tmp_path}/layout:t"'):
                assert part in str(caught.value)
        put(destination, Image("a"))
        destination.commit()
    assert index_of(tmp_path / "layout")["manifests"] == [named(entry("a"), "t")]


def test_refuses_signatures(tmp_path: Path) -> None:
    with OciReference(str(tmp_path / "layout"), "t").open_destination() as destination:
        destination.put_signatures([])
        with pytest.raises(UnsupportedByDestination, match="signatures in an OCI layout"):
            destination.put_signatures([b"signature"])


def test_a_directory_that_somebody_else_made_and_removed_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.mkdir
    made = []

    def mkdir(directory: str, *mode: int) -> None:
        made.append(directory)
        if len(made) == 1:
            raise FileExistsError(17, "File exists", directory)  # and it is gone again
        make(directory, *mode)

    path = tmp_path / "layout"
    monkeypatch.setattr(os, "mkdir", mkdir)
    write(path, "a")
    assert made[:2] == [str(path)] * 2
    assert len(json.loads((path / "index.json").read_bytes())["manifests"]) == 1
