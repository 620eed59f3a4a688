"""What an OCI image layout is, whether in a directory or in an archive: names, and its marker.

Sources: OCI image-spec `image-layout.md`, `annotations.md`; containerd's `images/archive`, for the
annotation with the full name.
"""

import re
from typing import Final

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import InvalidDocument, UnsupportedImage
from imgcopy_core_stubs.json_documents import decode_json
from imgcopy_core_stubs.quoting import quote

MARKER: Final = "oci-layout"
MARKER_CONTENT: Final = b'{"imageLayoutVersion":"1.0.0"}'
INDEX: Final = "index.json"

REF_NAME: Final = "org.opencontainers.image.ref.name"
FULL_NAME: Final = "io.containerd.image.name"

_COMPATIBLE_VERSION: Final = re.compile(r"1\.[0-9]+\.[0-9]+")


def blob_path(digest: Digest) -> str:
    """Return the path of a blob, relative to the layout."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


def check_marker(raw: bytes, layout: str) -> None:
    """Make sure that a layout is of a version that is understood (1.x).

    Args:
        raw: The bytes of its `oci-layout`.
        layout: Its name for error messages.

    Raises:
        InvalidDocument: `oci-layout` is not what it should be.
        UnsupportedImage: It is of another version.
    """
    what = f"{MARKER} of {quote(layout)}"
    version = decode_json(raw, what).get("imageLayoutVersion")
    if not isinstance(version, str):
        raise InvalidDocument(what, "$.imageLayoutVersion", "must be a string such as 1.0.0")
    if not _COMPATIBLE_VERSION.fullmatch(version):
        problem = f"its version is {quote(version)}, only 1.0.0 and later versions 1 are known"
        raise UnsupportedImage(f"the image layout {quote(layout)}", problem)
