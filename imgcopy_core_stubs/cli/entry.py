"""Where the program starts and ends: first of all it gets ready to be interrupted."""

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from imgcopy_core_stubs.cli.termination import signals_raise

_OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and exit with the code that it ends with.

    Args:
        arguments: What follows the program's name; None: those of this process.
    """
    _collect_less_garbage()
    with signals_raise() as raise_no_more:
        try:
            # Imported here, because a signal may come while click is imported.
            from imgcopy_core_stubs.cli.program import run  # noqa: PLC0415  (see above)

            status = run(arguments)
            raise_no_more()  # what comes now is too late to interrupt anything
        except KeyboardInterrupt as error:
            from imgcopy_core_stubs.cli.failures import report  # noqa: PLC0415  (rarely needed)

            status = report(error, debug=False)
        _drop_what_cannot_be_written()
        sys.exit(status)


def _collect_less_garbage() -> None:
    """Look for garbage neither during the start, which leaves none, nor at the end.

    That would take as long as copying a small image. (At the end the system takes back everything
    at once; files are closed all the same.)
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)


def _drop_what_cannot_be_written() -> None:
    """Leave nothing in buffers, since the interpreter would fail to write it with exit code 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
