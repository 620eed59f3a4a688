"""What the programs that read archives would make of one: the rules of each program. Pure.

The rules were measured with docker (both image stores), containerd, podman, skopeo and crane, and
are those of their current versions. That blobs have their digests, and layers their diff IDs, is
taken for granted: whoever validates the images finds that out.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from imgcopy_core_stubs import Compression, Outcome, Verdict, quote
from imgcopy_core_stubs.image_layout import INDEX, MARKER
from imgcopy_docker_archive.examining._archive_facts import (
    ArchiveFacts,
    ImageFacts,
    Item,
    parsed_tag,
)
from imgcopy_docker_archive.examining._reasons import (
    bad_tag,
    containers_image_refusals,
    early_hard_link,
    not_chosen,
    note_on_gzip,
    undecodable,
    unreadable,
)
from imgcopy_docker_archive.format import MANIFEST, MANIFEST_LIMIT

CONTAINERD_MANIFEST_LIMIT: Final = 20 * 1024 * 1024
"""Most bytes of `manifest.json`, as containerd has it."""

_OCI_VERSION: Final = "1.0.0"

Opinion: TypeAlias = tuple[Outcome, str]
"""What becomes of an image, and why."""

Rule: TypeAlias = Callable[[ArchiveFacts, ImageFacts], Opinion | None]
"""None: that cannot be told."""


def docker_graphdriver(archive: ArchiveFacts, image: ImageFacts) -> Opinion | None:
    """`docker load` unpacks the archive, and reads what `manifest.json` names."""

    def refusals(item: Item) -> Iterator[str]:
        if archive.early_hard_link:
            yield early_hard_link(archive)
        yield from unreadable(item)
        yield from undecodable(item.decoded.not_docker)
        if item.decoded.os not in ("", "linux"):
            yield f"it is for {quote(item.decoded.os)}, not for linux"
        for tag in item.tags:
            reference = parsed_tag(tag)
            if reference is None or reference.tag is None:
                yield f"{bad_tag(tag)} (after the image was stored)"

    compressions = [archive.compression, *_compressions(image.item)]
    return _by_manifest_json(
        archive,
        image,
        refusals,
        loses="its store keeps no manifests, the image ID is the digest of the config",
        note="zstd needs Docker 23 or later" if Compression.ZSTD in compressions else "",
    )


def docker_containerd(archive: ArchiveFacts, image: ImageFacts) -> Opinion | None:
    """`docker load` with the containerd image store, which imports as containerd does."""
    if archive.marker_version is None:
        return _containerd_by_manifest_json(archive, image)
    if archive.marker_version != _OCI_VERSION:
        version = quote(archive.marker_version)
        return Outcome.REFUSES, f"{MARKER} has version {version}, it takes {_OCI_VERSION} only"
    if archive.descriptors is None:
        return Outcome.REFUSES, f"there is {MARKER}, and no valid {INDEX}"
    if image.entry is None:
        return Outcome.REFUSES, f"there is {MARKER}, and {INDEX} does not list it"
    return _first(undecodable(image.entry.decoded.not_oci)) or (Outcome.LOADS, "")


def ctr_import(archive: ArchiveFacts, image: ImageFacts) -> Opinion | None:
    """`ctr images import` reads plain archives, and drops what has no name."""
    if archive.compression is not Compression.NONE:
        return Outcome.REFUSES, f"the archive is compressed ({archive.compression.value})"
    opinion = docker_containerd(archive, image)
    if opinion is None or opinion[0] is Outcome.REFUSES:
        return opinion
    by_index = archive.marker_version is not None
    is_named = (
        image.entry is not None and image.entry.is_named
        if by_index
        else image.item is not None and bool(image.item.tags)
    )
    return opinion if is_named else (Outcome.REFUSES, "it has no name, and ctr keeps none without")


def podman_load(archive: ArchiveFacts, image: ImageFacts) -> Opinion | None:
    """`podman load` tries `oci-archive:` without a choice, and then `docker-archive:`."""
    if archive.descriptors == 1 and image.entry is not None and not _blocks_unpacking(archive):
        decoded = image.entry.decoded
        # What is right for OCI only it stores, but it cannot list its images from then on.
        refused = _first(undecodable(decoded.not_oci, decoded.not_docker))
        return refused or (Outcome.LOADS, "")

    def refusals(item: Item) -> Iterator[str]:
        if archive.incomplete_tag is not None:  # it reads the tags of all images first
            yield bad_tag(archive.incomplete_tag)
        yield from containers_image_refusals(archive, item)
        yield from undecodable(item.decoded.not_oci)

    count = archive.descriptors or 0
    loses = f"{INDEX} lists {count}, so it goes by {MANIFEST}" if count > 1 else ""
    return _by_manifest_json(
        archive,
        image,
        refusals,
        loses=loses or f"it goes by {MANIFEST}",
        note=note_on_gzip(archive, "podman 4.4"),
    )


def skopeo_docker_archive(archive: ArchiveFacts, image: ImageFacts) -> Opinion | None:
    """`skopeo copy docker-archive:` reads what `manifest.json` names, without unpacking."""
    return _by_manifest_json(
        archive,
        image,
        lambda item: containers_image_refusals(archive, item),
        loses="it makes a new manifest",
        note=note_on_gzip(archive, "skopeo 1.11"),
    )


def skopeo_oci_archive(archive: ArchiveFacts, image: ImageFacts) -> Opinion | None:
    """`skopeo copy oci-archive:` unpacks the archive, and reads `index.json`."""

    def refusals() -> Iterator[str]:
        if archive.descriptors is None:
            yield f"there is no valid {INDEX}"
        if archive.outward_symlink:
            yield f"the link {quote(archive.outward_symlink)} leads out of the archive"
        if archive.early_hard_link:
            yield early_hard_link(archive)
        entry = image.entry
        if entry is None:
            yield f"{INDEX} does not list it"
        elif archive.descriptors != 1:
            yield from not_chosen(archive, image, entry)

    return _first(refusals()) or (Outcome.LOADS, "")


def crane(archive: ArchiveFacts, image: ImageFacts) -> Opinion | None:
    """`crane push` reads a plain archive of one image, by `manifest.json`."""

    def refusals(item: Item) -> Iterator[str]:
        if archive.compression is not Compression.NONE:
            yield f"the archive is compressed ({archive.compression.value})"
        if len(archive.items) > 1:
            yield f"{MANIFEST} lists several images"
        yield from unreadable(item)
        yield from undecodable(item.decoded.not_oci)
        compressions = _compressions(item)
        unknown = compressions & {Compression.BZIP2, Compression.XZ}
        if unknown:
            yield f"it takes {unknown.pop().value} layers for layers that are not compressed"
        if Compression.NONE in compressions and len(compressions) > 1:
            yield "it takes all layers for compressed, or none"

    return _by_manifest_json(archive, image, refusals, loses="it makes a new manifest")


READERS: Final[Mapping[str, Rule]] = {
    "docker load (graphdriver)": docker_graphdriver,
    "docker load (containerd)": docker_containerd,
    "ctr images import": ctr_import,
    "podman load": podman_load,
    "skopeo docker-archive:": skopeo_docker_archive,
    "skopeo oci-archive:": skopeo_oci_archive,
    "crane": crane,
}

_STOPS: Final = (docker_graphdriver, podman_load)
"""Those that load one image after the other, up to the first that they refuse."""


def verdicts(archive: ArchiveFacts) -> tuple[Verdict, ...]:
    """Return what each program would make of each image, by program."""
    found: list[Verdict] = []
    for reader, rule in READERS.items():
        stopped = ""
        for image in archive.images:
            opinion = rule(archive, image)
            if opinion is None:
                continue
            outcome, reason = opinion
            if outcome is Outcome.REFUSES and rule in _STOPS and image.item is not None:
                stopped = stopped or image.name
            elif stopped:
                outcome, reason = Outcome.REFUSES, f"it stops at {quote(stopped)}"
            found.append(Verdict(reader, image.name, outcome, reason))
    return tuple(found)


# --- what several have in common ------------------------------------------------------------------


def _by_manifest_json(
    archive: ArchiveFacts,
    image: ImageFacts,
    refusals: Callable[[Item], Iterator[str]],
    *,
    loses: str,
    note: str = "",
) -> Opinion | None:
    """Return the opinion of one that reads `manifest.json`.

    Args:
        archive: The archive.
        image: The image.
        refusals: Why it would refuse an item; the first reason is taken.
        loses: Why it loses the digest of an image that has one in the archive.
        note: What else there is to say.
    """
    if archive.manifest_size is None:
        return Outcome.REFUSES, f"there is no {MANIFEST}"
    if image.item is None:
        is_unread = archive.manifest_size > MANIFEST_LIMIT
        return None if is_unread else (Outcome.REFUSES, f"{MANIFEST} does not list it")
    if refused := _first(refusals(image.item)):
        return refused
    if image.entry is None:
        return Outcome.LOADS, note
    return Outcome.LOSES_DIGEST, "; ".join(filter(None, (loses, note)))


def _containerd_by_manifest_json(archive: ArchiveFacts, image: ImageFacts) -> Opinion | None:
    def refusals(item: Item) -> Iterator[str]:
        if (archive.manifest_size or 0) > CONTAINERD_MANIFEST_LIMIT:
            yield f"{MANIFEST} has more than {CONTAINERD_MANIFEST_LIMIT} bytes"
        if archive.blind_symlink:
            yield f"the link {quote(archive.blind_symlink)} leads to no file of the archive"
        if archive.chained_symlink:
            yield f"the link {quote(archive.chained_symlink)} leads to a link (it may load, or not)"
        # It takes all images or none.
        if archive.inexact_name is not None:
            yield f"{quote(archive.inexact_name)} is not written as the member's name is"
        if archive.hard_linked_name is not None:
            yield f"{quote(archive.hard_linked_name)} is a hard link, which it does not follow"
        if archive.malformed_tag is not None:
            yield bad_tag(archive.malformed_tag)
        yield from unreadable(item)
        for layer in item.layers:
            if layer.compression in (Compression.BZIP2, Compression.XZ):
                yield f"it cannot unpack a layer of {layer.compression.value}"
        yield from undecodable(item.decoded.not_oci)

    return _by_manifest_json(
        archive,
        image,
        refusals,
        loses=f"there is no {MARKER}, so it goes by {MANIFEST}",
        note="zstd layers get the media type of gzip"
        if Compression.ZSTD in _compressions(image.item)
        else "",
    )


def _blocks_unpacking(archive: ArchiveFacts) -> bool:
    return bool(archive.outward_symlink or archive.early_hard_link)


def _compressions(item: Item | None) -> set[Compression]:
    return {layer.compression for layer in item.layers} if item else set()


def _first(refusals: Iterator[str]) -> Opinion | None:
    reason = next(refusals, None)
    return None if reason is None else (Outcome.REFUSES, reason)
