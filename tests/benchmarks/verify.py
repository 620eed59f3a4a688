"""Is an archive right? Judged by `tarfile` and `hashlib`, by none of the code that made it."""

import hashlib
import json
import tarfile
from io import BufferedReader
from pathlib import Path

from .layout import Layout
from .measure import RunFailedError


def verify(archive: Path, layout: Layout) -> None:
    """Check an archive of one image, as `verify_image` does."""
    verify_image(archive, 0, layout)


def verify_image(archive: Path, position: int, layout: Layout) -> None:
    """Hold the layers of one of an archive's images, in order, against the image's diff IDs.

    Raises:
        RunFailedError: A layer is missing, in excess, or has other bytes.
    """
    with tarfile.open(archive, "r:") as tar:
        image = json.load(_member(tar, "manifest.json"))[position]
        digests = tuple(
            hashlib.file_digest(_member(tar, name), "sha256").hexdigest()
            for name in image["Layers"]
        )
    if digests != layout.diff_ids:
        raise RunFailedError(f"{archive.name!r} has layers {digests}, not {layout.diff_ids}")


def _member(tar: tarfile.TarFile, name: str) -> BufferedReader:
    file = tar.extractfile(name)
    if not isinstance(file, BufferedReader):
        raise RunFailedError(f"{name!r} is no file in the archive")
    return file
