"""Blobs on their way into an archive: members that are named by their digests, each stored once."""

import threading
from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve

from imgcopy_core_stubs import (
    CHUNK,
    BlobInfo,
    ByteStream,
    Digest,
    UnsupportedByDestination,
    VerifyingStream,
)
from imgcopy_docker_archive.writing._tar_write import TarWriter

_ALGORITHM: Final = "sha256"


class BlobMembers:
    """The blobs of an archive that is being written.

    Args:
        tar: Writes the members.
        archive: The archive's name for error messages.
        path: Returns the member name of a blob.
    """

    def __init__(self, tar: TarWriter, archive: str, path: Callable[[Digest], str]) -> None:
        self._tar = tar
        self._archive = archive
        self._path = path
        self._sizes: dict[Digest, int] = {}
        self._taken_over: frozenset[Digest] = frozenset()
        self._coming: set[Digest] = set()  # those that are being written
        self._lock = threading.Lock()  # held by whoever decides to write one
        self._incomplete: list[Digest] = []  # those of an image that is not complete yet
        self._complete_position = tar.position

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._sizes

    def size(self, digest: Digest) -> int | None:
        """Return the size in bytes of a blob that is in the archive, or None."""
        return self._sizes.get(digest)

    def is_taken_over(self, digest: Digest) -> bool:
        """Whether a blob was in the archive before, with a size that nobody has verified."""
        return digest in self._taken_over

    def put(self, stream: ByteStream, info: BlobInfo) -> BlobInfo:
        """Write a blob unless it is there, and return it with its digest and size.

        Args:
            stream: Its bytes. Where `info` has a digest, the stream verifies it.
            info: The blob's digest, and its size in bytes, as far as they are known.

        Raises:
            UnsupportedByDestination: The digest is no SHA-256, which there is no name for.
            DestinationWriteFailed: The operating system reported an error.
            SourceError: From the stream. Nothing of the blob stays (in a pipe: nothing follows).
        """
        known = info.digest
        if known is None:
            hashing = VerifyingStream(stream, f"a blob for {self._archive}", size=info.size)
            size = self._tar.add_stream(hashing, None, lambda: self._path_if_new(hashing.digest))
            return self._remember(evolve(info, digest=hashing.digest, size=size))
        self._check_algorithm(known)
        with self._lock:
            is_here = known in self._sizes or known in self._coming
            if not is_here:
                self._coming.add(known)
        if is_here:
            return evolve(info, size=_read_to_the_end(stream))
        try:
            size = self._tar.add_stream(
                stream, info.size, lambda: self._path(known), size_hint=info.size_hint
            )
            return self._remember(evolve(info, size=size))
        finally:
            self._coming.discard(known)

    def put_document(self, raw: bytes, digest: Digest) -> None:
        """Write a small blob that is in memory, unless it is there."""
        self._check_algorithm(digest)
        if digest not in self._sizes:
            self._tar.add(self._path(digest), raw)
            self._remember(BlobInfo(digest, len(raw)))

    def resume(self, sizes: Mapping[Digest, int]) -> None:
        """Take over blobs that the archive has already; everything in it is complete."""
        self._sizes |= sizes
        self._taken_over = frozenset(sizes)
        self.complete()

    def complete(self) -> None:
        """Keep what was written so far, whatever becomes of what follows."""
        self._incomplete.clear()
        self._complete_position = self._tar.position

    def drop_incomplete(self) -> None:
        """Forget, and on a seekable file cut off, what was written since the last `complete`."""
        if self._tar.rewind(self._complete_position):
            for digest in self._incomplete:
                del self._sizes[digest]
            self._incomplete.clear()

    def _check_algorithm(self, digest: Digest) -> None:
        if digest.algorithm != _ALGORITHM:
            problem = f"the digest {digest} is unsupported, blobs are named by their SHA-256"
            raise UnsupportedByDestination(self._archive, problem)

    def _path_if_new(self, digest: Digest) -> str | None:
        return None if digest in self._sizes else self._path(digest)

    def _remember(self, blob: BlobInfo) -> BlobInfo:
        if blob.digest is not None and blob.size is not None and blob.digest not in self._sizes:
            self._sizes[blob.digest] = blob.size
            self._incomplete.append(blob.digest)
        return blob


def _read_to_the_end(stream: ByteStream) -> int:
    """Let a stream verify what is not needed, and return its size in bytes."""
    return sum(len(chunk) for chunk in iter(lambda: stream.read(CHUNK), b""))
