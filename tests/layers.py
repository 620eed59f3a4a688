"""Layers for images that are made by hand."""

import tarfile


def layer_of(content: bytes) -> bytes:
    """A tar of one file with this content. Another content makes another layer."""
    info = tarfile.TarInfo("file")
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512 + 1024)
