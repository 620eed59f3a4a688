"""A manifest with other layers or of another type, by editing the decoded document.

OCI and Docker schema 2 manifests have one shape and one kind of config, and so have OCI indexes and
Docker manifest lists. So a config's bytes are never touched, and every field of a manifest that has
no bearing on the change is kept: unknown ones, annotations and number literals included.

The keys that both formats know come in the order in which containers/image writes them, so that the
digest of what was converted is the one that its programs tell of the same copy, unless they have
rewritten the config, as they do on the way to OCI.
"""

from collections.abc import Sequence
from typing import Final

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.errors import UnsupportedImage
from imgcopy_core_stubs.json_documents import encode_json
from imgcopy_core_stubs.json_values import JsonObject, JsonValue
from imgcopy_core_stubs.manifest import Descriptor, ImageIndex, ImageManifest, RawManifest
from imgcopy_core_stubs.quoting import quote

_MANIFEST_KEYS: Final = ("schemaVersion", "mediaType", "config", "layers", "manifests")
_DESCRIPTOR_KEYS: Final = {
    media_types.OCI_MANIFEST: ("mediaType", "digest", "size"),
    media_types.OCI_INDEX: ("mediaType", "digest", "size"),
    media_types.DOCKER_MANIFEST: ("mediaType", "size", "digest"),
    media_types.DOCKER_MANIFEST_LIST: ("mediaType", "size", "digest"),
}
_CONFIGS: Final = {
    media_types.OCI_MANIFEST: media_types.OCI_CONFIG,
    media_types.DOCKER_MANIFEST: media_types.DOCKER_CONFIG,
}


def edit_manifest(
    manifest: ImageManifest, media_type: str, layers: Sequence[Descriptor]
) -> RawManifest:
    """Return an image manifest as a document of `media_type` with these layers, one for each.

    Where nothing changes, the bytes are the manifest's own.

    Raises:
        UnsupportedImage: The type changes, and it is no container image's.
    """
    if media_type == manifest.media_type and tuple(layers) == manifest.layers:
        return RawManifest(manifest.raw, media_type)
    document: JsonObject = {**manifest.document, "mediaType": media_type}
    config = manifest.document["config"]
    assert isinstance(config, dict)  # noqa: S101  (the view was made of it)
    if media_type != manifest.media_type:
        if not manifest.is_image:
            kind = quote(manifest.config.media_type)
            raise UnsupportedImage("an artifact", f"{kind} exists in OCI manifests only")
        config = {**config, "mediaType": _CONFIGS[media_type]}
    document["config"] = _ordered(config, _DESCRIPTOR_KEYS[media_type])
    if manifest.layers:
        document["layers"] = _edited(manifest.document["layers"], layers, media_type)
    return RawManifest(encode_json(_ordered(document, _MANIFEST_KEYS)), media_type)


def edit_index(index: ImageIndex, media_type: str, manifests: Sequence[Descriptor]) -> RawManifest:
    """Return an index as a document of `media_type` with these manifests, one for each.

    Where nothing changes, the bytes are the index's own.
    """
    if media_type == index.media_type and tuple(manifests) == index.manifests:
        return RawManifest(index.raw, media_type)
    document: JsonObject = {**index.document, "mediaType": media_type}
    if index.manifests:
        document["manifests"] = _edited(index.document["manifests"], manifests, media_type)
    return RawManifest(encode_json(_ordered(document, _MANIFEST_KEYS)), media_type)


def _edited(old: JsonValue, new: Sequence[Descriptor], media_type: str) -> list[JsonValue]:
    """Return the list of descriptors `old` with what `new` says of type, digest and size.

    Args:
        old: The descriptors as they are, decoded.
        new: What they are to say, one for each.
        media_type: The type of the document that they are in.
    """
    assert isinstance(old, list)  # noqa: S101  (the view was made of it)
    edited: list[JsonValue] = []
    for document, descriptor in zip(old, new, strict=True):
        assert isinstance(document, dict)  # noqa: S101  (the view was made of it)
        changes: JsonObject = {
            "mediaType": descriptor.media_type,
            "digest": str(descriptor.digest),
            "size": descriptor.size,
        }
        dropped = {key for key in ("urls", "data") if not getattr(descriptor, key)}
        kept = {key: value for key, value in document.items() if key not in dropped}
        edited.append(_ordered({**kept, **changes}, _DESCRIPTOR_KEYS[media_type]))
    return edited


def _ordered(document: JsonObject, first: Sequence[str]) -> JsonObject:
    """Return an object with certain keys first, if it has them; the others stay in their order."""
    return {**{key: document[key] for key in first if key in document}, **document}
