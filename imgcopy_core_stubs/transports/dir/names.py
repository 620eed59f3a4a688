"""The files of a `dir:` image, named as skopeo names them.

Blobs are named by the hex digits of their digest. Measured with skopeo 1.9.3.
"""

import re
from typing import Final

from imgcopy_core_stubs.digest import Digest

VERSION_FILE: Final = "version"
VERSION: Final = b"Directory Transport Version: 1.1\n"
VERSION_FILE_LIMIT: Final = 1024

_COMPATIBLE_VERSION: Final = re.compile(rb"Directory Transport Version: 1\.[0-9]+\n?")
_HEX: Final = "(?:[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})"
_KNOWN_FILE: Final = re.compile(
    rf"version|manifest\.json|signature-[0-9]+|{_HEX}(?:\.manifest\.json|\.signature-[0-9]+)?"
)


def manifest_file(instance: Digest | None = None) -> str:
    """Return the file of the top-level manifest, or of an instance of an index."""
    return "manifest.json" if instance is None else f"{instance.hex}.manifest.json"


def signature_file(number: int, instance: Digest | None = None) -> str:
    """Return the file of a manifest's signature; they are numbered from 1."""
    name = f"signature-{number}"
    return name if instance is None else f"{instance.hex}.{name}"


def is_compatible_version(content: bytes) -> bool:
    """Whether a `version` file is one of this format, in a version that is understood (1.x)."""
    return _COMPATIBLE_VERSION.fullmatch(content) is not None


def is_known_file(name: str) -> bool:
    """Whether an image of this format has files of this name."""
    return _KNOWN_FILE.fullmatch(name) is not None
