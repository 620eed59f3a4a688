"""What a directory that is an OCI image layout holds: its marker file and its index.

Source: OCI image-spec `image-layout.md`.
"""

from collections.abc import Sequence

from imgcopy_core_stubs import image_layout, media_types
from imgcopy_core_stubs.errors import (
    AmbiguousImage,
    InvalidDocument,
    SourceNotFound,
)
from imgcopy_core_stubs.image_layout import INDEX, MARKER
from imgcopy_core_stubs.manifest import Descriptor, ImageIndex, RawManifest, parse_manifest
from imgcopy_core_stubs.quoting import listing, quote
from imgcopy_core_stubs.transports._files import read_document, require_directory
from imgcopy_core_stubs.transports.oci.names import positions_by_name
from imgcopy_core_stubs.transports.oci.reference_text import is_image_name


def read_layout(directory: str) -> ImageIndex:
    """Return the index of a directory that is an image layout.

    Raises:
        SourceError: It is none (see `check_marker`), or its index is missing or invalid.
    """
    check_marker(directory)
    return read_index(directory)


def check_marker(directory: str) -> None:
    """Make sure that a directory is an image layout of a version that is understood (1.x).

    Raises:
        SourceNotFound: There is no such directory, or no `oci-layout` in it.
        InvalidDocument: `oci-layout` is not what it should be.
        UnsupportedImage: It is of another version.
        SourceError: It cannot be read.
    """
    require_directory(directory)
    try:
        raw = read_document(directory, MARKER, f"{MARKER} of {quote(directory)}")
    except SourceNotFound:
        problem = f"it is no OCI image layout (it has no file {quote(MARKER)})"
        raise SourceNotFound(directory, problem) from None
    image_layout.check_marker(raw, directory)


def read_index(directory: str) -> ImageIndex:
    """Read the layout's `index.json`.

    Raises:
        SourceNotFound: There is none.
        InvalidDocument: It is not an image index.
        TooLarge: It has more than 4 MiB.
        SourceError: It cannot be read.
    """
    what = f"{INDEX} of {quote(directory)}"
    raw = read_document(directory, INDEX, what)
    index = parse_manifest(RawManifest(raw, media_types.OCI_INDEX), what)
    if not isinstance(index, ImageIndex):
        raise InvalidDocument(what, "$", "must be an image index")
    return index


def listed_names(index: ImageIndex) -> Sequence[str]:
    """Name each image of the index so that `choose` finds it: by its name, or else as `@N`."""
    names = [f"@{position}" for position in range(len(index.manifests))]
    for name, positions in positions_by_name(index).items():
        if len(positions) == 1 and names[positions[0]].startswith("@") and is_image_name(name):
            names[positions[0]] = name
    return names


def choose(index: ImageIndex, path: str, image: str | None, position: int | None) -> Descriptor:
    """Return the image of a layout that a reference means.

    Args:
        index: The layout's index.
        path: The layout, for error messages.
        image: The image's name.
        position: Its position in the index. With neither name nor position, the layout's only
            image, under whatever names.

    Raises:
        SourceNotFound: There is no such image.
        AmbiguousImage: There are several.
    """
    manifests = index.manifests
    if not manifests:
        raise SourceNotFound(path, "the layout holds no image")
    if position is not None:
        if position < len(manifests):
            return manifests[position]
        problem = f"the layout has no image @{position}; it has {listing(listed_names(index))}"
        raise SourceNotFound(path, problem)
    if image is None:
        if len({descriptor.digest for descriptor in manifests}) == 1:
            return manifests[0]
        hint = "write PATH:NAME, or PATH:@N for the N-th"
        raise AmbiguousImage(path, tuple(listed_names(index)), hint)
    positions = positions_by_name(index).get(image)
    if not positions:
        problem = f"the layout has no image {quote(image)}; it has {listing(listed_names(index))}"
        raise SourceNotFound(path, problem)
    if len(positions) > 1:
        hint = f"they have the same name {quote(image)}; write PATH:@N"
        raise AmbiguousImage(path, tuple(f"@{n}" for n in positions), hint)
    return manifests[positions[0]]
