"""The `oci:` transport and its references.

Every command loads this module, so what reads and writes layouts is imported when it is used.
"""

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.options import options_or_default
from imgcopy_core_stubs.reference import DockerReference
from imgcopy_core_stubs.transport import (
    ImageCollection,
    ImageDestination,
    ImageReference,
    ImageSource,
    StoredImages,
    Transport,
)
from imgcopy_core_stubs.transports.oci.options import OciDestinationOptions
from imgcopy_core_stubs.transports.oci.reference_text import parse, unparse
from imgcopy_core_stubs.value import Value


@frozen(eq=False, repr=False)
class OciReference(Value, ImageReference):
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
        from imgcopy_core_stubs.transports.oci.layout import (  # noqa: PLC0415  (see above)
            listed_names,
            read_layout,
        )

        del options
        return listed_names(read_layout(self.path))

    def names(self, options: object | None = None) -> Sequence[DockerReference]:
        """Return the full name that this gives, or all that the layout's index has for the image.

        A bare tag is none.
        """
        from imgcopy_core_stubs.transports.oci.names import docker_reference  # noqa: PLC0415 (see above)

        full = None if self.image is None else docker_reference(self.image)
        return self._listed().names(options) if full is None else [full]

    def local_names(self, options: object | None = None) -> Sequence[str]:
        """Return the name that this gives, or all that the layout's index has for the image."""
        from imgcopy_core_stubs.transports.oci.names import can_be_kept  # noqa: PLC0415 (see above)

        if self.image is None:
            return self._listed().local_names(options)
        return [self.image] if can_be_kept(self.image) else []

    def open_images(self, options: object | None = None) -> StoredImages:
        """Give all images of the layout, or the one that this names."""
        from imgcopy_core_stubs.transports.oci.images import LayoutImages  # noqa: PLC0415 (see above)
        from imgcopy_core_stubs.transports.oci.layout import (  # noqa: PLC0415  (see above)
            choose,
            read_layout,
        )

        del options
        index = read_layout(self.path)
        only = None
        if self.image is not None or self.position is not None:
            only = choose(index, self.path, self.image, self.position)
        return LayoutImages(self.path, index, only)

    def open_collection(self, options: object | None = None) -> ImageCollection:
        """Prepare to add several images to the layout.

        Raises:
            InvalidReference: The reference names an image.
        """
        from imgcopy_core_stubs.transports.oci.images import (  # noqa: PLC0415  (see above)
            LayoutCollection,
        )

        if self.image is not None or self.position is not None:
            problem = "it names one image, and several go there; they keep the names that they have"
            raise InvalidReference(str(self), problem)
        return LayoutCollection(self.path, options_or_default(OciDestinationOptions, options))

    def open_source(self, options: object | None = None) -> ImageSource:
        """Open the image for reading."""
        from imgcopy_core_stubs.transports.oci.source import open_source  # noqa: PLC0415  (see above)

        del options
        return open_source(self.path, self.image, self.position)

    def open_destination(self, options: object | None = None) -> ImageDestination:
        """Prepare to add the image to the layout.

        Raises:
            InvalidReference: The reference is a position.
            DestinationError: The layout cannot be written.
        """
        from imgcopy_core_stubs.transports.oci.destination import (  # noqa: PLC0415  (see above)
            OciDestination,
        )

        if self.position is not None:
            problem = f"the position @{self.position} is for reading; name the image to write it"
            raise InvalidReference(str(self), problem)
        checked = options_or_default(OciDestinationOptions, options)
        return OciDestination(self.path, [self.image] if self.image else [], checked)

    def _listed(self) -> ImageReference:
        from imgcopy_core_stubs.transports.oci.images import layout_image  # noqa: PLC0415 (see above)
        from imgcopy_core_stubs.transports.oci.layout import read_layout  # noqa: PLC0415 (see above)

        return layout_image(read_layout(self.path), self.path, self.image, self.position)


class OciTransport(Transport):
    """Image layouts of the Open Container Initiative: `oci:PATH[:IMAGE]`, `oci:PATH:@N`."""

    scheme: ClassVar[str] = "oci"
    destination_options: ClassVar[type | None] = OciDestinationOptions

    def parse_reference(self, text: str) -> OciReference:
        """Parse `PATH`, `PATH:IMAGE` or `PATH:@N`."""
        return OciReference(*parse(text))
