"""How a copy's progress is shown: observers of its events, all of which write to standard error.

They come in by the hook that every plugin's observer comes in by.
"""

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

import attrs

from imgcopy_core_stubs.cli._tally import Tally
from imgcopy_core_stubs.cli.messages import say
from imgcopy_core_stubs.cli.sizes import format_size
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.events import (
    BlobDone,
    BlobProgress,
    BlobStarted,
    Event,
    Observer,
)
from imgcopy_core_stubs.hookspecs import hookimpl
from imgcopy_core_stubs.plugins import Plugin
from imgcopy_core_stubs.plugins._hooks import PluginHooks

_PLAIN_INTERVAL: Final = 5.0
_JSON_INTERVAL: Final = 0.5


class ProgressStyle(Enum):
    """How progress is shown."""

    AUTO = "auto"
    """A bar on a terminal, plain lines elsewhere."""
    BAR = "bar"
    PLAIN = "plain"
    """A line every few seconds."""
    JSON = "json"
    """A JSON object for each event, one a line."""
    NONE = "none"

    def resolved(self) -> "ProgressStyle":
        """Return what AUTO means here; the others are what they are."""
        if self is not ProgressStyle.AUTO:
            return self
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        drawable = is_terminal and os.environ.get("TERM", "") not in ("", "dumb")
        return ProgressStyle.BAR if drawable else ProgressStyle.PLAIN


@contextlib.contextmanager
def progress_shown(style: ProgressStyle) -> Iterator[Plugin]:
    """Return the plugin that shows the progress of a copy, for as long as the context lasts."""
    match style.resolved():
        case ProgressStyle.BAR:
            from imgcopy_core_stubs.cli._bar import Bar  # noqa: PLC0415  (rich is slow to import)

            with Bar() as bar:
                yield _plugin(bar)
        case ProgressStyle.PLAIN:
            yield _plugin(PlainProgress())
        case ProgressStyle.JSON:
            yield _plugin(JsonProgress())
        case _:
            yield Plugin(name="progress")


class _Hooks:
    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    @hookimpl
    def imgcopy_observe_copy(self) -> Observer:
        return self.observer


def _plugin(observer: Observer) -> Plugin:
    return Plugin(name="progress", hooks=PluginHooks(_Hooks(observer)))


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
