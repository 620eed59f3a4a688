"""What a transport finds out about a place as a whole, and what other programs would make of it."""

from enum import Enum

from attrs import frozen

from imgcopy_core_stubs.errors import SourceError


class Outcome(Enum):
    """What becomes of an image that a program is given."""

    LOADS = "loads"
    LOSES_DIGEST = "loads, loses the digest"
    REFUSES = "refuses"


@frozen
class Verdict:
    """What one program would make of one image."""

    reader: str
    """The program, and which of its ways to read, such as `docker load`."""
    image: str
    """The image, as `ImageReference.tags` lists it."""
    outcome: Outcome
    reason: str = ""
    """Why it does not simply load."""


@frozen
class Examination:
    """What is wrong with a place beyond its single images, and who reads it."""

    problems: tuple[SourceError, ...] = ()
    """Everything that is wrong with the place's structure."""
    verdicts: tuple[Verdict, ...] = ()
    """For each image and each program that is known to read such places."""
