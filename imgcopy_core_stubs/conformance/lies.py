"""Blobs that are not what they are said to be, and streams that break: what must leave nothing."""

from collections.abc import Callable
from typing import TypeAlias

from attrs import evolve, frozen

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.conformance.images import Blob
from imgcopy_core_stubs.conformance.storing import verified
from imgcopy_core_stubs.conformance.streams import PIECE, Interrupted, Pieces
from imgcopy_core_stubs.errors import DigestMismatch, SizeMismatch, SourceReadFailed
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import BlobInfo


@frozen
class Lie:
    """A blob to put that cannot be stored."""

    what: str
    """What is wrong with it, for messages."""
    blob: Blob
    """The blob that is named."""
    given: bytes
    """What its stream would give."""
    info: BlobInfo
    """What is said of it."""
    error: type[BaseException]
    """What its stream raises."""
    breaks_after: int | None = None
    """After how many bytes the stream breaks; None: it gives all of them."""

    @property
    def is_config(self) -> bool:
        """Whether the blob is an image's config."""
        return self.blob.media_type in media_types.IMAGE_CONFIGS

    def stream(self) -> ByteStream:
        """Return a new stream that tells the lie, and raises in the end."""
        error = Interrupted() if self.error is Interrupted else None
        pieces = Pieces(self.given, breaks_after=self.breaks_after, error=error)
        return verified(pieces, self.info)


LieAbout: TypeAlias = Callable[[Blob], Lie]
"""Makes a lie about a blob."""


def wrong_digest(blob: Blob) -> Lie:
    """Name bytes by the digest of others of the same length."""
    given = bytes([blob.content[0] ^ 1]) + blob.content[1:]
    return Lie("a blob of the wrong digest", blob, given, blob.info, DigestMismatch)


def one_byte_short(blob: Blob) -> Lie:
    """Give one byte less than the size says."""
    info = evolve(blob.info, size=len(blob.content) + 1)
    return Lie("a blob one byte too short", blob, blob.content, info, SizeMismatch)


def one_byte_long(blob: Blob) -> Lie:
    """Give one byte more than the size says."""
    info = evolve(blob.info, size=len(blob.content) - 1)
    return Lie("a blob one byte too long", blob, blob.content, info, SizeMismatch)


def breaking(
    pieces: int, *, is_known: bool = True, error: type[BaseException] = SourceReadFailed
) -> LieAbout:
    """Make a lie that gives some pieces and breaks off: all of them at most, but then not the end.

    Args:
        pieces: How many pieces the stream gives.
        is_known: Whether the blob's digest and size are told.
        error: What the stream raises.
    """

    def lie_about(blob: Blob) -> Lie:
        breaks_after = min(pieces * PIECE, len(blob.content))
        what = f"a blob whose stream breaks after {breaks_after} of {len(blob.content)} bytes"
        info = blob.info if is_known else BlobInfo(media_type=blob.media_type)
        return Lie(what, blob, blob.content, info, error, breaks_after)

    return lie_about
