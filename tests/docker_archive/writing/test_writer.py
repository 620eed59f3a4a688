import errno
import gzip
import io
import json
import os
import tarfile
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    BlobInfo,
    DestinationStateError,
    DestinationWriteFailed,
    Digest,
    DigestMismatch,
    UnsupportedByDestination,
    VerifyingStream,
)
from imgcopy_docker_archive import ArchiveWriter
from tests.docker_archive import expected_archive as expected
from tests.docker_archive.images import Image, digest_of, make_image, sha256


def expected_one_image(image: Image, repo_tags: list[str], repositories: str) -> bytes:
    """Build the archive of an image whose config has `os`, `architecture` and nothing else."""
    members = [
        expected.member(f"{hexadecimal}.tar", layer)
        for hexadecimal, layer in dict(zip(image.layer_hexes, image.layers, strict=True)).items()
    ]
    members.append(expected.member(f"{image.config_hex}.json", image.config))
    chain = parent = ""
    for position, hexadecimal in enumerate(image.layer_hexes):
        chain = sha256(f"sha256:{chain} sha256:{hexadecimal}") if chain else hexadecimal
        document: dict[str, object] = {"id": chain}
        if parent:
            document["parent"] = parent
        if position == len(image.layers) - 1:
            nulls = ("config", "container", "container_config", "created", "docker_version")
            document |= dict.fromkeys(nulls) | {"architecture": "amd64", "os": "linux"}
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        members += [
            expected.symlink(f"{chain}/layer.tar", f"../{hexadecimal}.tar"),
            expected.member(f"{chain}/VERSION", b"1.0"),
            expected.member(f"{chain}/json", text.encode()),
        ]
        parent = chain
    if image.layers:
        members.append(expected.member("repositories", repositories.replace("ID", chain).encode()))
    item = {
        "Config": f"{image.config_hex}.json",
        "RepoTags": repo_tags,
        "Layers": [f"{hexadecimal}.tar" for hexadecimal in image.layer_hexes] or None,
    }
    manifest = json.dumps([item], separators=(",", ":")).encode()
    return expected.archive(*members, expected.member("manifest.json", manifest))


def written(image: Image, *tags: str) -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    image.put(writer, *tags)
    writer.finish()
    return file.getvalue()


LAYERS = st.lists(st.binary(max_size=1100), max_size=6)


@given(LAYERS)
def test_the_bytes_of_one_image(layers: list[bytes]) -> None:
    image = make_image(*layers, architecture="amd64", os="linux")
    assert written(image, "app:1") == expected_one_image(
        image, ["docker.io/library/app:1"], '{"docker.io/library/app":{"1":"ID"}}'
    )


@pytest.mark.parametrize("number", [0, 1, 100])
def test_images_of_no_one_and_a_hundred_layers(number: int) -> None:
    layers = [b"layer %d" % position for position in range(number)]
    image = make_image(*layers, architecture="amd64", os="linux")
    assert written(image) == expected_one_image(image, [], "{}")


def test_the_same_layer_twice_running_is_stored_once() -> None:
    image = make_image(b"same", b"same", architecture="amd64", os="linux")
    assert written(image) == expected_one_image(image, [], "{}")


def test_additional_tags_keep_their_order() -> None:
    image = make_image(b"layer", architecture="amd64", os="linux")
    assert written(image, "b:2", "a:9", "b:10", "b:2") == expected_one_image(
        image,
        ["docker.io/library/b:2", "docker.io/library/a:9", "docker.io/library/b:10"],
        '{"docker.io/library/a":{"9":"ID"},"docker.io/library/b":{"10":"ID","2":"ID"}}',
    )


