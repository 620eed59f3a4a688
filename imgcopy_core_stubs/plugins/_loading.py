"""Plugins: found through entry points, and loaded each on its own.

Whatever one of them does (fail to import, exit, break the contract) stays with it: its error is
kept, with the traceback, and the others are loaded. Nothing here prints.
"""

import contextlib
import sys
from collections.abc import Collection, Iterator
from enum import Enum
from typing import Final

from attrs import evolve, field, frozen

from imgcopy_core_stubs._distribution import DISTRIBUTION
from imgcopy_core_stubs.errors import PluginError
from imgcopy_core_stubs.plugins._distributions import Loader, plugin_distributions
from imgcopy_core_stubs.plugins._faults import blaming, failure
from imgcopy_core_stubs.plugins._hooks import PluginHooks
from imgcopy_core_stubs.transport import Transport
from imgcopy_core_stubs.value import Value

DISABLE_VARIABLE: Final = "IMGCOPY_DISABLE_PLUGINS"
NO_PLUGINS_FLAG: Final = "--no-plugins"


class PluginStatus(Enum):
    """What became of a plugin."""

    LOADED = "loaded"
    CONFLICT = "conflict"
    """It works, but a scheme that it registered is another plugin's too, or a built-in one."""
    FAILED = "failed"
    DISABLED = "disabled"


@frozen(kw_only=True, eq=False, repr=False)
class Plugin(Value):
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
    hooks: PluginHooks | None = field(default=None, repr=False)
    """Its hooks, if it was loaded."""
    error: PluginError | None = None
    """Why it failed, or what it conflicts with. The error's `details` hold the traceback."""
    disabled_by: str = ""
    """What the user disabled it with."""

    @property
    def label(self) -> str:
        """Its name, and its distribution's name and version, for messages."""
        origin = " ".join(filter(None, (self.distribution, self.version)))
        return f"{self.name} ({origin})" if origin else self.name

    @property
    def is_third_party(self) -> bool:
        """Whether it comes in another distribution than imgcopy itself."""
        return self.distribution != DISTRIBUTION


def load_installed(disabled: Collection[str], *, third_party: bool) -> list[Plugin]:
    """Load the plugins of all installed distributions, sorted by name.

    Args:
        disabled: Names of entry points or distributions that are not even imported; `*`: all.
        third_party: Whether to import plugins that do not ship with imgcopy.
    """
    plugins = []
    for plugin, load in sorted(_find(), key=lambda found: found[0].label):
        if load is None:
            plugins.append(plugin)
        elif not {"*", plugin.name, plugin.distribution}.isdisjoint(disabled):
            plugins.append(_disabled(plugin, DISABLE_VARIABLE))
        elif plugin.is_third_party and not third_party:
            plugins.append(_disabled(plugin, NO_PLUGINS_FLAG))
        else:
            plugins.append(_load(plugin, load))
    return plugins


def _disabled(plugin: Plugin, by: str) -> Plugin:
    return evolve(plugin, status=PluginStatus.DISABLED, disabled_by=by)


def _load(plugin: Plugin, load: Loader) -> Plugin:
    try:
        # Standard output belongs to the data that a command prints, be it an archive.
        with blaming(plugin.label, "failed to load"), contextlib.redirect_stdout(sys.stderr):
            hooks = PluginHooks(load())
            return evolve(plugin, hooks=hooks, transports=hooks.transports())
    except PluginError as error:
        return evolve(plugin, status=PluginStatus.FAILED, error=error)


def _find() -> Iterator[tuple[Plugin, Loader | None]]:
    """Find what is installed, and import none of it.

    A distribution whose metadata cannot be read comes as one failed plugin.
    """
    for found in plugin_distributions():
        if found.error is not None:
            problem = failure(found.name, "its metadata cannot be read", found.error)
            yield Plugin(name=found.name, status=PluginStatus.FAILED, error=problem), None
        for name, load in found.entry_points:
            yield Plugin(name=name, distribution=found.name, version=found.version), load
