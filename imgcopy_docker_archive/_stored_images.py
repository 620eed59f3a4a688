"""The images of an archive, opened for reading: one of them, or all through one open file."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

from attrs import evolve

from imgcopy_core_stubs import (
    Descriptor,
    DockerReference,
    ImageDestination,
    ImageReference,
    ImageSource,
    SourceNotFound,
    StoredImages,
)
from imgcopy_docker_archive.config import DockerArchiveSourceOptions
from imgcopy_docker_archive.reading._archive_file import open_archive
from imgcopy_docker_archive.reading._docker_images import image_files
from imgcopy_docker_archive.reading._legacy_images import LegacyImage
from imgcopy_docker_archive.reading.legacy_source import LegacySource
from imgcopy_docker_archive.reading.oci_source import OciArchiveSource
from imgcopy_docker_archive.reading.reader import ArchiveImage, ArchiveReader, open_reader
from imgcopy_docker_archive.reading.source import DockerArchiveSource
from imgcopy_docker_archive.reference import DockerArchiveReference

if TYPE_CHECKING:  # a copy does not need it
    from imgcopy_core_stubs import Examination


class ArchiveImages(StoredImages):
    """All images of an archive, which is opened once.

    Args:
        place: The archive; where it names an image, just that one is meant.
        options: How to read it.

    Raises:
        SourceNotFound: There is no such archive.
        SourceError: It cannot be read, or is none by its first bytes.
    """

    def __init__(self, place: DockerArchiveReference, options: DockerArchiveSourceOptions) -> None:
        self._place = place
        self._layout = options.layout
        self._archive = open_archive(place.file, temporary_directory=options.temporary_directory)

    def references(self) -> Sequence[ImageReference]:
        """Walk the archive, and return its images in their order.

        They can be opened for as long as this object is open.

        Raises:
            SourceNotFound: There is no such image, or no image at all.
            SourceError: The archive is invalid.
        """
        return _references(self._place, ArchiveReader(self._archive, self._layout))

    def examine(self) -> "Examination":
        """Look for what is wrong with the archive as a whole, and who would read its images."""
        from imgcopy_docker_archive.examining._examine import examine  # noqa: PLC0415  (a copy does not need it)

        return examine(self._archive, self._place.docker_reference, self._place.index, self._layout)

    def close(self) -> None:
        """Close the archive. May be called twice."""
        self._archive.close()


def open_source(
    path: str,
    tag: DockerReference | None,
    index: int | None,
    options: DockerArchiveSourceOptions,
) -> ImageSource:
    """Open an image of the archive at `path`; the caller closes it.

    Args:
        path: The file, or `-` for standard input.
        tag: The image's name and tag, or None.
        index: Its place in the archive, from 0, or None. With neither it is the only image.
        options: How to read the archive.

    Raises:
        SourceError: The archive or the image is missing, cannot be read, or is invalid.
    """
    with ExitStack() as stack:
        reader = stack.enter_context(open_reader(path, options))
        source = _source(reader, reader.choose(tag, index), owned=True)
        stack.pop_all()
        return source


def _source(reader: ArchiveReader, image: ArchiveImage, *, owned: bool) -> ImageSource:
    """Return a source of an image; `owned` is whether the archive is closed with it."""
    members, content = reader.members, image.content
    if isinstance(content, Descriptor):
        return OciArchiveSource(members, content, owned=owned)
    if isinstance(content, LegacyImage):
        return LegacySource(content, owned=owned)
    return DockerArchiveSource(members.archive, image_files(members, content), owned=owned)


def _references(place: DockerArchiveReference, reader: ArchiveReader) -> tuple[ImageReference, ...]:
    if place.docker_reference is not None:
        image = reader.choose(place.docker_reference)
        return (_StoredImage(place, reader, image, [place.docker_reference]),)
    if place.index is not None:
        image = reader.choose(index=place.index)
        return (_StoredImage(place, reader, image, image.names),)
    if not reader.images:
        raise SourceNotFound(place.file, "it holds no image")
    return tuple(
        _StoredImage(_place(place, reader, image), reader, image, image.names)
        for image in reader.images
    )


def _place(
    archive: DockerArchiveReference, reader: ArchiveReader, image: ArchiveImage
) -> DockerArchiveReference:
    """Return the reference that means just this image: by a tag, or else by its number."""
    if tag := reader.own_tag(image):
        return evolve(archive, docker_reference=tag)
    return evolve(archive, index=image.index)


class _StoredImage(ImageReference):
    """An image of an archive that is open."""

    scheme: ClassVar[str] = DockerArchiveReference.scheme

    def __init__(
        self,
        place: DockerArchiveReference,
        reader: ArchiveReader,
        image: ArchiveImage,
        names: Sequence[DockerReference],
    ) -> None:
        self._place = place
        self._reader = reader
        self._image = image
        self._names = names

    def __str__(self) -> str:
        return str(self._place)

    @property
    def docker_reference(self) -> DockerReference | None:
        return self._place.docker_reference

    @property
    def path(self) -> str | None:
        return self._place.path

    def tags(self, options: object | None = None) -> Sequence[str]:
        del options  # they were applied when the archive was opened
        return self._reader.tags

    def names(self, options: object | None = None) -> Sequence[DockerReference]:
        del options
        return self._names

    def open_source(self, options: object | None = None) -> ImageSource:
        del options
        return _source(self._reader, self._image, owned=False)

    def open_destination(self, options: object | None = None) -> ImageDestination:
        return self._place.open_destination(options)
