import json
import os
from pathlib import Path

import pytest

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    DigestMismatch,
    SizeMismatch,
    SourceNotFound,
    TooLarge,
    UnsupportedImage,
)
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.transport import BlobInfo, ImageSource
from imgcopy_core_stubs.transports import DirTransport
from tests.core.transports.layouts import INDEX, MANIFEST, Image, described, sha256

LIMIT = 4 * 1024 * 1024


def hexadecimal(data: bytes) -> str:
    return sha256(data).removeprefix("sha256:")


def opened(path: Path) -> ImageSource:
    return DirTransport().parse_reference(str(path)).open_source()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A directory as skopeo writes it."""
    path = tmp_path / "image"
    path.mkdir()
    parts = Image("a")
    (path / "version").write_text("Directory Transport Version: 1.1\n")
    (path / "manifest.json").write_bytes(parts.manifest)
    for data in (parts.layer, parts.config):
        (path / hexadecimal(data)).write_bytes(data)
    return path


@pytest.fixture
def index(image: Path) -> Path:
    """The same, with an index of two instances."""
    for name in "ab":
        manifest = Image(name).manifest
        (image / f"{hexadecimal(manifest)}.manifest.json").write_bytes(manifest)
    entries = [described(Image(name).manifest, MANIFEST) for name in "ab"]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    (image / "manifest.json").write_text(json.dumps(document))
    return image


def test_reads_an_image(image: Path) -> None:
    source = opened(image)
    assert source.manifest() == RawManifest(Image("a").manifest)
    layer = Image("a").layer
    stream = source.blob(BlobInfo(Digest.parse(sha256(layer)), len(layer)))
    assert stream.read(2 * len(layer)) == layer
    assert stream.read(1) == b""
    stream.close()
    assert source.signatures() == []
    source.close()


def test_reads_instances(index: Path) -> None:
    digest = Digest.parse(sha256(Image("b").manifest))
    assert opened(index).manifest(digest) == RawManifest(Image("b").manifest, MANIFEST)
    assert opened(index).manifest().raw == (index / "manifest.json").read_bytes()


def test_an_instance_is_held_against_its_descriptor(index: Path) -> None:
    raw = Image("b").manifest
    digest = Digest.parse(sha256(raw))
    file = index / f"{digest.hex}.manifest.json"
    file.write_bytes(raw + b" ")
    with pytest.raises(SizeMismatch):
        opened(index).manifest(digest)
    file.write_bytes(raw[:-1] + b" ")
    with pytest.raises(DigestMismatch):
        opened(index).manifest(digest)
    file.unlink()
    with pytest.raises(SourceNotFound) as caught:
        opened(index).manifest(digest)
    assert str(file) in str(caught.value)


def test_a_manifest_that_nothing_names_is_no_instance(image: Path) -> None:
    digest = Digest.parse(sha256(Image("a").manifest))
    with pytest.raises(SourceNotFound) as caught:
        opened(image).manifest(digest)
    assert str(digest) in str(caught.value)


def test_reads_signatures_in_order(index: Path) -> None:
    digest = Digest.parse(sha256(Image("b").manifest))
    for number in (1, 2, 10, 11):
        (index / f"signature-{number}").write_bytes(b"top %d" % number)
    (index / f"{digest.hex}.signature-1").write_bytes(b"of b")
    assert opened(index).signatures() == [b"top 1", b"top 2"]
    assert opened(index).signatures(digest) == [b"of b"]


def test_signatures_are_bounded(image: Path) -> None:
    (image / "signature-1").write_bytes(b"x" * LIMIT)
    assert opened(image).signatures() == [b"x" * LIMIT]
    for number in range(2, 6):
        os.link(image / "signature-1", image / f"signature-{number}")
    with pytest.raises(TooLarge, match="the signatures of"):
        opened(image).signatures()
    with (image / "signature-1").open("ab") as file:
        file.write(b"x")
    with pytest.raises(TooLarge, match="signature-1"):
        opened(image).signatures()


def test_a_missing_image_is_an_error(tmp_path: Path, image: Path) -> None:
    with pytest.raises(SourceNotFound, match="there is no such directory"):
        opened(tmp_path / "nope")
    with pytest.raises(SourceNotFound, match="it is not a directory"):
        opened(image / "version")
    (image / "manifest.json").unlink()
    with pytest.raises(SourceNotFound, match=r"manifest\.json"):
        opened(image).manifest()


def test_a_manifest_is_bounded(image: Path) -> None:
    file = image / "manifest.json"
    file.write_bytes(file.read_bytes().ljust(LIMIT))
    assert len(opened(image).manifest().raw) == LIMIT
    os.truncate(file, 10 * 1024**3)
    with pytest.raises(TooLarge):
        opened(image).manifest()


@pytest.mark.parametrize(
    "version",
    [
        None,
        "Directory Transport Version: 1.0\n",
        "Directory Transport Version: 1.1",
        "Directory Transport Version: 1.2\n",
    ],
)
def test_reads_versions_1_and_directories_without_a_version(
    image: Path, version: str | None
) -> None:
    (image / "version").unlink()
    if version is not None:
        (image / "version").write_text(version)
    assert opened(image).manifest().raw == Image("a").manifest


@pytest.mark.parametrize("version", ["Directory Transport Version: 2.0\n", "", "1.1\n"])
def test_other_versions_are_refused(image: Path, version: str) -> None:
    (image / "version").write_text(version)
    with pytest.raises(UnsupportedImage, match="version file says"):
        opened(image)


def test_a_fifo_for_a_manifest_or_a_blob_is_refused(image: Path) -> None:
    layer = Image("a").layer
    for name in ("manifest.json", hexadecimal(layer)):
        (image / name).unlink()
        os.mkfifo(image / name)
    source = opened(image)
    with pytest.raises(UnsupportedImage, match="not a regular file"):
        source.manifest()
    with pytest.raises(UnsupportedImage, match="not a regular file"):
        source.blob(BlobInfo(Digest.parse(sha256(layer))))


def test_a_link_out_of_the_directory_is_refused(image: Path) -> None:
    (image / "manifest.json").rename(image.parent / "outside")
    (image / "manifest.json").symlink_to("../outside")
    with pytest.raises(UnsupportedImage, match="outside of"):
        opened(image).manifest()
