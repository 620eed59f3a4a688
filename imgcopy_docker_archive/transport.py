"""The transport: what the framework knows of `docker-archive:`."""

from typing import ClassVar

from imgcopy_core_stubs import Transport
from imgcopy_docker_archive.config import (
    DockerArchiveDestinationOptions,
    DockerArchiveSourceOptions,
)
from imgcopy_docker_archive.reference import DockerArchiveReference


class DockerArchiveTransport(Transport):
    """Images in docker archives: `docker-archive:PATH[:NAME[:TAG] | :@N]`."""

    scheme: ClassVar[str] = "docker-archive"
    source_options: ClassVar[type | None] = DockerArchiveSourceOptions
    destination_options: ClassVar[type | None] = DockerArchiveDestinationOptions

    def parse_reference(self, text: str) -> DockerArchiveReference:
        """Parse what follows `docker-archive:`."""
        return DockerArchiveReference.parse(text)
