"""Running the command line, and what comes of it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import frozen

COMMAND = (sys.executable, "-m", "imgcopy_core_stubs")
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""As users have it: Python writes what is printed when a buffer is full, or at the end."""


@frozen
class Result:
    """A finished command."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def error(self) -> str:
        """The error line, where there is nothing else on standard error."""
        assert self.stderr.startswith("imgcopy: error: "), self.stderr
        assert self.stderr.count("\n") == 1, self.stderr
        return self.stderr.removeprefix("imgcopy: error: ").rstrip("\n")


class Runner(Protocol):
    def __call__(self, *arguments: object) -> Result: ...


def run_process(
    *arguments: object, environ: Mapping[str, str] | None = None, **options: Any
) -> Result:
    """Run the command line in a process of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
    process = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env={**ENVIRON, **(environ or {})},
        check=False,
        **options,
    )
    return Result(process.returncode, process.stdout or b"", (process.stderr or b"").decode())
