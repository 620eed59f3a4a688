"""The `dir:` transport: one image in a directory, in skopeo's format."""

from imgcopy_core_stubs.transports.dir.options import DirDestinationOptions, ExistingDirectory
from imgcopy_core_stubs.transports.dir.transport import DirReference, DirTransport

__all__ = ["DirDestinationOptions", "DirReference", "DirTransport", "ExistingDirectory"]
