"""What imgcopy finds: the hook, the transport that it returns, and the transport's references."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen
from imgcopy_core_stubs import (
    ImageReference,
    InvalidReference,
    Transport,
    hookimpl,
    options_or_default,
)

from imgcopy_memory.destination import MemoryDestination, MemoryOptions
from imgcopy_memory.source import MemorySource

if TYPE_CHECKING:
    from imgcopy_core_stubs.conformance import Place


@frozen
class MemoryReference(ImageReference):
    """`PATH:NAME`, an image of the file at PATH."""

    scheme: ClassVar[str] = "memory"

    file: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"

    def open_source(self, options: object | None = None) -> MemorySource:
        """Open the image for reading."""
        return MemorySource(self.file, self.name)

    def open_destination(self, options: object | None = None) -> MemoryDestination:
        """Prepare to store the image."""
        chosen = options_or_default(MemoryOptions, options)
        return MemoryDestination(self.file, self.name, chosen)


class MemoryTransport(Transport):
    """Images that an SQLite file remembers."""

    scheme: ClassVar[str] = "memory"
    destination_options: ClassVar[type | None] = MemoryOptions

    def parse_reference(self, text: str) -> MemoryReference:
        """Parse `PATH:NAME`; the last colon is the one between them."""
        match = re.fullmatch(r"([^\0]+):([A-Za-z0-9._-]+)", text)
        if match is None:
            raise InvalidReference(text, "write PATH:NAME, NAME of letters, digits, '.', '_', '-'")
        return MemoryReference(match[1], match[2])

    def conformance_place(self) -> "Place":
        """Return where imgcopy's conformance kit can try this transport."""
        from imgcopy_memory.conformance import place

        return place(self)


@hookimpl
def imgcopy_register_transports() -> Iterable[Transport]:
    """Return the one transport of this plugin."""
    return [MemoryTransport()]
