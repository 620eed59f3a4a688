"""Blobs on their way into an archive: each is stored once, whoever brings it."""

import io
import tarfile

import pytest

from imgcopy_core_stubs import BlobInfo, ByteStream, DigestMismatch, VerifyingStream
from imgcopy_docker_archive.writing._blobs import BlobMembers
from imgcopy_docker_archive.writing._tar_write import TarWriter
from tests.docker_archive.images import digest_of

DATA = bytes(1000)
INFO = BlobInfo(digest_of(DATA), len(DATA))


class BringsItAgain(io.BytesIO):
    """A stream during whose first read somebody else brings the same blob."""

    def __init__(self, blobs: BlobMembers) -> None:
        super().__init__(DATA)
        self._blobs: BlobMembers | None = blobs

    def read(self, size: int | None = -1, /) -> bytes:
        if self._blobs is not None:
            blobs, self._blobs = self._blobs, None
            assert blobs.put(io.BytesIO(DATA), INFO) == INFO
        return super().read(size)


@pytest.fixture
def file() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def tar(file: io.BytesIO) -> TarWriter:
    return TarWriter(file, "archive", temporary_directory=None)


@pytest.fixture
def blobs(tar: TarWriter) -> BlobMembers:
    return BlobMembers(tar, "archive", lambda digest: f"{digest.hex}.tar")


def names(tar: TarWriter, file: io.BytesIO) -> list[str]:
    tar.finish()
    return tarfile.open(fileobj=io.BytesIO(file.getvalue())).getnames()


def test_two_that_bring_a_blob_at_the_same_time(
    file: io.BytesIO, tar: TarWriter, blobs: BlobMembers
) -> None:
    assert blobs.put(BringsItAgain(blobs), INFO) == INFO
    assert names(tar, file) == [f"{digest_of(DATA).hex}.tar"]


@pytest.mark.parametrize("was_here", [False, True])
def test_what_failed_or_was_dropped_may_be_brought_again(
    file: io.BytesIO, tar: TarWriter, blobs: BlobMembers, was_here: bool
) -> None:
    assert INFO.digest is not None
    if was_here:
        blobs.put(io.BytesIO(DATA), INFO)
        blobs.put(io.BytesIO(DATA), INFO)
        blobs.drop_incomplete()
    else:
        wrong: ByteStream = VerifyingStream(io.BytesIO(bytes(999) + b"x"), "x", digest=INFO.digest)
        with pytest.raises(DigestMismatch):
            blobs.put(wrong, INFO)
    assert INFO.digest not in blobs

    assert blobs.put(io.BytesIO(DATA), INFO) == INFO
    assert names(tar, file) == [f"{INFO.digest.hex}.tar"]
