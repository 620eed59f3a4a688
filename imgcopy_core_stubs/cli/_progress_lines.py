"""A copy's progress as lines: for people who read a log, and for programs."""

import json
import re
import time
from collections.abc import Callable
from enum import Enum
from typing import Final

import attrs

from imgcopy_core_stubs.cli._tally import Tally
from imgcopy_core_stubs.cli.messages import say
from imgcopy_core_stubs.cli.sizes import format_size
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.events import BlobDone, BlobProgress, BlobStarted, Event

_PLAIN_INTERVAL: Final = 5.0
_JSON_INTERVAL: Final = 0.5


class PlainProgress:
    """Lines for a log: how far the copy is, every few seconds.

    Args:
        interval: Seconds from one line to the next.
        clock: Tells the seconds.
    """

    def __init__(
        self, interval: float = _PLAIN_INTERVAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._last = clock()
        self._tally = Tally()

    def __call__(self, event: Event) -> None:
        """Write a line, if it is time for one."""
        self._tally(event)
        if isinstance(event, BlobProgress | BlobDone) and self._is_time():
            tally = self._tally
            share = f" ({100 * tally.bytes_done // tally.size}%)" if tally.size else ""
            say(
                f"copied {tally.blobs_done} of {tally.blobs} blobs, "
                f"{format_size(tally.bytes_done)} of {format_size(tally.size)}{share}"
            )

    def _is_time(self) -> bool:
        now = self._clock()
        if now - self._last < self._interval:
            return False
        self._last = now
        return True


class JsonProgress:
    """JSON lines for programs: `{"event": "blob-done", "digest": "sha256:…", …}`.

    The other keys are the fields of the event. Of a blob's progress only some events are shown.

    Args:
        interval: Seconds from one `blob-progress` of a blob to the next.
        clock: Tells the seconds.
    """

    def __init__(
        self, interval: float = _JSON_INTERVAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._last: dict[Digest, float] = {}

    def __call__(self, event: Event) -> None:
        """Write the event."""
        if isinstance(event, BlobProgress):
            last = self._last.get(event.digest)
            if last is not None and self._clock() - last < self._interval:
                return
        if isinstance(event, BlobStarted | BlobProgress):
            self._last[event.digest] = self._clock()
        name = re.sub("(?<=[a-z])(?=[A-Z])", "-", type(event).__name__).lower()
        fields = (field.name for field in attrs.fields(type(event)))
        say(
            json.dumps({"event": name} | {field: _plain(getattr(event, field)) for field in fields})
        )


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseException):
        return str(value) or type(value).__name__
    return str(value) if isinstance(value, Digest) else value
