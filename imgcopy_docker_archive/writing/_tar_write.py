"""Tar members on their way into a file: one after the other, and each at a place of its own."""

import threading
from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol

from imgcopy_core_stubs import (
    CHUNK,
    ByteStream,
    DestinationStateError,
    DestinationWriteFailed,
)
from imgcopy_docker_archive.format import BLOCK
from imgcopy_docker_archive.writing._output import output_to
from imgcopy_docker_archive.writing._tar_blocks import END, header_block, member_size, padding


class ArchiveBytes(Protocol):
    """The plain bytes of another archive."""

    def read_at(self, offset: int, size: int, /) -> bytes:
        """Return exactly `size` bytes from `offset` on."""

    def fileno(self) -> int:
        """Return the descriptor of the file that holds them."""


class TarWriter:
    """Writes members to a binary file that its caller opened and closes.

    On a seekable file a member of unknown size is written straight to its place, its header last.
    One of known size gets its place at once, so that the next one can be written at the same time,
    in another thread. What failed is cut off again.

    A pipe takes one member after the other; one of unknown size is spooled to a temporary file
    first, and after a failure within a member nothing more can be written.

    Args:
        file: Where to write, from its present position on.
        name: What the file is called in error messages.
        temporary_directory: Where spools go; None: the system's place.
    """

    def __init__(self, file: BinaryIO, name: str, *, temporary_directory: str | None) -> None:
        self._output = output_to(file)
        self._name = name
        self._temporary_directory = temporary_directory
        self._appending = threading.Lock()  # held by whoever decides where the archive goes on
        self._damaged_from: int | None = None  # nothing is appended behind damage
        self._taken_over: list[tuple[ArchiveBytes, int, int]] = []  # what is to come first
        self.position = 0
        """How many bytes the archive has so far, reserved places included."""

    @property
    def seekable(self) -> bool:
        """Whether the file can be written at any position."""
        return self._output.seekable

    def take_over(self, archive: ArchiveBytes, ranges: Iterable[tuple[int, int]]) -> None:
        """Begin with members of another archive as they are, headers included.

        They are copied when the first member of our own comes, so that a copy which fails before
        costs nothing. The other archive must stay open for as long.

        Args:
            archive: The other archive.
            ranges: Where in it they are: offsets and sizes in bytes, whole blocks.
        """
        self._taken_over = [(archive, offset, size) for offset, size in ranges]
        self.position = sum(size for _, _, size in self._taken_over)

    def add(self, name: str, data: bytes) -> None:
        """Write a small file."""
        with self._appending:
            self._append(header_block(name, size=len(data)) + data + padding(len(data)))

    def add_symlink(self, name: str, target: str) -> None:
        """Write a symlink."""
        with self._appending:
            self._append(header_block(name, link=target))

    def add_stream(
        self, stream: ByteStream, size: int | None, name: Callable[[], str | None]
    ) -> int:
        """Write a file from a stream, and return its size in bytes.

        Members come in the order in which this is called; it has been decided once the stream is
        read for the first time.

        Args:
            stream: Its bytes, read to the end; the caller closes it.
            size: Their number; None unless it and the name are known already.
            name: Returns the name, or None if the member is not wanted after all. Called after the
                stream's end if `size` is None.

        Raises:
            DestinationWriteFailed: Nothing of the member stays on a seekable file.
            SourceError: From the stream; nothing of the member stays on a seekable file.
        """
        if self._output.seekable:
            if size is None:
                return self._add_header_last(stream, name)
            return self._add_to_reserved_place(stream, size, name() or "")
        with self._appending:
            if size is not None:
                return self._add_in_order(stream, size, name() or "")
            from imgcopy_docker_archive.writing._spool import (  # noqa: PLC0415  (only for a pipe)
                spooled,
            )

            with spooled(stream, self._name, self._temporary_directory) as (spool, spooled_size):
                known_name = name()
                if known_name is None:
                    return spooled_size
                return self._add_in_order(spool, spooled_size, known_name)

    def rewind(self, position: int) -> bool:
        """Cut off everything from `position` on, and say whether that is possible."""
        if not self._output.seekable:
            return False
        with self._appending:
            self._cut_off(position)
        return True

    def finish(self) -> None:
        """Write the end of the archive and flush the file."""
        with self._appending:
            self._append(END)
            try:
                self._output.flush()
            except OSError as error:
                raise DestinationWriteFailed(self._name, error) from error

    def _add_header_last(self, stream: ByteStream, name: Callable[[], str | None]) -> int:
        with self._appending:
            start = self.position
            try:
                self._append(bytes(BLOCK))
                size = _copy(stream, self._append)
                self._append(padding(size))
                if known_name := name():
                    self._write_at(start, header_block(known_name, size=size))
                else:
                    self._cut_off(start)
            except BaseException:
                self._cut_off(start)
                raise
            return size

    def _add_to_reserved_place(self, stream: ByteStream, size: int, name: str) -> int:
        with self._appending:
            self._prepare_to_append()
            start = self.position
            end = start + member_size(size)
            self.position = end
        try:
            if size > CHUNK:  # otherwise it is written at once
                self._output.expect(start, end - start)
            self._write_at(start, header_block(name, size=size))
            position = start + BLOCK
            while chunk := stream.read(CHUNK):
                self._check_promise(position + len(chunk) - start - BLOCK, size, at_most=True)
                self._write_at(position, chunk)
                position += len(chunk)
                del chunk  # the next one takes its memory, which the processor's cache still holds
            self._check_promise(position - start - BLOCK, size)
            self._write_at(position, padding(size))
        except BaseException:
            with self._appending:
                self._mark_damage(start)
                if self.position == end:  # nothing has been put behind it
                    self._cut_off(start)
            raise
        return size

    def _add_in_order(self, stream: ByteStream, size: int, name: str) -> int:
        self._append(header_block(name, size=size))
        start = self.position
        self._damaged_from = start  # until the member is complete
        self._check_promise(_copy(stream, self._extend), size)
        self._damaged_from = None
        self._append(padding(size))
        return size

    def _copy_what_is_taken_over(self) -> None:
        taken_over, self._taken_over = self._taken_over, []
        if not taken_over:
            return
        self._mark_damage(0)  # until all of it is there
        position = 0
        for archive, offset, size in taken_over:
            copied = 0
            while copied < size:
                copied += self._copy_some(
                    archive, offset + copied, size - copied, position + copied
                )
            position += size
        self._damaged_from = None

    def _copy_some(self, archive: ArchiveBytes, offset: int, size: int, position: int) -> int:
        """Copy bytes of another archive, at least one and at most `size`; return how many."""
        try:
            copied = self._output.copy_at(position, archive.fileno(), offset, size)
        except OSError as error:
            raise DestinationWriteFailed(self._name, error) from error
        if not copied:  # the system cannot; it takes reading and writing
            data = archive.read_at(offset, min(CHUNK, size))
            self._write_at(position, data)
            copied = len(data)
        return copied

    def _append(self, data: bytes) -> None:
        self._prepare_to_append()
        self._extend(data)

    def _extend(self, data: bytes) -> None:
        self._write_at(self.position, data)
        self.position += len(data)

    def _write_at(self, position: int, data: bytes) -> None:
        try:
            self._output.write_at(position, data)
        except OSError as error:
            raise DestinationWriteFailed(self._name, error) from error

    def _cut_off(self, position: int) -> None:
        self._mark_damage(position)  # until it is cut off
        try:
            self._output.truncate(position)
        except OSError as error:
            raise DestinationWriteFailed(self._name, error) from error
        self.position = position
        if self._damaged_from == position:
            self._damaged_from = None

    def _mark_damage(self, position: int) -> None:
        if self._damaged_from is None or self._damaged_from > position:
            self._damaged_from = position

    def _prepare_to_append(self) -> None:
        if self._damaged_from is not None:
            raise DestinationStateError(self._name, "an earlier write failed half-way")
        self._copy_what_is_taken_over()

    def _check_promise(self, copied: int, promised: int, *, at_most: bool = False) -> None:
        if copied > promised or (copied < promised and not at_most):
            problem = f"a blob has {copied} bytes, not the {promised} promised"
            raise DestinationStateError(self._name, problem)


def _copy(stream: ByteStream, write: Callable[[bytes], object]) -> int:
    size = 0
    while chunk := stream.read(CHUNK):
        write(chunk)
        size += len(chunk)
    return size
