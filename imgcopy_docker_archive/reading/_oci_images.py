"""The images of an archive that is an OCI image layout: its marker, its index, its manifests.

Sources: OCI image-spec `image-layout.md`; containerd's `images/archive`, for full names.
"""

import contextlib
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from imgcopy_core_stubs import (
    DOCUMENT_LIMIT,
    Descriptor,
    Digest,
    DigestMismatch,
    ImageIndex,
    ImageManifest,
    InvalidArchive,
    InvalidDocument,
    RawManifest,
    SizeMismatch,
    SourceError,
    SourceNotFound,
    TooLarge,
    media_types,
    parse_manifest,
    quote,
)
from imgcopy_core_stubs.image_layout import INDEX, MARKER, blob_path, check_marker
from imgcopy_docker_archive._tag import tag_or_none
from imgcopy_docker_archive.format import MANIFEST
from imgcopy_docker_archive.oci_format import name_text
from imgcopy_docker_archive.reading._docker_images import manifest_items
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reading._tar_walk import TarMember, clean_name

_NAMING_LIMIT: Final = DOCUMENT_LIMIT
"""Most bytes of manifests that are read only to find the names of images."""


@frozen
class OciImage:
    """An image, or an index of images, that `index.json` lists."""

    descriptor: Descriptor
    names: tuple[str, ...]
    """Its full names as they are written."""


def oci_images(members: ArchiveMembers) -> list[OciImage]:
    """Return the images that `index.json` lists, in the order of first appearance.

    An image is known by its digest; there is one descriptor for each of its names.

    Raises:
        InvalidArchive: `oci-layout` or `index.json` is missing, no file, or there twice and
            different.
        InvalidDocument: One of them breaks its format.
        UnsupportedImage: The layout is of another version than 1.x.
        TooLarge: One of them has more than 4 MiB.
    """
    _check_marker(members)
    index = read_index(members)
    descriptors: dict[Digest, Descriptor] = {}
    add_descriptors(descriptors, index, _index_name(members))
    names: dict[Digest, dict[str, None]] = {digest: {} for digest in descriptors}
    for descriptor in index.manifests:
        if name := name_text(descriptor.annotations):
            names[descriptor.digest][name] = None
    unnamed = [descriptor for digest, descriptor in descriptors.items() if not names[digest]]
    others = _names_in_manifest_json(members, unnamed)
    # An index and an image of it have one config, and one item: the name is the index's.
    taken = {tag_or_none(name) for own in names.values() for name in own} - {None}
    return [
        OciImage(
            descriptor,
            tuple(names[digest])
            or tuple(name for name in others.get(digest, ()) if tag_or_none(name) not in taken),
        )
        for digest, descriptor in descriptors.items()
    ]


def read_index(members: ArchiveMembers) -> ImageIndex:
    """Return `index.json`.

    Raises:
        SourceError: As for `oci_images`.
    """
    what = _index_name(members)
    raw = members.document(INDEX, limit=DOCUMENT_LIMIT)
    index = parse_manifest(RawManifest(raw, media_types.OCI_INDEX), what)
    if not isinstance(index, ImageIndex):
        raise InvalidDocument(what, "$", "must be an image index")
    return index


def read_manifest(members: ArchiveMembers, descriptor: Descriptor) -> RawManifest:
    """Return the manifest or index that a descriptor names, verified.

    Raises:
        SourceNotFound: It is not in the archive.
        TooLarge: It has more than 4 MiB.
        SizeMismatch: It does not have the descriptor's size.
        DigestMismatch: It does not have the descriptor's digest.
        InvalidArchive: It is no file, or there twice and different.
    """
    what = f"manifest {descriptor.digest} of {quote(members.archive.name)}"
    if descriptor.size > DOCUMENT_LIMIT:
        raise TooLarge(what, DOCUMENT_LIMIT)
    member = blob_member(members, descriptor.digest, limit=DOCUMENT_LIMIT)
    if member.size != descriptor.size:
        raise SizeMismatch(what, descriptor.size, member.size)
    raw = members.archive.read_at(member.offset, member.size)
    actual = Digest.of(raw, descriptor.digest.algorithm)
    if actual != descriptor.digest:
        raise DigestMismatch(what, str(descriptor.digest), str(actual))
    return RawManifest(raw, descriptor.media_type)


def blob_member(members: ArchiveMembers, digest: Digest, *, limit: int | None = None) -> TarMember:
    """Find the file of a blob; links inside the archive are followed.

    Raises:
        SourceNotFound: It is not in the archive.
        InvalidArchive: It is no file, or there twice and different.
        TooLarge: It has more than `limit` bytes.
    """
    path = blob_path(digest)
    if path not in members:
        raise SourceNotFound(members.archive.name, f"it has no member {quote(path)}")
    return members.file(path, limit=limit)


def add_descriptors(known: dict[Digest, Descriptor], index: ImageIndex, what: str) -> None:
    """Add what an index names to the descriptors that are known; the first one of a digest counts.

    Raises:
        InvalidDocument: It gives a manifest another size than it was given before.
    """
    for position, descriptor in enumerate(index.manifests):
        first = known.setdefault(descriptor.digest, descriptor)
        if first.size != descriptor.size:
            problem = f"{descriptor.size} contradicts another descriptor's {first.size}"
            raise InvalidDocument(what, f"$.manifests[{position}].size", problem)


def _index_name(members: ArchiveMembers) -> str:
    return f"{INDEX} of {quote(members.archive.name)}"


def _check_marker(members: ArchiveMembers) -> None:
    name = members.archive.name
    if MARKER not in members:
        problem = "it is no OCI archive: it has no oci-layout (leave out the option layout=oci)"
        raise InvalidArchive(name, MARKER, None, problem)
    check_marker(members.document(MARKER, limit=DOCUMENT_LIMIT), name)


def _names_in_manifest_json(
    members: ArchiveMembers, unnamed: Sequence[Descriptor]
) -> dict[Digest, tuple[str, ...]]:
    """Find the names that `manifest.json` gives to images for which `index.json` has none.

    The images are known by their configs. Whatever is wrong is left for those who read the image.
    """
    names: dict[Digest, tuple[str, ...]] = {}
    if not unnamed or MANIFEST not in members:
        return names
    with contextlib.suppress(SourceError):
        by_config = {clean_name(item.config): item.repo_tags for item in manifest_items(members)}
        left = _NAMING_LIMIT
        for descriptor in unnamed:
            left -= descriptor.size
            if left < 0:
                break
            config = _config_path(members, descriptor)
            if config in by_config:
                names[descriptor.digest] = by_config[config]
    return names


def _config_path(members: ArchiveMembers, descriptor: Descriptor) -> str:
    """Return the member name of an image's config; "" if it is no image, or an invalid one."""
    with contextlib.suppress(SourceError):
        parsed = parse_manifest(read_manifest(members, descriptor), "manifest")
        if isinstance(parsed, ImageManifest):
            return blob_path(parsed.config.digest)
    return ""
