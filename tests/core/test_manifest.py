"""Manifests, indexes and configs, read from bytes."""

import base64
import hashlib
import json
from typing import Any

import pytest

from imgcopy_core_stubs import (
    Descriptor,
    Digest,
    ImageIndex,
    ImageManifest,
    InvalidDocument,
    NoMatchingPlatform,
    Platform,
    RawManifest,
    TooLarge,
    UnsupportedImage,
    parse_config,
    parse_manifest,
)

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(data: bytes = b"", media_type: str = LAYER, /, **more: object) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}


def manifest(**changes: object) -> dict[str, Any]:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b"{}", OCI_CONFIG),
        "layers": [descriptor(b"one"), descriptor(b"three")],
    }
    return document | changes


def index(**changes: object) -> dict[str, Any]:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor(b"m", OCI_MANIFEST)],
    }
    return document | changes


def parse(document: dict[str, Any] | bytes, media_type: str = "") -> ImageManifest | ImageIndex:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_manifest(RawManifest(raw, media_type), "doc")


def refusal(document: dict[str, Any] | bytes, media_type: str = "") -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        parse(document, media_type)
    assert str(caught.value).isprintable()
    return caught.value


# --- what is read --------------------------------------------------------------------------------


def test_an_image_manifest() -> None:
    raw = json.dumps(
        manifest(
            layers=[
                descriptor(
                    b"one",
                    urls=["https://example.com/one"],
                    annotations={"a": "b"},
                    platform={"os": "linux", "architecture": "arm", "variant": "v7"},
                    artifactType="application/x",
                    data=base64.b64encode(b"one").decode(),
                )
            ],
            subject={"unknown": True},
        )
    ).encode()
    image = parse(raw, OCI_MANIFEST)
    assert isinstance(image, ImageManifest)
    assert image.raw == raw
    assert str(image.digest) == sha256(raw)
    assert RawManifest(raw).digest == image.digest
    assert image.config == Descriptor(Digest.parse(sha256(b"{}")), 2, OCI_CONFIG)
    assert image.layers == (
        Descriptor(
            Digest.parse(sha256(b"one")),
            3,
            LAYER,
            urls=("https://example.com/one",),
            annotations={"a": "b"},
            data="b25l",
            platform=Platform("linux", "arm", "v7"),
            artifact_type="application/x",
        ),
    )
    assert image.document["subject"] == {"unknown": True}
    assert image.is_image
    assert not image.is_docker


def test_an_index() -> None:
    platform = {"os": "windows", "architecture": "amd64", "os.version": "10.0", "os.features": []}
    raw = json.dumps(index(manifests=[descriptor(b"m", OCI_MANIFEST, platform=platform)])).encode()
    parsed = parse(raw, OCI_INDEX)
    assert isinstance(parsed, ImageIndex)
    assert str(parsed.digest) == sha256(raw)
    assert parsed.manifests[0].platform == Platform("windows", "amd64", os_version="10.0")


def without_type(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "mediaType"}


DOCKER_SHAPE = manifest(config=descriptor(b"{}", DOCKER_CONFIG))


@pytest.mark.parametrize(
    ("document", "place", "media_type"),
    [
        (manifest(), OCI_MANIFEST, OCI_MANIFEST),
        (manifest(), "", OCI_MANIFEST),
        (without_type(manifest()), OCI_MANIFEST, OCI_MANIFEST),
        (without_type(manifest()), "", OCI_MANIFEST),
        (manifest(mediaType=None), "", OCI_MANIFEST),
        (manifest(mediaType=""), "", OCI_MANIFEST),
        (without_type(DOCKER_SHAPE), "", DOCKER_MANIFEST),
        (without_type(DOCKER_SHAPE), OCI_MANIFEST, OCI_MANIFEST),
        (without_type(manifest()), DOCKER_MANIFEST, DOCKER_MANIFEST),
        (index(), OCI_INDEX, OCI_INDEX),
        (without_type(index()), "", OCI_INDEX),
        (without_type(index()), DOCKER_LIST, DOCKER_LIST),
        (index(mediaType=DOCKER_LIST), "", DOCKER_LIST),
    ],
)
def test_the_type_is_the_documents_or_its_places_or_its_shapes(
    document: dict[str, Any], place: str, media_type: str
) -> None:
    parsed = parse(document, place)
    assert parsed.media_type == media_type
    assert isinstance(parsed, ImageIndex) is ("manifests" in document)
    if isinstance(parsed, ImageManifest):
        assert parsed.is_docker is (media_type == DOCKER_MANIFEST)


