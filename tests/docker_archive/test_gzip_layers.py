"""Gzip layers on their way into an archive: several at a time, by the sizes that they tell."""

import gzip
import hashlib
import io
import os
import threading
from pathlib import Path

import pytest

from imgcopy_core_stubs import CHUNK, BlobInfo, ByteStream, CopyOptions, copy_image
from imgcopy_docker_archive import DockerArchiveDestinationOptions
from imgcopy_docker_archive.reference import DockerArchiveReference
from tests.core.memory_images import add_image, digest
from tests.core.memory_transport import MemoryImage, MemorySource
from tests.docker_archive import expected_archive

PATIENCE = 30
NOISE = os.urandom(50_000)


class StoredImage(MemoryImage):
    """An image in memory, the ends of whose layers can be seen."""

    meeting: tuple[str, str] = "", ""
    """A layer that waits after its first chunk, and the one whose end it waits for: digests."""

    def open_source(self, options: object | None = None) -> MemorySource:
        return StoredSource(self)


class StoredSource(MemorySource):
    def __init__(self, image: StoredImage) -> None:
        super().__init__(image)
        self._waiting, self._awaited = image.meeting
        self._ended = threading.Event()

    def blob(self, info: BlobInfo) -> ByteStream:
        inner = super().blob(info)
        assert isinstance(inner, io.BytesIO)
        stream = StoredLayer(inner.getvalue())
        if str(info.digest) == self._waiting:
            stream.waits_for = self._ended
        if str(info.digest) == self._awaited:
            stream.ended = self._ended
        return stream


class StoredLayer(io.BytesIO):
    waits_for: threading.Event | None = None
    ended: threading.Event | None = None

    def read_end(self, size: int, /) -> bytes:
        return self.getvalue()[-size:]

    def read(self, size: int | None = -1, /) -> bytes:
        if self.waits_for is not None and self.tell():
            assert self.waits_for.wait(PATIENCE)
        data = super().read(size)
        if self.ended is not None and not data:
            self.ended.set()
        return data


def layers_copied(place: StoredImage, path: Path, parallel: int) -> list[tuple[str, bytes | str]]:
    """Copy an image; its layers in the archive, in their order."""
    copy_image(
        place,
        DockerArchiveReference(str(path)),
        options=CopyOptions(parallel_copies=parallel),
        destination_options=DockerArchiveDestinationOptions(v1_folders=False),
    )
    *layers, _config, _manifest = expected_archive.read(path.read_bytes()).items()
    return layers


def in_order(*layers: bytes) -> list[tuple[str, bytes]]:
    return [(f"{hashlib.sha256(layer).hexdigest()}.tar", layer) for layer in layers]


def test_two_layers_are_unpacked_at_a_time(tmp_path: Path) -> None:
    layers = os.urandom(2 * CHUNK), os.urandom(24 * CHUNK)  # more than what is read ahead
    stored = [gzip.compress(layer, 0) for layer in layers]
    place = StoredImage(parallel=True)
    place.meeting = digest(stored[0]), digest(stored[1])
    place.manifest = add_image(place, list(zip(stored, layers, strict=True)))
    assert layers_copied(place, tmp_path / "a.tar", 2) == in_order(*layers)


@pytest.mark.parametrize("parallel", [1, 2, 4])
def test_what_a_layer_says_of_its_size_may_be_wrong(tmp_path: Path, parallel: int) -> None:
    """The last of two members tells a size that could be the whole layer's."""
    beginnings = [bytes(10_000), b"x" * 5_000, bytes(7)]
    layers = [beginning + NOISE for beginning in beginnings]
    stored = [gzip.compress(beginning) + gzip.compress(NOISE) for beginning in beginnings]
    layers.insert(1, b"a small one")
    stored.insert(1, gzip.compress(b"a small one"))
    place = StoredImage(parallel=True)
    place.manifest = add_image(place, list(zip(stored, layers, strict=True)))
    assert layers_copied(place, tmp_path / "a.tar", parallel) == in_order(*layers)
