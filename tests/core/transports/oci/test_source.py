import hashlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    AmbiguousImage,
    DigestMismatch,
    InvalidDocument,
    SizeMismatch,
    SourceError,
    SourceNotFound,
    SourceReadFailed,
    TooLarge,
    UnsupportedImage,
)
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import BlobInfo, ImageSource
from imgcopy_core_stubs.transports import OciTransport
from tests.core.transports.layouts import (
    CONTAINERD_NAME,
    INDEX,
    MANIFEST,
    REF_NAME,
    Image,
    Json,
    Layout,
    named,
    sha256,
)

LIMIT = 4 * 1024 * 1024


def opened(layout: Layout, suffix: str = "") -> ImageSource:
    return OciTransport().parse_reference(f"{layout.path}{suffix}").open_source()


def tags(layout: Layout) -> list[str]:
    return list(OciTransport().parse_reference(str(layout.path)).tags())


def info_of(descriptor: Json) -> BlobInfo:
    return BlobInfo(Digest.parse(descriptor["digest"]), descriptor["size"])


def content(stream: ByteStream) -> bytes:
    try:
        return b"".join(iter(lambda: stream.read(7), b""))
    finally:
        stream.close()


# --- choosing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [":b", ":@1", ":registry.example/app:b"])
def test_finds_an_image(layout: Layout, suffix: str) -> None:
    second = layout.image(
        "b", annotations={REF_NAME: "b", CONTAINERD_NAME: "registry.example/app:b"}
    )
    layout.write_index(named(layout.image("a"), "a"), second, layout.image("c"))
    manifest = opened(layout, suffix).manifest()
    assert manifest == RawManifest(Image("b").manifest, MANIFEST)


def test_takes_the_only_image(layout: Layout) -> None:
    layout.write_index(named(layout.image("a"), "t"))
    assert opened(layout).manifest().raw == Image("a").manifest


def test_one_image_under_several_names_is_the_only_image(layout: Layout) -> None:
    image = layout.image("a")
    layout.write_index(named(image, "1"), named(image, "latest"), image)
    assert opened(layout).manifest().raw == Image("a").manifest


def test_lists_the_choices(layout: Layout) -> None:
    layout.write_index(
        named(layout.image("a"), "1"), named(layout.image("b"), "2"), layout.image("c")
    )
    with pytest.raises(AmbiguousImage) as caught:
        opened(layout)
    assert caught.value.choices == ("1", "2", "@2")
    assert str(layout.path) in str(caught.value)


def test_a_name_that_two_images_have_is_an_error(layout: Layout) -> None:
    layout.write_index(
        named(layout.image("a"), "t"), named(layout.image("b"), "u"), named(layout.image("c"), "t")
    )
    with pytest.raises(AmbiguousImage) as caught:
        opened(layout, ":t")
    assert caught.value.choices == ("@0", "@2")
    assert opened(layout, ":u").manifest().raw == Image("b").manifest


@pytest.mark.parametrize(
    ("suffix", "problem"),
    [(":nope", 'no image "nope"; it has "a", "b"'), (":@2", 'no image @2; it has "a", "b"')],
)
def test_an_unknown_image_is_an_error(layout: Layout, suffix: str, problem: str) -> None:
    layout.write_index(named(layout.image("a"), "a"), named(layout.image("b"), "b"))
    with pytest.raises(SourceNotFound) as caught:
        opened(layout, suffix)
    assert problem in str(caught.value)


@pytest.mark.parametrize("suffix", ["", ":t", ":@0"])
@pytest.mark.parametrize("manifests", ["[]", "null"])
def test_a_layout_without_images_is_an_error(layout: Layout, suffix: str, manifests: str) -> None:
    (layout.path / "index.json").write_text(f'{{"schemaVersion":2,"manifests":{manifests}}}')
    with pytest.raises(SourceNotFound, match="holds no image"):
        opened(layout, suffix)


def test_a_ref_name_goes_before_a_containerd_name(layout: Layout) -> None:
    other = layout.image("a", annotations={CONTAINERD_NAME: "t", REF_NAME: "x"})
    layout.write_index(other, named(layout.image("b"), "t"))
    assert opened(layout, ":t").manifest().raw == Image("b").manifest


