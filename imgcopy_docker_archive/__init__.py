"""The `docker-archive:` transport: the tar file of `docker save` and `docker load`."""

from imgcopy_docker_archive.archive import DockerArchive
from imgcopy_docker_archive.config import (
    ArchiveCompression,
    DockerArchiveDestinationOptions,
    DockerArchiveSourceOptions,
    Existing,
    Layout,
)
from imgcopy_docker_archive.writing.destination import DockerArchiveDestination
from imgcopy_docker_archive.writing.writer import ArchiveWriter

__all__ = [
    "ArchiveCompression",
    "ArchiveWriter",
    "DockerArchive",
    "DockerArchiveDestination",
    "DockerArchiveDestinationOptions",
    "DockerArchiveSourceOptions",
    "Existing",
    "Layout",
]