@pytest.mark.parametrize("layers", [None, []])
def test_there_may_be_no_layers(layers: object) -> None:
    image = parse(manifest(layers=layers))
    assert isinstance(image, ImageManifest)
    assert image.layers == ()


def test_ten_thousand_layers() -> None:
    image = parse(manifest(layers=[descriptor(b"%d" % number) for number in range(10_000)]))
    assert isinstance(image, ImageManifest)
    assert str(image.layers[9_999].digest) == sha256(b"9999")


@pytest.mark.parametrize(
    ("config_type", "is_image"),
    [(OCI_CONFIG, True), (DOCKER_CONFIG, True), ("application/vnd.oci.empty.v1+json", False)],
)
def test_an_artifact_is_no_image(config_type: str, is_image: bool) -> None:
    image = parse(manifest(config=descriptor(b"{}", config_type)))
    assert isinstance(image, ImageManifest)
    assert image.is_image is is_image


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path", "problem"),
    [
        (manifest(manifests=[]), "$.manifests", "has no place in a"),
        (manifest(manifests=None), "$.manifests", "has no place in a"),
        (manifest(Manifests=[]), "$.Manifests", "has no place in a"),
        (without_type(manifest(manifests=[])), "$.config", "has no place in a"),
        (index(layers=[]), "$.layers", "has no place in a"),
        (index(Config={}), "$.Config", "has no place in a"),
        (manifest(Layers=[]), "$", '"Layers" differs from "layers" only by case'),
        (index(MANIFESTS=[]), "$", '"MANIFESTS" differs from "manifests" only by case'),
        (manifest(MediaType=OCI_INDEX), "$", '"MediaType" differs from "mediaType"'),
        (without_type(manifest(schemaVersion=3)), "$.schemaVersion", "must be 2"),
        (manifest(schemaVersion="2"), "$.schemaVersion", "must be 2"),
        (manifest(schemaVersion=True), "$.schemaVersion", "must be 2"),
        (manifest(schemaVersion=2.0), "$.schemaVersion", "must be 2"),
        (manifest(schemaVersion=None), "$.schemaVersion", "must be 2"),
        ({"mediaType": OCI_INDEX, "manifests": []}, "$.schemaVersion", "is missing"),
        (manifest(mediaType=7), "$.mediaType", "must be a string"),
        ({"schemaVersion": 2}, "$.config", "is missing"),
        (manifest(config=None), "$.config", "is null"),
        (manifest(config=[]), "$.config", "must be an object, not a list"),
        (manifest(layers={}), "$.layers", "must be a list, not an object"),
        (manifest(layers=[None]), "$.layers[0]", "must be an object, not null"),
        (manifest(layers=[descriptor(b"", size=-1)]), "$.layers[0].size", "not -1"),
        (manifest(layers=[descriptor(b"", size=True)]), "$.layers[0].size", "not true"),
        (manifest(layers=[descriptor(b"", size=1.0)]), "$.layers[0].size", "not the number 1.0"),
        (manifest(layers=[descriptor(b"", size="7")]), "$.layers[0].size", 'not "7"'),
        (manifest(layers=[descriptor(b"", size=2**63)]), "$.layers[0].size", "not 92233720368"),
        (manifest(layers=[descriptor(b"", size=None)]), "$.layers[0].size", "is null"),
        (manifest(layers=[{"size": 1}]), "$.layers[0].digest", "is missing"),
        (
            manifest(config=descriptor(b"", digest="md5:" + "0" * 32)),
            "$.config.digest",
            "digest algorithm md5 is unsupported",
        ),
        (
            manifest(layers=[descriptor(b""), descriptor(b"", digest="sha256:../../etc/passwd")]),
            "$.layers[1].digest",
            "not a digest",
        ),
        (manifest(layers=[descriptor(b"", urls="x")]), "$.layers[0].urls", "must be a list"),
        (
            manifest(config=descriptor(b"", annotations={"a b": 1})),
            '$.config.annotations["a b"]',
            "must be a string, not 1",
        ),
        (
            index(manifests=[descriptor(b"", platform={"os": 1})]),
            "$.manifests[0].platform.os",
            "must be a string, not 1",
        ),
        (
            index(manifests=[descriptor(b"", Digest="x")]),
            "$.manifests[0]",
            '"Digest" differs from "digest" only by case',
        ),
    ],
)
def test_what_breaks_the_format_is_refused_with_its_path(
    document: dict[str, Any], path: str, problem: str
) -> None:
    error = refusal(document)
    assert error.path == path
    assert problem in error.problem


