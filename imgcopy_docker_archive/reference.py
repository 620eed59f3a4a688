r"""References of `docker-archive:`: `PATH`, `PATH:NAME[:TAG]` and `PATH:@N`, as skopeo has them.

The path ends at the first colon. A colon in a path is written as `\:`, and a backslash as `\\`; a
backslash in front of anything else stands for itself.

Every command loads this module, so what reads archives is imported when it is used.

Source: containers-transports(5), "docker-archive".
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, Final, Self

from attrs import evolve, frozen

from imgcopy_core_stubs import (
    CopyDemands,
    DockerReference,
    ImageCollection,
    ImageDestination,
    ImageReference,
    ImageSource,
    InvalidOption,
    InvalidReference,
    SourceNotFound,
    StoredImages,
    UnsupportedByDestination,
    Value,
    options_or_default,
    quote,
)
from imgcopy_docker_archive._tag import parse_tag
from imgcopy_docker_archive.archive import DockerArchive, open_destination, reference_text
from imgcopy_docker_archive.config import (
    DockerArchiveDestinationOptions,
    DockerArchiveSourceOptions,
    Layout,
)

_PATH_AND_IMAGE: Final = re.compile(r"((?:\\[\\:]|[^:])*)(?::(.*))?", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([\\:])")
_INDEX: Final = re.compile(r"@([0-9]{1,9})")
_COLON_HINT: Final = r"(a colon that belongs to the path is written as \:)"


@frozen(eq=False, repr=False)
class DockerArchiveReference(Value, ImageReference):
    """An archive, and which of its images is meant; with neither name nor index the only one."""

    scheme: ClassVar[str] = "docker-archive"

    file: str
    """The archive's path; `-` is standard input or output."""
    docker_reference: DockerReference | None = None
    """The image's name and tag."""
    index: int | None = None
    """The image's place in the archive, from 0. Only for reading."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse what follows `docker-archive:`.

        Raises:
            InvalidReference: It is malformed; the error names the part.
        """
        match = _PATH_AND_IMAGE.fullmatch(text)  # every text matches
        escaped, image = match.groups() if match else (text, None)
        path = _ESCAPED.sub(r"\1", escaped)
        if not path:
            raise InvalidReference(text, "its path is empty")
        if "\0" in path:
            raise InvalidReference(text, "its path has a NUL character")
        if image is None:
            return cls(path)
        if image.startswith("@"):
            return cls(path, index=_parse_index(text, image))
        return cls(path, docker_reference=_parse_image(text, image))

    @property
    def path(self) -> str | None:
        """The archive's path; None for `-`."""
        return None if self.file == "-" else self.file

    def tags(self, options: object | None = None) -> Sequence[str]:
        """List every tag of every image as it is written, and `@N` for an image without one.

        Raises:
            SourceError: The archive cannot be read.
        """
        from imgcopy_docker_archive.reading.reader import open_reader  # noqa: PLC0415  (see above)

        options = options_or_default(DockerArchiveSourceOptions, options)
        with open_reader(self.file, options) as reader:
            return reader.tags

    def names(self, options: object | None = None) -> Sequence[DockerReference]:
        """Return the tag that this names, or all tags of the image that it means.

        Of an archive that can be read only once, such as a pipe, only `open_images` knows more than
        the tag that is named here.

        Raises:
            SourceError: The archive has to be read, and cannot be; or there is no such image.
        """
        from imgcopy_docker_archive.reading._archive_file import is_read_once  # noqa: PLC0415  (see above)
        from imgcopy_docker_archive.reading.reader import open_reader  # noqa: PLC0415  (see above)

        options = options_or_default(DockerArchiveSourceOptions, options)
        if self.docker_reference is not None:
            return [self.docker_reference]
        if is_read_once(self.file):
            return []
        with open_reader(self.file, options) as reader:
            return reader.choose(index=self.index).names

    def open_images(self, options: object | None = None) -> StoredImages:
        """Open all images of the archive, or the one that this names; the caller closes them.

        The archive is opened once, and a pipe or a compressed one unpacked once. What is returned
        knows each image's names, and reads the images from the one open file.

        Raises:
            SourceError: The archive is missing, or cannot be read.
        """
        from imgcopy_docker_archive._stored_images import ArchiveImages  # noqa: PLC0415 (see above)

        options = options_or_default(DockerArchiveSourceOptions, options)
        with self._hint_at_colons():
            return ArchiveImages(self, options)

    def open_source(self, options: object | None = None) -> ImageSource:
        """Open the image for reading; the caller closes what is returned.

        Raises:
            SourceError: The archive or the image is missing, cannot be read, or is invalid.
        """
        from imgcopy_docker_archive._stored_images import open_source  # noqa: PLC0415  (see above)

        options = options_or_default(DockerArchiveSourceOptions, options)
        with self._hint_at_colons():
            return open_source(self.file, self.docker_reference, self.index, options)

    def open_destination(self, options: object | None = None) -> ImageDestination:
        """Prepare to write an archive of one image; the caller closes what is returned.

        Raises:
            InvalidReference: It has an index: only an image that is there already has one.
            DestinationError: Nothing can be written there.
        """
        options = options_or_default(DockerArchiveDestinationOptions, options)
        if self.index is not None:
            problem = f"@{self.index} names an image to read; name a new one as :NAME:TAG"
            raise InvalidReference(str(self), problem)
        return open_destination(self.file, self.docker_reference, options)

    def open_collection(self, options: object | None = None) -> ImageCollection:
        """Prepare to write an archive of several images; the caller closes what is returned.

        Raises:
            InvalidReference: It names an image.
            InvalidOption: There are additional tags, which would be for just one of them.
            DestinationError: Nothing can be written there.
        """
        options = options_or_default(DockerArchiveDestinationOptions, options)
        if self.index is not None or self.docker_reference is not None:
            problem = "it names one image, and several go there; they keep the names that they have"
            raise InvalidReference(str(self), problem)
        return DockerArchive(self.file, options)

    def fitted_options(self, options: object | None, demands: CopyDemands) -> object | None:
        """Choose the `oci` layout where nothing else keeps digests, or holds an index.

        Raises:
            InvalidOption: The options ask for the `docker` layout, which cannot do that.
            UnsupportedByDestination: It is to hold an index alone.
        """
        options = options_or_default(DockerArchiveDestinationOptions, options)
        if demands.index_only:
            problem = "it cannot hold an index without its images (--all copies them too)"
            raise UnsupportedByDestination(self.file, problem)
        if not (demands.preserve_digests or demands.indexes):
            return options
        if options.layout is Layout.DOCKER:
            wanted = "keep digests" if demands.preserve_digests else "hold an index"
            problem = f"the docker layout cannot {wanted} (leave it out, and it will be oci)"
            raise InvalidOption("layout", problem)
        return evolve(options, layout=Layout.OCI)

    def __str__(self) -> str:
        if self.index is not None:
            return reference_text(self.file, f"@{self.index}")
        return reference_text(self.file, str(self.docker_reference or ""))

    @contextmanager
    def _hint_at_colons(self) -> Iterator[None]:
        """Where a file is missing, say that its path may have been cut at a colon."""
        try:
            yield
        except SourceNotFound as error:
            if self.docker_reference and self.path and not os.path.exists(self.path):
                raise SourceNotFound(self.path, f"{error.problem} {_COLON_HINT}") from None
            raise


def _parse_index(text: str, image: str) -> int:
    match = _INDEX.fullmatch(image)
    if match is None:
        raise InvalidReference(text, f"the index {quote(image)} must be @ and a number, from @0 on")
    return int(match[1])


def _parse_image(text: str, image: str) -> DockerReference:
    try:
        return parse_tag(image)
    except InvalidReference as error:
        problem = f"the image name {quote(image)}: {error.problem} {_COLON_HINT}"
        raise InvalidReference(text, problem) from None
