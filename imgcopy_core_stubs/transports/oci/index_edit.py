"""Putting images into a layout's index, with everything else in it left as it is."""

from collections.abc import Container, Sequence
from typing import TypeAlias

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.image_layout import FULL_NAME, REF_NAME
from imgcopy_core_stubs.json_values import JsonObject, JsonValue
from imgcopy_core_stubs.manifest import Descriptor

_Key: TypeAlias = tuple[str | None, str | None]
"""What an entry is known by: its name or, where it has none, its digest."""


def new_index() -> JsonObject:
    """Return the index of a layout that holds no image."""
    return {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}


def with_images(
    index: JsonObject, images: Sequence[tuple[Descriptor, Sequence[str]]]
) -> JsonObject:
    """Return an index with more images, which have their names and no other image has them.

    An image that was known by one of the names gives way, at the same position. Where containerd
    wrote a full reference too, it goes by that, and only loses a tag that is another image's now.

    Args:
        index: A valid index, decoded.
        images: Manifests or indexes, of which media type, digest and size count, and their names.
            Of several with one name the last has it. One that is left without a name is not added
            if it is there without one.
    """
    heirs = _entries(images)
    keys = frozenset(heirs)
    entries: list[JsonValue] = []
    old = index.get("manifests")
    for entry in old if isinstance(old, list) else []:
        known_by, rest = _what_stays(entry, keys) if isinstance(entry, dict) else (None, entry)
        if rest is not None:
            entries.append(rest)
        elif known_by in heirs:
            entries.append(heirs.pop(known_by))
    return {**index, "manifests": [*entries, *heirs.values()]}


def _entries(images: Sequence[tuple[Descriptor, Sequence[str]]]) -> dict[_Key, JsonObject]:
    owners = {name: descriptor.digest for descriptor, names in images for name in names}
    named = set(owners.values())
    entries: dict[_Key, JsonObject] = {}
    for descriptor, names in images:
        entry: JsonObject = {
            "mediaType": descriptor.media_type,
            "digest": str(descriptor.digest),
            "size": descriptor.size,
        }
        for name in names:
            if owners[name] == descriptor.digest:
                entries[name, None] = {**entry, "annotations": {REF_NAME: name}}
        if descriptor.digest not in named:
            entries[None, str(descriptor.digest)] = entry
    return entries


def _what_stays(
    entry: JsonObject, keys: Container[_Key]
) -> "tuple[_Key | None, JsonObject | None]":
    """Return what stays of an entry where others are known by these keys.

    None: it gives way to the one that is known by the key beside it.
    """
    ref, full = _annotation(entry, REF_NAME), _annotation(entry, FULL_NAME)
    if not ref and not full:
        digest = entry.get("digest")
        key = (None, digest if isinstance(digest, str) else None)
        return (key, None) if key in keys else (None, entry)
    loses_ref, loses_full = (ref, None) in keys, (full, None) in keys
    if loses_ref and (loses_full or not full):
        return (ref, None), None
    if full and loses_full and (not ref or full.endswith(f":{ref}")):
        return (full, None), None
    if loses_ref:
        return None, _without(entry, REF_NAME)
    if loses_full:
        return None, _without(entry, FULL_NAME)
    return None, entry


def _annotations(entry: JsonObject) -> JsonObject:
    annotations = entry.get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def _annotation(entry: JsonObject, key: str) -> str | None:
    value = _annotations(entry).get(key)
    return value if isinstance(value, str) else None


def _without(entry: JsonObject, key: str) -> JsonObject:
    annotations = {name: value for name, value in _annotations(entry).items() if name != key}
    return {**entry, "annotations": annotations}
