"""What a copy calls when something happens."""

from collections.abc import Callable

from imgcopy_core_stubs.digest import Digest


class Notifier:
    """Tells nobody. A copy without observers has this one, and needs no events."""

    def copy_started(self, source: str, destination: str, *, blobs: int, size: int) -> None:
        """The source is open and its manifest is known."""

    def blob_started(self, digest: Digest, size: int | None, *, is_config: bool) -> None:
        """A blob is about to be copied."""

    def progress_of(self, digest: Digest) -> Callable[[int], None] | None:
        """Return what tells how much of a blob was read; None: nobody wants to know."""
        del digest
        return None

    def blob_done(self, digest: Digest, size: int | None, *, is_config: bool, reused: bool) -> None:
        """A blob is stored."""

    def committed(self, manifest_digest: Digest) -> None:
        """The destination has the whole image."""

    def failed(self, error: BaseException) -> None:
        """The copy ended with an error. Nothing is told after that."""
