"""Storing an image in an OCI image layout."""

import io
from collections.abc import Sequence

from attrs import evolve

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.capabilities import DestinationCapabilities, LayerCompression
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import UnsupportedByDestination
from imgcopy_core_stubs.manifest import Descriptor, RawManifest, parse_manifest
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.refusals import NoSignatures, required_digest
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination
from imgcopy_core_stubs.transports._lifetime import Lifetime
from imgcopy_core_stubs.transports.oci.options import OciDestinationOptions
from imgcopy_core_stubs.transports.oci.reference_text import unparse
from imgcopy_core_stubs.transports.oci.writable_layout import WritableLayout


class OciDestination(NoSignatures, ImageDestination):
    """A new image of a layout, or one that replaces the images of the same names.

    Args:
        path: The layout. It is made if it does not exist.
        names: The image's names there; without any it has none.
        options: How to write it.
        shared: The layout, if it is open for several images: who opened it commits and closes it.

    Raises:
        InvalidDestination: There is something else at `path`, or a layout that is not valid.
        DestinationWriteFailed: It cannot be made, or is not writable.
    """

    capabilities = DestinationCapabilities(
        manifest_types=(media_types.OCI_MANIFEST, media_types.OCI_INDEX),
        signatures_refusal="storing signatures in an OCI layout is not supported",
        parallel_put_blob=True,
        layer_compression=LayerCompression.COMPRESS,
        stores_indexes=True,
    )

    def __init__(
        self,
        path: str,
        names: Sequence[str],
        options: OciDestinationOptions,
        shared: WritableLayout | None = None,
    ) -> None:
        self._name = f"oci:{unparse(path, names[0] if names else None, None)}"
        self._names = tuple(names)
        self._lifetime = Lifetime(self._name)
        self._descriptor: Descriptor | None = None
        self.capabilities = evolve(self.capabilities, layer_compression=options.layers)
        self._is_shared = shared is not None
        self._layout = shared or WritableLayout(path, fsync=options.fsync)
        self._staged_before = frozenset(self._layout.staging.blobs)

    def __str__(self) -> str:
        return self._name

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        """Stage a blob. Safe from several threads."""
        del is_config
        self._lifetime.require_open()
        return self._layout.staging.put_blob(stream, info)

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        """Return a blob that was put before, or that the layout has and that verifies."""
        del can_substitute
        digest = required_digest(info, self._name)
        self._lifetime.require_open()
        size = self._layout.staging.blobs.get(digest)
        if size is None:
            size = self._layout.stage_existing(digest, info.size)
        return None if size is None else evolve(info, size=size)

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        """Stage a manifest."""
        digest = self._lifetime.check_manifest(manifest, instance_digest)
        media_type = manifest.media_type
        if not media_type:
            media_type = parse_manifest(manifest, f"manifest for {quote(self._name)}").media_type
        if media_type not in self.capabilities.manifest_types:
            needed = " or ".join(quote(known) for known in self.capabilities.manifest_types)
            problem = f"a manifest must be of type {needed}, not {quote(media_type)}"
            raise UnsupportedByDestination(self._name, problem)
        size = len(manifest.raw)
        self._layout.staging.put_blob(io.BytesIO(manifest.raw), BlobInfo(digest, size))
        if instance_digest is None:
            self._descriptor = Descriptor(digest, size, media_type)

    def commit(self) -> None:
        """Add the image to the layout's index, and its blobs to the layout's."""
        self._lifetime.begin_commit(has_manifest=self._descriptor is not None)
        if self._descriptor is not None:
            self._layout.add_image(self._descriptor, self._names)
            if not self._is_shared:
                self._layout.commit()
            self._lifetime.committed = True

    def close(self) -> None:
        """Remove what was staged, and the directory if it was made in vain."""
        if not self._lifetime.close():
            return
        if not self._is_shared:
            self._layout.close(committed=self._lifetime.committed)
        elif not self._lifetime.committed:
            self._layout.staging.drop_all_but(self._staged_before)
