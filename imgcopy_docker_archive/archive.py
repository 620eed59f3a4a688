"""A docker archive at its place: a file that appears at commit, or a pipe."""

import contextlib
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from attrs import evolve

from imgcopy_core_stubs import (
    AtomicFile,
    DestinationExists,
    DestinationStateError,
    DockerReference,
    ImageCollection,
    ImageDestination,
    ImageReference,
    ImageSource,
    InvalidDestination,
    InvalidOption,
    Platform,
    UsageError,
    is_pipe_or_device,
    options_or_default,
    quote,
)
from imgcopy_docker_archive._tag import checked_tag, parse_tag
from imgcopy_docker_archive.config import DockerArchiveDestinationOptions, Existing, Layout
from imgcopy_docker_archive.writing._compressed_output import compressed_output
from imgcopy_docker_archive.writing._output import DestinationFile
from imgcopy_docker_archive.writing._stream_output import is_standard_output, open_stream
from imgcopy_docker_archive.writing.destination import ArchiveDestination, DockerArchiveDestination
from imgcopy_docker_archive.writing.writer import ArchiveWriter

if TYPE_CHECKING:  # loaded when they are used
    from imgcopy_docker_archive.writing._old_archive import OldArchive
    from imgcopy_docker_archive.writing.oci_writer import OciArchiveWriter


class DockerArchive(ImageCollection):
    """A docker archive that any number of images are copied into, visible from commit on.

    A context manager that closes itself:

        with DockerArchive("all.tar") as archive:
            copy_image(busybox, archive.reference("busybox:1"))
            copy_image(debian, archive.reference("debian:12"))
            archive.commit()

    Args:
        path: The file; `-` or `/dev/stdout` is standard output, which like any pipe cannot wait
            for the commit.
        options: How to write it; None: the defaults. Each image is named where it is put.

    Raises:
        DestinationExists: There is a file already, and `options.existing` says to refuse it.
        InvalidDestination: It is a directory, a symlink, or a terminal; or it is to be appended
            to, and is no archive, or of another layout.
        InvalidOption: An option does not apply to the layout, to an archive of several images, or
            to the one that is appended to.
        DestinationWriteFailed: The operating system reported an error.
    """

    def __init__(self, path: str, options: DockerArchiveDestinationOptions | None = None) -> None:
        options = options_or_default(DockerArchiveDestinationOptions, options)
        if options.additional_tags:
            problem = "several images are written, and each is named where it is put"
            raise InvalidOption("additional_tags", problem)
        self.path = path
        """The archive's place, as it was given."""
        self.options = options
        """How it is written."""
        self._platform = Platform.parse(options.platform) if options.platform else None
        is_stream = is_standard_output(path) or is_pipe_or_device(path)
        if is_stream:
            _refuse_what_needs_a_file(path, options)
        with ExitStack() as stack:
            old = _open_old(path, options, stack) if options.existing is Existing.APPEND else None
            layout = _layout(path, options, old)
            replace = old is not None or options.existing is Existing.REPLACE
            file: DestinationFile = (
                open_stream(path)
                if is_stream
                else AtomicFile(path, replace=replace, fsync=options.fsync)
            )
            stack.callback(file.discard)
            self._output = compressed_output(file, path, options.compression)
            stack.callback(self._output.discard)
            self.writer = _writer(self._output.file, path, layout, options, old)
            """Writes the archive's members."""
            if old is not None:
                self.writer.resume(old)
            self._old = old
            self._open = stack.pop_all()
        self._destination: ArchiveDestination | None = None  # the last one
        self._done = False

    def destination(
        self, tags: Sequence[DockerReference] = (), *, alone: bool = False
    ) -> ImageDestination:
        """Return a destination for the next image. One is open at a time; the caller closes it.

        Args:
            tags: The image's names, with tags.
            alone: The archive is committed and closed together with this image.

        Raises:
            DestinationStateError: Another one is open, or the archive was committed or closed
                already.
        """
        self._check_open()
        self._destination = self._new_destination(tags, self if alone else None)
        return self._destination

    def _new_destination(
        self, tags: Sequence[DockerReference], archive: "DockerArchive | None"
    ) -> ArchiveDestination:
        if isinstance(self.writer, ArchiveWriter):
            return DockerArchiveDestination(self.writer, tags, self.path, archive=archive)
        from imgcopy_docker_archive.writing.oci_destination import (  # noqa: PLC0415  (only for its layout)
            OciArchiveDestination,
        )

        return OciArchiveDestination(
            self.writer, tags, self.path, platform=self._platform, archive=archive
        )

    def place(
        self, names: Sequence[DockerReference], local_names: Sequence[str] = ()
    ) -> ImageReference:
        """Return a reference to copy the next image to, with these names and tags.

        An archive has no other names.

        Raises:
            InvalidReference: A name has a digest.
        """
        del local_names
        return _Place(self, tuple(map(checked_tag, names)))

    def reference(self, *tags: str) -> ImageReference:
        """Return a reference to copy the next image to, named by `tags` (`app`, `app:1`, …).

        Raises:
            InvalidReference: A tag is malformed.
        """
        return self.place([parse_tag(tag) for tag in tags])

    def commit(self) -> None:
        """Complete the archive, and put it at its path.

        Raises:
            DestinationStateError: It was committed, even in vain, or closed already; or the
                destination of an image is open.
            DestinationError: That failed; what was at the path is unchanged.
        """
        self._check_open()
        self._done = True
        self.writer.finish()
        if self._old is not None and self._old.was_replaced():
            hint = "it is another file than when this began; do it again to append to it"
            raise DestinationExists(self.path, hint)
        try:
            self._output.commit()
        except DestinationExists:
            if self.options.existing is not Existing.APPEND:
                raise
            hint = "it was not when this began; do it again to append to it"
            raise DestinationExists(self.path, hint) from None

    def close(self) -> None:
        """Drop the archive unless it was committed. May be called twice."""
        self._done = True
        self._open.close()

    def _check_open(self) -> None:
        if self._done:
            raise DestinationStateError(self.path, "the archive was committed or closed already")
        if self._destination is not None and self._destination.is_open:
            # When it is closed, everything is cut off that came after its first blob.
            problem = "another image is being written there (commit or close its destination first)"
            raise DestinationStateError(self.path, problem)


