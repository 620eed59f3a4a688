"""The options that may be given before or after any command's name: `--debug`, `--no-plugins`."""

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import click

_DEBUG: Final = "imgcopy.debug"
_NO_PLUGINS: Final = "imgcopy.no_plugins"

P = ParamSpec("P")
T = TypeVar("T")


def global_options(function: Callable[P, T]) -> Callable[P, T]:
    """Add the options to a command."""
    with_debug = _flag("--debug", _DEBUG, "Show the traceback of an error.")
    no_plugins = "Do not import plugins other than those that come with imgcopy."
    return with_debug(_flag("--no-plugins", _NO_PLUGINS, no_plugins)(function))


def is_debugging() -> bool:
    """Whether `--debug` was given."""
    return _was_given(_DEBUG)


def wants_third_parties() -> bool:
    """Whether plugins of third parties are wanted: `--no-plugins` was not given."""
    return not _was_given(_NO_PLUGINS)


def _flag(name: str, key: str, explanation: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    def remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click's signature)
        del parameter
        if value:
            context.meta[key] = True  # which a command's context shares with the program's

    return click.option(
        name, is_flag=True, expose_value=False, is_eager=True, callback=remember, help=explanation
    )


def _was_given(key: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(key, False))
