import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    AtomicFile,
    BlobInfo,
    DestinationExists,
    DestinationStateError,
    DestinationWriteFailed,
    DockerReference,
    ImageDestination,
    InvalidDestination,
    InvalidOption,
    InvalidReference,
    RawManifest,
    UsageError,
    media_types,
)
from imgcopy_docker_archive import DockerArchive, DockerArchiveDestinationOptions, Existing
from imgcopy_docker_archive.archive import open_destination
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.transport import DockerArchiveTransport

from . import expected_archive as expected
from .images import Image, digest_of, make_image


def put(image: Image, destination: ImageDestination) -> None:
    """Put an image without committing it, as the engine does."""
    digests = [digest_of(layer) for layer in image.layers]
    for layer, digest in zip(image.layers, digests, strict=True):
        if destination.try_reusing_blob(BlobInfo(digest), can_substitute=False) is None:
            destination.put_blob(io.BytesIO(layer), BlobInfo(digest), is_config=False)
    config = BlobInfo(digest_of(image.config), len(image.config))
    destination.put_blob(io.BytesIO(image.config), config, is_config=True)
    destination.put_manifest(schema2(image))


def schema2(image: Image) -> RawManifest:
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.DOCKER_MANIFEST,
        "config": {
            "mediaType": media_types.DOCKER_CONFIG,
            "digest": f"sha256:{image.config_hex}",
            "size": len(image.config),
        },
        "layers": [
            {
                "mediaType": media_types.DOCKER_LAYER,
                "digest": str(digest_of(layer)),
                "size": len(layer),
            }
            for layer in image.layers
        ],
    }
    return RawManifest(json.dumps(document).encode(), media_types.DOCKER_MANIFEST)


