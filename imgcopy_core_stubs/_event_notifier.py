"""Telling a copy's observers what happens, as events."""

import threading
from collections.abc import Callable, Sequence

from imgcopy_core_stubs._notifier import Notifier
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.events import (
    BlobDone,
    BlobKind,
    BlobProgress,
    BlobStarted,
    Committed,
    CopyFailed,
    CopyStarted,
    Event,
)
from imgcopy_core_stubs.observer import Observer


class EventNotifier(Notifier):
    """Hands events to observers, one at a time whatever thread they come from.

    `CopyFailed` is the last one: a thread that an interrupted copy left behind has no more to say.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._lock = threading.Lock()

    def copy_started(self, source: str, destination: str, *, blobs: int, size: int) -> None:
        """Hand on `CopyStarted`."""
        self._tell(CopyStarted(source, destination, blobs, size))

    def blob_started(self, digest: Digest, size: int | None, *, is_config: bool) -> None:
        """Hand on `BlobStarted`."""
        self._tell(BlobStarted(digest, _kind(is_config=is_config), size))

    def progress_of(self, digest: Digest) -> Callable[[int], None]:
        """Return what hands on `BlobProgress`."""
        return lambda bytes_read: self._tell(BlobProgress(digest, bytes_read))

    def blob_done(self, digest: Digest, size: int | None, *, is_config: bool, reused: bool) -> None:
        """Hand on `BlobDone`."""
        self._tell(BlobDone(digest, _kind(is_config=is_config), size, reused))

    def committed(self, manifest_digest: Digest) -> None:
        """Hand on `Committed`."""
        self._tell(Committed(manifest_digest))

    def failed(self, error: BaseException) -> None:
        """Hand on `CopyFailed`, and nothing more."""
        self._tell(CopyFailed(error), is_last=True)

    def _tell(self, event: Event, *, is_last: bool = False) -> None:
        with self._lock:
            observers = self._observers
            if is_last:
                self._observers = ()
            for observer in observers:
                observer(event)


def _kind(*, is_config: bool) -> BlobKind:
    return BlobKind.CONFIG if is_config else BlobKind.LAYER