class Pipe(io.RawIOBase):
    """A file that can only be written to, and takes no more than 1,000 bytes at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        taken = bytes(data[:1000])
        self.data += taken
        return len(taken)


@pytest.mark.parametrize("size_known", [True, False], ids=["known size", "unknown size"])
def test_a_pipe_gets_the_same_bytes_as_a_file(image: Image, size_known: bool) -> None:
    pipe = Pipe()
    writer = ArchiveWriter(pipe)  # type: ignore[arg-type]  # RawIOBase lacks typing's BinaryIO
    for layer, diff_id in zip(image.layers, image.parsed_config.diff_ids, strict=True):
        size = len(layer) if size_known else None
        writer.put_layer(io.BytesIO(layer), BlobInfo(diff_id, size))
    writer.add_image(image.parsed_config, [])
    writer.finish()
    assert pipe.data == expected_one_image(image, [], "{}")


def test_an_operating_systems_pipe(image: Image) -> None:
    reading, writing = os.pipe()
    received = bytearray()

    def receive() -> None:
        with os.fdopen(reading, "rb") as file:
            received.extend(file.read())

    thread = threading.Thread(target=receive)
    thread.start()
    with os.fdopen(writing, "wb") as file:
        writer = ArchiveWriter(file)
        image.put(writer)
        writer.finish()
    thread.join()
    assert received == expected_one_image(image, [], "{}")


@pytest.mark.parametrize("buffering", [0, 8192])
def test_a_pipe_that_does_not_block(buffering: int) -> None:
    image = make_image(bytes(range(256)) * 4096)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    received = bytearray()

    def receive_late() -> None:
        time.sleep(0.2)
        with open(reading, "rb") as file:
            received.extend(file.read())

    thread = threading.Thread(target=receive_late)
    thread.start()
    with open(writing, "wb", buffering=buffering) as file:
        writer = ArchiveWriter(file)
        image.put(writer)
        writer.finish()
    thread.join()
    layer = expected.read(bytes(received))[f"{digest_of(image.layers[0]).hex}.tar"]
    assert layer == image.layers[0]


def test_a_temporary_directory_that_is_not_there_is_named(image: Image) -> None:
    writer = ArchiveWriter(
        Pipe(),  # type: ignore[arg-type]  # RawIOBase lacks typing's BinaryIO
        "out.tar",
        temporary_directory="/nowhere",
    )
    with pytest.raises(DestinationWriteFailed) as caught:
        writer.put_layer(io.BytesIO(b"layer"), BlobInfo())
    assert caught.value.errno == errno.ENOENT
    assert str(caught.value) == (
        'cannot write "out.tar": keeping a blob in "/nowhere": No such file or directory'
    )


def test_a_full_temporary_directory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: io.FileIO("/dev/full", "w"))
    writer = ArchiveWriter(Pipe())  # type: ignore[arg-type]  # RawIOBase lacks typing's BinaryIO
    with pytest.raises(DestinationWriteFailed) as caught:
        writer.put_layer(io.BytesIO(b"layer"), BlobInfo())
    assert caught.value.errno == errno.ENOSPC
    assert "$TMPDIR" in str(caught.value)


def _open_gzip(path: Path) -> Any:
    return gzip.open(path, "wb")


@pytest.mark.parametrize(
    ("opened", "read"),
    [
        (lambda path: path.open("wb"), Path.read_bytes),
        (lambda path: path.open("wb", buffering=0), Path.read_bytes),
        (lambda path: path.open("ab"), Path.read_bytes),
        (_open_gzip, lambda path: gzip.decompress(path.read_bytes())),
    ],
    ids=["buffered", "raw", "appending", "gzip"],
)
def test_any_binary_file_will_do(image: Image, tmp_path: Path, opened: Any, read: Any) -> None:
    path = tmp_path / "out.tar"
    with opened(path) as file:
        writer = ArchiveWriter(file)
        image.put(writer)
        writer.finish()
        assert not file.closed
    assert read(path) == expected_one_image(image, [], "{}")


def test_an_archive_starts_where_the_file_stands(image: Image) -> None:
    file = io.BytesIO()
    file.write(b"before")
    writer = ArchiveWriter(file)
    image.put(writer)
    writer.finish()
    assert file.getvalue() == b"before" + expected_one_image(image, [], "{}")


def test_a_layer_whose_diff_id_is_unknown_gets_its_own(image: Image) -> None:
    for file in (io.BytesIO(), Pipe()):
        writer = ArchiveWriter(file)  # type: ignore[arg-type]  # RawIOBase lacks typing's BinaryIO
        for layer, diff_id in zip(image.layers, image.parsed_config.diff_ids, strict=True):
            stored = writer.put_layer(io.BytesIO(layer), BlobInfo(None, None))
            assert (stored.digest, stored.size) == (diff_id, len(layer))
        # The same again is not stored again where it can be cut off.
        if isinstance(file, io.BytesIO):
            writer.put_layer(io.BytesIO(image.layers[0]), BlobInfo(None, None))
            writer.add_image(image.parsed_config, [])
            writer.finish()
            assert file.getvalue() == expected_one_image(image, [], "{}")


class Breaking:
    """A stream that raises after some chunks."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)

    def read(self, size: int, /) -> bytes:
        if not self.chunks:
            raise DigestMismatch("layer", "a", "b")
        return self.chunks.pop(0)

    def close(self) -> None:
        pass


