r"""References of `docker-archive:`: `PATH`, `PATH:NAME[:TAG]` and `PATH:@N`, as skopeo has them.

The path ends at the first colon. A colon in a path is written as `\:`, and a backslash as `\\`; a
backslash in front of anything else stands for itself.

Every command loads this module, so what reads archives is imported when it is used.

Source: containers-transports(5), "docker-archive".
"""

import os
import re
from collections.abc import Sequence
from contextlib import closing
from typing import ClassVar, Final, Self

from attrs import frozen

from imgcopy_core_stubs import (
    DockerReference,
    ImageDestination,
    ImageReference,
    ImageSource,
    InvalidReference,
    SourceNotFound,
    options_or_default,
    quote,
)
from imgcopy_docker_archive._tag import parse_tag
from imgcopy_docker_archive.archive import open_destination
from imgcopy_docker_archive.config import (
    DockerArchiveDestinationOptions,
    DockerArchiveSourceOptions,
)

_PATH_AND_IMAGE: Final = re.compile(r"((?:\\[\\:]|[^:])*)(?::(.*))?", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([\\:])")
_INDEX: Final = re.compile(r"@([0-9]{1,9})")
_COLON_HINT: Final = r"(a colon that belongs to the path is written as \:)"


@frozen
class DockerArchiveReference(ImageReference):
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
        from imgcopy_docker_archive._archive_file import open_archive  # noqa: PLC0415  (see above)
        from imgcopy_docker_archive.reader import ArchiveReader  # noqa: PLC0415  (see above)

        options = options_or_default(DockerArchiveSourceOptions, options)
        archive = open_archive(self.file, temporary_directory=options.temporary_directory)
        with closing(archive):
            return ArchiveReader(archive).tags

    def open_source(self, options: object | None = None) -> ImageSource:
        """Open the image for reading; the caller closes what is returned.

        Raises:
            SourceError: The archive or the image is missing, cannot be read, or is invalid.
        """
        from imgcopy_docker_archive.source import open_source  # noqa: PLC0415  (see above)

        options = options_or_default(DockerArchiveSourceOptions, options)
        try:
            return open_source(self.file, self.docker_reference, self.index, options)
        except SourceNotFound as error:
            if self.docker_reference and self.path and not os.path.exists(self.path):
                raise SourceNotFound(self.path, f"{error.problem} {_COLON_HINT}") from None
            raise

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

    def __str__(self) -> str:
        path = self.file.replace("\\", "\\\\").replace(":", "\\:")
        if self.index is not None:
            return f"{path}:@{self.index}"
        return f"{path}:{self.docker_reference}" if self.docker_reference else path


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