def open_one(path: Path | str, **options: object) -> ImageDestination:
    return open_destination(
        str(path),
        DockerReference.parse("app:1"),
        DockerArchiveDestinationOptions(**options),  # type: ignore[arg-type]  # the tests know them
    )


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A path for an archive; whatever happens, nothing else stays beside it."""
    path = tmp_path / "place" / "out.tar"
    path.parent.mkdir()
    yield path
    assert {entry.name for entry in path.parent.iterdir()} <= {"out.tar"}


def test_nothing_is_there_before_the_commit(image: Image, path: Path) -> None:
    with open_one(path) as destination:
        put(image, destination)
        assert list(path.parent.iterdir()) == []
        destination.commit()
        assert path.exists()
    assert json.loads(expected.read(path.read_bytes())["manifest.json"])[0]["RepoTags"] == [
        "docker.io/library/app:1"
    ]


def test_closing_without_a_commit_leaves_nothing(image: Image, path: Path) -> None:
    destination = open_one(path)
    put(image, destination)
    destination.close()
    destination.close()
    assert not path.exists()


def test_permissions_are_those_of_a_new_file(image: Image, path: Path) -> None:
    old = os.umask(0o027)
    try:
        with open_one(path) as destination:
            put(image, destination)
            destination.commit()
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_existing_archive_is_refused_when_opened(path: Path) -> None:
    path.write_bytes(b"old")
    with pytest.raises(DestinationExists, match="--overwrite"):
        open_one(path)
    assert path.read_bytes() == b"old"


def test_an_existing_archive_stays_until_the_commit_replaces_it(image: Image, path: Path) -> None:
    path.write_bytes(b"old")
    with open_one(path, existing=Existing.REPLACE) as destination:
        put(image, destination)
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"old"
    with open_one(path, existing=Existing.REPLACE) as destination:
        put(image, destination)
        destination.commit()
    assert "manifest.json" in expected.read(path.read_bytes())


def test_an_empty_file_is_filled(image: Image, path: Path) -> None:
    path.touch(0o600)
    with open_one(path) as destination:
        put(image, destination)
        destination.commit()
    assert "manifest.json" in expected.read(path.read_bytes())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_appears_during_the_copy_is_not_replaced(image: Image, path: Path) -> None:
    with open_one(path) as destination:
        put(image, destination)
        path.write_bytes(b"somebody else's")
        with pytest.raises(DestinationExists):
            destination.commit()
    assert path.read_bytes() == b"somebody else's"


def test_what_is_no_place_for_a_file(path: Path) -> None:
    with pytest.raises(InvalidDestination, match="it is a directory"):
        open_one(path.parent)
    with pytest.raises(DestinationWriteFailed, match="No such file or directory"):
        open_one(path.parent / "missing" / "out.tar")
    path.symlink_to("elsewhere")
    with pytest.raises(InvalidDestination, match="symbolic link"):
        open_one(path)
    path.unlink()


def test_a_commit_needs_a_manifest_and_comes_once(image: Image, path: Path) -> None:
    with open_one(path) as destination:
        with pytest.raises(DestinationStateError, match="no manifest was put"):
            destination.commit()
        put(image, destination)
        destination.commit()
        with pytest.raises(DestinationStateError):
            destination.commit()
        with pytest.raises(DestinationStateError):
            destination.put_blob(io.BytesIO(b""), BlobInfo(), is_config=False)


@pytest.mark.parametrize("failing", ["fsync", "link"])
def test_a_commit_that_fails_leaves_nothing(
    image: Image, path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with open_one(path, fsync=True) as destination:
        put(image, destination)
        monkeypatch.setattr(os, failing, fail)
        with pytest.raises(DestinationWriteFailed, match="Input/output error"):
            destination.commit()
        monkeypatch.undo()
    assert not path.exists()


# --- pipes and devices ---------------------------------------------------------------------------


def test_a_named_pipe_gets_the_archive(image: Image, path: Path) -> None:
    fifo = path.parent.parent / "fifo"
    os.mkfifo(fifo)
    received = bytearray()
    thread = threading.Thread(target=lambda: received.extend(fifo.read_bytes()))
    thread.start()
    with open_one(fifo) as destination:
        put(image, destination)
        destination.commit()
    thread.join()
    with open_one(path) as destination:
        put(image, destination)
        destination.commit()
    assert received == path.read_bytes()


def test_a_full_device() -> None:
    image = make_image(b"layer")
    with (
        open_one("/dev/full") as destination,
        pytest.raises(DestinationWriteFailed, match='"/dev/full": No space left on device'),
    ):
        put(image, destination)


def test_additional_tags_are_normalised(image: Image, path: Path) -> None:
    with open_one(path, additional_tags=("b", "quay.io/c:2")) as destination:
        put(image, destination)
        destination.commit()
    assert json.loads(expected.read(path.read_bytes())["manifest.json"])[0]["RepoTags"] == [
        "docker.io/library/app:1",
        "docker.io/library/b:latest",
        "quay.io/c:2",
    ]


@pytest.mark.parametrize("tag", ["App", "a@sha256:" + "0" * 64, ""])
def test_a_malformed_additional_tag(path: Path, tag: str) -> None:
    with pytest.raises(InvalidReference):
        open_one(path, additional_tags=(tag,))
    assert not path.exists()


# --- several images ------------------------------------------------------------------------------


def test_several_images_in_one_archive(image: Image, path: Path) -> None:
    second = make_image(image.layers[0], b"second", architecture="amd64", os="linux")
    with DockerArchive(str(path)) as archive:
        for number, item in enumerate([image, second], start=1):
            with archive.reference(f"app:{number}", "extra").open_destination() as destination:
                put(item, destination)
                destination.commit()
        assert not path.exists()
        archive.commit()
    members = expected.read(path.read_bytes())
    assert [name for name in members if name.endswith(".tar") and "/" not in name] == [
        f"{digest_of(layer).hex}.tar" for layer in (*image.layers, b"second")
    ]
    items = json.loads(members["manifest.json"])
    assert [item["RepoTags"] for item in items] == [
        ["docker.io/library/app:1"],
        ["docker.io/library/app:2", "docker.io/library/extra:latest"],
    ]


def test_an_image_that_fails_leaves_the_others(image: Image, path: Path) -> None:
    broken = make_image(b"broken")
    with DockerArchive(str(path)) as archive:
        with archive.destination() as destination:
            put(broken, destination)  # and no commit
        with archive.destination([DockerReference.parse("app:1")]) as destination:
            put(image, destination)
            destination.commit()
        archive.commit()
    alone = path.read_bytes()
    path.unlink()
    with open_one(path) as destination:
        put(image, destination)
        destination.commit()
    assert path.read_bytes() == alone


@pytest.mark.parametrize("layout", Layout)
def test_one_image_is_written_at_a_time(image: Image, path: Path, layout: Layout) -> None:
    """Or closing one would cut off what another one has put."""
    with DockerArchive(str(path), DockerArchiveDestinationOptions(layout=layout)) as archive:
        with archive.destination() as dropped:
            dropped.put_blob(io.BytesIO(b"x"), BlobInfo(digest_of(b"x"), 1), is_config=False)
            with pytest.raises(DestinationStateError, match="another image is being written"):
                archive.destination()
            with pytest.raises(DestinationStateError, match="another image is being written"):
                archive.commit()
        with archive.destination([DockerReference.parse("app:1")]) as destination:
            put(image, destination)
            destination.commit()
            archive.destination().close()  # what is committed is not open
        archive.commit()
    (item,) = json.loads(expected.read(path.read_bytes())["manifest.json"])
    assert item["RepoTags"] == ["docker.io/library/app:1"]


def test_an_archive_is_committed_once(image: Image, path: Path) -> None:
    with DockerArchive(str(path)) as archive:
        with archive.destination() as destination:
            put(image, destination)
            destination.commit()
        archive.commit()
        content = path.read_bytes()
        with pytest.raises(DestinationStateError, match="committed or closed already"):
            archive.commit()
        with pytest.raises(DestinationStateError, match="committed or closed already"):
            archive.destination()
    with pytest.raises(DestinationStateError, match="committed or closed already"):
        archive.commit()
    assert path.read_bytes() == content


def test_a_closed_archive_is_not_committed(path: Path) -> None:
    archive = DockerArchive(str(path))
    archive.close()
    with pytest.raises(DestinationStateError, match="committed or closed already"):
        archive.commit()
    assert not path.exists()


def test_options_are_given_to_the_archive_and_not_to_its_places(path: Path) -> None:
    given = DockerArchiveDestinationOptions(fsync=True)
    with DockerArchive(str(path), given) as archive:
        for other in (DockerArchiveDestinationOptions(), {"fsync": True}):
            with pytest.raises(UsageError, match="is being written already, with options of its"):
                archive.reference("app:1").open_destination(other)
        for same in (None, DockerArchiveDestinationOptions(fsync=True)):
            archive.reference("app:1").open_destination(same).close()


def test_an_archive_of_several_images_has_no_additional_tags(path: Path) -> None:
    options = DockerArchiveDestinationOptions(additional_tags=("app:1",))
    with pytest.raises(InvalidOption, match="each is named where it is put") as caught:
        DockerArchive(str(path), options)
    assert caught.value.option == "additional_tags"


@pytest.mark.parametrize(
    ("name", "tags", "text"),
    [
        ("a:b.tar", ("app:1", "more"), r"a\:b.tar:docker.io/library/app:1"),
        ("a:b.tar", (), r"a\:b.tar"),
        (r"a\b.tar", (), r"a\\b.tar"),
    ],
)
def test_a_place_in_an_archive_prints_as_a_reference(
    tmp_path: Path, name: str, tags: tuple[str, ...], text: str
) -> None:
    path = tmp_path / name
    with DockerArchive(str(path)) as archive:
        place = archive.reference(*tags)
    assert str(place) == f"{tmp_path}/{text}"
    parsed = DockerArchiveTransport().parse_reference(str(place))
    assert (parsed.path, parsed.docker_reference) == (str(path), place.docker_reference)


def test_an_archive_in_the_making_cannot_be_read(path: Path) -> None:
    with DockerArchive(str(path)) as archive, pytest.raises(UsageError):
        archive.reference().open_source()


# --- interruption --------------------------------------------------------------------------------

KILLED_HALF_WAY = """
import io, os, signal, sys
from imgcopy_core_stubs import BlobInfo
from imgcopy_docker_archive import DockerArchive
archive = DockerArchive(sys.argv[1])
archive.destination().put_blob(io.BytesIO(bytes(1_000_000)), BlobInfo(), is_config=False)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_nothing(path: Path) -> None:
    with AtomicFile(str(path)) as probe:
        if os.readlink(f"/proc/self/fd/{probe.file.fileno()}").endswith(".partial"):
            pytest.skip("this file system has no files without a name (O_TMPFILE)")
    killed = subprocess.run([sys.executable, "-c", KILLED_HALF_WAY, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(path.parent.iterdir()) == []
