"""Places in an archive that members are being written to, several at a time."""

import threading

from imgcopy_docker_archive.writing._tar_blocks import member_size


class Place:
    """Where a member goes.

    Args:
        start: The position of its header.
        size: The size in bytes of its file, as it is expected.
    """

    def __init__(self, start: int, size: int) -> None:
        self.start = start
        self.size = size

    @property
    def end(self) -> int:
        """The position behind it."""
        return self.start + member_size(self.size)


class PlacesInUse:
    """The places that are being written to, each by a thread."""

    def __init__(self) -> None:
        self._places: set[Place] = set()
        self._changed = threading.Condition()

    def add(self, place: Place) -> None:
        """Know of a place that is being written to from now on."""
        with self._changed:
            self._places.add(place)

    def discard(self, place: Place) -> None:
        """Forget a place: nothing is written there any more."""
        with self._changed:
            self._places.discard(place)
            self._changed.notify_all()

    def any_behind(self, place: Place) -> bool:
        """Whether anything is being written behind a place."""
        with self._changed:
            return any(other.start > place.start for other in self._places)

    def wait_for_those_behind(self, place: Place) -> None:
        """Wait until nothing is being written behind a place.

        Who waits for those behind only, and holds nothing that they need, waits for nobody in vain:
        the last one waits for none.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self.any_behind(place))
