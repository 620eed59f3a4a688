"""A directory for what is not visible yet, and what its owner writes into it.

Its owner holds a lock on it for as long as it lives. So what a killed process left behind can be
told from what another process is at work on, and whoever comes next removes it.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Container
from typing import Final

from attrs import evolve

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.streams import CHUNK, ByteStream
from imgcopy_core_stubs.transport import BlobInfo
from imgcopy_core_stubs.transports._new_file import NewFile, writing

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Staging:
    """A new directory, empty at first. Its owner calls `remove`, even if it has renamed it.

    Leftovers with names of the same form are removed first.

    Attributes:
        path: The directory.
        blobs: The blobs that are in it, with their sizes in bytes. Their files are named by the hex
            digits of their digests.

    Args:
        parent: The directory to make it in.
        prefix: What its name starts with. A random part follows.
        suffix: What its name ends with.
        destination: The path that the user named, for error messages.
        fsync: Whether to flush each file to the disk.

    Raises:
        DestinationWriteFailed: The parent is missing or not writable.
    """

    def __init__(
        self, parent: str, *, prefix: str, suffix: str = "", destination: str, fsync: bool
    ) -> None:
        self._destination = destination
        self._fsync = fsync
        self.blobs: dict[Digest, int] = {}
        with writing(destination):
            _remove_leftovers(parent, prefix, suffix)
            lock = None
            while lock is None:  # until nobody took the new directory for a leftover
                self.path = os.path.join(parent, prefix + os.urandom(6).hex() + suffix)
                os.mkdir(self.path)
                lock = _claim(self.path)
        self._lock: int | None = lock

    def path_of(self, digest: Digest) -> str:
        """Return the path at which a blob is, or would be."""
        return os.path.join(self.path, digest.hex)

    def put_blob(self, stream: ByteStream, info: BlobInfo) -> BlobInfo:
        """Store a blob; nothing stays of one that fails. Safe from several threads.

        Args:
            stream: The bytes, which verify themselves if the digest is known: the stream raises at
                its end. The caller closes it.
            info: What is known of the blob.

        Returns:
            The blob with its digest and size.

        Raises:
            DestinationWriteFailed: It cannot be written.
        """
        digest = info.digest
        hasher = hashlib.sha256()
        size = 0
        with self._new_file() as file:
            while chunk := stream.read(CHUNK):
                if digest is None:
                    hasher.update(chunk)
                file.write(chunk)
                size += len(chunk)
            digest = digest or Digest("sha256", hasher.hexdigest())
            file.finish(digest.hex)
        self.blobs[digest] = size
        return evolve(info, digest=digest, size=size)

    def put_file(self, raw: bytes, name: str) -> None:
        """Store a small file that is no blob.

        Raises:
            DestinationWriteFailed: It cannot be written.
        """
        with self._new_file() as file:
            file.write(raw)
            file.finish(name)

    def drop_all_but(self, kept: Container[Digest]) -> None:
        """Remove the blobs that are not among those."""
        for digest in [digest for digest in self.blobs if digest not in kept]:
            del self.blobs[digest]
            with contextlib.suppress(OSError):  # the rest of the directory will go, too
                os.unlink(self.path_of(digest))

    def remove(self) -> None:
        """Remove what is at the directory's path now, and give up the lock. May be called twice."""
        if self._lock is not None:
            try:
                shutil.rmtree(self.path, ignore_errors=True)
            except KeyboardInterrupt:  # nothing calls this again; it is not interrupted twice
                shutil.rmtree(self.path, ignore_errors=True)
                raise
            finally:
                os.close(self._lock)
                self._lock = None

    def _new_file(self) -> NewFile:
        return NewFile(self.path, destination=self._destination, fsync=self._fsync)


def _claim(path: str) -> int | None:
    """Lock a directory that was just made; return its descriptor, None if it is being removed."""
    try:
        descriptor = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        return descriptor  # no locks on this file system (NFS), so nobody removes leftovers either
    if not os.path.isdir(path):
        os.close(descriptor)
        return None
    return descriptor


def _remove_leftovers(parent: str, prefix: str, suffix: str) -> None:
    pattern = re.compile(f"{re.escape(prefix)}[0-9a-f]{{12}}{re.escape(suffix)}")
    with contextlib.suppress(OSError):
        for name in filter(pattern.fullmatch, os.listdir(parent)):
            _remove_if_abandoned(os.path.join(parent, name))


def _remove_if_abandoned(path: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, _DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)
