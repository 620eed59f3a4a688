"""Archives of given bytes, open for a test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading.reader import ArchiveReader

ArchiveOf = Callable[[bytes], ArchiveFile]


class Open(Protocol):
    """Reads what an archive of the given bytes holds."""

    def __call__(self, data: bytes, layout: Layout | None = None, /) -> ArchiveReader: ...


@pytest.fixture
def archive_of(tmp_path: Path) -> Iterator[ArchiveOf]:
    """Opens an archive of the given bytes; it is closed after the test."""
    with ExitStack() as stack:

        def open_bytes(data: bytes) -> ArchiveFile:
            path = tmp_path / "a.tar"
            path.write_bytes(data)
            archive = ArchiveFile(path.open("rb"), "a.tar")
            stack.callback(archive.close)
            return archive

        yield open_bytes


@pytest.fixture
def opened(archive_of: ArchiveOf) -> Open:
    """Reads what an archive of the given bytes holds."""

    def read(data: bytes, layout: Layout | None = None, /) -> ArchiveReader:
        return ArchiveReader(archive_of(data), layout)

    return read
