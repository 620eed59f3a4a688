"""The images that `manifest.json` lists, and where in the archive their parts are.

Sources: Docker's image specification v1.2, "Combined Image JSON + Filesystem Changeset Format";
`docker/internal/tarfile` of containers/image, where its readers and Docker's differ.
"""

import re
from typing import Final

from attrs import field, frozen

from imgcopy_core_stubs import (
    DOCUMENT_LIMIT,
    InvalidDocument,
    JsonObject,
    JsonValue,
    decode_json_value,
    quote,
    structure,
)
from imgcopy_core_stubs.image_layout import MARKER
from imgcopy_docker_archive.format import MANIFEST, MANIFEST_LIMIT, ManifestItem
from imgcopy_docker_archive.reading._configs import StoredConfig
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reading._tar_walk import TarMember

_DIGEST_IN_NAME: Final = re.compile(r"(?:.*/)?(?:sha256[:/])?([0-9a-f]{64})(?:\.json)?")
"""`<hex>.json` (docker, podman, skopeo), `sha256:<hex>` (crane, kaniko), `blobs/sha256/<hex>`."""


@frozen
class ImageFiles:
    """An image of an archive: where its parts are."""

    config_name: str
    """The config's name in `manifest.json`."""
    config: TarMember
    layers: tuple[TarMember, ...]
    """The base layer first; plain or compressed."""
    _members: ArchiveMembers = field(eq=False, repr=False)

    @property
    def decompressed_sizes(self) -> dict[int, int]:
        """Those of the archive's compressed layers that are known; a source adds what it learns."""
        return self._members.decompressed_sizes

    def read_config(self) -> StoredConfig:
        """Read and verify the image's config.

        Raises:
            DigestMismatch: It does not have the digest that it is named by.
            InvalidDocument: It breaks its format.
        """
        named = _DIGEST_IN_NAME.fullmatch(self.config_name)
        return self._members.configs.read(
            self.config,
            f"config {quote(self.config_name)} of {quote(self._members.archive.name)}",
            layer_count=len(self.layers),
            digest=named[1] if named else None,
        )


def manifest_items(members: ArchiveMembers) -> list[ManifestItem]:
    """Return the images that `manifest.json` lists.

    Raises:
        InvalidArchive: It is missing, no file, or there twice and different.
        InvalidDocument: It breaks its format.
        TooLarge: It has more than 1 MiB.
    """
    what = f"{MANIFEST} of {quote(members.archive.name)}"
    raw = members.document(MANIFEST, limit=MANIFEST_LIMIT)
    document = decode_json_value(raw, what, limit=MANIFEST_LIMIT)
    is_layout = MARKER in members  # which may hold nothing that docker could load
    if not isinstance(document, list) or not (document or is_layout):
        raise InvalidDocument(what, "$", "must be a list of at least one image")
    return [_item(value, what, f"$[{index}]") for index, value in enumerate(document)]


def image_files(members: ArchiveMembers, item: ManifestItem) -> ImageFiles:
    """Find an image's config and layers.

    Raises:
        InvalidArchive: One of the files is missing, no file, or there twice and different.
        TooLarge: The config has more than 4 MiB.
    """
    config = members.file(item.config, named_by=MANIFEST, limit=DOCUMENT_LIMIT)
    layers = tuple(members.file(name, named_by=MANIFEST) for name in item.layers)
    return ImageFiles(item.config, config, layers, members)


@frozen(eq=False, repr=False)
class _ItemFields:
    config: str = field(metadata={"key": "Config"})
    repo_tags: tuple[str, ...] = field(default=(), metadata={"key": "RepoTags"})
    layers: tuple[str, ...] = field(default=(), metadata={"key": "Layers"})


_KEYS = frozenset(("Config", "RepoTags", "Layers"))


def _item(value: JsonValue, what: str, path: str) -> ManifestItem:
    fields = structure(value, _ItemFields, what, path)
    others: JsonObject = {}
    if isinstance(value, dict):  # or `structure` would have refused it
        others = {key: other for key, other in value.items() if key not in _KEYS}
    return ManifestItem(fields.config, fields.repo_tags, fields.layers, others)
