"""An archive that is compressed as a whole on its way to its place."""

import io
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from imgcopy_core_stubs import AtomicFile, DestinationWriteFailed, InvalidDestination
from imgcopy_docker_archive.config import ArchiveCompression
from imgcopy_docker_archive.writing._output import DestinationFile

if TYPE_CHECKING:
    from imgcopy_core_stubs import CompressedWriter

_SUFFIXES: Final = {
    ArchiveCompression.GZIP: (".gz", ".tgz"),
    ArchiveCompression.ZSTD: (".zst", ".tzst"),
}

_ONLY_READ: Final = (".bz2", ".tbz", ".tbz2", ".xz", ".txz")


def compressed_output(
    output: DestinationFile, path: str, choice: ArchiveCompression | None
) -> DestinationFile:
    """Return `output`, or what compresses on the way there if that is wanted.

    Args:
        output: The archive's file; owned by what is returned.
        path: Its place, as it was given.
        choice: The compression; None: what the path's suffix says, of a pipe none.
    """
    if choice is None and isinstance(output, AtomicFile):
        choice = compression_by_suffix(path)
    if choice in (None, ArchiveCompression.NONE):
        return output
    return CompressedOutput(output, path, choice)


def compression_by_suffix(path: str) -> ArchiveCompression:
    """Tell from a path how the archive there shall be compressed (`.tar.gz`, `.tgz`, …).

    Raises:
        InvalidDestination: It promises a compression that archives are only read in.
    """
    if path.lower().endswith(_ONLY_READ):
        problem = (
            "archives are compressed with gzip or zstd (name it .tar.gz or .tar.zst, "
            "or give --dest-opt compression=none)"
        )
        raise InvalidDestination(path, problem)
    for compression, suffixes in _SUFFIXES.items():
        if path.lower().endswith(suffixes):
            return compression
    return ArchiveCompression.NONE


class CompressedOutput:
    """A file that an archive is written to uncompressed, from front to end, and arrives compressed.

    Args:
        output: Where the compressed archive goes; owned from now on.
        path: Its place, for error messages.
        compression: How to compress it; not `NONE`.
    """

    def __init__(self, output: DestinationFile, path: str, compression: ArchiveCompression) -> None:
        # Imported here, because most archives are not compressed.
        from imgcopy_core_stubs import CompressedWriter, Compression  # noqa: PLC0415  (as said)

        self._output = output
        self._path = path
        self._writer = CompressedWriter(output.file, Compression(compression.value))
        # Type checkers take only the classes of `io` that are written to files for binary files.
        self.file = cast("BinaryIO", _Compressing(self._writer))

    def commit(self) -> None:
        """Compress the rest, and put the file at its path.

        Raises:
            DestinationError: That failed; what was at the path is unchanged.
        """
        try:
            self._writer.finish()
        except OSError as error:
            raise DestinationWriteFailed(self._path, error) from error
        self._output.commit()

    def discard(self) -> None:
        """Stop compressing, and drop the file unless it was committed. May be called twice."""
        try:
            self._writer.close()
        finally:
            self._output.discard()


class _Compressing(io.RawIOBase):
    """The compressor as a file: one cannot go back in it, and flushing it would spoil the ratio."""

    def __init__(self, writer: "CompressedWriter") -> None:
        super().__init__()
        self._writer = writer

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # it is never given more kinds
        self._writer.write(data)
        return len(data)
