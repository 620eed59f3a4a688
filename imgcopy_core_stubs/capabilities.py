"""What a source and a destination can do, and what a copy asks of them.

What they can do is constant for the object's lifetime.

The copy engine asks nothing else before it acts, and the conformance kit holds every answer
against what the object does.
"""

from enum import Enum

from attrs import frozen

from imgcopy_core_stubs.value import Value


class LayerCompression(Enum):
    """What a destination wants done to a layer before `put_blob`."""

    KEEP = "keep"
    """Layers come as the source has them."""

    DECOMPRESS = "decompress"
    """Layers come decompressed, named by their diff ID."""

    COMPRESS = "compress"
    """Layers that are not compressed come compressed with gzip; the others as they are."""


@frozen(kw_only=True, eq=False, repr=False)
class SourceCapabilities(Value):
    """What an `ImageSource` can do."""

    parallel_blobs: bool = False
    """`blob` may be called, and its streams read, from several threads at a time."""


@frozen(kw_only=True, eq=False, repr=False)
class DestinationCapabilities(Value):
    """What an `ImageDestination` can do. The defaults are the most modest answers."""

    manifest_types: tuple[str, ...] = ()
    """The manifest media types that can be stored, the preferred one first. Empty: any may be
    tried."""

    signatures_refusal: str | None = "storing signatures is not supported"
    """Why signatures cannot be stored, as it is shown to the user. None: they can."""

    accepts_foreign_layer_urls: bool = False
    """Layers that are fetched from URLs may stay out; where not, they are fetched and stored."""

    must_match_runtime_os: bool = False
    """Only an image for this machine's operating system makes sense there."""

    ignores_embedded_docker_reference: bool = False
    """A docker reference embedded in a manifest (schema 1) is of no importance there. The engine
    does not ask yet: it copies no manifest that has one."""

    parallel_put_blob: bool = False
    """`put_blob` may be called from several threads at a time.

    The engine begins the calls in the order of the manifest: the next one when the stream of the
    one before has been read for the first time.
    """

    layer_compression: LayerCompression = LayerCompression.KEEP
    """What is done to layers before they are stored."""

    stores_indexes: bool = False
    """Whether an index and its instances can be stored (`put_manifest` with `instance_digest`)."""


@frozen(kw_only=True, eq=False, repr=False)
class CopyDemands(Value):
    """What a copy asks of a destination that has several ways to store an image."""

    preserve_digests: bool = False
    """The manifest must be stored byte for byte, with the layers as the source has them."""
    indexes: bool = False
    """An index must be stored, with all that it names unless `index_only`."""
    index_only: bool = False
    """The index must be stored without what it names."""
