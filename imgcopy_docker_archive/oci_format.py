"""What is in an archive of the `oci` layout: names, and the bytes of its JSON documents.

Such an archive is an OCI image layout in a tar file, and a docker archive at the same time: its
`manifest.json` names the same blobs. Pure functions; nothing here touches a file.

Sources: OCI image-spec `image-layout.md`, `annotations.md`; containerd's `images/archive`, for the
annotation with the full name.
"""

from collections.abc import Iterable
from typing import Final

from imgcopy_core_stubs import (
    Digest,
    DockerReference,
    JsonObject,
    encode_json,
    media_types,
)
from imgcopy_docker_archive._tag import tag_or_none

MARKER: Final = "oci-layout"
MARKER_CONTENT: Final = b'{"imageLayoutVersion":"1.0.0"}'
INDEX: Final = "index.json"
BLOBS: Final = "blobs/sha256/"

FULL_NAME: Final = "io.containerd.image.name"
REF_NAME: Final = "org.opencontainers.image.ref.name"


def blob_path(digest: Digest) -> str:
    """Return the member name of a blob."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


def name(entry: JsonObject) -> DockerReference | None:
    """Return the full name that a descriptor of `index.json` gives its image, or None."""
    annotations = entry.get("annotations")
    text = annotations.get(FULL_NAME) if isinstance(annotations, dict) else None
    return tag_or_none(text) if isinstance(text, str) else None


def index_document(entries: Iterable[JsonObject]) -> bytes:
    """Return the bytes of `index.json`."""
    return encode_json(
        {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": list(entries)}
    )
