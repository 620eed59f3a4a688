import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    BlobInfo,
    CorruptBlob,
    Digest,
    DigestMismatch,
    DockerReference,
    ImageManifest,
    ImageSource,
    InvalidArchive,
    InvalidDocument,
    SourceError,
    SourceNotFound,
    media_types,
    parse_manifest,
)
from imgcopy_docker_archive import DockerArchiveSourceOptions
from imgcopy_docker_archive._stored_images import open_source
from imgcopy_docker_archive.reading.source import DockerArchiveSource
from tests.docker_archive.archives import config_file, item, layer_files, manifest_json, parts
from tests.docker_archive.compressed import COMPRESSORS
from tests.docker_archive.images import Image, digest_of, make_image
from tests.docker_archive.tars import file, hard_link, symlink, tar

OPTIONS = DockerArchiveSourceOptions()
FILLER = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256)) * 300  # 2.4 MB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tar"


def opened(path: Path, data: bytes, tag: str | None = None) -> DockerArchiveSource:
    path.write_bytes(data)
    reference = None if tag is None else DockerReference.parse(tag)
    source = open_source(str(path), reference, None, OPTIONS)
    assert isinstance(source, DockerArchiveSource)
    return source


def refusal(path: Path, data: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught, opened(path, data) as source:
        source.manifest()
    return caught.value


def read(source: ImageSource, digest: Digest, size: int = 100_000) -> bytes:
    stream = source.blob(BlobInfo(digest))
    try:
        return b"".join(iter(lambda: stream.read(size), b""))
    finally:
        stream.close()


def schema2(image: Image) -> dict[str, object]:
    """The manifest of the Docker schema 2 specification, with uncompressed layers."""
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(image.config),
            "digest": f"sha256:{image.config_hex}",
        },
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
                "size": len(layer),
                "digest": f"sha256:{digest}",
            }
            for layer, digest in zip(image.layers, image.layer_hexes, strict=True)
        ],
    }


def check(source: ImageSource, image: Image) -> None:
    """Hold all that a source gives against the image that it was made from."""
    manifest = source.manifest()
    assert manifest.raw == json.dumps(schema2(image), separators=(",", ":")).encode()
    assert manifest.media_type == media_types.DOCKER_MANIFEST
    assert isinstance(parse_manifest(manifest, "manifest"), ImageManifest)
    assert read(source, digest_of(image.config)) == image.config
    for layer in image.layers:
        assert read(source, digest_of(layer)) == layer


def test_an_image(path: Path, image: Image) -> None:
    with opened(path, tar(parts(image), manifest_json(item(image)))) as source:
        check(source, image)
        assert source.signatures() == ()
        manifest = parse_manifest(source.manifest(), "manifest")
        assert isinstance(manifest, ImageManifest)
        assert source.layer_infos_for_copy(manifest) is None


def test_no_layers(path: Path) -> None:
    image = make_image()
    with opened(path, tar(parts(image), manifest_json(item(image)))) as source:
        check(source, image)


def test_one_of_several_images(path: Path, image: Image) -> None:
    other = make_image(b"other", image.layers[0])
    items = [item(image, ["app:1"]), item(other, ["app:2"])]
    data = tar(parts(image), parts(other), manifest_json(*items))
    for tag, expected in (("app:1", image), ("app:2", other)):
        with opened(path, data, tag) as source:
            check(source, expected)
    with open_source(str(path), None, 1, OPTIONS) as by_index:
        check(by_index, other)


def test_a_layer_of_several_chunks(path: Path) -> None:
    image = make_image(FILLER)
    with opened(path, tar(parts(image), manifest_json(item(image)))) as source:
        check(source, image)


def test_a_repeated_layer_needs_one_file_only(path: Path) -> None:
    image = make_image(b"same", b"other", b"same")
    names = ["1/layer.tar", "2/layer.tar", "3/layer.tar"]
    data = tar(
        layer_files(make_image(b"same", b"other"), *names[:2]),
        symlink(names[2], "../1/layer.tar"),
        config_file(image),
        manifest_json(item(image, layers=names)),
    )
    with opened(path, data) as source:
        check(source, image)


# --- compression ----------------------------------------------------------------------------------


def test_layers_compressed_in_every_way(path: Path) -> None:
    layers = [f"layer {name}".encode() * 1000 for name in COMPRESSORS]
    image = make_image(b"plain" * 1000, *layers, FILLER)
    names = [f"l{n}" for n in range(len(image.layers))]
    stored = [image.layers[0]]
    stored += [
        compress(layer) for compress, layer in zip(COMPRESSORS.values(), layers, strict=True)
    ]
    stored += [COMPRESSORS["gzip"](FILLER[:70_000]) + COMPRESSORS["gzip"](FILLER[70_000:])]
    data = tar(
        b"".join(file(name, layer) for name, layer in zip(names, stored, strict=True)),
        config_file(image),
        manifest_json(item(image, layers=names)),
    )
    with opened(path, data) as source:
        check(source, image)


@pytest.mark.parametrize("compression", sorted(COMPRESSORS))
def test_an_archive_compressed_as_a_whole(path: Path, compression: str) -> None:
    image = make_image(FILLER, b"second")
    data = COMPRESSORS[compression](tar(parts(image), manifest_json(item(image))))
    with opened(path, data) as source:
        check(source, image)


def test_a_damaged_compressed_layer(path: Path) -> None:
    image = make_image(FILLER)
    stored = COMPRESSORS["gzip"](FILLER)[:-1]
    data = tar(file("l", stored), config_file(image), manifest_json(item(image, layers=["l"])))
    error = refusal(path, data)
    assert isinstance(error, CorruptBlob)
    assert f"layer sha256:{image.layer_hexes[0]}" in str(error)


