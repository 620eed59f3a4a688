"""What is in an archive of the `oci` layout: names, and the bytes of its JSON documents.

Such an archive is an OCI image layout in a tar file, and a docker archive at the same time: its
`manifest.json` names the same blobs. Pure functions; nothing here touches a file.

Sources: OCI image-spec `image-layout.md`, `annotations.md`; containerd's `images/archive`, for the
annotation with the full name.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from imgcopy_core_stubs import (
    Digest,
    DockerReference,
    JsonObject,
    JsonValue,
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
    """Return the name that a descriptor of `index.json` gives its image, or None.

    One that is malformed names no image.
    """
    annotations = entry.get("annotations")
    return tag_or_none(name_text(annotations)) if isinstance(annotations, dict) else None


def name_text(annotations: Mapping[str, JsonValue]) -> str:
    """Return the name that a descriptor gives its image, as it is written; "" for none.

    That is containerd's annotation, or else the OCI one if it has a full name: there a tag alone,
    such as `1`, is no name.

    Args:
        annotations: The descriptor's.
    """
    text = annotations.get(FULL_NAME)
    if isinstance(text, str) and text:
        return text
    text = annotations.get(REF_NAME)
    return text if isinstance(text, str) and (":" in text or "/" in text) else ""


def index_document(entries: Iterable[JsonObject]) -> bytes:
    """Return the bytes of `index.json`."""
    return encode_json(
        {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": list(entries)}
    )
