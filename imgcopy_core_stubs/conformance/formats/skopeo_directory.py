"""What is in a directory of skopeo's format (containers-transports(5), "dir")."""

import re
from pathlib import Path
from typing import Final

from imgcopy_core_stubs.conformance.errors import Damaged
from imgcopy_core_stubs.conformance.place import StoredImage

_ALGORITHMS: Final = {64: "sha256", 96: "sha384", 128: "sha512"}
_BLOB: Final = re.compile("[0-9a-f]+")
_INSTANCE: Final = re.compile(r"([0-9a-f]+)\.manifest\.json")


def new_reference(directory: Path) -> str:
    """Name a directory that does not exist yet."""
    return f"{directory}/image"


def stored(reference: str) -> StoredImage | None:
    """Return the image in the directory `PATH`."""
    directory = Path(reference)
    if not (directory / "manifest.json").exists():
        return None
    version = (directory / "version").read_bytes()
    if version != b"Directory Transport Version: 1.1\n":
        raise Damaged(f"the file version says {version!r}")
    names = sorted(file.name for file in directory.iterdir())
    instances = [match for name in names if (match := _INSTANCE.fullmatch(name))]
    signatures = [name for name in names if name.startswith("signature-")]
    return StoredImage(
        manifest=(directory / "manifest.json").read_bytes(),
        blobs={
            _digest(name): (directory / name).read_bytes()
            for name in names
            if _BLOB.fullmatch(name)
        },
        instances={_digest(match[1]): (directory / match[0]).read_bytes() for match in instances},
        signatures=tuple(
            (directory / f"signature-{number}").read_bytes()
            for number in range(1, len(signatures) + 1)
        ),
    )


def _digest(name: str) -> str:
    return f"{_ALGORITHMS[len(name)]}:{name}"
