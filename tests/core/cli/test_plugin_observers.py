"""Plugins that observe a copy, as the user sees them."""

import json
from pathlib import Path

import pytest

from tests.core.cli.distributions import Distributions
from tests.core.cli.running import Result, Runner
from tests.core.transports.layouts import LAYER, Image, Layout, described

WATCH = """
    import sys
    from imgcopy_core_stubs import hookimpl

    @hookimpl
    def imgcopy_observe_copy(source, destination):
        print("asked", source.partition(":")[0], destination.partition(":")[0])
        return observe

    def observe(event):
        print(type(event).__name__)
"""
BROKEN = """
    from imgcopy_core_stubs import hookimpl

    @hookimpl
    def imgcopy_observe_copy():
        return observe

    def observe(event):
        if type(event).__name__ != "CopyStarted":
            raise ZeroDivisionError("by\\nzero")
"""


def copy(run: Runner, layout: Layout, tmp_path: Path, *options: str) -> Result:
    return run(*options, "copy", f"oci:{layout.path}:app", f"dir:{tmp_path}/copy")


def test_one_follows_a_copy(
    run: Runner, distributions: Distributions, layout: Layout, tmp_path: Path
) -> None:
    distributions.install("watch", WATCH)

    result = copy(run, layout, tmp_path)

    assert (result.code, result.stdout) == (0, b"")
    *lines, last = result.stderr.splitlines()
    blob = ["BlobStarted", "BlobProgress", "BlobDone"]
    config = ["BlobStarted", "BlobDone"]
    assert lines == ["asked oci dir", "CopyStarted", *blob, *config, "Committed"]
    assert last.startswith("copied ")


def test_one_follows_a_copy_that_fails(
    run: Runner, distributions: Distributions, layout: Layout, tmp_path: Path
) -> None:
    distributions.install("watch", WATCH)
    layout.file(described(Image("app").layer, LAYER)).write_bytes(b"other")

    result = copy(run, layout, tmp_path)

    assert result.code == 3
    *_, last, error = result.stderr.splitlines()
    assert last == "CopyFailed"
    assert error.startswith("imgcopy: error: ")


def test_a_broken_one_costs_one_line(
    run: Runner, distributions: Distributions, layout: Layout, tmp_path: Path
) -> None:
    distributions.install("broken", BROKEN)

    result = copy(run, layout, tmp_path)

    assert result.code == 0
    warning, copied = result.stderr.splitlines()
    assert warning == (
        'imgcopy: warning: plugin "broken (imgcopy-broken 1.0)": its observer failed at '
        'BlobStarted and is not called again: ZeroDivisionError "by\\nzero"'
    )
    assert copied.startswith("copied ")
    assert (tmp_path / "copy" / "manifest.json").exists()


def test_debug_shows_where_one_is_broken(
    run: Runner, distributions: Distributions, layout: Layout, tmp_path: Path
) -> None:
    distributions.install("broken", BROKEN)

    result = copy(run, layout, tmp_path, "--debug")

    assert result.code == 0
    assert result.stderr.count("Traceback (most recent call last):") == 1
    assert "imgcopy_broken.py" in result.stderr


@pytest.mark.parametrize("options", [["--progress=json"], ["--progress=json", "--no-plugins"]])
def test_the_commands_own_progress_is_there_with_and_without_plugins(
    run: Runner, distributions: Distributions, layout: Layout, tmp_path: Path, options: list[str]
) -> None:
    distributions.install("watch", WATCH)

    result = run("copy", *options, f"oci:{layout.path}:app", f"dir:{tmp_path}/copy")

    lines = result.stderr.splitlines()
    events = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    assert (events[0], events[-1]) == ("copy-started", "committed")
    assert ("Committed" in lines) == ("--no-plugins" not in options)
