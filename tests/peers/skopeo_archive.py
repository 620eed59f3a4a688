"""The archive that skopeo writes, turned into the one that its transport wrote at first.

Both hold the same members with the same bytes, but for two things. Later versions of
containers/image, the one in Debian's skopeo 1.9 among them, name a v1 folder by the hash of its
own ``json`` and not by the layer's chain ID; and they put ``repositories`` last, where
``manifest.json`` was.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import IO

from tests.peers.evidence import member

BLOCK = 512
CHUNK = 1 << 20


def sha256_as_first_written(archive: Path) -> str:
    """SHA-256, in hex, of skopeo's archive with chain IDs put in and ``manifest.json`` last."""
    hashed = hashlib.sha256()
    with tarfile.open(archive) as tar, archive.open("rb") as file:
        members = tar.getmembers()
        chain_ids = _chain_ids_of_folders(tar)
        for info in sorted(members, key=lambda info: info.name == "manifest.json"):
            assert info.offset_data - info.offset == BLOCK, "one header block and no more"
            file.seek(info.offset)
            hashed.update(_with_checksum(_renamed(file.read(BLOCK), chain_ids)))
            body = _chunks(file, _padded(info.size))
            if "/" in info.name or info.name == "repositories":
                body = iter([_renamed(b"".join(body), chain_ids)])
            for chunk in body:
                hashed.update(chunk)
        file.seek(members[-1].offset_data + _padded(members[-1].size))
        hashed.update(file.read())
    return hashed.hexdigest()


def _chain_ids_of_folders(tar: tarfile.TarFile) -> dict[bytes, bytes]:
    """For the name of each v1 folder, which is 64 hex digits, the chain ID to put there."""
    (item,) = json.load(member(tar, "manifest.json"))
    config = json.load(member(tar, item["Config"]))
    chain_ids = accumulate(
        config["rootfs"]["diff_ids"],
        lambda chain_id, diff_id: (
            "sha256:" + hashlib.sha256(f"{chain_id} {diff_id}".encode()).hexdigest()
        ),
    )
    folders = dict.fromkeys(name.split("/")[0] for name in tar.getnames() if "/" in name)
    return {
        folder.encode(): chain_id.removeprefix("sha256:").encode()
        for folder, chain_id in zip(folders, chain_ids, strict=True)
    }


def _renamed(content: bytes, chain_ids: dict[bytes, bytes]) -> bytes:
    for folder, chain_id in chain_ids.items():
        content = content.replace(folder, chain_id)
    return content


def _with_checksum(header: bytes) -> bytes:
    blank = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(blank) + header[156:]


def _chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    for position in range(0, size, CHUNK):
        yield file.read(min(CHUNK, size - position))


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
