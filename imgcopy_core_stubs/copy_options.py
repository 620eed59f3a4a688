"""What a user can ask of a copy, or of several."""

from enum import Enum

from attrs import frozen

from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.transport import ImageReference
from imgcopy_core_stubs.value import Value


class Instances(Enum):
    """Which images of an index are copied."""

    SYSTEM = "system"
    """The one for this machine, or for `CopyOptions.platform`, without the index."""
    ALL = "all"
    """The index and all that it names."""
    INDEX_ONLY = "index-only"
    """The index alone: what it names is there already, or comes later."""


@frozen(kw_only=True, eq=False, repr=False)
class CopyOptions(Value):
    """How an image is copied.

    Errors name these options as the command line has them: `manifest_type` is `--format` there,
    `layer_limit` is `--max-layer-size`, `instances` is `--multi-arch`.
    """

    platform: Platform | None = None
    """The platform to choose from an index; None: this machine's. A single image must fit it."""
    manifest_type: str | None = None
    """The media type that the stored manifest shall have; None: the source's, if possible."""
    preserve_digests: bool = False
    """Fail rather than store a manifest with another digest."""
    instances: Instances = Instances.SYSTEM
    """Which images of an index are copied."""
    remove_signatures: bool = False
    """Leave the source's signatures behind."""
    parallel_copies: int = 2
    """How many layers are copied at a time, where source and destination allow it."""
    layer_limit: int | None = None
    """The most bytes that a layer may decompress to; None: any number."""


@frozen(eq=False, repr=False)
class CopySource(Value):
    """An image to copy, or with `all_images` every image at its place."""

    reference: ImageReference
    options: object | None = None
    """An instance of the transport's `source_options`, or None."""
    all_images: bool = False
