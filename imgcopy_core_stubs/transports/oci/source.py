"""Reading an image from an OCI image layout."""

from imgcopy_core_stubs.capabilities import SourceCapabilities
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.image_layout import blob_path
from imgcopy_core_stubs.manifest import Descriptor, RawManifest
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import BlobInfo, ImageSource
from imgcopy_core_stubs.transports._files import open_blob
from imgcopy_core_stubs.transports._instances import Instances
from imgcopy_core_stubs.transports.oci.layout import choose, read_layout


class OciSource(ImageSource):
    """An image, or an index of images, of a layout.

    Every manifest is verified against the descriptor that names it, in the layout's index or in an
    index that was read before.

    Args:
        directory: The layout, which was checked.
        descriptor: The image, as the layout's index has it.
    """

    capabilities = SourceCapabilities(parallel_blobs=True)

    def __init__(self, directory: str, descriptor: Descriptor) -> None:
        self._directory = directory
        self._descriptor = descriptor
        self._instances = Instances(directory, blob_path)

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        """Return the image's manifest or index, or a manifest that an index names."""
        if instance_digest is None:
            return self._instances.described(self._descriptor)
        if instance_digest not in self._instances:
            self._instances.described(self._descriptor)
        return self._instances.named(instance_digest)

    def blob(self, info: BlobInfo) -> ByteStream:
        """Open a blob; one that is missing, of another size, or no regular file is refused."""
        return open_blob(self._directory, blob_path, info)

    def close(self) -> None:
        """Do nothing: each stream is closed by who opened it."""


def open_source(path: str, image: str | None, position: int | None) -> OciSource:
    """Open an image of a layout for reading, by its name or its position in the index.

    Raises:
        SourceError: There is no such image, or no layout, or it cannot be read.
    """
    return OciSource(path, choose(read_layout(path), path, image, position))
