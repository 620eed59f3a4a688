"""How a failure is told: one line on standard error, and the exit code of its family."""

import errno
import signal
import traceback
from typing import Final

import click

from imgcopy_core_stubs._distribution import DISTRIBUTION
from imgcopy_core_stubs.cli.messages import complain, say
from imgcopy_core_stubs.cli.termination import Terminated
from imgcopy_core_stubs.errors import ImgcopyError, UsageError
from imgcopy_core_stubs.quoting import quote

_SIGNAL_BASE: Final = 128
"""A shell's exit code for a program that ended by signal N is this plus N."""


def report(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong, and return the exit code.

    Args:
        error: What a command raised.
        debug: Whether to show the traceback first.
    """
    if debug:
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)
    if isinstance(error, KeyboardInterrupt):
        return _report_interruption(error)
    if isinstance(error, ImgcopyError):
        complain(error)
        return error.exit_code
    problem = f"{type(error).__name__}: {quote(error)}"
    if _is_exhausted(error):
        complain(f"this process is allowed no more memory, threads or open files: {problem}")
        return ImgcopyError.exit_code
    complain(f"this is a bug, please report it {_where()} (--debug shows the traceback): {problem}")
    return ImgcopyError.exit_code


def report_usage(error: click.ClickException | click.Abort) -> int:
    """Say what is wrong with a command line, and return the exit code."""
    if isinstance(error, click.Abort):  # a signal came while it was read
        return _report_interruption(error.__cause__)
    if type(error).__name__ == "NoArgsIsHelpError":  # since click 8.2; its message is the help
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "imgcopy"
    complain(f"{error.format_message().rstrip('.')} (see {quote(path + ' --help')})")
    return UsageError.exit_code


def _is_exhausted(error: BaseException) -> bool:
    """Whether an error is that the system gives no more of something."""
    if isinstance(error, OSError):
        return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
    return isinstance(error, MemoryError) or "can't start new thread" in str(error)


def _report_interruption(error: BaseException | None) -> int:
    interruption = error if isinstance(error, Terminated) else Terminated(signal.SIGINT)
    complain(interruption)
    return _SIGNAL_BASE + interruption.signal


def _where() -> str:
    """Name the place where bugs are reported, as the installed distribution has it."""
    import importlib.metadata  # noqa: PLC0415  (slow to import, and needed for bugs only)

    try:
        urls = importlib.metadata.metadata(DISTRIBUTION).get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        urls = []
    for label, _, url in (entry.partition(", ") for entry in urls):
        if label.lower() == "issues":
            return f"at {url}"
    return f"to the maintainers of {DISTRIBUTION}"
