"""What the program and its subcommands have in common."""

from typing import Any

import click


class BaseCommand(click.Command):
    """A command whose help may meet a full disk, or a reader that has gone, as its data may."""

    _help_flag: click.Option | None = None

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return `--help`, always the same object.

        click's own looks for a translation of its one line of text at each start; finding none
        takes longer than parsing the command line.
        """
        if self._help_flag is None:
            self._help_flag = click.Option(
                self.get_help_option_names(ctx),
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_help,
                help="Show this message and exit.",
            )
        return self._help_flag

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """Parse the command line; for `--help`, that prints the help."""
        try:
            return super().make_context(*arguments, **more)
        except OSError as error:  # click would end the program if nobody reads
            from imgcopy_core_stubs.cli.output import STANDARD_OUTPUT  # noqa: PLC0415  (rarely needed)
            from imgcopy_core_stubs.errors import DestinationWriteFailed  # noqa: PLC0415  (likewise)

            raise DestinationWriteFailed(STANDARD_OUTPUT, error) from error


def _show_help(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click's signature)
    del parameter
    if value and not context.resilient_parsing:
        click.echo(context.get_help(), color=context.color)
        context.exit()
