"""The streams that the kit gives to destinations: well-behaved, lying and breaking ones."""

from imgcopy_core_stubs.errors import SourceReadFailed

PIECE = 16 * 1024
"""How many bytes the kit's streams give at a time, where a law wants nothing else."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, as far as a transport can tell."""


def connection_lost() -> SourceReadFailed:
    """Return the error of a stream that breaks."""
    return SourceReadFailed("the kit's source", ConnectionResetError(104, "Connection reset"))


class Pieces:
    """A stream that gives data in pieces, and may break on the way.

    Args:
        data: The bytes.
        piece: How many to give at a time.
        breaks_after: How many bytes to give before it breaks; None: it does not.
        error: What it raises when it breaks.

    Attributes:
        ended: Whether its reader has been told that it ended.
    """

    def __init__(
        self,
        data: bytes,
        *,
        piece: int = PIECE,
        breaks_after: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        self._rest = memoryview(data if breaks_after is None else data[:breaks_after])
        self._piece = piece
        self._error = None if breaks_after is None else error or connection_lost()
        self.ended = False

    def read(self, size: int, /) -> bytes:
        """Return the next piece; raise the error where the stream breaks."""
        piece = bytes(self._rest[: min(size, self._piece)])
        self._rest = self._rest[len(piece) :]
        if not piece and self._error is not None:
            raise self._error
        self.ended |= not piece
        return piece

    def close(self) -> None:
        """Do nothing."""
