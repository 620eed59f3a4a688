"""Where the program starts: first of all it gets ready to be interrupted."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from imgcopy_core_stubs.cli.termination import signals_raise


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and exit with the code that it ends with.

    Args:
        arguments: What follows the program's name; None: those of this process.
    """
    with signals_raise():
        try:
            # Imported here, because a signal may come while click is imported.
            from imgcopy_core_stubs.cli.program import run  # noqa: PLC0415

            status = run(arguments)
        except KeyboardInterrupt as error:
            from imgcopy_core_stubs.cli.failures import report  # noqa: PLC0415  (rarely needed)

            status = report(error, debug=False)
        sys.exit(status)