def test_a_layer_that_fails_is_cut_off(image: Image) -> None:
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    for position in range(3):
        with pytest.raises(DigestMismatch):
            writer.put_layer(Breaking(*[b"x" * 700] * position), BlobInfo(digest_of(b"")))
    image.put(writer)
    writer.finish()
    assert file.getvalue() == expected_one_image(image, [], "{}")


def test_a_stream_of_other_content_fails_and_is_cut_off(image: Image) -> None:
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    wanted = digest_of(b"wanted")
    with pytest.raises(DigestMismatch):
        stream = VerifyingStream(io.BytesIO(b"other"), "layer", digest=wanted)
        writer.put_layer(stream, BlobInfo(wanted))
    assert writer.layer(wanted) is None
    assert file.getvalue() == b""


def test_after_a_failure_within_a_member_a_pipe_takes_nothing_more(image: Image) -> None:
    writer = ArchiveWriter(Pipe())  # type: ignore[arg-type]  # RawIOBase lacks typing's BinaryIO
    with pytest.raises(DigestMismatch):
        writer.put_layer(Breaking(b"x" * 700), BlobInfo(digest_of(b""), 5000))
    with pytest.raises(DestinationStateError, match="failed half-way"):
        writer.finish()


class FullForAMoment(Pipe):
    """A pipe that takes no more than a part of one write, and all of those that follow."""

    def __init__(self, failing: int) -> None:
        super().__init__()
        self._writes_left = failing

    def write(self, data: Any, /) -> int:
        self._writes_left -= 1
        if not self._writes_left:
            self.data += bytes(data[:100])
            raise OSError(errno.ENOSPC, "full for a moment")
        self.data += data
        return len(data)


def test_after_a_write_that_failed_a_pipe_takes_nothing_more(image: Image) -> None:
    failures = 0
    for failing in range(1, 100):
        writer = ArchiveWriter(FullForAMoment(failing))  # type: ignore[arg-type]  # as above
        try:
            image.put(writer)
            writer.finish()
        except DestinationWriteFailed:
            failures += 1
        else:
            break
        with pytest.raises(DestinationStateError, match="failed half-way"):
            writer.finish()
    with tarfile.open(fileobj=io.BytesIO(written(image))) as members:
        assert failures >= len(members.getnames())


def test_a_known_size_that_is_wrong_fails_in_a_pipe() -> None:
    writer = ArchiveWriter(Pipe())  # type: ignore[arg-type]  # RawIOBase lacks typing's BinaryIO
    with pytest.raises(DestinationStateError, match="has 4 bytes, not the 5 promised"):
        writer.put_layer(io.BytesIO(b"four"), BlobInfo(digest_of(b"four"), 5))