@pytest.mark.parametrize(
    ("raw", "path", "problem"),
    [
        (b'{"schemaVersion":2,"layers":[],"layers":[]}', "$", 'key "layers" occurs twice'),
        (b'{"schemaVersion":2,"config":{"size":1,"size":2}}', "$.config", '"size" occurs twice'),
        (b'{"schemaVersion":2,"config":{"size":NaN}}', "$.config.size", "NaN is not JSON"),
        (b'{"schemaVersion":2,"x":"\\ud800"}', "$.x", "has a lone surrogate"),
        (b"\xef\xbb\xbf{}", "$", "byte order mark"),
        (b'{"schemaVersion":2} {}', "$", "Extra data"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "$", "nested deeper than 64 levels"),
    ],
)
def test_what_readers_could_disagree_about_is_refused(raw: bytes, path: str, problem: str) -> None:
    error = refusal(raw)
    assert error.path == path
    assert problem in error.problem


def test_a_size_of_5000_digits() -> None:
    raw = json.dumps(manifest(layers=[descriptor(b"", size=0)])).encode()
    error = refusal(raw.replace(b'"size": 0', b'"size": ' + b"9" * 5000))
    assert error.path == "$.layers[0].size"
    assert len(str(error)) < 200


@pytest.mark.parametrize("size", [0, 2**63 - 1])
def test_the_limits_of_a_size(size: int) -> None:
    image = parse(manifest(layers=[descriptor(b"", size=size)]))
    assert isinstance(image, ImageManifest)
    assert image.layers[0].size == size


def test_a_type_that_contradicts_its_place() -> None:
    error = refusal(manifest(), DOCKER_MANIFEST)
    assert error.path == "$.mediaType"
    assert error.problem == (
        f'"{OCI_MANIFEST}" contradicts its descriptor, which says "{DOCKER_MANIFEST}"'
    )


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"schemaVersion": 1, "fsLayers": [], "history": []}, ""),
        ({"schemaVersion": 1, "mediaType": SCHEMA1}, ""),
        ({"schemaVersion": 1}, SCHEMA1),
        ({}, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ],
)
def test_schema_1_is_unsupported_by_name(document: dict[str, Any], place: str) -> None:
    with pytest.raises(UnsupportedImage, match="it is a Docker schema 1 manifest"):
        parse(document, place)


@pytest.mark.parametrize("place", ["", "application/octet-stream"])
def test_another_type_is_unsupported_by_name(place: str) -> None:
    with pytest.raises(UnsupportedImage) as caught:
        parse({"schemaVersion": 2, "mediaType": place or "text/\x1b"}, place)
    assert str(caught.value) == (
        f'doc is unsupported: its media type is "{place}"'
        if place
        else r'doc is unsupported: its media type is "text/\x1b"'
    )


def test_the_size_limit() -> None:
    raw = json.dumps(manifest()).encode()
    limit = 4 * 1024 * 1024
    assert parse(raw.ljust(limit)).raw == raw.ljust(limit)
    with pytest.raises(TooLarge, match="doc exceeds the limit of 4194304 bytes"):
        parse(raw.ljust(limit + 1))


# --- inline data ---------------------------------------------------------------------------------


def test_inline_data_that_fits() -> None:
    data = base64.b64encode(b"{}").decode()
    sha512 = "sha512:" + hashlib.sha512(b"{}").hexdigest()
    for digest in (sha256(b"{}"), sha512):
        image = parse(manifest(config=descriptor(b"{}", OCI_CONFIG, data=data, digest=digest)))
        assert isinstance(image, ImageManifest)
        assert image.config.data == data


@pytest.mark.parametrize("data", ["e30", "e3 0=", "e30=\n", "é", "=", "e2s=", "e30e30=="])
def test_inline_data_that_does_not_fit(data: str) -> None:
    inline = descriptor(b"{}", data=data)
    for document, path in [
        (manifest(config=inline), "$.config.data"),
        (manifest(layers=[descriptor(b""), inline]), "$.layers[1].data"),
        (index(manifests=[inline]), "$.manifests[0].data"),
    ]:
        error = refusal(document)
        assert error.path == path
        assert "base64" in error.problem or "does not have the digest" in error.problem


def test_inline_data_of_another_size() -> None:
    error = refusal(manifest(config=descriptor(b"{}", data="e30=", size=3)))
    assert error.problem == f"does not have the digest {sha256(b'{}')} and the size 3"


# --- platform choice -----------------------------------------------------------------------------


