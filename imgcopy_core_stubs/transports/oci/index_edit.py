"""Putting an image into a layout's index, with everything else in it left as it is."""

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.image_layout import REF_NAME
from imgcopy_core_stubs.json_values import JsonObject, JsonValue
from imgcopy_core_stubs.manifest import Descriptor


def new_index() -> JsonObject:
    """Return the index of a layout that holds no image."""
    return {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}


def with_image(index: JsonObject, descriptor: Descriptor, name: str | None) -> JsonObject:
    """Return an index with one more image, or with one image replaced.

    Args:
        index: A valid index, decoded.
        descriptor: The image's manifest or index: its media type, digest and size count.
        name: The image's name. The image that had it gives way, at the same position. None: it has
            none, and is not added if it is there without one.
    """
    new: JsonObject = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if name is not None:
        new["annotations"] = {REF_NAME: name}
    entries: list[JsonValue] = []
    old = index.get("manifests")
    for entry in old if isinstance(old, list) else []:
        if not _gives_way(entry, descriptor, name):
            entries.append(entry)
        elif new not in entries:
            entries.append(new)
    if new not in entries:
        entries.append(new)
    return {**index, "manifests": entries}


def _gives_way(entry: JsonValue, descriptor: Descriptor, name: str | None) -> bool:
    if not isinstance(entry, dict):
        return False
    annotations = entry.get("annotations")
    old_name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    if name is None:
        return old_name is None and entry.get("digest") == str(descriptor.digest)
    return old_name == name