def test_lists_names_that_find_their_image(layout: Layout) -> None:
    layout.write_index(
        named(layout.image("a"), "1.0"),
        layout.image("b"),
        named(layout.image("c"), "twice"),
        named(layout.image("d"), "twice"),
        named(layout.image("e"), "not a name"),
        layout.image("f", annotations={REF_NAME: "twice", CONTAINERD_NAME: "example.org/f:twice"}),
    )
    listed = tags(layout)
    assert listed == ["1.0", "@1", "@2", "@3", "@4", "example.org/f:twice"]
    for name, letter in zip(listed, "abcdef", strict=True):
        assert opened(layout, f":{name}").manifest().raw == Image(letter).manifest


# --- the layout ----------------------------------------------------------------------------------


def test_a_missing_layout_is_an_error(tmp_path: Path) -> None:
    reference = OciTransport().parse_reference(f"{tmp_path}/nope")
    with pytest.raises(SourceNotFound, match="there is no such directory"):
        reference.open_source()
    (tmp_path / "nope").touch()
    with pytest.raises(SourceNotFound, match="it is not a directory"):
        reference.tags()


def test_the_marker_must_be_there(layout: Layout) -> None:
    (layout.path / "oci-layout").unlink()
    with pytest.raises(SourceNotFound, match=r'no OCI image layout .* no file "oci-layout"'):
        opened(layout)


@pytest.mark.parametrize(
    ("marker", "error"),
    [
        ('{"imageLayoutVersion":"9.9.9"}', UnsupportedImage),
        ('{"imageLayoutVersion":"1.0.0\\n"}', UnsupportedImage),
        ('{"imageLayoutVersion":1}', InvalidDocument),
        ("{}", InvalidDocument),
        ("1.0.0", InvalidDocument),
        ("", InvalidDocument),
    ],
)
def test_the_marker_must_be_of_version_1(
    layout: Layout, marker: str, error: type[SourceError]
) -> None:
    layout.write_index(layout.image("a"))
    (layout.path / "oci-layout").write_text(marker)
    with pytest.raises(error, match="layout"):
        opened(layout)


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2", "1.1.0"])
def test_later_versions_1_are_read(tmp_path: Path, version: str) -> None:
    layout = Layout(tmp_path / "layout", version=version)
    layout.write_index(layout.image("a"))
    assert opened(layout).manifest().raw == Image("a").manifest


@pytest.mark.parametrize(
    ("index", "problem"),
    [
        ("[]", "must be a JSON object"),
        ('{"schemaVersion":2,"manifests":[]} {}', "not JSON"),
        ('{"schemaVersion":2,"manifests":[],"manifests":[]}', '"manifests" occurs twice'),
        ('{"schemaVersion":2,"manifests":[],"Manifests":[]}', "only by case"),
        ('{"schemaVersion":2,"manifests":[],"layers":[]}', "layers"),
        ('{"schemaVersion":1,"manifests":[]}', "schema 1"),
        (f'{{"schemaVersion":2,"mediaType":"{MANIFEST}"}}', "contradicts"),
        ('{"schemaVersion":2,"manifests":[{"digest":"md5:00","size":1}]}', "$.manifests[0].digest"),
        (
            f'{{"schemaVersion":2,"manifests":[{{"digest":"{sha256(b"")}"}}]}}',
            "$.manifests[0].size",
        ),
    ],
)
def test_a_malformed_index_is_an_error(layout: Layout, index: str, problem: str) -> None:
    (layout.path / "index.json").write_text(index)
    with pytest.raises(SourceError) as caught:
        opened(layout)
    assert problem in str(caught.value)
    assert str(layout.path) in str(caught.value)


def test_an_index_of_4_mib_is_read_and_one_byte_more_is_not(layout: Layout) -> None:
    layout.write_index(named(layout.image("a"), "t"))
    path = layout.path / "index.json"
    path.write_bytes(path.read_bytes().ljust(LIMIT))
    assert tags(layout) == ["t"]
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(TooLarge):
        tags(layout)


def test_a_sparse_index_of_10_gib_is_refused(layout: Layout) -> None:
    os.truncate(layout.path / "index.json", 10 * 1024**3)
    with pytest.raises(TooLarge):
        opened(layout)


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_fifo_for_a_document_is_refused(layout: Layout, name: str) -> None:
    layout.write_index(layout.image("a"))
    (layout.path / name).unlink()
    os.mkfifo(layout.path / name)
    with pytest.raises(UnsupportedImage, match="not a regular file"):
        opened(layout)


