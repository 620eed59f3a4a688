"""The options of `dir:`."""

from enum import Enum

from attrs import field, frozen

from imgcopy_core_stubs.value import Value


class ExistingDirectory(Enum):
    """What becomes of an image that is there already."""

    REFUSE = "refuse"
    REPLACE = "replace"


@frozen(kw_only=True, eq=False, repr=False)
class DirDestinationOptions(Value):
    """The options for writing to `dir:`."""

    existing: ExistingDirectory = field(
        default=ExistingDirectory.REFUSE,
        metadata={"help": "refuse to write where an image is already, or replace that image"},
    )
    fsync: bool = field(
        default=False,
        metadata={"help": "flush everything to the disk before the image becomes visible"},
    )
