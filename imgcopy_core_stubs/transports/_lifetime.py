"""How far a destination has come: what it may still be asked to do."""

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import DestinationStateError
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.refusals import checked_manifest_digest


class Lifetime:
    """A destination is open, then committed once, then closed; or closed at once.

    Attributes:
        committed: Whether a commit has succeeded.

    Args:
        destination: Its name, for error messages.
    """

    def __init__(self, destination: str) -> None:
        self.committed = False
        self._destination = destination
        self._commit_begun = False
        self._closed = False

    def require_open(self) -> None:
        """Raise a `DestinationStateError` if it was committed or closed."""
        if self._closed:
            raise self._error("it is closed")
        if self._commit_begun:
            raise self._error("it was committed already")

    def begin_commit(self, *, has_manifest: bool) -> None:
        """Allow one commit, of an image with a manifest.

        Raises:
            DestinationStateError: It was committed or closed, or there is no manifest.
        """
        self.require_open()
        if not has_manifest:
            raise self._error("it cannot be committed before its manifest was put")
        self._commit_begun = True

    def close(self) -> bool:
        """Close it; return whether it was not closed before."""
        was_closed, self._closed = self._closed, True
        return not was_closed

    def check_manifest(self, manifest: RawManifest, instance_digest: Digest | None) -> Digest:
        """Return the digest that a manifest is to be stored under.

        Raises:
            DestinationStateError: `instance_digest` is not the manifest's digest, or as
                `require_open`.
        """
        self.require_open()
        return checked_manifest_digest(manifest, instance_digest, self._destination)

    def _error(self, problem: str) -> DestinationStateError:
        return DestinationStateError(self._destination, problem)