# --- manifests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda raw: raw[:-1] + b" ", DigestMismatch),
        (lambda raw: raw[:-1], SizeMismatch),
        (lambda raw: raw + b"\n", SizeMismatch),
    ],
)
def test_a_manifest_is_held_against_its_descriptor(
    layout: Layout, change: Any, error: type[SourceError]
) -> None:
    image = layout.image("a")
    layout.write_index(image)
    layout.file(image).write_bytes(change(layout.file(image).read_bytes()))
    with pytest.raises(error) as caught:
        opened(layout).manifest()
    assert image["digest"] in str(caught.value)


def test_a_manifest_that_is_missing_is_an_error(layout: Layout) -> None:
    image = layout.image("a")
    layout.write_index(image)
    layout.file(image).unlink()
    with pytest.raises(SourceNotFound) as caught:
        opened(layout).manifest()
    assert str(layout.file(image)) in str(caught.value)


def test_a_manifest_of_4_mib_is_read_and_one_byte_more_is_not(layout: Layout) -> None:
    largest = layout.blob(Image("a").manifest.ljust(LIMIT), MANIFEST)
    too_large = layout.blob(Image("a").manifest.ljust(LIMIT + 1), MANIFEST)
    layout.write_index(named(largest, "1"), named(too_large, "2"))
    assert len(opened(layout, ":1").manifest().raw) == LIMIT
    with pytest.raises(TooLarge):
        opened(layout, ":2").manifest()


def test_reads_instances_of_nested_indexes(layout: Layout) -> None:
    first, second = layout.image("a"), layout.image("b")
    inner = layout.index(second)
    outer = layout.index(first, inner)
    layout.write_index(outer)
    source = opened(layout)
    assert source.manifest(Digest.parse(first["digest"])).raw == Image("a").manifest
    assert source.manifest().media_type == INDEX
    assert source.manifest().raw == layout.file(outer).read_bytes()
    assert source.manifest(Digest.parse(inner["digest"])).media_type == INDEX
    assert source.manifest(Digest.parse(second["digest"])).raw == Image("b").manifest


def test_an_instance_is_held_against_its_descriptor(layout: Layout) -> None:
    good, bad = layout.image("a"), layout.image("b")
    layout.write_index(layout.index(good, {**bad, "size": bad["size"] + 1}))
    source = opened(layout)
    with pytest.raises(SizeMismatch):
        source.manifest(Digest.parse(bad["digest"]))
    layout.file(good).write_bytes(b" " * good["size"])
    with pytest.raises(DigestMismatch):
        source.manifest(Digest.parse(good["digest"]))


def test_a_manifest_that_nothing_names_is_no_instance(layout: Layout) -> None:
    other = layout.image("b")
    layout.write_index(layout.index(layout.image("a")))
    with pytest.raises(SourceNotFound) as caught:
        opened(layout).manifest(Digest.parse(other["digest"]))
    assert other["digest"] in str(caught.value)


def test_two_sizes_of_one_manifest_are_an_error(layout: Layout) -> None:
    image = layout.image("a")
    layout.write_index(layout.index(image, {**image, "size": image["size"] + 1}))
    with pytest.raises(InvalidDocument, match=r"\$\.manifests\[1\]\.size"):
        opened(layout).manifest()


def test_an_index_that_is_malformed_is_still_handed_out(layout: Layout) -> None:
    raw = b'{"schemaVersion":2,"manifests":7}'
    layout.write_index(layout.blob(raw, INDEX))
    assert opened(layout).manifest().raw == raw


def test_sha512_names_manifests_too(layout: Layout) -> None:
    raw = Image("a").manifest
    digest = hashlib.sha512(raw).hexdigest()
    (layout.path / "blobs" / "sha512").mkdir()
    file = layout.path / "blobs" / "sha512" / digest
    file.write_bytes(raw)
    layout.write_index({"mediaType": MANIFEST, "digest": f"sha512:{digest}", "size": len(raw)})
    assert opened(layout).manifest().raw == raw
    file.write_bytes(b" " * len(raw))
    with pytest.raises(DigestMismatch):
        opened(layout).manifest()


# --- blobs ---------------------------------------------------------------------------------------


@pytest.fixture
def source(layout: Layout) -> ImageSource:
    layout.write_index(layout.image("a"))
    return opened(layout)


