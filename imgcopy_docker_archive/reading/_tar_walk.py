"""The walk over an untrusted tar archive: its members, all of them, or an error.

An archive in which two readers could find different members is refused (CVE-2025-62518), and so is
one that may have been cut: the walk ends only at two zero blocks with nothing but zeros behind.

Sources: as for `_tar_header`; GNU tar manual, "Storing Sparse Files".
"""

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Final, Protocol

from attrs import define, field, frozen

from imgcopy_core_stubs import CHUNK, InvalidArchive, quote
from imgcopy_docker_archive.format import BLOCK
from imgcopy_docker_archive.reading._tar_header import OLD_SPARSE, PaxHeader, TarHeader, text

MEMBER_LIMIT: Final = 100_000
EXTENDED_HEADER_LIMIT: Final = 1024 * 1024
"""Most bytes of a long name or a pax header."""

# Against archives that are made to cost time or memory; no real one comes near.
_EXTENDED_HEADERS_LIMIT: Final = 8 * 1024 * 1024
_NAMES_LIMIT: Final = 64 * 1024 * 1024
_PADDING_LIMIT: Final = 64 * 1024 * 1024

_ZERO_BLOCK: Final = bytes(BLOCK)
_LARGEST_OCTAL_SIZE: Final = 0o77777777777
_LONG_NAME, _LONG_LINK, _PAX, _GLOBAL_PAX, _SOLARIS_PAX = b"L", b"K", b"x", b"g", b"X"
_EXTENDED: Final = (_LONG_NAME, _LONG_LINK, _PAX)


class MemberKind(Enum):
    """What a member is; the value names it in error messages."""

    FILE = "a file"
    DIRECTORY = "a directory"
    SYMLINK = "a symbolic link"
    HARD_LINK = "a hard link"
    SPARSE = "a sparse file"
    DEVICE = "a device or a FIFO"
    UNKNOWN = "of an unknown type"


_KINDS: Final = {
    b"0": MemberKind.FILE,
    b"\0": MemberKind.FILE,  # before POSIX
    b"7": MemberKind.FILE,  # "contiguous"
    b"1": MemberKind.HARD_LINK,
    b"2": MemberKind.SYMLINK,
    b"3": MemberKind.DEVICE,
    b"4": MemberKind.DEVICE,
    b"5": MemberKind.DIRECTORY,
    b"6": MemberKind.DEVICE,
    OLD_SPARSE: MemberKind.SPARSE,
}
_WITH_DATA: Final = (MemberKind.FILE, MemberKind.SPARSE, MemberKind.UNKNOWN)
LINKS: Final = (MemberKind.SYMLINK, MemberKind.HARD_LINK)


class RandomAccess(Protocol):
    """A file of known size that is read at any place."""

    @property
    def name(self) -> str:
        """What the file is called in error messages."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    def read_at(self, offset: int, size: int, /) -> bytes:
        """Return exactly `size` bytes from `offset` on."""


@frozen
class TarMember:
    """A member of an archive."""

    name: str
    """Its path, as `clean_name` has it."""
    kind: MemberKind
    offset: int
    """Where its data begins, in bytes from the start of the archive."""
    size: int
    """How many bytes of data the archive holds of it."""
    link: str = ""
    """A link's target, as it is written."""

    @property
    def header_offset(self) -> int:
        """Where the block before its data begins."""
        return self.offset - BLOCK


def clean_name(path: str) -> str:
    """Return a path inside an archive in its one shortest form.

    Without `.`, without slashes in front, at the end or doubled, and with `..` applied. A path that
    leads out of the archive is left with `..` in front.
    """
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def walk(file: RandomAccess) -> Iterator[TarMember]:
    """Yield the members of an archive in their order.

    Time and memory are bounded whatever the file holds; no member's data is read.

    Raises:
        InvalidArchive: It breaks its format, is cut, could be read in two ways, or exceeds a limit.
    """
    return _Walk(file).members()


