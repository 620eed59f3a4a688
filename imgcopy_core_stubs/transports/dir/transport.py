"""The `dir:` transport and its references.

Every command loads this module, so what reads and writes directories is imported when it is used.
"""

from typing import ClassVar

from attrs import frozen

from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.options import options_or_default
from imgcopy_core_stubs.transport import ImageDestination, ImageReference, ImageSource, Transport
from imgcopy_core_stubs.transports.dir.options import DirDestinationOptions
from imgcopy_core_stubs.value import Value


@frozen(eq=False, repr=False)
class DirReference(Value, ImageReference):
    """The image, or the index of images, in a directory.

    Attributes:
        path: The directory.
    """

    scheme: ClassVar[str] = "dir"

    path: str

    def __str__(self) -> str:
        return self.path

    def open_source(self, options: object | None = None) -> ImageSource:
        """Open the image for reading."""
        from imgcopy_core_stubs.transports.dir.source import DirSource  # noqa: PLC0415  (see above)

        del options
        return DirSource(self.path)

    def open_destination(self, options: object | None = None) -> ImageDestination:
        """Prepare to write the directory.

        Raises:
            DestinationError: It cannot be written, or is there already.
        """
        from imgcopy_core_stubs.transports.dir.destination import (  # noqa: PLC0415  (see above)
            DirDestination,
        )

        return DirDestination(self.path, options_or_default(DirDestinationOptions, options))


class DirTransport(Transport):
    """Directories with one image each, as `skopeo` reads and writes them: `dir:PATH`."""

    scheme: ClassVar[str] = "dir"
    destination_options: ClassVar[type | None] = DirDestinationOptions

    def parse_reference(self, text: str) -> DirReference:
        """Parse a path. All of the text is the path, colons included."""
        if not text:
            raise InvalidReference(text, "it is empty")
        if "\0" in text:
            raise InvalidReference(text, "its path has a NUL character")
        return DirReference(text)
