"""The transports of all plugins, and what became of each plugin."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve

from imgcopy_core_stubs import _builtin_plugin
from imgcopy_core_stubs._plugin_checks import check_reference
from imgcopy_core_stubs._plugin_loading import (
    Plugin,
    PluginStatus,
    failure,
    load_installed,
    registered_transports,
)
from imgcopy_core_stubs.errors import ImgcopyError, InvalidReference, PluginError, UnknownTransport
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import ImageReference, Transport

__all__ = ["Plugin", "PluginStatus", "TransportRegistry", "load_plugins"]

_DISABLE: Final = "IMGCOPY_DISABLE_PLUGINS"
_RAISE: Final = "IMGCOPY_RAISE_PLUGIN_ERRORS"


def load_plugins(environ: Mapping[str, str] = os.environ) -> "TransportRegistry":
    """Load all installed plugins that are not disabled, and return their transports.

    Nothing is printed: what went wrong is in `TransportRegistry.failures`.

    Args:
        environ: The environment. `IMGCOPY_DISABLE_PLUGINS` names plugins, or their distributions,
            that are not even imported (with commas; `*` for all). `IMGCOPY_RAISE_PLUGIN_ERRORS=1`
            makes an error of any failure.

    Raises:
        PluginError: `IMGCOPY_RAISE_PLUGIN_ERRORS` is set, and a plugin failed.
    """
    builtin = Plugin(name="built-in", transports=registered_transports(_builtin_plugin))
    disabled = {name.strip() for name in environ.get(_DISABLE, "").split(",")}
    registry = TransportRegistry(builtin, load_installed(disabled))
    if registry.failures and environ.get(_RAISE, "") not in ("", "0"):
        raise registry.failures[0]
    return registry


class TransportRegistry:
    """The transports that can be used, by their schemes.

    A scheme that two plugins claim belongs to neither: using it is an error that names both. A
    built-in transport cannot be replaced.

    Args:
        builtin: The plugin of the built-in transports.
        plugins: All others, in any state.

    Attributes:
        plugins: All plugins, the built-in one first. Those with a conflict have that status.
        failures: Everything that went wrong with them, each problem once.
    """

    def __init__(self, builtin: Plugin, plugins: Iterable[Plugin]) -> None:
        plugins = tuple(plugins)
        self._builtin = {transport.scheme: transport for transport in builtin.transports}
        self._owners: dict[str, tuple[Plugin, Transport]] = {}
        self._refused: dict[str, PluginError] = {}
        failed = [plugin.error for plugin in plugins if plugin.error is not None]
        conflicts = self._assign_schemes(plugins)
        errors = {label: error for error, labels in conflicts for label in labels}
        self.failures: tuple[PluginError, ...] = (*failed, *(error for error, _ in conflicts))
        self.plugins: tuple[Plugin, ...] = (
            builtin,
            *(
                evolve(plugin, status=PluginStatus.CONFLICT, error=errors[plugin.label])
                if plugin.label in errors
                else plugin
                for plugin in plugins
            ),
        )

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes that can be used, sorted."""
        return tuple(sorted(self._builtin.keys() | self._owners.keys()))

    def schemes_of(self, plugin: Plugin) -> tuple[str, ...]:
        """The schemes of a plugin that can be used, sorted."""
        usable = [self.transport(scheme) for scheme in self.schemes]
        return tuple(
            transport.scheme
            for transport in usable
            if any(transport is own for own in plugin.transports)
        )

    def transport(self, scheme: str) -> Transport:
        """Return the transport of a scheme that can be used.

        Raises:
            KeyError: There is none.
        """
        return self._builtin[scheme] if scheme in self._builtin else self._owners[scheme][1]

    def parse_reference(self, text: str) -> ImageReference:
        """Parse `SCHEME:REFERENCE`.

        Raises:
            InvalidReference: The text is malformed.
            UnknownTransport: Nothing has this scheme; the error says which plugins did not load.
            PluginError: Two plugins claim the scheme, or its plugin breaks the contract.
        """
        if not text:
            raise InvalidReference(text, "it is empty")
        scheme, colon, rest = text.partition(":")
        if not colon:
            raise UnknownTransport(text, "", self.schemes, self._not_loaded())
        if scheme in self._builtin:
            return self._builtin[scheme].parse_reference(rest)
        if scheme in self._owners:
            return _parse_with_plugin(*self._owners[scheme], rest)
        if scheme in self._refused:
            raise self._refused[scheme]
        raise UnknownTransport(text, scheme, self.schemes, self._not_loaded())

    def _assign_schemes(self, plugins: Iterable[Plugin]) -> list[tuple[PluginError, list[str]]]:
        """Give each scheme to the one plugin that claims it; return the conflicts, and whose."""
        claims: dict[str, list[tuple[Plugin, Transport]]] = defaultdict(list)
        for plugin in plugins:
            for transport in plugin.transports:
                claims[transport.scheme].append((plugin, transport))
        conflicts = []
        for scheme, claimants in claims.items():
            labels = [plugin.label for plugin, _ in claimants]
            if scheme in self._builtin:
                problem = f"its transport {quote(scheme)} is ignored, there is a built-in one"
                conflicts += [(PluginError(label, problem), [label]) for label in labels]
            elif len(claimants) > 1:
                others = " and ".join(quote(label) for label in labels[1:])
                problem = (
                    f"its transport {quote(scheme)} is also registered by {others}, so it can be "
                    f"used from none of them; disable all but one with {_DISABLE}"
                )
                self._refused[scheme] = PluginError(labels[0], problem)
                conflicts.append((self._refused[scheme], labels))
            else:
                self._owners[scheme] = claimants[0]
        return conflicts

    def _not_loaded(self) -> tuple[str, ...]:
        disabled = (
            f"{quote(plugin.label)} is disabled by {_DISABLE}"
            for plugin in self.plugins
            if plugin.status is PluginStatus.DISABLED
        )
        failed = (f"{quote(failure.plugin)} {failure.problem}" for failure in self.failures)
        return (*failed, *disabled)


def _parse_with_plugin(plugin: Plugin, transport: Transport, text: str) -> ImageReference:
    """Parse a reference with code that need not keep the contract."""
    try:
        return check_reference(transport.parse_reference(text), transport.scheme)
    except ImgcopyError:
        raise
    except Exception as error:
        raise failure(plugin.label, f"failed to parse {quote(text)}", error) from error