def reference_text(path: str, image: str = "") -> str:
    """Return the text of a reference: a path, in which colons are escaped, and an image in it."""
    escaped = path.replace("\\", "\\\\").replace(":", "\\:")
    return f"{escaped}:{image}" if image else escaped


def open_destination(
    path: str, tag: DockerReference | None, options: DockerArchiveDestinationOptions
) -> ImageDestination:
    """Open an archive for one image, named `tag` and whatever `options` names in addition."""
    additional = [parse_tag(text) for text in options.additional_tags]
    archive = DockerArchive(path, evolve(options, additional_tags=()))
    return archive.destination([*([tag] if tag else []), *additional], alone=True)


def _open_old(
    path: str, options: DockerArchiveDestinationOptions, stack: ExitStack
) -> "OldArchive | None":
    """Open the archive to append to; None: there is none yet.

    Either way nobody else can append there until `stack` is closed.
    """
    from imgcopy_docker_archive.writing._old_archive import (  # noqa: PLC0415  (only to append)
        OldArchive,
        first_lock,
    )

    def opened() -> OldArchive:
        return stack.enter_context(
            OldArchive(path, temporary_directory=options.temporary_directory)
        )

    with contextlib.suppress(FileNotFoundError):
        return opened()
    stack.enter_context(first_lock(path))
    with contextlib.suppress(FileNotFoundError):
        return opened()  # another one was first
    return None


def _refuse_what_needs_a_file(path: str, options: DockerArchiveDestinationOptions) -> None:
    where = f"{quote(path)} is standard output, a pipe or a device"
    if options.existing is Existing.REPLACE:
        raise InvalidOption("existing", f"{where}, where nothing is replaced")
    if options.existing is Existing.APPEND:
        raise InvalidOption("existing", f"{where}, where one cannot append")
    if options.fsync:
        raise InvalidOption("fsync", f"{where}, where nothing is flushed to a disk")


def _layout(
    path: str, options: DockerArchiveDestinationOptions, old: "OldArchive | None"
) -> Layout:
    """Decide on the layout, and refuse what does not go with it."""
    layout = options.layout or (old.contents.layout if old is not None else Layout.DOCKER)
    if old is not None and old.contents.layout is not layout:
        problem = (
            f"it has the {old.contents.layout.value} layout, so no image of the {layout.value} "
            "layout can be appended (copy its images into a new archive with --all-images)"
        )
        raise InvalidDestination(path, problem)
    if layout is Layout.DOCKER and options.platform is not None:
        raise InvalidOption("platform", "the docker layout holds no index (layout=oci does)")
    if layout is Layout.OCI and options.v1_folders is not None:
        raise InvalidOption("v1_folders", "the oci layout never has them")
    return layout


def _has_v1_folders(options: DockerArchiveDestinationOptions, old: "OldArchive | None") -> bool:
    """Decide on v1 folders, which all images of an archive have, or none."""
    here = None if old is None else old.contents.has_v1_folders
    if here is None:
        return options.v1_folders is not False
    if options.v1_folders not in (None, here):
        problem = f"the archive that is appended to has {'them' if here else 'none'} (leave it out)"
        raise InvalidOption("v1_folders", problem)
    return here


def _writer(
    file: BinaryIO,
    path: str,
    layout: Layout,
    options: DockerArchiveDestinationOptions,
    old: "OldArchive | None",
) -> "ArchiveWriter | OciArchiveWriter":
    directory = options.temporary_directory
    if layout is Layout.DOCKER:
        v1_folders = _has_v1_folders(options, old)
        return ArchiveWriter(file, path, temporary_directory=directory, v1_folders=v1_folders)
    from imgcopy_docker_archive.writing.oci_writer import (  # noqa: PLC0415  (only for its layout)
        OciArchiveWriter,
    )

    return OciArchiveWriter(file, path, temporary_directory=directory)


class _Place(ImageReference):
    """A place for one image in an archive that is being written."""

    scheme: ClassVar[str] = "docker-archive"

    def __init__(self, archive: DockerArchive, tags: tuple[DockerReference, ...]) -> None:
        self._archive = archive
        self._tags = tags

    def __str__(self) -> str:
        return reference_text(self._archive.path, str(self._tags[0]) if self._tags else "")

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
        if options is not None and options != self._archive.options:
            where = f"{quote(self._archive.path)} is being written already"
            raise UsageError(f"{where}, with options of its own (begin the archive with these)")
        return self._archive.destination(self._tags)
