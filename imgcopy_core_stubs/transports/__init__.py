"""The transports that come with the framework: `oci:` and `dir:`."""

from imgcopy_core_stubs.transports.dir import (
    DirDestinationOptions,
    DirReference,
    DirTransport,
    ExistingDirectory,
)
from imgcopy_core_stubs.transports.oci import OciDestinationOptions, OciReference, OciTransport

__all__ = [
    "DirDestinationOptions",
    "DirReference",
    "DirTransport",
    "ExistingDirectory",
    "OciDestinationOptions",
    "OciReference",
    "OciTransport",
]
