"""All images of a layout, to read; and several on their way into one."""

from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import InvalidReference, SourceNotFound
from imgcopy_core_stubs.manifest import Descriptor, ImageIndex
from imgcopy_core_stubs.reference import DockerReference
from imgcopy_core_stubs.transport import (
    ImageCollection,
    ImageDestination,
    ImageReference,
    ImageSource,
    StoredImages,
)
from imgcopy_core_stubs.transports._lifetime import Lifetime
from imgcopy_core_stubs.transports.oci.destination import OciDestination
from imgcopy_core_stubs.transports.oci.layout import choose
from imgcopy_core_stubs.transports.oci.names import docker_reference, own_names
from imgcopy_core_stubs.transports.oci.options import OciDestinationOptions
from imgcopy_core_stubs.transports.oci.reference_text import unparse
from imgcopy_core_stubs.transports.oci.source import OciSource
from imgcopy_core_stubs.transports.oci.writable_layout import WritableLayout


class LayoutImages(StoredImages):
    """The images of a layout: one for each manifest, however many names it has.

    Args:
        path: The layout.
        index: Its index.
        only: The one image to give; None: all of them.
    """

    def __init__(self, path: str, index: ImageIndex, only: Descriptor | None) -> None:
        self._path = path
        names = own_names(index)
        self._images: list[_LayoutImage] = []
        seen: set[Digest] = set()
        for position, descriptor in enumerate(index.manifests):
            is_wanted = only is None or descriptor.digest == only.digest
            if is_wanted and descriptor.digest not in seen:
                seen.add(descriptor.digest)
                own = names[descriptor.digest]
                self._images.append(_LayoutImage(path, position, descriptor, own))

    def references(self) -> Sequence[ImageReference]:
        """Return the images, in the order of the index.

        Raises:
            SourceNotFound: There is none.
        """
        if not self._images:
            raise SourceNotFound(self._path, "the layout holds no image")
        return self._images

    def close(self) -> None:
        """Do nothing: each source opens what it reads."""


class LayoutCollection(ImageCollection):
    """Images on their way into a layout, in whose index they appear together.

    Args:
        path: The layout. It is made if it does not exist.
        options: How to write it.

    Raises:
        InvalidDestination: There is something else at `path`, or a layout that is not valid.
        DestinationWriteFailed: It cannot be made, or is not writable.
    """

    def __init__(self, path: str, options: OciDestinationOptions) -> None:
        self._path = path
        self._options = options
        self._lifetime = Lifetime(f"oci:{unparse(path, None, None)}")
        self._layout = WritableLayout(path, fsync=options.fsync)

    def place(
        self, names: Sequence[DockerReference], local_names: Sequence[str] = ()
    ) -> ImageReference:
        """Return the place of an image that has these names in the layout's index."""
        kept = tuple(local_names) or tuple(map(str, names))
        return _NewImage(self._path, kept, self._options, self._layout)

    def commit(self) -> None:
        """Add the images to the layout's index, and their blobs to the layout's."""
        self._lifetime.begin_commit(has_manifest=True)
        self._layout.commit()
        self._lifetime.committed = True

    def close(self) -> None:
        """Remove what was staged, and the directory if it was made in vain."""
        if self._lifetime.close():
            self._layout.close(committed=self._lifetime.committed)


def layout_image(
    index: ImageIndex, path: str, image: str | None, position: int | None
) -> ImageReference:
    """Return an image of a layout, which knows its names.

    Raises:
        SourceNotFound: There is no such image.
        AmbiguousImage: There are several.
    """
    return LayoutImages(path, index, choose(index, path, image, position)).references()[0]


@frozen
class _LayoutImage(ImageReference):
    scheme: ClassVar[str] = "oci"

    path: str
    position: int
    descriptor: Descriptor = field(eq=False)
    image_names: Sequence[str] = field(eq=False)

    def __str__(self) -> str:
        return unparse(self.path, None, self.position)

    def names(self, options: object | None = None) -> Sequence[DockerReference]:
        del options
        return list(dict.fromkeys(filter(None, map(docker_reference, self.image_names))))

    def local_names(self, options: object | None = None) -> Sequence[str]:
        del options
        return self.image_names

    def open_source(self, options: object | None = None) -> ImageSource:
        del options
        return OciSource(self.path, self.descriptor)

    def open_destination(self, options: object | None = None) -> ImageDestination:
        del options
        problem = f"the position @{self.position} is for reading; name the image to write it"
        raise InvalidReference(str(self), problem)


@frozen
class _NewImage(ImageReference):
    scheme: ClassVar[str] = "oci"

    path: str
    image_names: tuple[str, ...]
    options: OciDestinationOptions = field(eq=False)
    layout: WritableLayout = field(eq=False, repr=False)

    def __str__(self) -> str:
        return unparse(self.path, self.image_names[0] if self.image_names else None, None)

    def open_source(self, options: object | None = None) -> ImageSource:
        del options
        raise InvalidReference(str(self), "an image that is being written cannot be read")

    def open_destination(self, options: object | None = None) -> ImageDestination:
        del options  # the collection has them
        return OciDestination(self.path, self.image_names, self.options, self.layout)
