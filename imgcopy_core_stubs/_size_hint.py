"""What a compressed layer says of the size that it unpacks to, before it is unpacked.

Who knows the size of a layer can write the next one at the same time. A gzip member ends with the
size of its content, modulo 2^32 (RFC 1952, section 2.3.1, "ISIZE"). That is the layer's size if it
is the only member, as it is in what docker, podman, buildkit and pigz write; it cannot be known
without unpacking it all. So this is a hint: taken where it is plausible, and never believed.
"""

from typing import Final

from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.errors import SourceError
from imgcopy_core_stubs.streams import ByteStream, StoredStream

_LARGEST: Final = 256 * 1024 * 1024
"""The most bytes that a layer may be compressed to. At a ratio of 16, which hardly any reaches, the
content of a larger one has more than 2^32 bytes."""
_HIGHEST_RATIO: Final = 1032
"""Deflate cannot do better (zlib's technical details, "Maximum Compression Factor")."""
_OVERHEAD: Final = 64
"""What gzip adds to a content that cannot be compressed: a header, a trailer, and with a file's
name some more. Blocks that are stored add five bytes for every 65,535."""
_ISIZE: Final = 4


def unpacked_size_hint(
    stream: ByteStream, compression: Compression, size: int | None
) -> int | None:
    """Return the probable size in bytes of a layer's content, or None.

    Args:
        stream: The layer as it is stored.
        compression: How it is compressed.
        size: Its size in bytes as it is stored, if that is known.
    """
    if compression is not Compression.GZIP or size is None or size > _LARGEST:
        return None
    if not isinstance(stream, StoredStream):
        return None
    try:
        hint = int.from_bytes(stream.read_end(_ISIZE), "little")
    except (OSError, SourceError):
        return None  # who reads the layer will be told, if it cannot be read
    # The last of several members is mostly a small one: a footer, or a mark of the end.
    smallest = size - size // 1000 - _OVERHEAD
    return hint if smallest <= hint <= _HIGHEST_RATIO * size else None
