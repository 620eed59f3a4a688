"""The options of `docker-archive:`; cattrs structures them from what the user wrote."""

from enum import Enum

from attrs import field, frozen


class Existing(Enum):
    """What to do about a file that is there already."""

    REFUSE = "refuse"
    REPLACE = "replace"


@frozen
class DockerArchiveSourceOptions:
    """How an archive is read."""

    temporary_directory: str | None = field(
        default=None,
        metadata={
            "help": "where a compressed archive, or one from standard input, is unpacked to be read"
        },
    )


@frozen
class DockerArchiveDestinationOptions:
    """How an archive is written."""

    existing: Existing = field(
        default=Existing.REFUSE,
        metadata={"help": "what to do about a file that is there already (an empty one is filled)"},
    )
    additional_tags: tuple[str, ...] = field(
        default=(),
        metadata={"help": "another name:tag of the image; may be given several times"},
    )
    fsync: bool = field(
        default=False,
        metadata={"help": "flush the archive to the disk before it appears"},
    )
    temporary_directory: str | None = field(
        default=None,
        metadata={"help": "where a layer is kept on its way into a pipe"},
    )