def test_reads_a_blob(layout: Layout, source: ImageSource) -> None:
    blob = layout.blob(b"some bytes")
    assert content(source.blob(info_of(blob))) == b"some bytes"
    assert content(source.blob(BlobInfo(Digest.parse(blob["digest"])))) == b"some bytes"


def test_a_missing_blob_is_an_error(layout: Layout, source: ImageSource) -> None:
    blob = layout.blob(b"some bytes")
    layout.file(blob).unlink()
    with pytest.raises(SourceNotFound) as caught:
        source.blob(info_of(blob))
    assert str(layout.file(blob)) in str(caught.value)


@pytest.mark.parametrize("difference", [-1, 1, 10 * 1024**3])
def test_a_blob_of_another_size_is_an_error(
    layout: Layout, source: ImageSource, difference: int
) -> None:
    blob = layout.blob(b"some bytes")
    os.truncate(layout.file(blob), blob["size"] + difference)
    with pytest.raises(SizeMismatch) as caught:
        source.blob(info_of(blob))
    assert caught.value.expected == 10
    assert caught.value.actual == 10 + difference


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.mkdir()


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path has at most 108 bytes
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [_fifo, _directory, _socket, _loop])
def test_a_blob_must_be_a_regular_file(layout: Layout, source: ImageSource, make: Any) -> None:
    blob = layout.blob(b"some bytes")
    layout.file(blob).unlink()
    make(layout.file(blob))
    with pytest.raises(UnsupportedImage, match="it is not a regular file") as caught:
        source.blob(info_of(blob))
    assert str(layout.file(blob)) in str(caught.value)


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/passwd", "../../../outside", "/nowhere"])
def test_a_link_out_of_the_layout_is_refused(
    layout: Layout, source: ImageSource, target: str
) -> None:
    (layout.path.parent / "outside").write_bytes(b"some bytes")
    blob = layout.blob(b"some bytes")
    layout.file(blob).unlink()
    layout.file(blob).symlink_to(target)
    with pytest.raises(UnsupportedImage, match="outside of"):
        source.blob(info_of(blob))


def test_a_linked_directory_out_of_the_layout_is_refused(
    layout: Layout, source: ImageSource
) -> None:
    blob = layout.blob(b"some bytes")
    layout.blobs.rename(layout.path.parent / "elsewhere")
    layout.blobs.symlink_to(layout.path.parent / "elsewhere")
    with pytest.raises(UnsupportedImage, match="outside of"):
        source.blob(info_of(blob))


def test_a_link_within_the_layout_is_followed(layout: Layout, source: ImageSource) -> None:
    blob = layout.blob(b"some bytes")
    layout.file(blob).rename(layout.path / "moved")
    layout.file(blob).symlink_to("../../moved")
    assert content(source.blob(info_of(blob))) == b"some bytes"


def test_a_layout_may_be_reached_by_a_link(layout: Layout) -> None:
    layout.write_index(layout.image("a"))
    link = layout.path.parent / "link"
    link.symlink_to(layout.path)
    assert (
        OciTransport().parse_reference(str(link)).open_source().manifest().raw
        == Image("a").manifest
    )


def test_an_error_of_the_operating_system_names_the_file(
    layout: Layout, source: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = layout.blob(b"some bytes")
    stream = source.blob(info_of(blob))
    descriptor = os.open(layout.path, os.O_RDONLY)  # reading a directory fails
    try:
        os.dup2(descriptor, stream._file.fileno())  # type: ignore[attr-defined]  # it is a RegularFile
        with pytest.raises(SourceReadFailed) as caught:
            stream.read(1)
    finally:
        os.close(descriptor)
        stream.close()
    assert str(layout.file(blob)) in str(caught.value)


def test_a_file_that_may_not_be_read_is_an_error(unprivileged_directory: Path) -> None:
    layout = Layout(unprivileged_directory / "layout")
    (layout.path / "index.json").chmod(0)
    with pytest.raises(SourceReadFailed, match="Permission denied"):
        opened(layout)


def test_has_no_signatures(source: ImageSource) -> None:
    assert source.signatures() == ()


def test_closing_the_source_leaves_open_streams_alone(layout: Layout, source: ImageSource) -> None:
    stream = source.blob(info_of(layout.blob(b"some bytes")))
    source.close()
    source.close()
    assert content(stream) == b"some bytes"
