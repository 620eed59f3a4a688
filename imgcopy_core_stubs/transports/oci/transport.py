"""The `oci:` transport and its references."""

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.manifest import ImageIndex
from imgcopy_core_stubs.options import options_or_default
from imgcopy_core_stubs.transport import ImageDestination, ImageReference, ImageSource, Transport
from imgcopy_core_stubs.transports.oci.destination import OciDestination, OciDestinationOptions
from imgcopy_core_stubs.transports.oci.layout import check_marker, choose, listed_names, read_index
from imgcopy_core_stubs.transports.oci.reference_text import parse, unparse
from imgcopy_core_stubs.transports.oci.source import OciSource


@frozen
class OciReference(ImageReference):
    """An image of a layout.

    Attributes:
        path: The layout's directory.
        image: The image's name, the annotation `org.opencontainers.image.ref.name`.
        position: Its position in the layout's index, for reading. Without name and position: the
            only image that there is; or, for writing, one without a name.
    """

    scheme: ClassVar[str] = "oci"

    path: str
    image: str | None = None
    position: int | None = None

    def __str__(self) -> str:
        return unparse(self.path, self.image, self.position)

    def tags(self, options: object | None = None) -> Sequence[str]:
        """List the layout's images: by name, or as `@N` where a name does not tell one apart."""
        del options
        return listed_names(self._index())

    def open_source(self, options: object | None = None) -> ImageSource:
        """Open the image for reading."""
        del options
        return OciSource(self.path, choose(self._index(), self.path, self.image, self.position))

    def open_destination(self, options: object | None = None) -> ImageDestination:
        """Prepare to add the image to the layout.

        Raises:
            InvalidReference: The reference is a position.
            DestinationError: The layout cannot be written.
        """
        if self.position is not None:
            problem = f"the position @{self.position} is for reading; name the image to write it"
            raise InvalidReference(str(self), problem)
        checked = options_or_default(OciDestinationOptions, options)
        return OciDestination(self.path, self.image, checked)

    def _index(self) -> ImageIndex:
        check_marker(self.path)
        return read_index(self.path)


class OciTransport(Transport):
    """Image layouts of the Open Container Initiative: `oci:PATH[:IMAGE]`, `oci:PATH:@N`."""

    scheme: ClassVar[str] = "oci"
    destination_options: ClassVar[type | None] = OciDestinationOptions

    def parse_reference(self, text: str) -> OciReference:
        """Parse `PATH`, `PATH:IMAGE` or `PATH:@N`."""
        return OciReference(*parse(text))
