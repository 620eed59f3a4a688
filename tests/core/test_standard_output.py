"""Standard output, reserved for data: what else is printed goes to standard error."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest

PRINTING = """
    import os, subprocess, sys, threading, time
    from imgcopy_core_stubs import open_standard_output
    from imgcopy_core_stubs.standard_output import (
        release_standard_output, reserve_standard_output
    )

    def data(text):
        with open_standard_output() as file:
            file.write(text)

    def print_in_every_way():
        print("print", flush=True)
        sys.__stdout__.write("__stdout__\\n")
        sys.__stdout__.flush()
        os.write(1, b"write\\n")
        subprocess.run(["echo", "subprocess"], check=True)
"""
EVERY_WAY = ["print", "__stdout__", "write", "subprocess"]


def run(code: str, redirections: str = "") -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", dedent(PRINTING) + dedent(code)]
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", *program],
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_only_data_goes_there() -> None:
    result = run("""
        reserve_standard_output()
        print_in_every_way()
        data(b"data\\n")
        print_in_every_way()
    """)

    assert result.stdout == "data\n"
    assert result.stderr.split() == EVERY_WAY * 2


def test_it_stays_so_to_the_end_of_the_process() -> None:
    result = run("""
        import atexit
        atexit.register(print_in_every_way)
        reserve_standard_output()
        data(b"data")
        def late():
            time.sleep(0.1)
            print("thread")
        threading.Thread(target=late).start()
    """)

    assert result.stdout == "data"
    assert result.stderr.split() == ["thread", *EVERY_WAY]


def test_what_was_printed_before_is_not_lost() -> None:
    result = run("""
        print("before")
        reserve_standard_output()
        print("after")
    """)

    assert (result.stdout, result.stderr) == ("before\n", "after\n")


def test_twice_is_once_and_it_can_be_undone() -> None:
    result = run("""
        reserve_standard_output()
        reserve_standard_output()
        print("reserved")
        release_standard_output()
        release_standard_output()
        data(b"data\\n")
        print_in_every_way()
    """)

    assert result.stdout.split() == ["data", *EVERY_WAY]
    assert result.stderr == "reserved\n"


def test_a_subprocess_does_not_inherit_it() -> None:
    result = run("""
        reserve_standard_output()
        names = set(os.listdir("/proc/self/fd"))
        code = "import os; print(*os.listdir('/proc/self/fd'), file=open('/dev/stderr', 'w'))"
        subprocess.run([sys.executable, "-c", code], close_fds=False, check=True)
        data(" ".join(names).encode())
    """)

    ours = {name for name in result.stdout.split() if int(name) > 2}
    theirs = {name for name in result.stderr.split() if int(name) > 2}
    assert ours
    # One descriptor is each one's listing of the directory, and one is what is written to.
    assert len(theirs) <= 2


@pytest.mark.parametrize("redirections", [">&-", ">&- 2>&-"])
def test_where_it_is_closed_there_is_nowhere_to_write(redirections: str) -> None:
    result = run(
        """
        reserve_standard_output()
        other = open("/dev/null", "wb")
        try:
            data(b"data")
        except OSError as error:
            os._exit(0 if error.errno == 9 and other.fileno() > 1 else 3)
        os._exit(4)
    """,
        redirections,
    )

    assert result.returncode == 0


def test_without_standard_error_prints_go_nowhere() -> None:
    result = run(
        """
        reserve_standard_output()
        print("print")
        os.write(1, b"write")
        data(b"data")
    """,
        "2>&-",
    )

    assert (result.stdout, result.stderr) == ("data", "")
