"""What an archive must be, built with the standard library's tarfile and json alone.

The oracle of the writer's tests: it shares no code with the packages.
"""

import io
import tarfile
from typing import Final

BLOCK: Final = 512
DEVICE_NUMBERS: Final = slice(329, 345)
CHECKSUM: Final = slice(148, 156)


def member(name: str, content: bytes) -> bytes:
    """Return a file's header and body as Go's archive/tar writes them."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o444
    return _header(info) + content + bytes(-len(content) % BLOCK)


def symlink(name: str, target: str) -> bytes:
    """Return a symlink's header."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.SYMTYPE
    info.linkname = target
    info.mode = 0
    return _header(info)


def archive(*members: bytes) -> bytes:
    """Return an archive of these members: two zero blocks at the end, nothing beyond."""
    return b"".join(members) + bytes(2 * BLOCK)


def read(data: bytes) -> dict[str, bytes | str]:
    """Map the members of an archive to their content, or to their target where they are links."""
    members: dict[str, bytes | str] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            assert info.name not in members
            file = tar.extractfile(info) if info.isfile() else None
            members[info.name] = file.read() if file is not None else info.linkname
    return members


def _header(info: tarfile.TarInfo) -> bytes:
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[DEVICE_NUMBERS] = b"0000000\0" * 2  # tarfile leaves them empty
    block[CHECKSUM] = b" " * 8
    block[CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)
