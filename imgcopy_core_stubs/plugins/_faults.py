"""Whose fault it is: whatever a plugin does wrong becomes an error that names the plugin."""

import contextlib
from collections.abc import Iterator
from typing import Final

from imgcopy_core_stubs.errors import PluginError
from imgcopy_core_stubs.plugins._checks import BrokenContractError
from imgcopy_core_stubs.quoting import quote

_MESSAGE_LIMIT: Final = 300
"""How many characters of a foreign exception's text go into a message."""


def failure(label: str, doing: str, error: BaseException) -> PluginError:
    """Return the error that stands for whatever a plugin raised; its cause is `error`.

    Args:
        label: The plugin's label.
        doing: What failed, such as "failed to load".
        error: What the plugin raised.
    """
    import traceback  # noqa: PLC0415  (it is needed for failures only)

    if isinstance(error, BrokenContractError):
        problem = str(error)
    else:
        problem = f"{doing}: {type(error).__name__} {quote(_text_of(error)[:_MESSAGE_LIMIT])}"
    result = PluginError(label, problem, "".join(traceback.format_exception(error)))
    result.__cause__ = error
    return result


@contextlib.contextmanager
def blaming(label: str, doing: str, *passing: type[BaseException]) -> Iterator[None]:
    """Blame the plugin for whatever the context raises, except Ctrl-C.

    Args:
        label: The plugin's label.
        doing: What failed, if something does.
        passing: Exceptions that are not its fault.

    Raises:
        PluginError: The context raised something; that is the error's cause.
    """
    try:
        yield
    except BaseException as error:  # (a plugin may even raise SystemExit)
        if isinstance(error, (KeyboardInterrupt, *passing)):
            raise
        raise failure(label, doing, error) from error


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (a plugin's exception may be broken itself)
        return "(an exception that cannot be printed)"