# --- digests --------------------------------------------------------------------------------------


NAMES: list[Callable[[str], str]] = [
    "{}.json".format,
    "./{}.json".format,
    "sha256:{}".format,
    "blobs/sha256/{}".format,
]


@pytest.mark.parametrize("named", NAMES)
def test_a_config_that_has_the_digest_in_its_name(
    path: Path, image: Image, named: Callable[[str], str]
) -> None:
    config = named(image.config_hex)
    entry = item(image, config=config)
    data = tar(layer_files(image), config_file(image, config), manifest_json(entry))
    with opened(path, data) as source:
        check(source, image)


@pytest.mark.parametrize("named", NAMES)
def test_a_config_that_has_another_digest_than_its_name(
    path: Path, image: Image, named: Callable[[str], str]
) -> None:
    config = named("0" * 64)
    entry = item(image, config=config)
    error = refusal(path, tar(parts(image), config_file(image, config), manifest_json(entry)))
    assert isinstance(error, DigestMismatch)
    assert error.expected == "sha256:" + "0" * 64
    assert error.actual == f"sha256:{image.config_hex}"


@pytest.mark.parametrize("config", ["config.json", "0" * 63 + ".json", "0" * 65 + ".json"])
def test_a_config_whose_name_is_no_digest(path: Path, image: Image, config: str) -> None:
    entry = item(image, config=config)
    data = tar(layer_files(image), config_file(image, config), manifest_json(entry))
    with opened(path, data) as source:
        check(source, image)


def test_a_layer_is_given_as_it_is_and_verified_by_the_engine(path: Path, image: Image) -> None:
    data = tar(parts(image), manifest_json(item(image)))
    with opened(path, data.replace(b"base layer", b"Base layer")) as source:
        assert read(source, digest_of(b"base layer")) == b"Base layer"


def test_no_such_blob(path: Path, image: Image) -> None:
    with opened(path, tar(parts(image), manifest_json(item(image)))) as source:
        for info in (BlobInfo(), BlobInfo(Digest("sha256", "0" * 64))):
            with pytest.raises(SourceNotFound):
                source.blob(info)


def test_no_instances(path: Path, image: Image) -> None:
    with (
        opened(path, tar(parts(image), manifest_json(item(image)))) as source,
        pytest.raises(SourceNotFound),
    ):
        source.manifest(Digest("sha256", "0" * 64))


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_layers_than_diff_ids(path: Path, image: Image, count: int) -> None:
    layers = [f"{image.layer_hexes[0]}.tar"] * count
    error = refusal(path, tar(parts(image), manifest_json(item(image, layers=layers))))
    assert isinstance(error, InvalidDocument)
    assert f"has {count} layers" in error.problem
    assert "2 diff IDs" in error.problem


@pytest.mark.parametrize("second", ["l", "./l", "symlink", "hard"])
def test_one_file_as_two_layers(path: Path, image: Image, second: str) -> None:
    members = file("l", b"base layer") + symlink("symlink", "l") + hard_link("hard", "l")
    entry = item(image, layers=["l", second])
    error = refusal(path, tar(members, config_file(image), manifest_json(entry)))
    assert isinstance(error, InvalidArchive)
    assert (error.member, error.offset) == ("l", 0)
    assert all(digest in error.problem for digest in image.layer_hexes)


@pytest.mark.parametrize(
    ("config", "json_path"),
    [
        (b"null", "$"),
        (b"{}", "$.rootfs"),
        (b'{"rootfs":null}', "$.rootfs"),
        (b'{"rootfs":{"diff_ids":["sha256:abc"]}}', "$.rootfs.diff_ids[0]"),
    ],
)
def test_a_malformed_config(path: Path, config: bytes, json_path: str) -> None:
    entry = {"Config": "c", "RepoTags": None, "Layers": None}
    error = refusal(path, tar(file("c", config), manifest_json(entry)))
    assert isinstance(error, InvalidDocument)
    assert error.path == json_path
    assert error.what == f'config "c" of "{path}"'


@pytest.mark.parametrize(
    "data", [tar(file("hello")), tar(file("c"), manifest_json({"Config": "c"}))]
)
def test_a_refused_archive_is_closed(path: Path, data: bytes) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(SourceError):
        opened(path, data)
    assert len(os.listdir("/proc/self/fd")) == len(before)


# --- threads --------------------------------------------------------------------------------------


def test_several_threads_read_at_a_time(path: Path) -> None:
    layers = [bytes([n]) * 300_000 for n in range(4)]
    image = make_image(*layers)
    stored = [layers[0], layers[1], COMPRESSORS["gzip"](layers[2]), COMPRESSORS["zstd"](layers[3])]
    names = ["a", "b", "c", "d"]
    data = tar(
        b"".join(file(name, layer) for name, layer in zip(names, stored, strict=True)),
        config_file(image),
        manifest_json(item(image, layers=names)),
    )
    with opened(path, data) as source:
        assert source.capabilities.parallel_blobs
        results: dict[int, bytes] = {}
        barrier = threading.Barrier(8)

        def run(number: int) -> None:
            barrier.wait()
            results[number] = read(source, digest_of(layers[number % 4]), size=1000)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {number: layers[number % 4] for number in range(8)}


# --- a whole archive, cut -------------------------------------------------------------------------


def test_an_archive_cut_anywhere(path: Path, image: Image) -> None:
    data = tar(parts(image), manifest_json(item(image)))
    lengths = [*range(0, len(data), 512), *range(1, len(data), 211), len(data) - 1]
    for length in lengths:
        assert refusal(path, data[:length]) is not None
