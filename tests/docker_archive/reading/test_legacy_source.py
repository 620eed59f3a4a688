"""Archives of `docker save` before Docker 1.10, made by hand."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from imgcopy_core_stubs import (
    BlobInfo,
    Digest,
    ImageSource,
    InvalidArchive,
    InvalidDocument,
    RawManifest,
    SourceNotFound,
    TooLarge,
    media_types,
)
from imgcopy_core_stubs.validation import validate_place
from imgcopy_docker_archive import DockerArchiveSourceOptions, Layout
from imgcopy_docker_archive.reference import DockerArchiveReference
from tests.docker_archive.compressed import COMPRESSORS
from tests.docker_archive.tars import file, tar
from tests.layers import layer_of

MIB = 1024 * 1024
BASE, TOP, OTHER = "a" * 64, "b" * 64, "c" * 64
LAYERS = {BASE: layer_of(b"base"), TOP: layer_of(b"top"), OTHER: layer_of(b"other")}
TOP_DOCUMENT = (
    f'{{"id":"{TOP}","parent":"{BASE}","created":"2015-05-01T10:00:00.5Z","Size":300,'
    '"container_config":{"Cmd":["/bin/sh","-c","#(nop) CMD <ls>"],"User":""}, "os":"linux",'
    '"architecture":"amd64","config":{"Cmd":["ls"],"Env":null},"docker_version":"1.9.1",'
    '"unknown":1.10}'
).encode()
BASE_DOCUMENT = b'{"id":"%s","author":"me & you","comment":"first"}' % BASE.encode()
# What Docker makes of these two documents, put together by hand from its sources.
CONFIG = (
    '{"architecture":"amd64","config":{"Cmd":["ls"],"Env":null},'
    r'"container_config":{"Cmd":["/bin/sh","-c","#(nop) CMD \u003cls\u003e"],"User":""},'
    '"created":"2015-05-01T10:00:00.5Z","docker_version":"1.9.1",'
    r'"history":[{"created":"0001-01-01T00:00:00Z","author":"me \u0026 you","comment":"first"},'
    '{"created":"2015-05-01T10:00:00.5Z",'
    r'"created_by":"/bin/sh -c #(nop) CMD \u003cls\u003e"}],"os":"linux",'
    '"rootfs":{"type":"layers","diff_ids":["%s","%s"]},"unknown":1.10}'
)


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def folder(name: str, document: bytes, layer: bytes | None = None) -> bytes:
    return (
        file(f"{name}/VERSION", b"1.0")
        + file(f"{name}/json", document)
        + file(f"{name}/layer.tar", LAYERS[name] if layer is None else layer)
    )


def repositories(document: Any) -> bytes:
    return file("repositories", json.dumps(document).encode())


TAGS = repositories({"app": {"1": TOP, "2": TOP}, "example.org/base": {"latest": BASE}})
TWO = (folder(TOP, TOP_DOCUMENT), folder(BASE, BASE_DOCUMENT))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "old.tar"
    path.write_bytes(tar(*TWO, TAGS))
    return path


def parse(path: Path, choice: str = "") -> DockerArchiveReference:
    return DockerArchiveReference.parse(f"{path}{choice}")


def blob(source: ImageSource, digest: str) -> bytes:
    stream = source.blob(BlobInfo(Digest.parse(digest)))
    return b"".join(iter(lambda: stream.read(100), b""))


def test_the_images_and_their_names(path: Path) -> None:
    assert parse(path).tags() == ["app:1", "app:2", "example.org/base:latest"]
    assert [str(name) for name in parse(path, ":@0").names()] == [
        "docker.io/library/app:1",
        "docker.io/library/app:2",
    ]
    with pytest.raises(SourceNotFound):
        parse(path, ":app:3").open_source()


@pytest.mark.parametrize("choice", [":app:1", ":@0"])
def test_the_config_is_the_one_that_docker_makes(path: Path, choice: str) -> None:
    config = (CONFIG % (sha256(LAYERS[BASE]), sha256(LAYERS[TOP]))).encode()
    with parse(path, choice).open_source() as source:
        manifest = source.manifest()
        assert manifest == RawManifest(manifest.raw, media_types.DOCKER_MANIFEST)
        document = json.loads(manifest.raw)
        assert document["config"]["digest"] == sha256(config)
        assert blob(source, document["config"]["digest"]) == config
        assert [(layer["digest"], layer["size"]) for layer in document["layers"]] == [
            (sha256(LAYERS[name]), len(LAYERS[name])) for name in (BASE, TOP)
        ]
        for name, layer in zip((BASE, TOP), document["layers"], strict=True):
            assert blob(source, layer["digest"]) == LAYERS[name]
        with pytest.raises(SourceNotFound):
            blob(source, sha256(b"another"))


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_a_compressed_layer(path: Path, compression: str) -> None:
    layer = COMPRESSORS[compression](LAYERS[BASE])
    path.write_bytes(tar(folder(BASE, BASE_DOCUMENT, layer), TAGS))
    with parse(path, ":@1").open_source() as source:
        (described,) = json.loads(source.manifest().raw)["layers"]
        assert described["digest"] == sha256(LAYERS[BASE])
        assert blob(source, described["digest"]) == LAYERS[BASE]


def test_all_of_it_is_valid(path: Path) -> None:
    result = validate_place(parse(path), "old.tar")
    assert (result.problems, result.images, result.blobs) == ((), 2, 4)


@pytest.mark.parametrize(
    ("members", "error", "says"),
    [
        ((*TWO, repositories([])), InvalidDocument, "must be an object"),
        ((*TWO, repositories({"app": TOP})), InvalidDocument, "$.app"),
        ((*TWO, repositories({"app": {"1": 7}})), InvalidDocument, '$.app["1"]'),
        ((*TWO, repositories({"a\n.b": {}, "a\n.c": 7})), InvalidDocument, r'$["a\n.c"]'),
        ((*TWO, repositories({"app": {"1": ""}})), InvalidDocument, '"app:1" has no layer'),
        ((TWO[0], TAGS), InvalidArchive, f"{BASE}/json"),
        ((file(f"{TOP}/json", TOP_DOCUMENT), TWO[1], TAGS), InvalidArchive, "layer.tar"),
        ((folder(TOP, b'{"parent":7}'), TAGS), InvalidDocument, "$.parent"),
        ((folder(TOP, b'{"parent":"%s"}' % TOP.encode()), TAGS), InvalidArchive, "a circle"),
        (
            (folder(TOP, b'{"parent":"../%s"}' % OTHER.encode()), folder(OTHER, b"{}"), TAGS),
            InvalidArchive,
            "outside of the archive",
        ),
        ((folder(TOP, b" " * (4 * MIB + 1)), TAGS), TooLarge, "json"),
        ((*TWO, file("repositories", b" " * (MIB + 1))), TooLarge, "repositories"),
    ],
)
def test_what_is_refused(
    path: Path, members: tuple[bytes, ...], error: type[Exception], says: str
) -> None:
    path.write_bytes(tar(*members))
    with pytest.raises(error) as caught:
        parse(path, ":app:1").open_source()
    assert says in str(caught.value)


@pytest.mark.parametrize("wrong", [{"n" * 500_000: 7}, {"n" * 250_000: {"t" * 250_000: 7}}])
def test_an_error_fits_a_line_whatever_the_names(path: Path, wrong: dict[str, Any]) -> None:
    path.write_bytes(tar(*TWO, repositories(wrong)))
    with pytest.raises(InvalidDocument) as caught:
        parse(path).open_source()
    assert len(str(caught.value)) < 500 + len(str(path))


def test_a_chain_that_is_too_long(path: Path) -> None:
    names = [f"{number:064x}" for number in range(1001)]
    chain = [
        file(f"{name}/json", json.dumps({"parent": parent}).encode()) + file(f"{name}/layer.tar")
        for name, parent in zip(names, ["", *names], strict=False)
    ]
    path.write_bytes(tar(*chain, repositories({"app": {"1": names[999], "2": names[1000]}})))
    with parse(path, ":app:1").open_source() as source:
        assert len(json.loads(source.manifest().raw)["layers"]) == 1000
    with pytest.raises(InvalidArchive, match="more than 1000"):
        parse(path, ":app:2").open_source()


def test_a_history_that_is_too_long(path: Path) -> None:
    document = json.dumps({"comment": "x" * (3 * MIB)})
    upper = json.dumps({"comment": "x" * (3 * MIB), "parent": BASE})
    path.write_bytes(tar(folder(TOP, upper.encode()), folder(BASE, document.encode()), TAGS))
    with pytest.raises(TooLarge, match="history"):
        parse(path, ":app:1").open_source()


def test_it_is_no_layout_of_its_own(path: Path) -> None:
    options = DockerArchiveSourceOptions(layout=Layout.DOCKER)
    assert parse(path).tags(options) == parse(path).tags()
