"""The streams that go into a third party's code, and those that come out of it."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self, TypeAlias

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.plugins._results import check_chunk
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import BlobInfo

Blaming: TypeAlias = Callable[..., AbstractContextManager[None]]
"""Called with an operation's name and the exceptions that pass; blames the plugin for others."""


class StreamOfPlugin:
    """A stream that a plugin's source opened; what is wrong with it is the plugin's fault.

    An `OSError` while it is read passes: the engine says that reading the source failed.
    """

    def __init__(self, inner: ByteStream, blaming: Blaming) -> None:
        self._inner = inner
        self._blaming = blaming

    def read(self, size: int, /) -> bytes:
        """Return the next chunk."""
        try:
            return check_chunk(self._inner.read(size), size)
        except BaseException:
            with self._blaming("read", OSError):  # entered only now: reads may be many and small
                raise

    def close(self) -> None:
        """Close the plugin's stream."""
        with self._blaming("close"):
            self._inner.close()


class StreamForPlugin:
    """A stream that a plugin's `put_blob` reads, for as long as the context lasts.

    An error of the stream is none of the plugin, whatever the plugin makes of it: the context
    raises it at its end, even if the plugin has swallowed it.

    Args:
        inner: The stream, which stays the caller's to close.
        takes_digest: Whether to take the digest of what is read.
    """

    def __init__(self, inner: ByteStream, *, takes_digest: bool) -> None:
        self._inner: ByteStream | None = inner
        self._hasher = hashlib.sha256() if takes_digest else None
        self._bytes_read = 0
        self._finished = False
        self._error: BaseException | None = None

    @property
    def passed(self) -> BlobInfo | None:
        """The size of what was read, and its digest if that is taken; None: it goes on."""
        if not self._finished:
            return None
        hasher = self._hasher
        digest = None if hasher is None else Digest(hasher.name, hasher.hexdigest())
        return BlobInfo(digest, self._bytes_read)

    def read(self, size: int, /) -> bytes:
        """Return the next chunk.

        Raises:
            ValueError: The call of `put_blob` that this stream was for has ended.
        """
        if self._inner is None:
            raise ValueError("read of a blob after put_blob returned")
        try:
            chunk = self._inner.read(size)
        except BaseException as error:
            self._error = error
            raise
        self._finished = not chunk
        self._bytes_read += len(chunk)
        if self._hasher is not None:
            self._hasher.update(chunk)
        return chunk

    def close(self) -> None:
        """Do nothing: whoever opened the stream closes it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._inner = None
        if self._error not in (None, value) and not isinstance(value, KeyboardInterrupt):
            raise self._error
