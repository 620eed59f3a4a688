"""Tar archives for the tests of reading: tarfile's header blocks, put together by hand."""

import tarfile
from typing import Literal

import pytest
from attrs import frozen

from imgcopy_core_stubs import InvalidArchive
from imgcopy_docker_archive.reading._tar_walk import TarMember, walk

END = bytes(1024)


def header(
    name: str,
    size: int = 0,
    *,
    type: bytes = tarfile.REGTYPE,  # noqa: A002  (the tar format's word)
    link: str = "",
    format: Literal[0, 1, 2] = tarfile.USTAR_FORMAT,  # noqa: A002  (tarfile's word)
) -> bytes:
    """A header block (or several, in the formats that have extended headers)."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, type, link
    return info.tobuf(format, "utf-8", "surrogateescape")


def altered(block: bytes, changes: dict[int, bytes], *, signed: bool = False) -> bytes:
    """A header block with bytes changed at some places, and the checksum made right again."""
    result = bytearray(block)
    for offset, data in changes.items():
        result[offset : offset + len(data)] = data
    result[148:156] = b" " * 8
    total = sum(byte - 256 if signed and byte > 127 else byte for byte in result)
    result[148:156] = b"%06o\0 " % total
    return bytes(result)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def file(name: str, data: bytes = b"") -> bytes:
    return header(name, len(data)) + padded(data)


def symlink(name: str, target: str) -> bytes:
    return header(name, type=tarfile.SYMTYPE, link=target)


def hard_link(name: str, target: str) -> bytes:
    return header(name, type=tarfile.LNKTYPE, link=target)


def extended(type: bytes, data: bytes) -> bytes:  # noqa: A002  (the tar format's word)
    """An extended header: `L` and `K` (GNU's long names), `x` and `g` (pax)."""
    return header("extended", len(data), type=type) + padded(data)


def pax_record(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n".encode()
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def tar(*members: bytes) -> bytes:
    """An archive of members, with its end."""
    return b"".join(members) + END


@frozen
class InMemory:
    """An archive in memory, as the walk wants it."""

    data: bytes
    name: str = "test.tar"

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, size: int, /) -> bytes:
        assert 0 <= offset <= offset + size <= len(self.data), "a read outside of the file"
        return self.data[offset : offset + size]


def old_sparse(name: str, stored: bytes, extra_maps: int) -> bytes:
    block = altered(header(name, len(stored)), {156: b"S", 482: b"\1" if extra_maps else b"\0"})
    maps = [b"\1".rjust(505, b"\0").ljust(512, b"\0")] * (extra_maps - 1) + [bytes(512)]
    return block + b"".join(maps[:extra_maps]) + padded(stored)


def walked(data: bytes) -> list[TarMember]:
    return list(walk(InMemory(data)))


def names(data: bytes) -> list[str]:
    return [member.name for member in walked(data)]


def refusal(data: bytes) -> InvalidArchive:
    with pytest.raises(InvalidArchive) as caught:
        walked(data)
    return caught.value
