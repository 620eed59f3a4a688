"""A docker archive at its place: a file that appears at commit, or a pipe."""

import contextlib
import os
import stat
from collections.abc import Sequence
from typing import BinaryIO, ClassVar, Final, Protocol

from imgcopy_core_stubs import (
    AtomicFile,
    Closing,
    DestinationWriteFailed,
    DockerReference,
    ImageDestination,
    ImageReference,
    ImageSource,
    InvalidDestination,
    UsageError,
    open_standard_output,
    options_or_default,
)
from imgcopy_docker_archive._tag import parse_tag
from imgcopy_docker_archive.config import DockerArchiveDestinationOptions, Existing
from imgcopy_docker_archive.destination import DockerArchiveDestination
from imgcopy_docker_archive.writer import ArchiveWriter

STANDARD_OUTPUT: Final = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


class DockerArchive(Closing):
    """A new docker archive that any number of images are copied into, visible from commit on.

    A context manager that closes itself:

        with DockerArchive("all.tar") as archive:
            copy_image(busybox, archive.reference("busybox:1"))
            copy_image(debian, archive.reference("debian:12"))
            archive.commit()

    Args:
        path: The file; `-` or `/dev/stdout` is standard output, which like any pipe cannot wait
            for the commit.
        options: How to write it; None: the defaults.

    Raises:
        DestinationExists: There is a file already, and `options.existing` says to refuse it.
        InvalidDestination: It is a directory, a symlink, or a terminal.
        DestinationWriteFailed: The operating system reported an error.
    """

    def __init__(self, path: str, options: DockerArchiveDestinationOptions | None = None) -> None:
        options = options_or_default(DockerArchiveDestinationOptions, options)
        self.path = path
        """The archive's place, as it was given."""
        self._output = _open_output(path, options)
        self.writer = ArchiveWriter(
            self._output.file, path, temporary_directory=options.temporary_directory
        )
        """Writes the archive's members."""

    def destination(self, tags: Sequence[DockerReference] = ()) -> DockerArchiveDestination:
        """Return a destination for the next image. One is open at a time; the caller closes it."""
        return DockerArchiveDestination(self.writer, tags, self.path)

    def reference(self, *tags: str) -> ImageReference:
        """Return a reference to copy the next image to, named by `tags` (`app`, `app:1`, …).

        Raises:
            InvalidReference: A tag is malformed.
        """
        return _Place(self, tuple(parse_tag(tag) for tag in tags))

    def commit(self) -> None:
        """Complete the archive, and put it at its path.

        Raises:
            DestinationError: That failed; what was at the path is unchanged.
        """
        self.writer.finish()
        self._output.commit()

    def close(self) -> None:
        """Drop the archive unless it was committed. May be called twice."""
        self._output.discard()


class ArchiveOfOneImage(DockerArchiveDestination):
    """The destination of an archive that holds just this image: they are committed together.

    Args:
        archive: The archive; owned from now on.
        tags: The image's names, with tags.
    """

    def __init__(self, archive: DockerArchive, tags: Sequence[DockerReference]) -> None:
        super().__init__(archive.writer, tags, archive.path)
        self._archive = archive

    def commit(self) -> None:
        """Complete the image and its archive, and put the archive at its path."""
        super().commit()
        self._archive.commit()

    def close(self) -> None:
        """Drop image and archive unless they were committed."""
        try:
            super().close()
        finally:
            self._archive.close()


def open_destination(
    path: str, tag: DockerReference | None, options: DockerArchiveDestinationOptions
) -> ArchiveOfOneImage:
    """Open an archive for one image, named `tag` and whatever `options` names in addition."""
    additional = [parse_tag(text) for text in options.additional_tags]
    return ArchiveOfOneImage(DockerArchive(path, options), [*([tag] if tag else []), *additional])


class _Place(ImageReference):
    """A place for one image in an archive that is being written."""

    scheme: ClassVar[str] = "docker-archive"

    def __init__(self, archive: DockerArchive, tags: tuple[DockerReference, ...]) -> None:
        self._archive = archive
        self._tags = tags

    def __str__(self) -> str:
        tags = "".join(f":{tag}" for tag in self._tags[:1])
        return self._archive.path + tags

    @property
    def docker_reference(self) -> DockerReference | None:
        return self._tags[0] if self._tags else None

    @property
    def path(self) -> str | None:
        return self._archive.path

    def open_source(self, options: object | None = None) -> ImageSource:
        del options
        raise UsageError("an archive that is being written cannot be read")

    def open_destination(self, options: object | None = None) -> ImageDestination:
        del options  # the archive has them
        return self._archive.destination(self._tags)


class _Output(Protocol):
    file: BinaryIO

    def commit(self) -> None: ...
    def discard(self) -> None: ...


class _OpenFile:
    """A pipe or a device: what is written to it is out, commit only closes it."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self.file = file

    def commit(self) -> None:
        try:
            self.file.close()
        except OSError as error:
            raise DestinationWriteFailed(self._path, error) from error

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()


def _open_output(path: str, options: DockerArchiveDestinationOptions) -> _Output:
    if path in STANDARD_OUTPUT:
        return _OpenFile(path, _standard_output(path))
    if _is_pipe_or_device(path):
        try:
            return _OpenFile(path, open(path, "wb", buffering=0))
        except OSError as error:
            raise DestinationWriteFailed(path, error) from error
    return AtomicFile(path, replace=options.existing is Existing.REPLACE, fsync=options.fsync)


def _standard_output(path: str) -> BinaryIO:
    try:
        file = open_standard_output()
    except OSError as error:
        raise DestinationWriteFailed(path, error) from error
    if file.isatty():
        file.close()
        raise InvalidDestination(path, "it is a terminal (redirect it to a file or a pipe)")
    return file


def _is_pipe_or_device(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
