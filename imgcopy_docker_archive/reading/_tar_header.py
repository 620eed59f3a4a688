"""What one tar header says: a header block, or the records of a pax header. Pure.

Where GNU tar, Go's `archive/tar` and Python's `tarfile` would read a header in different ways, it
is refused.

Sources: POSIX `pax`, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic
Tar Format".
"""

import re
from collections.abc import Iterator
from typing import Final, Self

from attrs import frozen

from imgcopy_core_stubs import quote

_BLANK_CHECKSUM: Final = b" " * 8
_BASE_256, _NEGATIVE_BASE_256 = 0x80, 0xFF  # first bytes of a number
_OTHER_NUMBERS: Final = ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345))
"""The places of mode, user, group, time, and the device's two numbers."""
_USUAL_NUMBERS: Final = re.compile(
    rb"(?:[0-7]{7}\0){3}.{12}[0-7]{11}[\0 ].{181}(?:(?:[0-7]{7}\0){2}|\0{16})", re.DOTALL
)
"""All of them as nearly every writer writes them: told at once, for speed."""
_OCTAL: Final = re.compile(rb" *([0-7]*)[ \0]*")
_PAX_LENGTH: Final = re.compile(rb"([1-9][0-9]{0,6}) ")
_PAX_SIZE: Final = re.compile(r"[0-9]{1,19}")
OLD_SPARSE: Final = b"S"
"""The type of a sparse file in GNU's own format."""
_SPARSE: Final = b"GNU.sparse."
_SPARSE_NAME: Final = b"GNU.sparse.name"
_PAX_KEYS: Final = frozenset((b"path", b"linkpath", b"size", _SPARSE_NAME))


@frozen
class TarHeader:
    """A header block: what is written in it."""

    type: bytes
    name: str
    size: int | None
    """In bytes; None: it is negative or malformed."""
    link: str
    sparse_map_continues: bool

    @classmethod
    def parse(cls, block: bytes) -> Self:
        """Read a block of 512 bytes.

        Raises:
            ValueError: It is no header, or one that not all readers understand in the same way.
        """
        if not is_header(block):
            raise ValueError("there should be a header here, but its checksum is wrong")
        if not _USUAL_NUMBERS.match(block, 100) and not all(
            _is_number(block, *place) for place in _OTHER_NUMBERS
        ):
            raise ValueError("a header with a malformed number, where some readers stop")
        name = text(block[:100])
        if prefix := _prefix(block):
            name = f"{prefix}/{name}"
        return cls(
            type=block[156:157],
            name=name,
            size=_number(block[124:136]),
            link=text(block[157:257]),
            sparse_map_continues=block[482] != 0,
        )


@frozen
class PaxHeader:
    """The records of a pax header, as far as they matter for finding data."""

    name: str | None = None
    link: str | None = None
    size: int | None = None
    """In bytes."""
    is_sparse: bool = False

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a header's data.

        Raises:
            ValueError: A record is malformed, or is one that readers understand in different ways.
        """
        records: dict[bytes, str] = {}
        is_sparse = False
        for key, value in _pax_records(data):
            if key.startswith(_SPARSE):
                is_sparse = True
            if key in _PAX_KEYS:
                if key in records or not value or b"\0" in value:
                    name = quote(key.decode())
                    raise ValueError(f"the pax record {name} is doubled, empty or malformed")
                records[key] = text(value)
        size = records.get(b"size")
        if size is not None and _PAX_SIZE.fullmatch(size) is None:
            raise ValueError(f"the pax size {quote(size)} is negative or malformed")
        return cls(
            name=records.get(_SPARSE_NAME, records.get(b"path")),
            link=records.get(b"linkpath"),
            size=None if size is None else int(size),
            is_sparse=is_sparse,
        )


def is_header(block: bytes) -> bool:
    """Whether a block of 512 bytes is a tar header, by its checksum."""
    expected = _number(block[148:156])
    summed = block[:148] + _BLANK_CHECKSUM + block[156:]
    # Some old tars summed signed characters. That sum is seldom needed, and slow.
    return expected == sum(summed) or expected == sum(memoryview(summed).cast("b"))


def text(name: bytes) -> str:
    """Return a name up to its first NUL. What is not UTF-8 becomes lone surrogates."""
    return name.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(number: bytes) -> int | None:
    """Read a number: octal, or GNU's base-256; None if negative or malformed."""
    if number[0] == _BASE_256:
        return int.from_bytes(number[1:], "big")
    match = _OCTAL.fullmatch(number)
    return int(match[1] or b"0", 8) if match else None


def _is_number(block: bytes, start: int, end: int) -> bool:
    is_base_256 = block[start] in (_BASE_256, _NEGATIVE_BASE_256)
    return is_base_256 or _OCTAL.fullmatch(block, start, end) is not None


def _prefix(block: bytes) -> str:
    """Return what comes in front of a ustar name. GNU's format may have times in that place."""
    if block[257:263] == b"ustar\0":
        if block[345] and block[156:157] == OLD_SPARSE:
            raise ValueError("a sparse file of GNU's kind with a name prefix, which is ustar's")
        is_star = block[508:] == b"tar\0"
        return text(block[345:476] if is_star else block[345:500])
    if block[345]:
        raise ValueError(
            "a header that is not ustar's has what some readers take for a name prefix"
        )
    return ""


def _pax_records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of records `LENGTH KEY=VALUE` and newline; the length counts it all."""
    position = 0
    while position < len(data):
        length = _PAX_LENGTH.match(data, position)
        end = position + int(length[1]) if length else 0
        if length is None or data[end - 1 : end] != b"\n":
            raise ValueError("a pax header with a malformed record")
        key, equals, value = data[length.end() : end - 1].partition(b"=")
        if not key or not equals:
            raise ValueError("a pax header with a malformed record")
        yield key, value
        position = end
