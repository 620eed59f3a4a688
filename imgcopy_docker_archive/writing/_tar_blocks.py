"""Tar's blocks, made the way Go's `archive/tar` makes them.

Plain ustar header blocks, mode 0444 for files, everything else zero or empty; two zero blocks at
the end and no padding beyond. A member of 8 GiB or more has GNU's magic and a base-256 size
(GNU tar manual, "Extensions to tar"), so that a header is one block whatever the size.
"""

from typing import Final

from imgcopy_docker_archive.format import BLOCK

END: Final = bytes(2 * BLOCK)
"""The end of an archive."""
_REGULAR: Final = b"0"
_SYMLINK: Final = b"2"
_LARGEST_OCTAL_SIZE: Final = 0o77777777777
_NAME_LIMIT: Final = 100


def header_block(name: str, *, size: int = 0, link: str | None = None) -> bytes:
    """Return the header of a regular file of `size` bytes, or of a symlink to `link`.

    Args:
        name: At most 100 bytes of ASCII, as all names of this format are.
        size: The file's size in bytes.
        link: The symlink's target; None: it is a file.
    """
    mode = 0o444 if link is None else 0
    if size <= _LARGEST_OCTAL_SIZE:
        size_field, magic = b"%011o\0" % size, b"ustar\x0000"
    else:
        size_field, magic = b"\x80" + size.to_bytes(11, "big"), b"ustar  \0"
    if len(name) > _NAME_LIMIT or len(link or "") > _NAME_LIMIT:
        raise ValueError(f"{name!r} or its link is longer than {_NAME_LIMIT} bytes")
    block = b"".join(
        (
            name.encode("ascii").ljust(100, b"\0"),
            b"%07o\0" % mode,
            b"%07o\0" % 0,  # uid
            b"%07o\0" % 0,  # gid
            size_field,
            b"%011o\0" % 0,  # modification time
            b" " * 8,  # the checksum counts as blanks
            _REGULAR if link is None else _SYMLINK,
            (link or "").encode("ascii").ljust(100, b"\0"),
            magic,
            bytes(64),  # user and group name
            b"%07o\0" % 0,  # device numbers
            b"%07o\0" % 0,
            bytes(167),  # prefix and padding
        )
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padding(size: int) -> bytes:
    """Return what fills the last block of a file of `size` bytes."""
    return bytes(-size % BLOCK)


def member_size(size: int) -> int:
    """Return how many bytes the member of a file of `size` bytes takes, its header included."""
    return BLOCK + size + -size % BLOCK
