"""The transports of all plugins, and what became of each plugin."""

import contextlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Final

from attrs import evolve

from imgcopy_core_stubs.errors import ImgcopyError, InvalidReference, PluginError, UnknownTransport
from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.plugins import _builtin
from imgcopy_core_stubs.plugins._checks import check_reference
from imgcopy_core_stubs.plugins._faults import blaming
from imgcopy_core_stubs.plugins._hooks import PluginHooks
from imgcopy_core_stubs.plugins._loading import (
    DISABLE_VARIABLE,
    Plugin,
    PluginStatus,
    load_installed,
)
from imgcopy_core_stubs.plugins._observers import observers_of
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import ImageReference, Transport

_RAISE: Final = "IMGCOPY_RAISE_PLUGIN_ERRORS"


def load_plugins(
    environ: Mapping[str, str] = os.environ, *, third_party: bool = True
) -> "TransportRegistry":
    """Load all installed plugins that are not disabled, and return their transports.

    Nothing is printed: what went wrong is in `TransportRegistry.failures`.

    Args:
        environ: The environment. `IMGCOPY_DISABLE_PLUGINS` names plugins, or their distributions,
            that are not even imported (with commas; `*` for all). `IMGCOPY_RAISE_PLUGIN_ERRORS=1`
            makes an error of any failure.
        third_party: Whether to import plugins that do not ship with imgcopy; `--no-plugins` does
            not.

    Raises:
        PluginError: `IMGCOPY_RAISE_PLUGIN_ERRORS` is set, and a plugin failed.
    """
    hooks = PluginHooks(_builtin)
    builtin = Plugin(name="built-in", hooks=hooks, transports=hooks.transports())
    disabled = {name.strip() for name in environ.get(DISABLE_VARIABLE, "").split(",")}
    registry = TransportRegistry(builtin, load_installed(disabled, third_party=third_party))
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
        own = plugin.transports
        return tuple(found.scheme for found in usable if any(found is one for one in own))

    def transport(self, scheme: str) -> Transport:
        """Return the transport of a scheme, as its plugin registered it.

        Raises:
            UnknownTransport: Nothing has this scheme; the error says which plugins did not load.
            PluginError: Two plugins claim the scheme.
        """
        return self._find(f"{scheme}:", scheme)

    def parse_reference(self, text: str) -> ImageReference:
        """Parse `SCHEME:REFERENCE`.

        A third party's reference comes in a guard: whatever its plugin does wrong, when it parses
        and later, raises a `PluginError` that names the plugin.

        Raises:
            InvalidReference: The text is malformed.
            UnknownTransport: Nothing has this scheme; the error says which plugins did not load.
            PluginError: Two plugins claim the scheme, or its plugin breaks the contract.
        """
        if not text:
            raise InvalidReference(text, "it is empty")
        scheme, colon, rest = text.partition(":")
        transport = self._find(text, scheme if colon else "")
        owner = self._third_party(scheme)
        try:
            if owner is None:
                return transport.parse_reference(rest)
            with self.blaming(scheme, f"failed to parse {quote(rest)}"):
                reference = check_reference(transport.parse_reference(rest), scheme)
        except InvalidReference as error:
            if rest:
                raise
            raise InvalidReference(text, error.problem) from None  # "" would not tell which one
        from imgcopy_core_stubs.plugins._guard import guarded  # noqa: PLC0415  (for third parties)

        return guarded(reference, owner.label)

    def blaming(self, scheme: str, doing: str) -> AbstractContextManager[None]:
        """Blame the plugin of a scheme for what is raised in the context.

        Errors of imgcopy and Ctrl-C pass, and so does everything if it is no third party's plugin:
        then it is a bug.

        Args:
            scheme: A scheme that can be used.
            doing: What failed, if something does.

        Raises:
            PluginError: Something else was raised, by a third party's code.
        """
        owner = self._third_party(scheme)
        return blaming(owner.label, doing, ImgcopyError) if owner else contextlib.nullcontext()

    def observers(
        self,
        source: ImageReference,
        destination: ImageReference,
        *,
        report: Callable[[PluginError], object],
        more: Iterable[Plugin] = (),
    ) -> tuple[Observer, ...]:
        """Ask all plugins for their observers of a copy, to be passed to `copy_image`.

        Args:
            source: The image that will be copied.
            destination: Where it goes.
            report: Called, during the copy too, with the failure of a plugin's hook or observer.
                That observer is not called again, and the copy goes on.
            more: The program's own plugins, asked like the others.
        """
        plugins = (*self.plugins, *more)
        names = [f"{reference.scheme}:{reference}" for reference in (source, destination)]
        return observers_of(plugins, names[0], names[1], report)

    def _find(self, text: str, scheme: str) -> Transport:
        if scheme in self._builtin:
            return self._builtin[scheme]
        if scheme in self._owners:
            return self._owners[scheme][1]
        if scheme in self._refused:
            raise self._refused[scheme]
        raise UnknownTransport(text, scheme, self.schemes, self._not_loaded())

    def _third_party(self, scheme: str) -> Plugin | None:
        if scheme in self._builtin or scheme not in self._owners:
            return None
        plugin, _ = self._owners[scheme]
        return plugin if plugin.is_third_party else None

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
                    f"used from none of them; disable all but one with {DISABLE_VARIABLE}"
                )
                self._refused[scheme] = PluginError(labels[0], problem)
                conflicts.append((self._refused[scheme], labels))
            else:
                self._owners[scheme] = claimants[0]
        return conflicts

    def _not_loaded(self) -> tuple[str, ...]:
        disabled = (
            f"{quote(plugin.label)} is disabled by {plugin.disabled_by}"
            for plugin in self.plugins
            if plugin.status is PluginStatus.DISABLED
        )
        failed = (f"{quote(failure.plugin)} {failure.problem}" for failure in self.failures)
        return (*failed, *disabled)
