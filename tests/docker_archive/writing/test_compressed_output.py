"""Archives that are compressed as a whole: by whom they can be read, and how writing them fails."""

import errno
import gzip
import hashlib
import io
import os
import resource
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    DestinationError,
    DestinationWriteFailed,
    InvalidDestination,
    copy_image,
)
from imgcopy_docker_archive import (
    ArchiveWriter,
    DockerArchive,
    DockerArchiveDestinationOptions,
    Existing,
)
from imgcopy_docker_archive.config import ArchiveCompression
from imgcopy_docker_archive.reference import DockerArchiveReference
from imgcopy_docker_archive.writing._compressed_output import compression_by_suffix
from tests.docker_archive.images import Image, make_image

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NONE, GZIP, ZSTD = ArchiveCompression.NONE, ArchiveCompression.GZIP, ArchiveCompression.ZSTD
DECOMPRESS: dict[ArchiveCompression, Callable[[bytes], bytes]] = {
    NONE: lambda data: data,
    GZIP: gzip.decompress,
    ZSTD: zstd.decompress,
}
both = pytest.mark.parametrize("compression", [GZIP, ZSTD])


def noise(size: int, seed: int = 0) -> bytes:
    return hashlib.shake_128(b"%d" % seed).digest(size)


def put(image: Image, archive: DockerArchive, *tags: str) -> None:
    assert isinstance(archive.writer, ArchiveWriter)
    image.put(archive.writer, *tags or ("app:1",))


def write(image: Image, path: Path | str, **options: object) -> None:
    """Write an archive of one image."""
    chosen = DockerArchiveDestinationOptions(**options)  # type: ignore[arg-type]  # tests know them
    with DockerArchive(str(path), chosen) as archive:
        put(image, archive)
        archive.commit()


