"""`--debug`, which may be given before or after a command's name."""

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import click

_KEY: Final = "imgcopy.debug"

P = ParamSpec("P")
T = TypeVar("T")


def debug_option(function: Callable[P, T]) -> Callable[P, T]:
    """Add the option `--debug` to a command."""
    option = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="Show the traceback of an error.",
    )
    return option(function)


def is_debugging(context: click.Context) -> bool:
    """Whether `--debug` was given."""
    return bool(context.meta.get(_KEY, False))


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click's signature)
    del parameter
    if value:
        context.meta[_KEY] = True
