"""What is in an archive of the `oci` layout: names, and the bytes of its JSON documents.

Such an archive is an OCI image layout in a tar file, and a docker archive at the same time: its
`manifest.json` names the same blobs. Pure functions; nothing here touches a file.

Sources: OCI image-spec `image-layout.md`, `annotations.md`; containerd's `images/archive`, for the
annotation with the full name.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from imgcopy_core_stubs import (
    Descriptor,
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


def with_image(
    entries: Sequence[JsonObject], descriptor: Descriptor, tags: Sequence[DockerReference]
) -> list[JsonObject]:
    """Return an index's descriptors with one more image, one for each of its tags.

    A tag that another image has moves to this one. An image that has lost its last tag keeps a
    descriptor, without a name.

    Args:
        entries: The descriptors of `index.json`, decoded.
        descriptor: The image's manifest or index: its media type, digest and size count.
        tags: The image's names, with tags.
    """
    digest = str(descriptor.digest)
    described: JsonObject = {
        "mediaType": descriptor.media_type,
        "digest": digest,
        "size": descriptor.size,
    }
    own = [entry for entry in entries if entry.get("digest") == digest]
    named = [entry for entry in own if name(entry)]
    names = [name(entry) for entry in named]
    new_tags = [tag for tag in dict.fromkeys(tags) if tag not in names]
    named += [{**described, "annotations": _annotations(tag)} for tag in new_tags]
    image = named or own or [described]
    result: list[JsonObject] = []
    with_other_names = {entry.get("digest") for entry in entries if name(entry) not in tags}
    for entry in entries:
        if entry in own:
            result += image
            image = []
        elif name(entry) not in tags:
            result.append(entry)
        elif entry.get("digest") not in with_other_names:
            with_other_names.add(entry.get("digest"))
            result.append(_without_name(entry))
    return result + image


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


def _annotations(tag: DockerReference) -> JsonObject:
    return {FULL_NAME: str(tag), REF_NAME: tag.tag}


def _without_name(entry: JsonObject) -> JsonObject:
    annotations = entry.get("annotations")
    others = dict(annotations) if isinstance(annotations, dict) else {}
    for key in (FULL_NAME, REF_NAME):
        others.pop(key, None)
    rest = {key: value for key, value in entry.items() if key != "annotations"}
    return {**rest, "annotations": others} if others else rest
