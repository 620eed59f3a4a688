"""Tar members on their way into a file: one after the other, and each at a place of its own."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO

from imgcopy_core_stubs import (
    CHUNK,
    ByteStream,
    DestinationStateError,
    DestinationWriteFailed,
    InvalidDestination,
    PrefixedStream,
    quote,
)
from imgcopy_docker_archive.format import BLOCK
from imgcopy_docker_archive.writing._busy_file import ChunkWriter
from imgcopy_docker_archive.writing._output import output_to
from imgcopy_docker_archive.writing._places import Place, PlacesInUse
from imgcopy_docker_archive.writing._tar_blocks import END, header_block, member_size, padding

if TYPE_CHECKING:  # loaded when it is used
    from imgcopy_docker_archive.writing._taken_over import TakenOver


class TarWriter:
    """Writes members to a binary file that its caller opened and closes.

    On a seekable file a member of unknown size is written straight to its place, its header last.
    One of known size gets its place at once, so that the next one can be written at the same time,
    in another thread. So does one whose size can be guessed; where the guess turns out wrong, what
    came behind it in the meantime is moved. What failed is cut off again.

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
        self._busy = threading.Lock()  # see ChunkWriter
        self._appending = threading.Lock()  # held by whoever decides where the archive goes on
        self._damaged_from: int | None = None  # nothing is appended behind damage
        self._damaged_by: BaseException | None = None  # why, where somebody else has to be told
        self._in_use = PlacesInUse()
        self._taken_over: TakenOver | None = None  # what is to come first
        self._taken_names: frozenset[str] = frozenset()
        self.position = 0
        """How many bytes the archive has so far, reserved places included."""

    @property
    def seekable(self) -> bool:
        """Whether the file can be written at any position."""
        return self._output.seekable

    def take_over(self, members: "TakenOver") -> None:
        """Begin with members of another archive.

        They are copied when the first member of our own comes, so that a copy which fails before
        costs nothing.
        """
        self._taken_over = members
        self._taken_names = members.names
        self.position = members.size

    def add(self, name: str, data: bytes) -> None:
        """Write a small file."""
        with self._appending:
            self._append(self._header(name, size=len(data)) + data + padding(len(data)))

    def add_symlink(self, name: str, target: str) -> None:
        """Write a symlink."""
        with self._appending:
            self._append(self._header(name, link=target))

    def add_stream(
        self,
        stream: ByteStream,
        size: int | None,
        name: Callable[[], str | None],
        *,
        size_hint: int | None = None,
    ) -> int:
        """Write a file from a stream, and return its size in bytes.

        Members come in the order in which this is called; it has been decided once the stream is
        read for the first time.

        Args:
            stream: Its bytes, read to the end; the caller closes it.
            size: Their number; None unless it and the name are known already.
            name: Returns the name, or None if the member is not wanted after all. Called after the
                stream's end if neither `size` nor `size_hint` is given.
            size_hint: Their probable number, where `size` is None and the name is known already.

        Raises:
            DestinationWriteFailed: Nothing of the member stays on a seekable file.
            InvalidDestination: What was taken over has another member of this name.
            SourceError: From the stream; nothing of the member stays on a seekable file.
        """
        if self._output.seekable:
            if size is not None:
                return self._add_to_reserved_place(stream, size, name() or "")
            if size_hint is not None and self._output.readable:
                return self._add_to_expected_place(stream, size_hint, name() or "")
            return self._add_header_last(stream, name)
        with self._appending:
            if size is not None:
                return self._add_in_order(stream, size, name() or "")
            with self._spooled(stream) as (spool, spooled_size):
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
                    self._write_at(start, self._header(known_name, size=size))
                else:
                    self._cut_off(start)
            except BaseException:
                self._cut_off(start)
                raise
            return size

    def _add_to_reserved_place(self, stream: ByteStream, size: int, name: str) -> int:
        with self._place(size) as place:
            self._write_at(place.start, self._header(name, size=size))
            written, rest = self._fill(place.start + BLOCK, stream, size)
            beyond = b"" if rest is None else rest.read(CHUNK)
            self._check_promise(written + len(beyond), size)
            self._write_at(place.start + BLOCK + size, padding(size))
        return size

    def _add_to_expected_place(self, stream: ByteStream, expected: int, name: str) -> int:
        with self._place(expected) as place:
            written, rest = self._fill(place.start + BLOCK, stream, expected)
            if rest is None:
                self._complete(place, written, name)
                self._resize(place, written)
            elif not self._go_on(place, written, rest, name):
                with self._spooled(rest) as (spool, spooled_size):
                    self._resize(place, written + spooled_size)
                    self._fill(place.start + BLOCK + written, spool)
                    self._complete(place, place.size, name)
        return place.size

    @contextlib.contextmanager
    def _place(self, size: int) -> Iterator[Place]:
        """Have a place of one's own at the archive's end, while others write behind it."""
        with self._appending:
            self._prepare_to_append()
            place = Place(self.position, size)
            self.position = place.end
            self._in_use.add(place)
        try:
            if size > CHUNK:  # otherwise it is written at once
                self._output.expect(place.start, place.end - place.start)
            yield place
        except BaseException as error:
            with self._appending:
                self._mark_damage(place.start)
                self._damaged_by = error
                if self.position == place.end:  # nothing has been put behind it
                    self._cut_off(place.start)
            raise
        finally:
            self._in_use.discard(place)

    def _fill(
        self, position: int, stream: ByteStream, room: int | None = None
    ) -> tuple[int, ByteStream | None]:
        """Write a stream from a position on, and return how many bytes there was room for.

        With them comes a stream of the others; None: there was room for all.
        """
        writer = ChunkWriter(self._write_at, position, self._busy)
        rest = None
        while chunk := stream.read(writer.wanted):
            if room is not None and writer.position + len(chunk) > position + room:
                rest = PrefixedStream(chunk, stream)
                break
            writer.write(chunk)
            del chunk  # the next one takes its memory, which the processor's cache still holds
        writer.flush()
        return writer.position - position, rest

    def _complete(self, place: Place, size: int, name: str) -> None:
        """Write what surrounds a file of a size that is in its place."""
        self._write_at(place.start + BLOCK + size, padding(size))
        self._write_at(place.start, self._header(name, size=size))

    def _go_on(self, place: Place, written: int, rest: ByteStream, name: str) -> bool:
        """Let a file grow beyond its place, unless there is something behind it."""
        with self._appending:
            if self.position != place.end:
                return False
            more, _ = self._fill(place.start + BLOCK + written, rest)
            self._complete(place, written + more, name)
            place.size = written + more
            self.position = place.end
            return True

    def _resize(self, place: Place, size: int) -> None:
        """Give a place the size that its file turned out to have: move what has come behind it."""
        distance = member_size(size) - member_size(place.size)
        while distance:
            self._in_use.wait_for_those_behind(place)
            with self._appending:
                if not self._in_use.any_behind(place):  # none has come just now
                    self._move_what_is_behind(place, distance)
                    break
        place.size = size

    def _move_what_is_behind(self, place: Place, distance: int) -> None:
        self._prepare_to_append()
        self._mark_damage(place.start)  # until it is moved
        try:
            self._output.move(place.end, self.position, distance)
        except OSError as error:
            raise DestinationWriteFailed(self._name, error) from error
        self._cut_off(self.position + distance)
        self._clear_damage(place.start)

    def _add_in_order(self, stream: ByteStream, size: int, name: str) -> int:
        self._append(self._header(name, size=size))
        start = self.position
        self._damaged_from = start  # until the member is complete
        self._check_promise(_copy(stream, self._extend), size)
        self._damaged_from = None
        self._append(padding(size))
        return size

    def _spooled(self, stream: ByteStream) -> AbstractContextManager[tuple[ByteStream, int]]:
        from imgcopy_docker_archive.writing._spool import spooled  # noqa: PLC0415  (rarely needed)

        return spooled(stream, self._name, self._temporary_directory)

    def _copy_what_is_taken_over(self) -> None:
        taken_over, self._taken_over = self._taken_over, None
        if taken_over is None:
            return
        self._mark_damage(0)  # until all of it is there
        try:
            taken_over.copy_to(self._output)
        except OSError as error:
            raise DestinationWriteFailed(self._name, error) from error
        self._clear_damage(0)

    def _header(self, name: str, *, size: int = 0, link: str | None = None) -> bytes:
        if name in self._taken_names:  # two members of one name would differ
            problem = f"it has a member {quote(name)} that belongs to no image"
            way_out = "copy its images into a new archive with --all-images"
            raise InvalidDestination(self._name, f"{problem} ({way_out})")
        return header_block(name, size=size, link=link)

    def _append(self, data: bytes) -> None:
        self._prepare_to_append()
        self._extend(data)

    def _extend(self, data: bytes) -> None:
        try:
            self._write_at(self.position, data)
        except BaseException:
            self._mark_damage(self.position)  # some of it may be there
            raise
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
        self._clear_damage(position)

    def _mark_damage(self, position: int) -> None:
        if self._damaged_from is None or self._damaged_from > position:
            self._damaged_from = position

    def _clear_damage(self, position: int) -> None:
        """Say that damage from a position on is gone; what is damaged before stays so."""
        if self._damaged_from == position:
            self._damaged_from = self._damaged_by = None

    def _prepare_to_append(self) -> None:
        if self._damaged_from is not None:
            problem = "an earlier write failed half-way"
            raise DestinationStateError(self._name, problem) from self._damaged_by
        self._copy_what_is_taken_over()

    def _check_promise(self, copied: int, promised: int) -> None:
        if copied != promised:
            problem = f"a blob has {copied} bytes, not the {promised} promised"
            raise DestinationStateError(self._name, problem)


def _copy(stream: ByteStream, write: Callable[[bytes], object]) -> int:
    size = 0
    while chunk := stream.read(CHUNK):
        write(chunk)
        size += len(chunk)
    return size
