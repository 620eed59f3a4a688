"""The place that an installed transport offers to the kit.

A transport offers one by a method that is no part of the contract, and is called by nobody else:

    def conformance_place(self) -> "Place":
        from imgcopy_core_stubs.conformance import Place
        return Place(self, lambda directory: f"{directory}/image", read_back)

Imported where it is needed, the kit is not loaded with the transport.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from imgcopy_core_stubs.conformance.errors import BrokenKit, described
from imgcopy_core_stubs.conformance.formats import docker_archive, oci_layout, skopeo_directory
from imgcopy_core_stubs.conformance.place import Place, StoredImage
from imgcopy_core_stubs.conformance.reading import read_blob
from imgcopy_core_stubs.errors import SourceError
from imgcopy_core_stubs.manifest import ImageIndex, ImageManifest, RawManifest, parse_manifest
from imgcopy_core_stubs.transport import BlobInfo, ImageSource, Transport

_WELL_KNOWN: Final = {
    "docker-archive": (
        docker_archive.new_reference,
        docker_archive.stored,
        docker_archive.new_collection,
    ),
    "oci": (oci_layout.new_reference, oci_layout.stored, oci_layout.new_collection),
    "dir": (skopeo_directory.new_reference, skopeo_directory.stored, None),
}


@runtime_checkable
class OffersPlace(Protocol):
    """A transport that offers the kit a place to write."""

    def conformance_place(self) -> Place:
        """Return where to try the transport, and how to read back what it stores."""


def offered_place(transport: Transport) -> Place | None:
    """Return the place that a transport offers, or that of its well-known format, or None.

    Raises:
        BrokenKit: The transport's offer raises, or is none.
    """
    if not isinstance(transport, OffersPlace):
        well_known = _WELL_KNOWN.get(transport.scheme)
        if well_known is None:
            return None
        new_reference, stored, new_collection = well_known
        return Place(transport, new_reference, stored, new_collection=new_collection)
    try:
        place: object = transport.conformance_place()
    except Exception as error:
        raise BrokenKit(f"conformance_place raised {described(error)}") from error
    if not isinstance(place, Place):
        raise BrokenKit(f"conformance_place returned {type(place).__name__}, not a Place")
    return place


def references_like(text: str) -> Callable[[Path], str]:
    """Return a `Place.new_reference` that fills in a text.

    Args:
        text: A reference without its scheme. `{directory}` in it stands for a new, empty directory,
            and `{number}` for another number each time.
    """
    numbers = itertools.count(1)

    def new_reference(directory: Path) -> str:
        number = str(next(numbers))
        return text.replace("{directory}", str(directory)).replace("{number}", number)

    return new_reference


def read_back_through(transport: Transport) -> Callable[[str], StoredImage | None]:
    """Return a read-back that uses a transport's own source.

    Better than none: what writer and reader get wrong in the same way it does not find.
    """

    def stored(text: str) -> StoredImage | None:
        try:
            with transport.parse_reference(text).open_source() as source:
                return _read(source)
        except SourceError:
            return None

    return stored


def _read(source: ImageSource) -> StoredImage:
    manifest = source.manifest()
    instances: dict[str, bytes] = {}
    blobs: dict[str, bytes] = {}
    pending = [manifest]
    while pending:
        parsed = parse_manifest(pending.pop(), "the manifest")
        if isinstance(parsed, ImageIndex):
            for descriptor in parsed.manifests:
                raw = source.manifest(descriptor.digest).raw
                instances[str(descriptor.digest)] = raw
                pending.append(RawManifest(raw, descriptor.media_type))
        else:
            blobs |= _blobs(source, parsed)
    signatures = tuple(source.signatures())
    return StoredImage(
        manifest=manifest.raw, blobs=blobs, instances=instances, signatures=signatures
    )


def _blobs(source: ImageSource, image: ImageManifest) -> dict[str, bytes]:
    """Read config and layers, but those that have URLs, and so may be missing."""
    return {
        str(descriptor.digest): read_blob(source, BlobInfo.of(descriptor))
        for descriptor in (image.config, *image.layers)
        if not descriptor.urls
    }
