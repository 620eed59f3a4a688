"""The `oci:` transport: image layouts (OCI image-spec `image-layout.md`)."""

from imgcopy_core_stubs.transports.oci.options import OciDestinationOptions
from imgcopy_core_stubs.transports.oci.transport import OciReference, OciTransport

__all__ = ["OciDestinationOptions", "OciReference", "OciTransport"]
