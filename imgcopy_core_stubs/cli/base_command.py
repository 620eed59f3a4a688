"""What the program and its subcommands have in common."""

from typing import Any

import click


class BaseCommand(click.Command):
    """A command whose help may meet a full disk, or a reader that has gone, as its data may."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """Parse the command line; for `--help`, that prints the help."""
        try:
            return super().make_context(*arguments, **more)
        except OSError as error:  # click would end the program if nobody reads
            from imgcopy_core_stubs.cli.output import STANDARD_OUTPUT  # noqa: PLC0415  (rarely needed)
            from imgcopy_core_stubs.errors import DestinationWriteFailed  # noqa: PLC0415  (likewise)

            raise DestinationWriteFailed(STANDARD_OUTPUT, error) from error
