"""`python -m imgcopy_core_stubs` is `imgcopy`."""

from imgcopy_core_stubs.cli import main

main()