@define
class _Extended:
    """What the headers in front of a member's own one say of it."""

    types: set[bytes] = field(factory=set)
    pax: PaxHeader = field(factory=PaxHeader)
    long_name: str | None = None
    long_link: str | None = None


class _Walk:
    def __init__(self, file: RandomAccess) -> None:
        self._file = file
        self._position = 0
        self._previous = ""  # the last member's name, to say where something is wrong
        self._extended_count = 0
        self._extended_bytes = 0

    def members(self) -> Iterator[TarMember]:
        count = names_size = 0
        extended = _Extended()
        while (header := self._header()) is not None:
            if header.type in _EXTENDED:
                self._add_extended_header(header, extended)
                continue
            count += 1
            if count > MEMBER_LIMIT:
                raise self._problem(f"it has more than {MEMBER_LIMIT} members")
            if header.type == _GLOBAL_PAX:
                self._check_global_header(header, extended)
                continue
            member = self._member(header, extended)
            names_size += sys.getsizeof(member.name) + sys.getsizeof(member.link)
            if names_size > _NAMES_LIMIT:
                raise self._problem(f"its members' names take more than {_NAMES_LIMIT} bytes")
            yield member
            self._previous = member.name
            extended = _Extended()
        if extended.types:
            raise self._problem("the archive ends after an extended header, before its member")

    def _member(self, header: TarHeader, extended: _Extended) -> TarMember:
        pax = extended.pax
        full_name = extended.long_name or pax.name or header.name
        name = clean_name(full_name)
        if header.type == _SOLARIS_PAX:
            raise self._problem("a Solaris pax header, which some readers take for a file", name)
        kind = _KINDS.get(header.type, MemberKind.UNKNOWN)
        if kind is MemberKind.FILE and full_name.endswith("/"):
            kind = MemberKind.DIRECTORY  # as BSD's tar wrote it
        elif header.type == b"\0" and header.name.endswith("/"):
            problem = "an extended header makes a file of what some readers take for a directory"
            raise self._problem(problem, name)
        elif kind is MemberKind.FILE and pax.is_sparse:
            kind = MemberKind.SPARSE
        size = self._size(header, pax, name)
        if size and kind not in _WITH_DATA:
            problem = f"it is {kind.value}, yet has {size} bytes of data, which some readers skip"
            raise self._problem(problem, name)
        offset = self._position + BLOCK
        if header.type == OLD_SPARSE:
            offset = self._end_of_sparse_map(header, name)
        if offset + size > self._file.size:
            problem = f"the archive is cut: {size} bytes of data should begin here"
            raise self._problem(problem, name, offset)
        self._position = offset + _padded(size)
        link = extended.long_link or pax.link or header.link
        return TarMember(name, kind, offset, size, link if kind in LINKS else "")

    def _size(self, header: TarHeader, pax: PaxHeader, name: str) -> int:
        if header.size is None:
            raise self._problem("its size is negative or malformed", name)
        if pax.size is None or pax.size == header.size:
            return header.size
        # Writers leave zero, or the largest number that fits, where the true size does not fit.
        if pax.size > _LARGEST_OCTAL_SIZE and header.size in (0, _LARGEST_OCTAL_SIZE):
            return pax.size
        problem = f"its pax header gives it {pax.size} bytes, its ustar header {header.size}"
        raise self._problem(problem, name)

    def _end_of_sparse_map(self, header: TarHeader, name: str) -> int:
        """Return where the data of an old GNU sparse file begins, after the rest of its map."""
        offset = self._position + BLOCK
        continues = header.sparse_map_continues
        while continues:
            self._count_extended_bytes(BLOCK, name)
            continues = self._block(offset)[504] != 0
            offset += BLOCK
        return offset

    # --- extended headers -------------------------------------------------------------------------

    def _add_extended_header(self, header: TarHeader, extended: _Extended) -> None:
        types = extended.types
        # Readers differ in which of two long names, or of a long name and a pax path, counts.
        if header.type in types or (types and _PAX in (header.type, *types)):
            raise self._problem("two extended headers of one member, which could contradict")
        types.add(header.type)
        self._extended_count += 1
        if self._extended_count > MEMBER_LIMIT:
            raise self._problem(f"it has more than {MEMBER_LIMIT} extended headers")
        data = self._extended_data(header)
        if header.type == _PAX:
            extended.pax = self._pax(data)
        elif not text(data):
            raise self._problem("an empty long name, which some readers ignore")
        elif header.type == _LONG_NAME:
            extended.long_name = text(data)
        else:
            extended.long_link = text(data)
        self._position += BLOCK + _padded(len(data))

    def _check_global_header(self, header: TarHeader, extended: _Extended) -> None:
        """See that a header for all later members says nothing that matters: Go ignores them."""
        if extended.types:
            raise self._problem("a global header between an extended header and its member")
        data = self._extended_data(header)
        if self._pax(data) != PaxHeader():
            raise self._problem("a global header with a path or size, which some readers ignore")
        self._position += BLOCK + _padded(len(data))

    def _extended_data(self, header: TarHeader) -> bytes:
        size = self._size(header, PaxHeader(), "")
        if size > EXTENDED_HEADER_LIMIT:
            problem = f"an extended header of {size} bytes, where {EXTENDED_HEADER_LIMIT} may be"
            raise self._problem(problem)
        self._count_extended_bytes(size, "")
        offset = self._position + BLOCK
        if offset + _padded(size) > self._file.size:
            problem = f"the archive is cut: an extended header of {size} bytes should begin here"
            raise self._problem(problem, offset=offset)
        blocks = self._file.read_at(offset, _padded(size))
        if blocks[size:].strip(b"\0"):
            raise self._problem("data after an extended header's, which some readers take for it")
        return blocks[:size]

    def _count_extended_bytes(self, size: int, member: str) -> None:
        self._extended_bytes += size
        if self._extended_bytes > _EXTENDED_HEADERS_LIMIT:
            problem = f"its extended headers have more than {_EXTENDED_HEADERS_LIMIT} bytes"
            raise self._problem(problem, member)

    def _pax(self, data: bytes) -> PaxHeader:
        try:
            return PaxHeader.parse(data)
        except ValueError as error:
            raise self._problem(str(error)) from None

    # --- blocks -----------------------------------------------------------------------------------

    def _header(self) -> TarHeader | None:
        """Return the next header, or None at the end."""
        block = self._block(self._position)
        if block == _ZERO_BLOCK:
            self._check_end()
            return None
        try:
            return TarHeader.parse(block)
        except ValueError as error:
            raise self._problem(str(error)) from None

    def _block(self, offset: int) -> bytes:
        if offset + BLOCK > self._file.size:
            problem = "the archive is cut: it ends here, before its two end blocks"
            raise self._problem(problem, offset=self._file.size)
        return self._file.read_at(offset, BLOCK)

    def _check_end(self) -> None:
        """See that a second zero block follows, and then nothing but zero padding."""
        if self._block(self._position + BLOCK) != _ZERO_BLOCK:
            raise self._problem("a single zero block, where two end the archive")
        offset, size = self._position + 2 * BLOCK, self._file.size
        if size - offset > _PADDING_LIMIT:
            problem = f"more than {_PADDING_LIMIT} bytes follow the end of the archive"
            raise self._problem(problem, offset=offset)
        while offset < size:
            chunk = self._file.read_at(offset, min(CHUNK, size - offset))
            if chunk.count(0) != len(chunk):
                offset += len(chunk) - len(chunk.lstrip(b"\0"))
                raise self._problem("data follows the end of the archive", offset=offset)
            offset += len(chunk)
        if size % BLOCK:
            raise self._problem("the archive is cut: it ends within a block", offset=size)

    def _problem(self, problem: str, member: str = "", offset: int | None = None) -> InvalidArchive:
        if not member and self._previous:
            problem = f"{problem} (after the member {quote(self._previous)})"
        offset = self._position if offset is None else offset
        return InvalidArchive(self._file.name, member, offset, problem)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
