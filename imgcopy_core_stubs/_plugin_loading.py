"""Plugins: found through entry points, and loaded each on its own.

Whatever one of them does (fail to import, exit, break the contract) stays with it: its error is
kept, with the traceback, and the others are loaded. Nothing here prints.
"""

import contextlib
import re
import sys
import traceback
from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen
from pluggy import PluginManager

from imgcopy_core_stubs import hookspecs
from imgcopy_core_stubs._plugin_checks import BrokenContractError, check_transport
from imgcopy_core_stubs.errors import PluginError
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import Transport

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

_MESSAGE_LIMIT: Final = 300
"""How many characters of a foreign exception's text go into a message."""


class PluginStatus(Enum):
    """What became of a plugin."""

    LOADED = "loaded"
    CONFLICT = "conflict"
    """It works, but a scheme that it registered is another plugin's too, or a built-in one."""
    FAILED = "failed"
    DISABLED = "disabled"


@frozen(kw_only=True)
class Plugin:
    """A plugin, and what became of it."""

    name: str
    """The name of its entry point."""
    distribution: str = ""
    """The distribution that brought it."""
    version: str = ""
    """The distribution's version."""
    status: PluginStatus = PluginStatus.LOADED
    transports: tuple[Transport, ...] = field(default=(), repr=False)
    """What it registered, conflicts or not."""
    error: PluginError | None = None
    """Why it failed, or what it conflicts with. The error's `details` hold the traceback."""

    @property
    def label(self) -> str:
        """Its name, and its distribution's name and version, for messages."""
        origin = " ".join(filter(None, (self.distribution, self.version)))
        return f"{self.name} ({origin})" if origin else self.name


def load_installed(disabled: Collection[str]) -> list[Plugin]:
    """Load the plugins of all installed distributions, sorted by name.

    Args:
        disabled: Names of entry points or distributions that are not even imported; `*`: all.
    """
    plugins = []
    for plugin, entry_point in sorted(_find(), key=lambda found: found[0].label):
        if entry_point is None:
            plugins.append(plugin)
        elif not {"*", plugin.name, plugin.distribution}.isdisjoint(disabled):
            plugins.append(evolve(plugin, status=PluginStatus.DISABLED))
        else:
            plugins.append(_load(plugin, entry_point))
    return plugins


def registered_transports(module: object) -> tuple[Transport, ...]:
    """Return the transports that a plugin's hook registers, each one checked.

    Raises:
        BrokenContractError: The plugin or one of its transports breaks the contract.
        Exception: Whatever the hook raises.
    """
    if module is None:
        raise BrokenContractError("its entry point names None")
    # A manager for each plugin: no plugin's error, or hook wrapper, gets to another one.
    manager = PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    manager.check_pending()
    if not manager.get_hookcallers(module):
        raise BrokenContractError("it implements no hook of imgcopy (mark them with hookimpl)")
    hook = manager.hook.imgcopy_register_transports
    if not hook.get_hookimpls():
        return ()
    results: list[object] = hook()
    if not results:  # pluggy leaves None out
        raise BrokenContractError(f"{hook.name} returned None, not transports")
    (result,) = results
    if not isinstance(result, Iterable):
        raise BrokenContractError(f"{hook.name} returned {_described(result)}, not transports")
    transports = tuple(check_transport(candidate) for candidate in result)
    schemes = [transport.scheme for transport in transports]
    if len(set(schemes)) != len(schemes):
        raise BrokenContractError(f"{hook.name} returned two transports of one scheme")
    return transports


def failure(label: str, doing: str, error: BaseException) -> PluginError:
    """Return the error that stands for whatever a plugin raised; its cause is `error`.

    Args:
        label: The plugin's label.
        doing: What failed, such as "failed to load".
        error: What the plugin raised.
    """
    if isinstance(error, BrokenContractError):
        problem = str(error)
    else:
        problem = f"{doing}: {type(error).__name__} {quote(str(error)[:_MESSAGE_LIMIT])}"
    result = PluginError(label, problem, "".join(traceback.format_exception(error)))
    result.__cause__ = error
    return result


def _load(plugin: Plugin, entry_point: "EntryPoint") -> Plugin:
    try:
        # Standard output belongs to the data that a command prints, be it an archive.
        with contextlib.redirect_stdout(sys.stderr):
            return evolve(plugin, transports=registered_transports(entry_point.load()))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (a plugin may even raise SystemExit)
        problem = failure(plugin.label, "failed to load", error)
        return evolve(plugin, status=PluginStatus.FAILED, error=problem)


def _find() -> "Iterator[tuple[Plugin, EntryPoint | None]]":
    """Find the entry points of all distributions, and import none of them.

    A distribution whose metadata cannot be read comes as one failed plugin.
    """
    import importlib.metadata  # noqa: PLC0415  (slow to import, and needed nowhere else)

    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        if not _mentions_imgcopy(distribution):
            continue
        name = "unknown"
        try:
            name = distribution.metadata["Name"] or name
            version = distribution.version or ""
            entry_points = distribution.entry_points.select(group=hookspecs.PROJECT)
        except Exception as error:  # noqa: BLE001  (importlib.metadata promises nothing here)
            problem = failure(name, "its metadata cannot be read", error)
            yield Plugin(name=name, status=PluginStatus.FAILED, error=problem), None
            continue
        canonical = re.sub(r"[-_.]+", "-", name).lower()
        if canonical in seen:  # the first of two installations is the one that gets imported
            continue
        seen.add(canonical)
        for entry_point in entry_points:
            plugin = Plugin(name=entry_point.name, distribution=name, version=version)
            yield plugin, entry_point


def _mentions_imgcopy(distribution: "Distribution") -> bool:
    with contextlib.suppress(Exception):  # unreadable metadata is no plugin's, as far as we know
        return f"[{hookspecs.PROJECT}]" in (distribution.read_text("entry_points.txt") or "")
    return False


def _described(value: object) -> str:
    return f"an instance of {quote(type(value).__qualname__)}"
