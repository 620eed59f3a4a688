"""What plugins print goes to standard error, so that data on standard output is never spoilt."""

import hashlib
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.core.cli.distributions import Distributions
from tests.core.cli.layout_plugin import LAYOUT
from tests.core.cli.running import COMMAND, run_process
from tests.core.transports.layouts import Layout, named

LOUD = LAYOUT.replace(
    """
    def before(operation):
        pass
""",
    """
    import atexit, os, subprocess, sys
    from imgcopy_core_stubs import hookimpl

    def before(operation):
        print(f"printed by {operation}")
        sys.__stdout__.write(f"at length printed by {operation}\\n")
        os.write(1, f"written by {operation}\\n".encode())
        if operation in ("import", "tags", "blob", "put_blob", "exit"):
            subprocess.run(["echo", f"echoed by {operation}"], check=True)

    @hookimpl
    def imgcopy_observe_copy(source, destination):
        before("hook")
        return lambda event: before(type(event).__name__)

    atexit.register(before, "exit")
    before("import")
""",
)


@pytest.fixture
def loud(distributions: Distributions) -> dict[str, str]:
    """The environment of a process that has the plugin."""
    distributions.install_hook("fake", "return [Fake()]", setup=LOUD)
    return distributions.environ


def assert_heard(stderr: str, *operations: str) -> None:
    for operation in ("import", "parse_reference", *operations, "exit"):
        assert f"printed by {operation}\n" in stderr
        assert f"at length printed by {operation}\n" in stderr
        assert f"written by {operation}\n" in stderr
    for operation in {"import", "tags", "blob", "put_blob", "exit"}.intersection(operations):
        assert f"echoed by {operation}\n" in stderr


def test_an_archive_on_standard_output(layout: Layout, loud: dict[str, str]) -> None:
    to = "docker-archive:-:app:1"
    expected = run_process("copy", "-q", f"oci:{layout.path}:app", to)

    result = run_process("copy", "-q", f"fake:{layout.path}:app", to, environ=loud)

    assert result.code == 0
    assert result.stdout == expected.stdout
    assert result.stdout[257:263] == b"ustar\0"
    operations = ("open_source", "manifest", "blob", "hook", "CopyStarted", "Committed")
    assert_heard(result.stderr, *operations)


def test_an_archive_on_a_path_of_standard_output(layout: Layout, loud: dict[str, str]) -> None:
    results = [
        run_process("copy", "-q", f"fake:{layout.path}:app", f"docker-archive:{path}", environ=loud)
        for path in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
    ]

    assert {result.code for result in results} == {0}
    assert len({result.stdout for result in results}) == 1
    assert len(results[0].stdout) > 1024


def test_a_digest_on_standard_output(layout: Layout, loud: dict[str, str], tmp_path: Path) -> None:
    result = run_process(
        "copy",
        *("--digestfile", "/dev/stdout"),
        f"oci:{layout.path}:app",
        f"fake:{tmp_path}/copy:app",
        environ=loud,
    )

    assert result.code == 0
    digest = result.stdout.decode().removeprefix("sha256:")
    manifest = (tmp_path / "copy" / "blobs" / "sha256" / digest).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == digest
    assert_heard(result.stderr, "open_destination", "put_blob", "put_manifest", "commit")


@pytest.mark.parametrize(
    ("command", "operation"),
    [
        (["inspect"], "blob"),
        (["inspect", "--raw"], "manifest"),
        (["inspect", "--config"], "blob"),
        (["list-tags"], "tags"),
    ],
)
def test_the_data_of_the_looking_commands(
    layout: Layout, loud: dict[str, str], command: list[str], operation: str
) -> None:
    layout.write_index(named(layout.image("app"), "app"))
    expected = run_process(*command, f"oci:{layout.path}:app").stdout

    result = run_process(*command, f"fake:{layout.path}:app", environ=loud)

    assert result.code == 0
    assert result.stdout == expected != b""
    assert_heard(result.stderr, operation)


@pytest.mark.parametrize(
    "command", [["plugins", "--json"], ["transports", "--json"], ["copy", "--help-transport=fake"]]
)
def test_what_is_printed_on_import(loud: dict[str, str], command: list[str]) -> None:
    result = run_process(*command, environ=loud)

    assert result.code == 0
    assert b"fake" in result.stdout
    assert b"printed by" not in result.stdout
    assert "echoed by import\n" in result.stderr


@pytest.mark.parametrize(("terminal_for", "code"), [("stdout", 5), ("stderr", 0)])
def test_an_archive_is_not_written_to_a_terminal(
    layout: Layout, terminal_for: str, code: int
) -> None:
    controller, terminal = pty.openpty()
    streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    streams[terminal_for] = terminal
    try:
        result = run_process("copy", "-q", f"oci:{layout.path}:app", "docker-archive:-", **streams)
    finally:
        os.close(terminal)
        os.close(controller)

    assert result.code == code


def test_an_archive_on_a_closed_standard_output(layout: Layout) -> None:
    ends = f"oci:{layout.path}:app", "docker-archive:-"
    process = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *COMMAND, "copy", *ends],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert process.returncode == 5
    assert process.stderr == 'imgcopy: error: cannot write "-": Bad file descriptor\n'
