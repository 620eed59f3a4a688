"""`--help-transport`: the options of a transport, for people and for programs."""

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import click

from imgcopy_core_stubs.cli.config_file import variable_prefix
from imgcopy_core_stubs.cli.output import write_data
from imgcopy_core_stubs.cli.session import Direction, load_transports
from imgcopy_core_stubs.json_values import JsonObject, JsonValue
from imgcopy_core_stubs.option_fields import OptionField, option_fields
from imgcopy_core_stubs.plugins import TransportRegistry
from imgcopy_core_stubs.quoting import printable

_TYPES = {"text": "TEXT", "integer": "INTEGER"}

P = ParamSpec("P")
T = TypeVar("T")


def help_transport_option(function: Callable[P, T]) -> Callable[P, T]:
    """Add `--help-transport`, which describes a transport's options in place of the command."""

    def show(context: click.Context, parameter: click.Parameter, scheme: str | None) -> None:
        del parameter
        if scheme is not None:
            text = transport_help(load_transports(), scheme.removesuffix(":"))
            write_data(text.encode())
            context.exit()

    # Not eager: a command's own arguments are missed later still, and --no-plugins comes before.
    option = click.option(
        "--help-transport",
        metavar="SCHEME",
        expose_value=False,
        callback=show,
        help="Describe the options of a transport, and exit.",
    )
    return option(function)


def transport_help(registry: TransportRegistry, scheme: str) -> str:
    """Describe a transport's options for people.

    Raises:
        UnknownTransport: There is no such transport.
        PluginError: Two plugins claim it, or its plugin breaks the contract.
    """
    formatter = click.HelpFormatter()
    formatter.write_text(f"Options of the transport {scheme}, each given as KEY=VALUE.")
    names = []
    for direction, purpose in ((Direction.SOURCE, "reading"), (Direction.DESTINATION, "writing")):
        options = options_of(registry, scheme, direction)
        names += [option.name for option in options]
        with formatter.section(f"For {purpose}, {direction.value}"):
            formatter.write_dl([_line(option) for option in options] or [("none", "")])
    if names:
        variable = f"{variable_prefix(scheme)}{names[0].upper()}=VALUE"
        table = f"[transports.{scheme}]"
        with formatter.section("What is not given there is looked for"):
            formatter.write_dl([(variable, "in the environment"), (table, "in the config file")])
    return formatter.getvalue()


def options_of(
    registry: TransportRegistry, scheme: str, direction: Direction
) -> tuple[OptionField, ...]:
    """Return the options that a transport has for a direction.

    Raises:
        UnknownTransport: There is no such transport.
        PluginError: Two plugins claim it, or its plugin breaks the contract.
    """
    transport = registry.transport(scheme)
    with registry.blaming(scheme, "failed to describe its options"):
        cls = direction.options_class(transport)
        return () if cls is None else option_fields(cls)


def options_as_json(options: Sequence[OptionField]) -> list[JsonValue]:
    """Describe options for programs."""
    return [_as_json(option) for option in options]


def _as_json(option: OptionField) -> JsonObject:
    return {
        "name": option.name,
        "type": option.type,
        "choices": list(option.choices) or None,
        "repeatable": option.repeatable,
        "default": option.default,
        "help": option.help,
    }


def _line(option: OptionField) -> tuple[str, str]:
    value = "|".join(option.choices) or _TYPES[option.type]
    notes = ["repeatable"] if option.repeatable else []
    if option.default not in (None, "", []):
        notes.append(f"default: {_as_text(option.default)}")
    brackets = f"[{'; '.join(notes)}]" if notes else ""
    explanation = "  ".join(filter(None, (printable(option.help), brackets)))
    return printable(f"{option.name}={value}"), explanation


def _as_text(default: JsonValue) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return printable(", ".join(map(str, default)))
    return printable(default)
