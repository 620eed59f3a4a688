"""Members of another archive that come first in a new one, as they are."""

from collections.abc import Iterable
from typing import Protocol

from imgcopy_core_stubs import CHUNK
from imgcopy_docker_archive.writing._output import Output


class ArchiveBytes(Protocol):
    """The plain bytes of another archive."""

    def read_at(self, offset: int, size: int, /) -> bytes:
        """Return exactly `size` bytes from `offset` on."""

    def fileno(self) -> int:
        """Return the descriptor of the file that holds them."""


class TakenOver:
    """Members of another archive, headers included.

    Args:
        archive: The other archive; open for as long as this is used.
        ranges: Where in it they are: offsets and sizes in bytes, whole blocks.
        names: What they are called: no member of our own may have one of these names.
    """

    def __init__(
        self, archive: ArchiveBytes, ranges: Iterable[tuple[int, int]], names: frozenset[str]
    ) -> None:
        self.names = names
        self._archive = archive
        self._ranges = tuple(ranges)
        self.size = sum(size for _, size in self._ranges)
        """How many bytes they have."""

    def copy_to(self, output: Output) -> None:
        """Write them to the beginning of an output.

        Raises:
            OSError: They cannot be written.
            SourceError: They cannot be read.
        """
        position = 0
        for offset, size in self._ranges:
            copied = 0
            while copied < size:
                copied += self._copy_some(offset + copied, size - copied, output, position + copied)
            position += size

    def _copy_some(self, offset: int, size: int, output: Output, position: int) -> int:
        """Copy at least one and at most `size` bytes; return how many."""
        copied = output.copy_at(position, self._archive.fileno(), offset, size)
        if not copied:  # the system cannot; it takes reading and writing
            data = self._archive.read_at(offset, min(CHUNK, size))
            output.write_at(position, data)
            copied = len(data)
        return copied
