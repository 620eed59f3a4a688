"""The hook through which the framework finds `docker-archive:`, as it finds any plugin."""

from collections.abc import Iterable

from imgcopy_core_stubs import Transport, hookimpl
from imgcopy_docker_archive.transport import DockerArchiveTransport


@hookimpl
def imgcopy_register_transports() -> Iterable[Transport]:
    """Return the one transport of this plugin."""
    return [DockerArchiveTransport()]