def index_of(*platforms: str | None) -> ImageIndex:
    manifests = []
    for number, platform in enumerate(platforms):
        document = descriptor(b"%d" % number, OCI_MANIFEST)
        if platform is not None:
            keys = ("os", "architecture", "variant")
            document["platform"] = dict(zip(keys, platform.split("/"), strict=False))
        manifests.append(document)
    parsed = parse(index(manifests=manifests))
    assert isinstance(parsed, ImageIndex)
    return parsed


@pytest.mark.parametrize(
    ("platforms", "wanted", "chosen"),
    [
        (["linux/amd64"], "linux/amd64", 0),
        (["linux/arm64", "linux/amd64"], "linux/amd64", 1),
        (["windows/amd64", "linux/amd64", "linux/amd64"], "linux/amd64", 1),
        (["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"], "linux/arm/v7", 1),
        (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", 1),
        (["linux/arm64/v8", "linux/arm64"], "linux/arm64", 1),
        (["linux/arm64"], "linux/arm64/v8", 0),
        (["unknown/unknown", "linux/amd64"], "linux/amd64", 1),
        ([None], "linux/amd64", 0),
        ([None, "linux/amd64"], "linux/amd64", 1),
    ],
)
def test_the_best_match_is_chosen(platforms: list[str | None], wanted: str, chosen: int) -> None:
    parsed = index_of(*platforms)
    assert parsed.choose(Platform.parse(wanted), "doc") == parsed.manifests[chosen]


@pytest.mark.parametrize(
    ("platforms", "available"),
    [
        ([], "none"),
        (["linux/arm64/v8", "windows/amd64"], '"linux/arm64/v8", "windows/amd64"'),
        (["linux/amd64/v2", "unknown/unknown"], '"linux/amd64/v2"'),
        ([None, None], "none"),
    ],
)
def test_those_that_there_are_are_listed(platforms: list[str | None], available: str) -> None:
    with pytest.raises(NoMatchingPlatform) as caught:
        index_of(*platforms).choose(Platform.parse("linux/amd64/v1"), "doc")
    assert str(caught.value) == (
        'doc has no image for platform "linux/amd64/v1"; '
        f"it has {available} (choose with --platform)"
    )


# --- configs -------------------------------------------------------------------------------------


def test_a_config() -> None:
    raw = json.dumps(
        {
            "architecture": "arm",
            "os": "linux",
            "variant": "v7",
            "rootfs": {"type": "layers", "diff_ids": [sha256(b"a"), sha256(b"b")]},
            "config": {"Env": ["A=b"]},
            "Size": 7,
        }
    ).encode()
    config = parse_config(raw, "doc")
    assert config.raw == raw
    assert str(config.digest) == sha256(raw)
    assert config.diff_ids == (Digest.parse(sha256(b"a")), Digest.parse(sha256(b"b")))
    assert config.platform == Platform("linux", "arm", "v7")
    assert config.document["Size"] == 7


@pytest.mark.parametrize("rootfs", [{}, {"diff_ids": None}, {"diff_ids": []}])
def test_a_config_without_layers(rootfs: object) -> None:
    config = parse_config(json.dumps({"rootfs": rootfs}).encode(), "doc")
    assert config.diff_ids == ()
    assert config.platform == Platform()


@pytest.mark.parametrize(
    ("document", "path", "problem"),
    [
        ({}, "$.rootfs", "is missing"),
        ({"rootfs": None}, "$.rootfs", "is null"),
        ({"rootfs": []}, "$.rootfs", "must be an object, not a list"),
        ({"rootfs": {"diff_ids": "x"}}, "$.rootfs.diff_ids", "must be a list"),
        ({"rootfs": {"diff_ids": ["x"]}}, "$.rootfs.diff_ids[0]", '"x": not a digest'),
        ({"rootfs": {"Diff_IDs": []}}, "$.rootfs", "only by case"),
        ({"rootfs": {}, "RootFS": {}}, "$", "only by case"),
        ({"rootfs": {}, "os": 1}, "$.os", "must be a string, not 1"),
    ],
)
def test_configs_that_break_the_format(document: dict[str, Any], path: str, problem: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_config(json.dumps(document).encode(), "doc")
    assert caught.value.path == path
    assert problem in caught.value.problem


def test_a_config_over_the_limit() -> None:
    raw = b'{"rootfs":{}}'
    assert parse_config(raw.ljust(4 * 1024 * 1024), "doc").diff_ids == ()
    with pytest.raises(TooLarge):
        parse_config(raw.ljust(4 * 1024 * 1024 + 1), "doc")
