"""What every command with a reference starts with: plugins, their warnings, and the settings."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import NamedTuple

import attrs

from imgcopy_core_stubs.cli.config_file import (
    ConfigFile,
    check_schemes,
    given_values,
    preset_values,
    read_config_file,
)
from imgcopy_core_stubs.cli.global_options import is_debugging, wants_third_parties
from imgcopy_core_stubs.cli.messages import say, warn
from imgcopy_core_stubs.errors import InvalidOption, PluginError
from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.plugins import Plugin, TransportRegistry, load_plugins
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.standard_output import reserve_standard_output
from imgcopy_core_stubs.transport import ImageReference, Transport


class Direction(Enum):
    """Which of a transport's two sets of options is meant, and the flag that sets them."""

    SOURCE = "--src-opt"
    DESTINATION = "--dest-opt"

    def options_class(self, transport: Transport) -> type[attrs.AttrsInstance] | None:
        """Return the transport's options class for this direction, if it has one."""
        if self is Direction.SOURCE:
            cls = transport.source_options
        else:
            cls = transport.destination_options
        return cls if cls is not None and attrs.has(cls) else None


class Shorthand(NamedTuple):
    """An option of the command that stands for an option of a transport."""

    flag: str
    """What the user wrote, such as `--overwrite`."""
    name: str
    """The field of the transport's options class."""
    values: tuple[str, ...]
    """The values that it stands for."""
    adds: bool = False
    """The values come on top of those that are given otherwise."""


class Session(NamedTuple):
    """The transports that there are, and what is set for them."""

    registry: TransportRegistry
    config: ConfigFile
    environ: Mapping[str, str]

    @classmethod
    def start(cls) -> "Session":
        """Load the plugins, warn of those that fail, and read the config file.

        Raises:
            PluginError: A plugin failed, and the environment asks for an error.
            InvalidOption: The config file is invalid.
        """
        registry = load_transports()
        config = read_config_file(os.environ)
        if not registry.failures and not any(plugin.disabled_by for plugin in registry.plugins):
            # Otherwise what nothing else knows may be of a plugin that is not there this time.
            check_schemes(config, registry.schemes)
        return cls(registry, config, os.environ)

    def reference(self, text: str) -> ImageReference:
        """Parse a reference, as `TransportRegistry.parse_reference` does."""
        return self.registry.parse_reference(text)

    def accepts(self, reference: ImageReference, direction: Direction, name: str) -> bool:
        """Whether a reference's transport has an option of this name."""
        cls = direction.options_class(self.registry.transport(reference.scheme))
        return cls is not None and name in attrs.fields_dict(cls)

    def options(
        self,
        reference: ImageReference,
        direction: Direction,
        pairs: Iterable[tuple[str, str]],
        shorthands: Sequence[Shorthand] = (),
    ) -> object | None:
        """Return the options to open a reference with: file, environment, command line.

        Args:
            reference: What is opened.
            direction: What for.
            pairs: The command line's `KEY=VALUE`s.
            shorthands: The command line's options that stand for such pairs.

        Raises:
            InvalidOption: One is unknown, does not apply, or has a value that it cannot have.
        """
        transport = self.registry.transport(reference.scheme)
        given = list(pairs)
        named = {key.replace("-", "_") for key, _ in given}
        for shorthand in shorthands:
            if not self.accepts(reference, direction, shorthand.name):
                purpose = "reading" if direction is Direction.SOURCE else "writing"
                problem = (
                    f"the transport {quote(transport.scheme)} has no such option for {purpose}"
                )
                raise InvalidOption(shorthand.flag, problem)
            if shorthand.name in named and not shorthand.adds:
                problem = f"cannot be combined with {direction.value} {shorthand.name}"
                raise InvalidOption(shorthand.flag, problem)
            given += [(shorthand.name, value) for value in shorthand.values]
        with (
            self.registry.blaming(transport.scheme, "failed to take its options"),
            _named_as_written(direction, shorthands),
        ):
            return self._structured(transport, direction, given)

    def observers(
        self, source: ImageReference, destination: ImageReference, own: Plugin
    ) -> tuple[Observer, ...]:
        """Return the observers of a copy: those of all plugins, and of the command's own one."""
        return self.registry.observers(source, destination, report=_warn_of, more=[own])

    def _structured(
        self, transport: Transport, direction: Direction, given: Sequence[tuple[str, str]]
    ) -> object | None:
        cls = direction.options_class(transport)
        values = preset_values(transport, cls, self.config, self.environ, self.registry.schemes)
        values |= given_values(cls, given, flag=direction.value, scheme=transport.scheme)
        try:
            return cls and cls(**values)
        except (TypeError, ValueError) as error:  # of a validator, which may compare options
            raise InvalidOption(direction.value, str(error)) from error


@contextmanager
def _named_as_written(direction: Direction, shorthands: Sequence[Shorthand]) -> Iterator[None]:
    """Let an error name what the user wrote, and not what that stands for."""
    try:
        yield
    except InvalidOption as error:
        for shorthand in shorthands:
            if error.option == f"{direction.value} {shorthand.name}":
                raise InvalidOption(shorthand.flag, error.problem) from None
        raise


def load_transports() -> TransportRegistry:
    """Load the plugins, and warn of those that fail.

    Raises:
        PluginError: A plugin failed, and the environment asks for an error.
    """
    registry = load_wanted_plugins()
    for failure in registry.failures:
        _warn_of(failure)
    return registry


def load_wanted_plugins() -> TransportRegistry:
    """Load the plugins that the user wants; from now on standard output is for data alone.

    Raises:
        PluginError: A plugin failed, and the environment asks for an error.
    """
    reserve_standard_output()
    return load_plugins(os.environ, third_party=wants_third_parties())


def _warn_of(failure: PluginError) -> None:
    if is_debugging():
        for line in failure.details.splitlines():
            say(line)
    warn(failure)