@pytest.fixture
def large_image() -> Image:
    """An image of several blocks, which do not compress."""
    return make_image(noise(20_000_000), b"small")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory in which nothing stays but what has been asked for."""
    place = tmp_path / "place"
    place.mkdir()
    yield place
    assert [entry.name for entry in place.iterdir() if not entry.name.startswith("out.")] == []
    assert [thread.name for thread in threading.enumerate() if "gzip" in thread.name] == []


@pytest.fixture
def plain(image: Image, tmp_path: Path) -> bytes:
    """The uncompressed archive of the image."""
    write(image, tmp_path / "plain.tar")
    return (tmp_path / "plain.tar").read_bytes()


# --- which compression ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "compression"),
    [
        ("out.tar", NONE),
        ("out.tar.gz", GZIP),
        ("out.tgz", GZIP),
        ("out.gz", GZIP),
        ("OUT.TAR.GZ", GZIP),
        ("out.tar.zst", ZSTD),
        ("out.tzst", ZSTD),
        ("out.zst", ZSTD),
        ("out.tar.gz.tar", NONE),
        ("out.gz/out", NONE),
        ("outgz", NONE),
        ("", NONE),
    ],
)
def test_the_suffix_says_how(path: str, compression: ArchiveCompression) -> None:
    assert compression_by_suffix(path) is compression


@pytest.mark.parametrize(
    ("name", "option", "compression"),
    [
        ("out.tar", None, NONE),
        ("out.tar.gz", None, GZIP),
        ("out.tgz", None, GZIP),
        ("out.tar.zst", None, ZSTD),
        ("out.tar", GZIP, GZIP),
        ("out.tar", ZSTD, ZSTD),
        ("out.tar.gz", NONE, NONE),
        ("out.tar.gz", ZSTD, ZSTD),
        ("out.tar.zst", GZIP, GZIP),
    ],
)
def test_it_is_the_same_archive_compressed(
    image: Image,
    plain: bytes,
    place: Path,
    name: str,
    option: ArchiveCompression | None,
    compression: ArchiveCompression,
) -> None:
    write(image, place / name, compression=option)
    assert DECOMPRESS[compression]((place / name).read_bytes()) == plain


# --- who reads it --------------------------------------------------------------------------------


def test_tarfile_reads_it(image: Image, place: Path) -> None:
    write(image, place / "out.tgz")
    with tarfile.open(place / "out.tgz", "r:gz") as tar:
        layers = [tar.extractfile(f"{layer}.tar") for layer in image.layer_hexes]
        assert [layer.read() for layer in layers if layer is not None] == list(image.layers)
        assert tar.getnames()[-1] == "manifest.json"


@both
def test_our_own_reader_reads_it(
    image: Image, plain: bytes, place: Path, compression: ArchiveCompression
) -> None:
    write(image, place / "out.tar", compression=compression)
    with DockerArchive(str(place / "out.again.tar")) as archive:
        copy_image(DockerArchiveReference.parse(f"{place}/out.tar"), archive.reference("app:1"))
        archive.commit()
    assert (place / "out.again.tar").read_bytes() == plain


@both
def test_many_blocks_come_in_their_order(
    large_image: Image, place: Path, tmp_path: Path, compression: ArchiveCompression
) -> None:
    write(large_image, place / "out.tar")
    write(large_image, place / "out.compressed", compression=compression)
    compressed = (place / "out.compressed").read_bytes()
    assert DECOMPRESS[compression](compressed) == (place / "out.tar").read_bytes()


def test_the_same_image_makes_the_same_bytes(large_image: Image, place: Path) -> None:
    write(large_image, place / "out.1.tgz")
    write(large_image, place / "out.2.tgz")
    assert (place / "out.1.tgz").read_bytes() == (place / "out.2.tgz").read_bytes()


# --- pipes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, GZIP, ZSTD])
def test_a_named_pipe_is_compressed_if_the_option_says_so(
    image: Image, plain: bytes, tmp_path: Path, compression: ArchiveCompression | None
) -> None:
    fifo = tmp_path / "fifo.tar.gz"
    os.mkfifo(fifo)
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    thread.start()
    write(image, fifo, compression=compression)
    thread.join()
    assert DECOMPRESS[compression or NONE](received[0]) == plain


def test_the_command_writes_it_to_standard_output(image: Image, plain: bytes, place: Path) -> None:
    write(image, place / "out.tar")
    command = [sys.executable, "-m", "imgcopy_core_stubs", "copy", "--dest-opt", "compression=gzip"]
    ran = subprocess.run(
        [*command, f"docker-archive:{place}/out.tar", "docker-archive:-"],
        check=True,
        capture_output=True,
    )
    with tarfile.open(fileobj=io.BytesIO(ran.stdout), mode="r:gz") as tar:
        written = tar.getnames()
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        assert written == tar.getnames()


@both
def test_a_pipe_that_nobody_reads(large_image: Image, compression: ArchiveCompression) -> None:
    reading, writing = os.pipe()
    options = DockerArchiveDestinationOptions(compression=compression)
    with DockerArchive(f"/dev/fd/{writing}", options) as archive:
        os.close(reading)
        with pytest.raises(DestinationWriteFailed, match="Broken pipe") as caught:
            put(large_image, archive)
        assert caught.value.errno == errno.EPIPE
    os.close(writing)


# --- failures ------------------------------------------------------------------------------------


@both
def test_a_full_device(image: Image, compression: ArchiveCompression) -> None:
    with pytest.raises(DestinationWriteFailed, match='"/dev/full": No space left on device'):
        write(image, "/dev/full", compression=compression)


@pytest.fixture
def _no_file_over_a_megabyte() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@both
@pytest.mark.usefixtures("_no_file_over_a_megabyte")
def test_a_disk_that_fills_up_leaves_the_old_file(
    image: Image, place: Path, compression: ArchiveCompression
) -> None:
    (place / "out.tar").write_bytes(b"old")
    # Each is small enough to be spooled.
    large = make_image(*(noise(900_000, number) for number in range(30)))
    options = DockerArchiveDestinationOptions(compression=compression, existing=Existing.REPLACE)
    with DockerArchive(str(place / "out.tar"), options) as archive:
        with pytest.raises(DestinationWriteFailed, match="File too large"):
            put(large, archive)
        with pytest.raises(DestinationError):
            put(image, archive, "app:2")
        with pytest.raises(DestinationError):
            archive.commit()
    assert (place / "out.tar").read_bytes() == b"old"


def test_a_suffix_that_promises_another_compression_is_refused(place: Path) -> None:
    for name in ("a.tar.bz2", "a.TXZ"):
        with pytest.raises(InvalidDestination, match="compressed with gzip or zstd"):
            DockerArchive(str(place / name))
    plain = DockerArchiveDestinationOptions(compression=ArchiveCompression.NONE)
    with DockerArchive(str(place / "a.tar.xz"), plain):
        pass
    assert list(place.iterdir()) == []


@both
@pytest.mark.usefixtures("_no_file_over_a_megabyte")
def test_the_commit_may_be_what_fails(place: Path, compression: ArchiveCompression) -> None:
    # All that comes before the commit fits, whenever the compressor hands it over; the list of
    # images, which the commit writes, does not.
    image = make_image(noise(900_000))
    tags = [f"app:{noise(64, number).hex()}" for number in range(2_000)]
    with DockerArchive(
        str(place / "out.tar"), DockerArchiveDestinationOptions(compression=compression)
    ) as archive:
        put(image, archive, *tags)
        with pytest.raises(DestinationWriteFailed, match="File too large"):
            archive.commit()
    assert list(place.iterdir()) == []


@both
def test_closing_without_a_commit_leaves_nothing(
    large_image: Image, place: Path, compression: ArchiveCompression
) -> None:
    archive = DockerArchive(
        str(place / "out.tar"), DockerArchiveDestinationOptions(compression=compression)
    )
    put(large_image, archive)
    archive.close()
    archive.close()
    assert list(place.iterdir()) == []
