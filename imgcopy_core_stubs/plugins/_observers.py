"""The observers that plugins give to a copy, each kept from spoiling it."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from imgcopy_core_stubs.errors import PluginError
from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.plugins._faults import blaming, failure
from imgcopy_core_stubs.plugins._loading import Plugin

if TYPE_CHECKING:
    from imgcopy_core_stubs.events import Event


def observers_of(
    plugins: Iterable[Plugin],
    source: str,
    destination: str,
    report: Callable[[PluginError], object],
) -> tuple[Observer, ...]:
    """Ask plugins for their observers of a copy.

    Args:
        plugins: The plugins; of those that did not load there is nothing to ask.
        source: The copy's source, for the hook.
        destination: The copy's destination, for the hook.
        report: Called once for each plugin whose hook or observer fails.

    Returns:
        Observers that never raise, except Ctrl-C.
    """
    observers = []
    for plugin in plugins:
        if plugin.hooks is None:
            continue
        try:
            with blaming(plugin.label, "failed to observe the copy"):
                observer = plugin.hooks.observer(source, destination)
        except PluginError as error:
            report(error)
        else:
            if observer is not None:
                observers.append(_IsolatedObserver(plugin.label, observer, report))
    return tuple(observers)


class _IsolatedObserver:
    """A plugin's observer, which is not called again once it has raised."""

    def __init__(
        self, label: str, observer: Observer, report: Callable[[PluginError], object]
    ) -> None:
        self._label = label
        self._observer: Observer | None = observer
        self._report = report

    def __call__(self, event: "Event") -> None:
        if self._observer is None:
            return
        try:
            self._observer(event)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  (a plugin may even raise SystemExit)
            self._observer = None
            doing = f"its observer failed at {type(event).__name__} and is not called again"
            self._report(failure(self._label, doing, error))
