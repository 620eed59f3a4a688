"""The program: subcommands that are imported when they are used, and how it ends.

`imgcopy --version` and a mistyped command answer without importing anything but click.
"""

import importlib
from collections.abc import Sequence
from typing import Any, Final

import click

from imgcopy_core_stubs._distribution import DISTRIBUTION
from imgcopy_core_stubs.cli.base_command import BaseCommand
from imgcopy_core_stubs.cli.global_options import global_options, is_debugging

_COMMANDS: Final = {
    "copy": "imgcopy_core_stubs.cli.commands.copy",
    "inspect": "imgcopy_core_stubs.cli.commands.inspect",
    "list-tags": "imgcopy_core_stubs.cli.commands.list_tags",
    "manifest-digest": "imgcopy_core_stubs.cli.commands.manifest_digest",
    "plugins": "imgcopy_core_stubs.cli.commands.plugins",
    "transports": "imgcopy_core_stubs.cli.commands.transports",
    "validate": "imgcopy_core_stubs.cli.commands.validate",
}


class _Program(BaseCommand, click.Group):
    """A group whose subcommands are modules, each with a click command named `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; whatever it raises ends here, as a line and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BaseException as error:  # noqa: BLE001  (Ctrl-C and bugs have their exit codes too)
            from imgcopy_core_stubs.cli.failures import report  # noqa: PLC0415  (as above)

            ctx.exit(report(error, debug=is_debugging()))


def _show_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click's signature)
    del parameter
    if value and not context.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415  (takes long)

        click.echo(f"imgcopy {version(DISTRIBUTION)}")
        context.exit()


@click.command("imgcopy", cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@global_options
def program() -> None:
    """Copy container images between transports, with no daemon and no root.

    An image is written TRANSPORT:REFERENCE; "imgcopy transports" lists the transports.

    \b
    imgcopy copy oci:layout:app docker-archive:app.tar:example.org/app:1.0
    imgcopy inspect docker-archive:app.tar
    """  # noqa: D301  (click keeps the lines after \b as they are)


def run(arguments: Sequence[str] | None) -> int:
    """Run the command line, and return the exit code."""
    try:
        status = program.main(arguments, "imgcopy", standalone_mode=False)
    except (click.ClickException, click.Abort) as error:
        from imgcopy_core_stubs.cli.failures import report_usage  # noqa: PLC0415  (as above)

        return report_usage(error)
    except Exception as error:  # noqa: BLE001  (the help or version could not be printed)
        from imgcopy_core_stubs.cli.failures import report  # noqa: PLC0415  (as above)

        return report(error, debug=False)
    return status or 0
