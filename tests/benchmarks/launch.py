"""Run one command and measure it from outside: `python -I -S launch.py COMMAND...`.

A process that starts another one hands its own peak memory down: until `exec` the child runs in
the parent's memory (`vfork`) or a copy of it (`fork`), and `ru_maxrss` counts that. Started by the
benchmark, every command would seem to have at least the benchmark's size. So this script stands
between the two. It imports next to nothing, and its own size (about 9 MB) is the least that can be
measured.

The last line of its output: exit status, wall seconds, CPU seconds, peak memory in KiB.
"""

import os
import sys
from time import perf_counter


def main(command: list[str]) -> None:
    """Run `command` to its end, with this process's own input and outputs."""
    start = perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    wall = perf_counter() - start
    cpu = usage.ru_utime + usage.ru_stime
    sys.stdout.write(
        f"\n{os.waitstatus_to_exitcode(status)} {wall:.6f} {cpu:.6f} {usage.ru_maxrss}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