def test_an_incomplete_image_is_dropped(image: Image) -> None:
    other = make_image(b"other", image.layers[1], architecture="amd64", os="linux")
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    image.put(writer)
    writer.put_layer(io.BytesIO(b"other"), BlobInfo(digest_of(b"other")))
    writer.drop_incomplete_image()
    assert writer.layer(digest_of(b"other")) is None
    assert writer.layer(digest_of(image.layers[0])) is not None
    with pytest.raises(UnsupportedByDestination, match="was not put"):
        writer.add_image(other.parsed_config, [])
    writer.finish()
    assert file.getvalue() == expected_one_image(image, [], "{}")


def test_several_images_share_what_they_have_in_common() -> None:
    base = make_image(b"base", architecture="amd64", os="linux")
    app = make_image(b"base", b"app", architecture="amd64", os="linux")
    other = make_image(b"base", architecture="arm64", os="linux")
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    base.put(writer, "base:1")
    app.put(writer, "app:1", "app:2")
    other.put(writer, "base:arm")
    base.put(writer, "base:again")
    writer.finish()
    members = expected.read(file.getvalue())

    base_layer, app_layer = (sha256("base"), sha256("app"))
    chain = sha256(f"sha256:{base_layer} sha256:{app_layer}")
    # In `app` the base layer is not the top one: another content of its folder, another id.
    plain = sha256(f'{{"layer_id":"sha256:{base_layer}"}}')
    arm = sha256(
        '{"architecture":"arm64","config":null,"container":null,"container_config":null,'
        f'"created":null,"docker_version":null,"layer_id":"sha256:{base_layer}","os":"linux"}}'
    )
    assert list(members) == [
        f"{base_layer}.tar",
        f"{base.config_hex}.json",
        *(f"{base_layer}/{name}" for name in ("layer.tar", "VERSION", "json")),
        f"{app_layer}.tar",
        f"{app.config_hex}.json",
        *(f"{plain}/{name}" for name in ("layer.tar", "VERSION", "json")),
        *(f"{chain}/{name}" for name in ("layer.tar", "VERSION", "json")),
        f"{other.config_hex}.json",
        *(f"{arm}/{name}" for name in ("layer.tar", "VERSION", "json")),
        "repositories",
        "manifest.json",
    ]
    assert json.loads(members[f"{plain}/json"]) == {"id": plain}
    assert json.loads(members[f"{chain}/json"])["parent"] == plain
    assert members[f"{arm}/layer.tar"] == f"../{base_layer}.tar"
    assert json.loads(members["repositories"]) == {
        "docker.io/library/app": {"1": chain, "2": chain},
        "docker.io/library/base": {"1": base_layer, "again": base_layer, "arm": arm},
    }
    assert json.loads(members["manifest.json"]) == [
        {
            "Config": f"{base.config_hex}.json",
            "RepoTags": ["docker.io/library/base:1", "docker.io/library/base:again"],
            "Layers": [f"{base_layer}.tar"],
        },
        {
            "Config": f"{app.config_hex}.json",
            "RepoTags": ["docker.io/library/app:1", "docker.io/library/app:2"],
            "Layers": [f"{base_layer}.tar", f"{app_layer}.tar"],
        },
        {
            "Config": f"{other.config_hex}.json",
            "RepoTags": ["docker.io/library/base:arm"],
            "Layers": [f"{base_layer}.tar"],
        },
    ]


def test_a_tag_moves_to_the_image_that_has_it_last(image: Image) -> None:
    other = make_image(architecture="amd64", os="linux")
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    image.put(writer, "app:1", "app:2")
    other.put(writer, "app:1")
    writer.finish()
    members = expected.read(file.getvalue())
    items = json.loads(members["manifest.json"])
    assert [item["RepoTags"] for item in items] == [
        ["docker.io/library/app:2"],
        ["docker.io/library/app:1"],
    ]
    assert list(json.loads(members["repositories"])["docker.io/library/app"]) == ["2"]


