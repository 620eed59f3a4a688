"""The machine's facts that a result depends on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def busy_seconds() -> float:
    """CPU seconds that all processes have used since the machine started; `proc_stat(5)`."""
    first_line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    user, nice, system, _idle, _waiting, *interrupts_and_stolen = map(int, first_line.split()[1:9])
    ticks = user + nice + system + sum(interrupts_and_stolen)
    return ticks / os.sysconf("SC_CLK_TCK")


def file_system(folder: Path) -> str:
    """The type of the file system that `folder` is on (`tmpfs`: in memory); `proc_mounts(5)`."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    holding = [
        (len(point), kind) for point, kind in mounts if folder.resolve().is_relative_to(point)
    ]
    return max(holding)[1] if holding else "unknown"


def inflater() -> str:
    """What inflates gzip here."""
    try:
        return f"isal {version('isal')}"
    except PackageNotFoundError:
        return "zlib"


def description() -> str:
    """The machine in a line."""
    return (
        f"{cores()} cores, {platform.system()} {platform.release()} {platform.machine()}, "
        f"Python {platform.python_version()}, {inflater()}"
    )
