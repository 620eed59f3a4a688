"""What a copy reports while it runs. An observer is any callable that takes these events."""

from enum import Enum
from typing import TypeAlias

from attrs import frozen

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.value import Value


class BlobKind(Enum):
    """What a blob is to its image."""

    CONFIG = "config"
    LAYER = "layer"


@frozen(eq=False, repr=False)
class CopyStarted(Value):
    """The source is open and its manifest is known."""

    source: str
    destination: str
    blobs: int
    """The number of blobs of the image, its config included."""
    size: int
    """The sum of their sizes in bytes, as the source stores them."""


@frozen(eq=False, repr=False)
class BlobStarted(Value):
    """A blob is about to be copied."""

    digest: Digest
    kind: BlobKind
    size: int | None
    """Its size in bytes, as the source stores it."""


@frozen(eq=False, repr=False)
class BlobProgress(Value):
    """More of a blob was read from the source."""

    digest: Digest
    bytes_read: int
    """How many bytes were read so far."""


@frozen(eq=False, repr=False)
class BlobDone(Value):
    """A blob is stored."""

    digest: Digest
    kind: BlobKind
    size: int | None
    """Its size in bytes, as the source stores it."""
    reused: bool
    """The destination had it already, so it was not read."""


@frozen(eq=False, repr=False)
class Committed(Value):
    """The destination has the whole image.

    It is visible now, or with the others that go to the same place and appear together.
    """

    manifest_digest: Digest


@frozen(eq=False, repr=False)
class CopyFailed(Value):
    """The copy ended with an error; nothing of the image has become visible."""

    error: BaseException


Event: TypeAlias = CopyStarted | BlobStarted | BlobProgress | BlobDone | Committed | CopyFailed
