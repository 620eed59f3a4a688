"""An archive, read: its images by name or number, whichever layout it has."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Final

from attrs import frozen

from imgcopy_core_stubs import (
    AmbiguousImage,
    Closing,
    Descriptor,
    DockerReference,
    InvalidArchive,
    SourceNotFound,
    UnsupportedImage,
    quote,
)
from imgcopy_core_stubs.image_layout import MARKER
from imgcopy_docker_archive._tag import tag_or_none
from imgcopy_docker_archive.config import DockerArchiveSourceOptions, Layout
from imgcopy_docker_archive.format import MANIFEST, REPOSITORIES, ManifestItem
from imgcopy_docker_archive.reading._archive_file import ArchiveFile, open_archive
from imgcopy_docker_archive.reading._docker_images import manifest_items
from imgcopy_docker_archive.reading._legacy_images import LegacyArchive, LegacyImage
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reading._oci_images import oci_images

_TAGS_SHOWN: Final = 12


@frozen
class ArchiveImage:
    """An image of an archive, as the archive lists it."""

    index: int
    """Its place in the archive, from 0: the N of `@N`."""
    tags: tuple[str, ...]
    """Its names as they are written."""
    content: ManifestItem | Descriptor | LegacyImage
    """In the `docker` layout its item of `manifest.json`, in the `oci` layout its descriptor."""

    @property
    def names(self) -> list[DockerReference]:
        """Its names, each with a tag and once; without those that are malformed."""
        return list(dict.fromkeys(name for tag in self.tags if (name := tag_or_none(tag))))

    @property
    def identity(self) -> Hashable:
        """What it has in common with the same image, listed again."""
        content = self.content
        if isinstance(content, Descriptor):
            return content.digest
        if isinstance(content, LegacyImage):
            return content.id
        return (content.config, content.layers)


def open_reader(path: str, options: DockerArchiveSourceOptions) -> "ArchiveReader":
    """Open the archive at `path`, a file or `-` for standard input; the caller closes the reader.

    Raises:
        SourceError: The archive is missing, cannot be read, or is invalid.
    """
    with ExitStack() as stack:
        archive = open_archive(path, temporary_directory=options.temporary_directory)
        stack.callback(archive.close)
        reader = ArchiveReader(archive, options.layout)
        stack.pop_all()
        return reader


class ArchiveReader(Closing):
    """The images of an archive. A context manager that closes the archive.

    Attributes:
        members: The archive's members.
        layout: The layout that it is read in.
        images: Its images in their order.

    Args:
        archive: The archive's plain bytes; owned from now on, unless this raises.
        layout: The layout to read it in; None: `oci` if it has `oci-layout`, or else `docker`.

    Raises:
        InvalidArchive: It is no archive of the layout, or breaks the format of a tar.
        InvalidDocument: The list of its images breaks its format.
        TooLarge: `manifest.json` has more than 1 MiB, `index.json` or `oci-layout` more than 4 MiB.
        UnsupportedImage: It is an archive of another kind or version.
    """

    def __init__(self, archive: ArchiveFile, layout: Layout | None = None) -> None:
        self.members = ArchiveMembers(archive)
        self.layout = layout or (Layout.OCI if MARKER in self.members else Layout.DOCKER)
        self.images: Sequence[ArchiveImage] = self._read_images()

    @property
    def tags(self) -> list[str]:
        """Every image's tags as they are written, or `@N` for an image that has none."""
        return [tag for image in self.images for tag in image.tags or (f"@{image.index}",)]

    def choose(self, tag: DockerReference | None = None, index: int | None = None) -> ArchiveImage:
        """Find an image: the one with a tag, or the one at an index, or else the only one.

        Raises:
            SourceNotFound: There is no such image.
            AmbiguousImage: There are several.
        """
        if index is not None:
            return self._at(index)
        if tag is None:
            found = self.images
            choices = [(image.tags or (f"@{image.index}",))[0] for image in found]
        else:
            found = self._with_tag.get(tag, [])
            choices = [f"@{image.index}" for image in found]
        if not found:
            raise SourceNotFound(self.members.archive.name, self._no_such_image(tag))
        if len({image.identity for image in found}) > 1:
            hint = "append :NAME:TAG, or :@N, where N counts from 0"
            raise AmbiguousImage(self.members.archive.name, tuple(choices), hint)
        return found[0]

    def own_tag(self, image: ArchiveImage) -> DockerReference | None:
        """Return a tag that no other image of the archive has, or None."""
        return next((name for name in image.names if len(self._with_tag[name]) == 1), None)

    def close(self) -> None:
        """Close the archive. May be called twice."""
        self.members.archive.close()

    # --- reading the lists ------------------------------------------------------------------------

    def _read_images(self) -> list[ArchiveImage]:
        members = self.members
        if self.layout is Layout.OCI:
            return [
                ArchiveImage(index, image.names, image.descriptor)
                for index, image in enumerate(oci_images(members))
            ]
        if MANIFEST not in members:
            return self._read_legacy_images()
        return [
            ArchiveImage(index, item.repo_tags, item)
            for index, item in enumerate(manifest_items(members))
        ]

    def _read_legacy_images(self) -> list[ArchiveImage]:
        name = self.members.archive.name
        if MARKER in self.members:
            problem = "it is an OCI archive without manifest.json (read it with layout=oci)"
            raise UnsupportedImage(f"archive {quote(name)}", problem)
        if REPOSITORIES not in self.members:
            problem = "it is no docker archive: it has no manifest.json"
            raise InvalidArchive(name, MANIFEST, None, problem)
        return [
            ArchiveImage(index, image.tags, image)
            for index, image in enumerate(LegacyArchive(self.members).images())
        ]

    # --- choosing ---------------------------------------------------------------------------------

    @cached_property
    def _with_tag(self) -> dict[DockerReference, list[ArchiveImage]]:
        images: defaultdict[DockerReference, list[ArchiveImage]] = defaultdict(list)
        for image in self.images:
            for name in image.names:
                images[name].append(image)
        return dict(images)

    def _at(self, index: int) -> ArchiveImage:
        if index < len(self.images):
            return self.images[index]
        problem = f"it has no image @{index}, only {len(self.images)} (the first is @0)"
        raise SourceNotFound(self.members.archive.name, problem)

    def _no_such_image(self, tag: DockerReference | None) -> str:
        if not self.images:
            return "it holds no image"
        tags = ", ".join(quote(other) for other in self.tags[:_TAGS_SHOWN])
        more = ", ..." if len(self.tags) > _TAGS_SHOWN else ""
        return f"it has no image {quote(tag)}; it has {tags}{more}"
