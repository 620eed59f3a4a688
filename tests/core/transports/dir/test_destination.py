import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcopy_core_stubs.capabilities import LayerCompression
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    DestinationExists,
    DestinationWriteFailed,
    InvalidDestination,
    InvalidOption,
)
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.options import parse_options
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination
from imgcopy_core_stubs.transports import (
    DirDestinationOptions,
    DirReference,
    DirTransport,
    ExistingDirectory,
)
from imgcopy_core_stubs.transports.dir import destination as destination_module
from imgcopy_core_stubs.transports.dir import replacing
from imgcopy_core_stubs.transports.dir.replacing import exchange
from tests.core.transports.layouts import INDEX, MANIFEST, Image, described, files, sha256, tree

REPLACE = DirDestinationOptions(existing=ExistingDirectory.REPLACE)


def hexadecimal(data: bytes) -> str:
    return sha256(data).removeprefix("sha256:")


def put(destination: ImageDestination, image: Image) -> None:
    for data in (image.layer, image.config):
        info = BlobInfo(Digest.parse(sha256(data)), len(data))
        destination.put_blob(io.BytesIO(data), info, is_config=data is image.config)
    destination.put_manifest(RawManifest(image.manifest, MANIFEST))


def write(path: Path | str, image: str, options: DirDestinationOptions | None = None) -> None:
    with DirReference(str(path)).open_destination(options) as destination:
        put(destination, Image(image))
        destination.commit()


