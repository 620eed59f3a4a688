"""The images that are copied: real files of this machine, and one layer of any size."""

import hashlib
import os
import random
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from .layout import Layout, read_layout, write_layout

_ROOTS = ("/usr/bin", "/usr/lib", "/usr/share", "/usr/local")
"""Where the files come from: programs, libraries, documentation, packed data."""

_LARGEST_FILE = 64_000_000
"""No single file is larger, or one of them would be most of a layer."""

_SHARES = (46, 8, 25, 1, 15, 5)
"""The layers' shares of the image, bottom layer first, in percent."""

_MB = 1_000_000
_MIB = 1 << 20


def real_image(cache: Path, variant: str, megabytes: int) -> Layout:
    """An image of about `megabytes` of this machine's files, made once and kept in `cache`.

    The uncompressed variant is the one that the others are made from, so it is made first.
    """
    folder = cache / f"files-{megabytes}mb"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "plain").exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            tars = _write_tars(Path(scratch), [megabytes * _MB * share // 100 for share in _SHARES])
            write_layout(folder / "plain", "plain", tars)
    plain = read_layout(folder / "plain")
    if not (folder / variant).exists():
        write_layout(folder / variant, variant, plain.blob_paths)
    return read_layout(folder / variant)


def derived_image(cache: Path, megabytes: int, more: int) -> Layout:
    """The gzip image of `megabytes` with one layer of `more` megabytes of noise on top."""
    base, folder = real_image(cache, "gzip", megabytes), cache / f"files-{megabytes}mb"
    target = folder / f"derived-{more}mb"
    if not target.exists():
        plain = real_image(cache, "plain", megabytes)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            tar = Path(scratch) / "layer.tar"
            _write_noise_and_zeros(tar, more * _MB // _MIB)
            write_layout(target, "gzip", [*plain.blob_paths, tar])
    derived = read_layout(target)
    if derived.blobs[: len(base.blobs)] != base.blobs:
        raise ValueError(f"{target} does not have the layers of {base.path}: remove it")
    return derived


def one_layer(cache: Path, variant: str, megabytes: int) -> Layout:
    """An image with one layer of `megabytes`, cheap to make: noise and zeros by turns."""
    folder = cache / f"one-layer-{megabytes}mb"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / variant).exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            tar = Path(scratch) / "layer.tar"
            _write_noise_and_zeros(tar, megabytes * _MB // _MIB)
            write_layout(folder / variant, variant, [tar], fast=True)
    return read_layout(folder / variant)


def _write_tars(folder: Path, sizes: list[int]) -> list[Path]:
    files = _files_of_this_machine()
    tars = []
    for number, size in enumerate(sizes):
        path = folder / f"{number}.tar"
        with tarfile.open(path, "w", dereference=True) as tar:
            while tar.offset < size:
                name, source = next(files)
                tar.add(source, name, recursive=False)
        tars.append(path)
    return tars


def _files_of_this_machine() -> Iterator[tuple[str, str]]:
    """Names and paths without end, in an order that mixes all kinds and is the same on each run."""
    paths = [
        os.path.join(folder, name)
        for root in _ROOTS
        for folder, _, names in os.walk(root)
        for name in names
    ]
    chosen = sorted(
        (path for path in paths if _is_usable(path)),
        key=lambda path: hashlib.sha256(os.fsencode(path)).digest(),
    )
    for copy in count():  # a small machine's files are taken again under another name
        for path in chosen:
            yield f"{copy}{path}", path


def _is_usable(path: str) -> bool:
    status = os.lstat(path)
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_size <= _LARGEST_FILE
        and os.access(path, os.R_OK)
    )


def _write_noise_and_zeros(path: Path, mebibytes: int) -> None:
    noise = random.Random(1)  # noqa: S311 -- the same bytes on each run, nothing secret
    member = tarfile.TarInfo("data")
    member.size = mebibytes * _MIB
    with path.open("wb") as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        end = file.tell() + member.size
        while file.tell() < end:
            file.write(noise.randbytes(_MIB))
            file.seek(min(end, file.tell() + 15 * _MIB))  # a hole: zeros that cost nothing
        file.write(bytes(2 * tarfile.BLOCKSIZE))
