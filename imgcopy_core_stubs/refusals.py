"""Refusals that destinations share.

A destination mixes in, before `ImageDestination`, what it cannot do.
"""

from collections.abc import Sequence

from imgcopy_core_stubs.capabilities import DestinationCapabilities
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import DestinationStateError, UnsupportedByDestination
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.transport import BlobInfo


class NoSignatures:
    """A destination that stores no signatures; `capabilities.signatures_refusal` says why."""

    @property
    def capabilities(self) -> DestinationCapabilities:
        """What this destination can do."""
        raise NotImplementedError  # defined by the destination that this is mixed into

    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        """Refuse signatures, and accept that there are none."""
        del instance_digest
        if signatures:
            reason = self.capabilities.signatures_refusal or "storing signatures is not supported"
            raise UnsupportedByDestination(str(self), reason)


class NoReuse:
    """A destination that cannot tell whether it has a blob already."""

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        """Return None: the blob has to be put."""
        del can_substitute
        required_digest(info, self)
        return None


def required_digest(info: BlobInfo, destination: object) -> Digest:
    """Return the blob's digest.

    Args:
        info: The blob that is looked for.
        destination: Itself or its name. It is made text only for the error, since that takes long
            where the text is attrs' and the attributes are an image's blobs.

    Raises:
        DestinationStateError: The digest is unknown.
    """
    if info.digest is None:
        name = str(destination)
        raise DestinationStateError(name, "cannot look for a blob whose digest is unknown")
    return info.digest


def checked_manifest_digest(
    manifest: RawManifest, instance_digest: Digest | None, destination: object
) -> Digest:
    """Return the digest that a manifest is to be stored under.

    Args:
        manifest: The manifest that was put.
        instance_digest: The digest that it was put as; None: at the top level.
        destination: Itself or its name, for the error.

    Raises:
        DestinationStateError: `instance_digest` is not the manifest's digest.
    """
    if instance_digest is None:
        return manifest.digest
    if Digest.of(manifest.raw, instance_digest.algorithm) != instance_digest:
        problem = f"a manifest was put as {instance_digest}, which it is not"
        raise DestinationStateError(str(destination), problem)
    return instance_digest