def expected(name: str) -> dict[str, bytes]:
    """The files of an image, as skopeo 1.9.3 writes them."""
    image = Image(name)
    return {
        "version": b"Directory Transport Version: 1.1\n",
        "manifest.json": image.manifest,
        hexadecimal(image.layer): image.layer,
        hexadecimal(image.config): image.config,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image"


def test_writes_what_skopeo_writes(path: Path) -> None:
    write(path, "a")
    assert files(path) == expected("a")


def test_writes_indexes_instances_and_signatures(path: Path) -> None:
    image = Image("a")
    entries = [described(image.manifest, MANIFEST)]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    digest = Digest.parse(sha256(image.manifest))
    with DirReference(str(path)).open_destination() as destination:
        destination.put_manifest(RawManifest(image.manifest, MANIFEST), instance_digest=digest)
        destination.put_signatures([b"of the instance"], instance_digest=digest)
        destination.put_manifest(RawManifest(index, INDEX))
        destination.put_signatures([b"first", b"second"])
        destination.commit()
    assert files(path) == {
        "version": b"Directory Transport Version: 1.1\n",
        "manifest.json": index,
        f"{digest.hex}.manifest.json": image.manifest,
        f"{digest.hex}.signature-1": b"of the instance",
        "signature-1": b"first",
        "signature-2": b"second",
    }


def test_any_type_of_manifest_is_stored(path: Path) -> None:
    with DirReference(str(path)).open_destination() as destination:
        destination.put_manifest(RawManifest(b"whatever", "application/x-whatever"))
        destination.commit()
    assert (path / "manifest.json").read_bytes() == b"whatever"


def test_says_what_it_can_do(path: Path) -> None:
    with DirReference(str(path)).open_destination() as destination:
        capabilities = destination.capabilities
    assert capabilities.manifest_types == ()
    assert capabilities.signatures_refusal is None
    assert capabilities.layer_compression is LayerCompression.KEEP
    assert capabilities.stores_indexes
    assert not capabilities.accepts_foreign_layer_urls


def test_what_is_done_to_an_existing_image_is_an_option() -> None:
    def parsed(value: str) -> object:
        pairs = [("existing", value)]
        return parse_options(DirDestinationOptions, pairs, flag="--dest-opt", scheme="dir")

    assert DirTransport.destination_options is DirDestinationOptions
    assert parsed("replace") == REPLACE
    assert parsed("refuse") == DirDestinationOptions()
    with pytest.raises(InvalidOption, match="refuse, replace"):
        parsed("append")


# --- what is there already -----------------------------------------------------------------------


def test_an_image_that_is_there_is_refused_at_once(path: Path) -> None:
    write(path, "old")
    before = tree(path.parent)
    with pytest.raises(DestinationExists):
        DirReference(str(path)).open_destination()
    assert tree(path.parent) == before


@pytest.mark.parametrize("slash", ["", "/", "//"])
def test_an_image_is_replaced_as_a_whole(path: Path, slash: str) -> None:
    write(path, "old")
    path.chmod(0o700)
    old = os.open(path, os.O_RDONLY)
    write(f"{path}{slash}", "new", REPLACE)
    assert files(path) == expected("new")
    assert path.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == ["image"]
    assert os.listdir(old) == []
    os.close(old)


def test_the_old_image_stays_until_the_commit(path: Path) -> None:
    write(path, "old")
    before = tree(path)
    with DirReference(str(path)).open_destination(REPLACE) as destination:
        put(destination, Image("new"))
        assert tree(path) == before
    assert tree(path) == before
    assert os.listdir(path.parent) == ["image"]


def _with_a_stranger(path: Path) -> None:
    (path / "thesis.tex").touch()


def _with_a_directory(path: Path) -> None:
    (path / ("0" * 64)).mkdir()


def _with_a_link(path: Path) -> None:
    (path / "signature-1").symlink_to("/etc/passwd")


def _without_a_version(path: Path) -> None:
    (path / "version").unlink()


def _of_another_version(path: Path) -> None:
    (path / "version").write_text("1.1\n")


def _with_a_large_version(path: Path) -> None:
    os.truncate(path / "version", 10 * 1024**3)


@pytest.mark.parametrize("options", [None, REPLACE], ids=["refuse", "replace"])
@pytest.mark.parametrize(
    "change",
    [
        _with_a_stranger,
        _with_a_directory,
        _with_a_link,
        _without_a_version,
        _of_another_version,
        _with_a_large_version,
    ],
)
def test_what_is_no_image_is_never_replaced(
    path: Path, change: Callable[[Path], None], options: DirDestinationOptions | None
) -> None:
    write(path, "old")
    change(path)
    names = set(path.parent.rglob("*"))
    with pytest.raises(InvalidDestination) as caught:
        DirReference(str(path)).open_destination(options)
    assert str(path) in str(caught.value)
    assert set(path.parent.rglob("*")) == names


def test_a_stranger_that_comes_later_is_not_deleted(path: Path) -> None:
    write(path, "old")
    with DirReference(str(path)).open_destination(REPLACE) as destination:
        put(destination, Image("new"))
        (path / "thesis.tex").touch()
        with pytest.raises(InvalidDestination, match=r"thesis\.tex"):
            destination.commit()
    assert files(path) == expected("old") | {"thesis.tex": b""}


@pytest.mark.parametrize("kind", ["directory", "link", "file"])
def test_a_stranger_that_comes_at_the_last_moment_is_not_deleted(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def exchange_too_late(new: str, old: str) -> None:
        monkeypatch.setattr(destination_module, "exchange", exchange)
        shutil.rmtree(path)
        stranger = path.with_name("stranger")
        if kind == "directory":
            stranger.mkdir()
            (stranger / "thesis.tex").touch()
        elif kind == "link":
            stranger.symlink_to(path.parent)
        else:
            stranger.touch()
        stranger.rename(path)
        exchange(new, old)

    write(path, "old")
    with DirReference(str(path)).open_destination(REPLACE) as destination:
        put(destination, Image("new"))
        monkeypatch.setattr(destination_module, "exchange", exchange_too_late)
        with pytest.raises(InvalidDestination) as caught:
            destination.commit()
    assert str(caught.value) == (
        f'cannot write "{path}": what was there was replaced by something else meanwhile '
        "(try again)"
    )
    assert os.listdir(path.parent) == ["image"]
    assert path.is_symlink() == (kind == "link")
    assert path.is_file() == (kind == "file")
    assert kind != "directory" or os.listdir(path) == ["thesis.tex"]


def test_an_image_that_comes_later_is_not_replaced(path: Path) -> None:
    with DirReference(str(path)).open_destination() as destination:
        put(destination, Image("new"))
        write(path, "other")
        with pytest.raises(DestinationExists):
            destination.commit()
    assert files(path) == expected("other")
    assert os.listdir(path.parent) == ["image"]


def test_an_image_that_comes_at_the_last_moment_is_not_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def rename_too_late(source: str, target: str) -> None:
        monkeypatch.setattr(os, "rename", rename)
        write(path, "other")
        rename(source, target)

    with DirReference(str(path)).open_destination() as destination:
        put(destination, Image("new"))
        monkeypatch.setattr(os, "rename", rename_too_late)
        with pytest.raises(DestinationExists):
            destination.commit()
    assert files(path) == expected("other")


def test_a_link_is_not_replaced(path: Path) -> None:
    write(path, "old")
    link = path.parent / "link"
    link.symlink_to("image")
    with pytest.raises(InvalidDestination, match="symbolic link") as caught:
        DirReference(str(link)).open_destination(REPLACE)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", [".", "/", "below/.."])
def test_what_cannot_be_renamed_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidDestination, match="cannot be replaced"):
        DirReference(text).open_destination(REPLACE)


def test_a_relative_path_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("image", "a")
    assert files(tmp_path / "image") == expected("a")


def test_a_long_name_is_fine(tmp_path: Path) -> None:
    name = "é" * 127
    write(tmp_path / name, "a")
    assert files(tmp_path / name) == expected("a")


# --- exchanging ----------------------------------------------------------------------------------


def test_exchanges_without_help_of_the_system(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "_renamed_at_once", lambda *_: False)
    write(path, "old")
    write(path, "new", REPLACE)
    assert files(path) == expected("new")
    assert os.listdir(path.parent) == ["image"]


def test_an_exchange_that_fails_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing, "_renamed_at_once", lambda *_: False)
    write(path, "old")
    before = tree(path.parent)
    rename = os.rename

    def fail_to_put_the_new_one(source: str, target: str) -> None:
        if source.endswith(".partial"):
            raise OSError(5, "injected")
        rename(source, target)

    with DirReference(str(path)).open_destination(REPLACE) as destination:
        put(destination, Image("new"))
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", fail_to_put_the_new_one)
            with pytest.raises(DestinationWriteFailed):
                destination.commit()
    assert tree(path.parent) == before


def test_the_system_exchanges_directories(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "was-a").touch()
    if not replacing._renamed_at_once(str(tmp_path / "a"), str(tmp_path / "b")):
        pytest.skip("no renameat2 here")
    assert os.listdir(tmp_path / "b") == ["was-a"]
    assert os.listdir(tmp_path / "a") == []
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        replacing._renamed_at_once(str(tmp_path / "a"), str(tmp_path / "b"))
