"""Where the tests try shelves: in memory, read back from the dictionary itself."""

import itertools
from collections.abc import Mapping
from pathlib import Path

from imgcopy_core_stubs.conformance import Place, StoredImage
from tests.core.conformance.shelf import ShelfTransport


def shelf_place(
    transport: ShelfTransport | None = None, known_failures: Mapping[str, str] | None = None
) -> Place:
    """A place for a transport that keeps its images on shelves."""
    shelves = transport or ShelfTransport()
    numbers = itertools.count(1)

    def new_reference(directory: Path) -> str:
        return f"{directory}/Shelf-{next(numbers)}"

    def stored(reference: str) -> StoredImage | None:
        shelf = shelves.shelves.get(reference)
        if shelf is None:
            return None
        blobs = [(str(digest), content) for digest, content in shelf.blobs.items()]
        return StoredImage(manifest=shelf.manifest.raw, blobs=blobs, tags=(reference,))

    return Place(shelves, new_reference, stored, known_failures=known_failures or {})