def test_a_diff_id_of_another_algorithm_is_refused() -> None:
    info = BlobInfo(Digest("sha512", "0" * 128))
    with pytest.raises(UnsupportedByDestination, match="SHA-256"):
        ArchiveWriter(io.BytesIO()).put_layer(io.BytesIO(b""), info)


class Full(io.BytesIO):
    """A file on a disk that has room for some bytes only."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > self.room:
            raise OSError(28, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("room", [0, 511, 512, 2000, 4000, 6000])
def test_a_full_disk_is_the_destinations_error(image: Image, room: int) -> None:
    file: BinaryIO = Full(room)
    writer = ArchiveWriter(file, "out.tar")
    with pytest.raises(DestinationWriteFailed, match=r'"out\.tar": No space left') as caught:
        image.put(writer)
        writer.finish()
    assert caught.value.errno == 28


# --- several layers at a time --------------------------------------------------------------------


class Slow(io.BytesIO):
    """A stream that waits for an event before its second chunk."""

    def __init__(self, data: bytes, go_on: threading.Event) -> None:
        super().__init__(data)
        self.go_on = go_on

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 0:
            assert self.go_on.wait(timeout=30)
        return super().read(min(size or 0, 700))


def put_at_the_same_time(writer: ArchiveWriter, layers: list[Any]) -> list[BaseException | None]:
    """Put layers of known size in threads, each begun when the one before has its place."""
    errors: list[BaseException | None] = [None] * len(layers)
    go_on = threading.Event()

    def put(number: int, data: bytes, promised: int) -> None:
        try:
            writer.put_layer(Slow(data, go_on), BlobInfo(digest_of(data), promised))
        except DestinationStateError as error:
            errors[number] = error

    threads = []
    for number, (data, promised) in enumerate(layers):
        threads.append(threading.Thread(target=put, args=(number, data, promised)))
        threads[-1].start()
        time.sleep(0.05)
    go_on.set()
    for thread in threads:
        thread.join()
    return errors


def open_raw(path: Path) -> Any:
    return path.open("wb", buffering=0)


@pytest.mark.parametrize("opened", [open_raw, lambda _: io.BytesIO()], ids=["file", "memory"])
def test_layers_of_known_size_can_be_put_at_the_same_time(tmp_path: Path, opened: Any) -> None:
    layers = [bytes([number]) * 3000 for number in range(1, 5)]
    image = make_image(*layers, architecture="amd64", os="linux")
    with opened(tmp_path / "out.tar") as file:
        writer = ArchiveWriter(file)
        assert put_at_the_same_time(writer, [(data, len(data)) for data in layers]) == [None] * 4
        writer.add_image(image.parsed_config, [])
        writer.finish()
        data = file.getvalue() if isinstance(file, io.BytesIO) else None
    assert (data or (tmp_path / "out.tar").read_bytes()) == expected_one_image(image, [], "{}")


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_hole_between_layers_is_never_part_of_an_archive(
    image: Image, tmp_path: Path, wrong: int
) -> None:
    layers = [bytes([number]) * 3000 for number in range(1, 4)]
    promises = [(data, len(data) + (number == wrong)) for number, data in enumerate(layers)]
    path = tmp_path / "out.tar"
    with open_raw(path) as file:
        writer = ArchiveWriter(file)
        errors = put_at_the_same_time(writer, promises)
        assert [error is not None for error in errors] == [number == wrong for number in range(3)]
        if wrong < 2:
            with pytest.raises(DestinationStateError, match="failed half-way"):
                image.put(writer)
        writer.drop_incomplete_image()
        image.put(writer)
        writer.finish()
    assert path.read_bytes() == expected_one_image(image, [], "{}")


def test_the_configs_of_many_images_are_not_kept_in_memory(tmp_path: Path) -> None:
    with open(tmp_path / "x.tar", "wb", buffering=0) as file:
        writer = ArchiveWriter(file)
        tracemalloc.start()
        try:
            for number in range(20):
                large = {"Labels": {"label": f"{number}" + "x" * 1_000_000}}
                make_image(b"layer", config=large).put(writer)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 5_000_000
