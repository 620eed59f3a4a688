"""What is in an archive of the `oci` layout beyond an OCI image layout: who is called how there.

Such an archive is an OCI image layout in a tar file, and a docker archive at the same time: its
`manifest.json` names the same blobs. Pure functions; nothing here touches a file.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from imgcopy_core_stubs import (
    DockerReference,
    ImageManifest,
    JsonObject,
    JsonValue,
    encode_json,
    image_layout,
    media_types,
)
from imgcopy_docker_archive._tag import tag_or_none

BLOBS: Final = "blobs/sha256/"


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
    text = annotations.get(image_layout.FULL_NAME)
    if isinstance(text, str) and text:
        return text
    text = annotations.get(image_layout.REF_NAME)
    return text if isinstance(text, str) and (":" in text or "/" in text) else ""


def is_for_docker(image: ImageManifest) -> bool:
    """Whether it is an image of file system layers, which `manifest.json` can list for docker."""
    return image.is_image and all(
        media_types.is_layer(layer.media_type) and not media_types.is_encrypted(layer.media_type)
        for layer in image.layers
    )


def index_document(entries: Iterable[JsonObject]) -> bytes:
    """Return the bytes of `index.json`."""
    return encode_json(
        {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": list(entries)}
    )
