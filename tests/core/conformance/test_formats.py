"""The read-backs, on images whose bytes are known."""

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from imgcopy_core_stubs.conformance import Damaged
from imgcopy_core_stubs.conformance.formats import docker_archive, oci_layout, skopeo_directory

HELLO = Path(__file__).parents[2] / "data" / "hello"
MANIFEST = "sha256:082ef6655ee81c847c11e2675e9ed8ff0c1bec44311a1256bc345168e14c6d67"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- oci -----------------------------------------------------------------------------------------


def test_a_layout() -> None:
    stored = oci_layout.stored(f"{HELLO}:latest")
    assert stored is not None
    assert stored.manifest is not None
    assert f"sha256:{sha256(stored.manifest)}" == MANIFEST
    document = json.loads(stored.manifest)
    assert stored.config_digest == document["config"]["digest"]
    assert stored.layer_digests == [layer["digest"] for layer in document["layers"]]
    assert len(stored.blobs) == 4
    assert all(digest == f"sha256:{sha256(content)}" for digest, content in stored.blobs)
    assert stored.tags == ("latest",)


def test_a_layout_without_the_image(tmp_path: Path) -> None:
    assert oci_layout.stored(f"{HELLO}:other") is None
    assert oci_layout.stored(oci_layout.new_reference(tmp_path)) is None


def test_a_layout_whose_manifest_is_missing(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    shutil.copytree(HELLO, layout)
    (layout / "blobs" / "sha256" / MANIFEST.removeprefix("sha256:")).unlink()
    with pytest.raises(Damaged, match="is missing"):
        oci_layout.stored(f"{layout}:latest")


# --- dir -----------------------------------------------------------------------------------------


def test_a_directory(tmp_path: Path) -> None:
    for name, content in {
        "version": b"Directory Transport Version: 1.1\n",
        "manifest.json": b'{"config": {"digest": "sha256:c"}, "layers": []}',
        "a" * 64: b"a blob",
        "b" * 128: b"a blob with a long name",
        "c" * 64 + ".manifest.json": b"an instance",
        "signature-1": b"first",
        "signature-2": b"second",
    }.items():
        (tmp_path / name).write_bytes(content)
    stored = skopeo_directory.stored(str(tmp_path))
    assert stored is not None
    assert stored.manifest == b'{"config": {"digest": "sha256:c"}, "layers": []}'
    assert dict(stored.blobs) == {
        "sha256:" + "a" * 64: b"a blob",
        "sha512:" + "b" * 128: b"a blob with a long name",
    }
    assert stored.instances == {"sha256:" + "c" * 64: b"an instance"}
    assert stored.signatures == (b"first", b"second")


def test_no_directory(tmp_path: Path) -> None:
    assert skopeo_directory.stored(skopeo_directory.new_reference(tmp_path)) is None


# --- docker-archive ------------------------------------------------------------------------------


def write_archive(path: Path, *members: tuple[str, bytes]) -> str:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return f"{path}:example.org/app:1"


def manifest_json(**changes: object) -> tuple[str, bytes]:
    item = {
        "Config": "c" * 64 + ".json",
        "RepoTags": ["example.org/app:1"],
        "Layers": ["a" * 64 + ".tar"],
        **changes,
    }
    return "manifest.json", json.dumps([item]).encode()


def test_an_archive(tmp_path: Path) -> None:
    layer = ("a" * 64 + ".tar", b"layer")
    config = ("c" * 64 + ".json", b"config")
    reference = write_archive(tmp_path / "a.tar", layer, layer, config, manifest_json())
    stored = docker_archive.stored(reference)
    assert stored is not None
    assert (stored.manifest, stored.config_digest) == (None, "sha256:" + "c" * 64)
    assert stored.layer_digests == ["sha256:" + "a" * 64]
    assert stored.blobs == (
        ("sha256:" + "a" * 64, b"layer"),
        ("sha256:" + "a" * 64, b"layer"),
        ("sha256:" + "c" * 64, b"config"),
    )
    assert stored.tags == ("example.org/app:1",)


def test_an_archive_without_layers(tmp_path: Path) -> None:
    stored = docker_archive.stored(write_archive(tmp_path / "a.tar", manifest_json(Layers=None)))
    assert stored is not None
    assert stored.layer_digests == []


def test_no_archive(tmp_path: Path) -> None:
    assert docker_archive.stored(docker_archive.new_reference(tmp_path)) is None


def test_archives_that_are_damaged(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match=r"0 members manifest\.json"):
        docker_archive.stored(write_archive(tmp_path / "empty.tar"))
    with pytest.raises(Damaged, match=r"not example\.org/app:1"):
        docker_archive.stored(write_archive(tmp_path / "a.tar", manifest_json(RepoTags=[])))
    (tmp_path / "no.tar").write_bytes(b"no tar" * 1000)
    with pytest.raises(Damaged, match="cannot be read"):
        docker_archive.stored(f"{tmp_path}/no.tar:example.org/app:1")
