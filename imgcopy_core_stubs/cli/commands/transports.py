"""`imgcopy transports`: what can stand in front of a reference's colon."""

import click

from imgcopy_core_stubs.cli.base_command import BaseCommand
from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.option_help import options_as_json, options_of
from imgcopy_core_stubs.cli.output import write_json, write_line
from imgcopy_core_stubs.cli.session import Direction, load_transports


@click.command("transports", cls=BaseCommand, short_help="List the transports.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, with their options.")
@global_options
def command(*, as_json: bool) -> None:
    """List the transports that can be used, one a line.

    "imgcopy copy --help-transport SCHEME" describes the options of one of them.
    """
    registry = load_transports()
    if as_json:
        write_json(
            [
                {
                    "scheme": scheme,
                    "source_options": options_as_json(
                        options_of(registry, scheme, Direction.SOURCE)
                    ),
                    "destination_options": options_as_json(
                        options_of(registry, scheme, Direction.DESTINATION)
                    ),
                }
                for scheme in registry.schemes
            ]
        )
    else:
        for scheme in registry.schemes:
            write_line(scheme)
