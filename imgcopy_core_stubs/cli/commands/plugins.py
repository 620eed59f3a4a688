"""`imgcopy plugins`: what became of each plugin."""

from collections.abc import Sequence
from typing import Final

import click

from imgcopy_core_stubs.cli.base_command import BaseCommand
from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.output import write_json, write_line
from imgcopy_core_stubs.cli.session import load_wanted_plugins
from imgcopy_core_stubs.plugins import Plugin, TransportRegistry

_HEADINGS: Final = ("NAME", "DISTRIBUTION", "VERSION", "SCHEMES", "STATUS", "ERROR")


@click.command("plugins", cls=BaseCommand, short_help="List the plugins and their state.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, with tracebacks.")
@global_options
def command(*, as_json: bool) -> None:
    """List the plugins: name, distribution, version, schemes, status and error."""
    registry = load_wanted_plugins()
    if as_json:
        _write_json(registry)
    else:
        _write_table([_HEADINGS, *(_row(registry, plugin) for plugin in registry.plugins)])


def _write_json(registry: TransportRegistry) -> None:
    write_json(
        [
            {
                "name": plugin.name,
                "distribution": plugin.distribution or None,
                "version": plugin.version or None,
                "schemes": list(registry.schemes_of(plugin)),
                "status": plugin.status.value,
                "error": plugin.error.problem if plugin.error else None,
                "traceback": plugin.error.details or None if plugin.error else None,
            }
            for plugin in registry.plugins
        ]
    )


def _row(registry: TransportRegistry, plugin: Plugin) -> tuple[str, ...]:
    error = plugin.error.problem if plugin.error else ""
    schemes = ", ".join(registry.schemes_of(plugin))
    cells = (plugin.name, plugin.distribution, plugin.version, schemes, plugin.status.value, error)
    return tuple(cell or "-" for cell in cells)


def _write_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        write_line("  ".join(cells).rstrip())
