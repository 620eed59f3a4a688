"""`ImageSource` over an archive that is an OCI image layout: everything as it is stored."""

from typing import Final

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Descriptor,
    Digest,
    ImageIndex,
    ImageSource,
    RawManifest,
    SizeMismatch,
    SourceCapabilities,
    SourceError,
    SourceNotFound,
    media_types,
    parse_manifest,
    quote,
)
from imgcopy_core_stubs.image_layout import blob_path
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reading._oci_images import (
    add_descriptors,
    blob_member,
    read_manifest,
)

_CAPABILITIES: Final = SourceCapabilities(parallel_blobs=True)


class OciArchiveSource(ImageSource):
    """An image of an archive, or an index of images, as `index.json` lists it.

    Every manifest is verified against the descriptor that names it, in `index.json` or in an index
    that was read before.

    Args:
        members: The archive's members.
        descriptor: The image, as `index.json` has it.
        owned: Whether the archive is closed with this source.
    """

    def __init__(
        self, members: ArchiveMembers, descriptor: Descriptor, *, owned: bool = True
    ) -> None:
        self._members = members
        self._archive = members.archive
        self._descriptor = descriptor
        self._owned = owned
        self._instances: dict[Digest, Descriptor] = {}  # of the indexes that were read so far

    @property
    def capabilities(self) -> SourceCapabilities:
        """Blobs may be read from several threads at a time."""
        return _CAPABILITIES

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        """Return the image's manifest or index, or a manifest that an index names.

        Raises:
            SourceNotFound: It is not in the archive, or no index of the image names it.
            VerificationError: It does not have the digest or the size that its descriptor says.
            SourceError: It is too large, or cannot be read.
        """
        if instance_digest is None:
            return self._described(self._descriptor)
        if instance_digest not in self._instances:
            self._described(self._descriptor)
        descriptor = self._instances.get(instance_digest)
        if descriptor is None:
            problem = f"no index of the image names {instance_digest}"
            raise SourceNotFound(self._archive.name, problem)
        if blob_path(instance_digest) not in self._members:
            problem = (
                f"its index names the manifest {instance_digest}, which is not in the archive "
                "(it may have been saved without the other platforms)"
            )
            raise SourceNotFound(self._archive.name, problem)
        return self._described(descriptor)

    def blob(self, info: BlobInfo) -> ByteStream:
        """Open a blob as it is stored; the caller closes the stream.

        Raises:
            SourceNotFound: The archive has no blob with this digest.
            SizeMismatch: It does not have the size that it should have.
            InvalidArchive: It is no file, or there twice and different.
        """
        if info.digest is None:
            raise SourceNotFound(self._archive.name, "a blob is found by its digest only")
        member = blob_member(self._members, info.digest)
        if info.size is not None and member.size != info.size:
            what = f"blob {info.digest} of {quote(self._archive.name)}"
            raise SizeMismatch(what, info.size, member.size)
        return self._archive.stream(member.offset, member.size)

    def close(self) -> None:
        """Close the archive, if it is this source's own. May be called twice."""
        if self._owned:
            self._archive.close()

    def _described(self, descriptor: Descriptor) -> RawManifest:
        """Read a manifest, and know from then on what it names."""
        manifest = read_manifest(self._members, descriptor)
        if manifest.media_type in media_types.IMAGE_MANIFESTS:
            return manifest
        what = f"manifest {descriptor.digest} of {quote(self._archive.name)}"
        try:
            parsed = parse_manifest(manifest, what)
        except SourceError:
            return manifest  # whoever uses it will say what is wrong with it
        if isinstance(parsed, ImageIndex):
            add_descriptors(self._instances, parsed, what)
        return manifest
