"""The options of `docker-archive:`; cattrs structures them from what the user wrote."""

from enum import Enum

from attrs import field, frozen
from attrs.validators import optional

from imgcopy_core_stubs import Platform, Value, quote


class Layout(Enum):
    """How images are laid out in an archive."""

    DOCKER = "docker"
    """Layers decompressed, and no manifest: what `docker load` has always read."""
    OCI = "oci"
    """An OCI image layout that is a docker archive too: everything as it comes, digests kept."""


class Existing(Enum):
    """What to do about a file that is there already."""

    REFUSE = "refuse"
    REPLACE = "replace"
    APPEND = "append"


class ArchiveCompression(Enum):
    """How a whole archive is compressed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


def _check_platform(instance: object, attribute: object, value: str) -> None:
    del instance, attribute
    try:
        Platform.parse(value)
    except ValueError as error:
        raise ValueError(f"platform: {quote(value)} {error}") from None


@frozen(eq=False, repr=False)
class DockerArchiveSourceOptions(Value):
    """How an archive is read."""

    layout: Layout | None = field(
        default=None,
        metadata={
            "help": "docker or oci, for an archive that is both; by default oci where it can be, "
            "which keeps digests"
        },
    )
    temporary_directory: str | None = field(
        default=None,
        metadata={
            "help": "where a compressed archive, or one from standard input, is unpacked to be read"
        },
    )


@frozen(eq=False, repr=False)
class DockerArchiveDestinationOptions(Value):
    """How an archive is written."""

    layout: Layout | None = field(
        default=None,
        metadata={
            "help": "docker, or oci, which keeps digests and compressed layers and is read by "
            "docker as well; by default oci where --preserve-digests or --all needs it, the "
            "archive's own with --append, and else docker"
        },
    )
    v1_folders: bool | None = field(
        default=None,
        metadata={
            "help": "write folders and symlinks for Docker before 1.10 into the docker layout; by "
            "default as the archive has it with --append, and else true"
        },
    )
    platform: str | None = field(
        default=None,
        validator=optional(_check_platform),
        metadata={
            "help": "in the oci layout, which image of an index docker is to load "
            "(OS/ARCH[/VARIANT]), which a single image must fit [default: this machine's]"
        },
    )

    existing: Existing = field(
        default=Existing.REFUSE,
        metadata={"help": "what to do about a file that is there already (an empty one is filled)"},
    )
    compression: ArchiveCompression | None = field(
        default=None,
        metadata={
            "help": "how the whole archive is compressed (by default as its name says: .tar.gz, "
            ".tgz, .tar.zst, .tzst)"
        },
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
        metadata={"help": "where a layer is kept that cannot go to its place yet, as into a pipe"},
    )
