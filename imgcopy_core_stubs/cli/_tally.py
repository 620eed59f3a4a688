"""How far a copy is."""

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.events import BlobDone, BlobProgress, CopyStarted, Event


class Tally:
    """How far a copy is, counted from its events.

    Attributes:
        blobs: How many blobs there are.
        size: The sum of their sizes in bytes.
        blobs_done: How many of them are stored.
    """

    def __init__(self) -> None:
        self.blobs = 0
        self.size = 0
        self.blobs_done = 0
        self._bytes_done = 0
        self._in_flight: dict[Digest, int] = {}

    @property
    def bytes_done(self) -> int:
        """How many bytes were read, or need not be read."""
        return self._bytes_done + sum(self._in_flight.values())

    def __call__(self, event: Event) -> None:
        """Count an event."""
        match event:
            case CopyStarted():  # once for each image of an index
                self.blobs += event.blobs
                self.size += event.size
            case BlobProgress():
                self._in_flight[event.digest] = event.bytes_read
            case BlobDone():
                read = self._in_flight.pop(event.digest, 0)
                self._bytes_done += read if event.size is None else event.size
                self.blobs_done += 1
