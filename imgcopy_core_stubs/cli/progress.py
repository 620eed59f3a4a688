"""How a copy's progress is shown: observers of its events, all of which write to standard error.

They come in by the hook that every plugin's observer comes in by. Each is imported when it is used.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from enum import Enum

from imgcopy_core_stubs.hookspecs import hookimpl
from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.plugins import Plugin
from imgcopy_core_stubs.plugins._hooks import PluginHooks


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
            from imgcopy_core_stubs.cli._bar import Bar  # noqa: PLC0415  (see above)

            with Bar() as bar:
                yield _plugin(bar)
        case ProgressStyle.PLAIN:
            from imgcopy_core_stubs.cli._progress_lines import PlainProgress  # noqa: PLC0415  (as above)

            yield _plugin(PlainProgress())
        case ProgressStyle.JSON:
            from imgcopy_core_stubs.cli._progress_lines import JsonProgress  # noqa: PLC0415  (as above)

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
