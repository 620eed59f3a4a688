"""One run of a whole process: what it took, as the kernel counts it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import field, frozen

from . import launch
from .machine import busy_seconds

# No site and no environment, so that it is as small as can be.
_LAUNCHER = (sys.executable, "-I", "-S", launch.__file__)


class RunFailedError(Exception):
    """A measured command failed, or did not do its work."""


@frozen
class Run:
    """What one process took: wall seconds, CPU seconds of all threads, bytes at its peak."""

    wall: float
    cpu: float
    peak: int
    others: float
    """CPU seconds that all other processes took meanwhile."""
    steps: dict[str, float] = field(factory=dict)
    """Seconds of each of its steps, where it tells them."""


def measured(command: Sequence[str], scratch: Path) -> tuple[Run, str]:
    """Run `command` with `scratch` for its temporary files; what it took, and its output.

    Raises:
        RunFailedError: The command's exit status is not 0; with what it wrote to stderr.
    """
    busy = busy_seconds()
    launched = subprocess.run(
        [*_LAUNCHER, *command],
        env=_environment(scratch),
        capture_output=True,
        text=True,
        check=False,
    )
    busy = busy_seconds() - busy
    if launched.returncode != 0:
        reason = launched.stderr.strip().rpartition("\n")[2]
        raise RunFailedError(f"{command[0]!r} did not start: {reason}")
    output, _, last = launched.stdout.rstrip("\n").rpartition("\n")
    status, wall, cpu, peak = last.split()
    if status != "0":
        raise RunFailedError(
            f"{' '.join(command)!r} ended with status {status}: {launched.stderr.strip()}"
        )
    run = Run(
        wall=float(wall),
        cpu=float(cpu),
        peak=int(peak) * 1024,
        others=max(0.0, busy - float(cpu)),
    )
    return run, output


def _environment(scratch: Path) -> dict[str, str]:
    environment = {**os.environ, "TMPDIR": str(scratch)}
    # A user's Python finds modules compiled: pip does it, or the first run. So do measured runs,
    # whatever this environment says, and the repository stays clean.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(scratch / "bytecode")
    return environment
