"""The options of `oci:`."""

from attrs import field, frozen

from imgcopy_core_stubs.capabilities import LayerCompression
from imgcopy_core_stubs.value import Value


@frozen(kw_only=True, eq=False, repr=False)
class OciDestinationOptions(Value):
    """The options for writing to `oci:`."""

    layers: LayerCompression = field(
        default=LayerCompression.COMPRESS,
        metadata={
            "help": "compress layers that are not compressed (with gzip), keep all as they come, "
            "or decompress all"
        },
    )
    fsync: bool = field(
        default=False,
        metadata={"help": "flush everything to the disk before the image becomes visible"},
    )
