"""The command `imgcopy`."""

from imgcopy_core_stubs.cli.entry import main

__all__ = ["main"]
