"""`imgcopy transports`: what can stand in front of a reference's colon."""

import click

from imgcopy_core_stubs.cli.debugging import debug_option
from imgcopy_core_stubs.cli.output import write_line
from imgcopy_core_stubs.cli.session import load_transports


@click.command("transports", short_help="List the transports.")
@debug_option
def command() -> None:
    """List the transports that can be used, one a line."""
    for scheme in load_transports().schemes:
        write_line(scheme)
