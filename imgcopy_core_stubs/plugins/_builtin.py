"""The plugin of the built-in transports. It is loaded without an entry point, and first."""

from collections.abc import Iterable

from imgcopy_core_stubs.hookspecs import hookimpl
from imgcopy_core_stubs.transport import Transport
from imgcopy_core_stubs.transports import DirTransport, OciTransport


@hookimpl
def imgcopy_register_transports() -> Iterable[Transport]:
    """Return the transports that are always there."""
    return [DirTransport(), OciTransport()]
