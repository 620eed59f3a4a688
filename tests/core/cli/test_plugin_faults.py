"""What a user sees of a plugin's fault: one line that names the plugin, and exit code 6."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imgcopy_docker_archive.reference import DockerArchiveReference
from tests.core.cli.distributions import Distributions
from tests.core.cli.layout_plugin import LAYOUT
from tests.core.cli.running import Result, Runner
from tests.core.transports.layouts import Layout

BROKEN = LAYOUT.replace(
    """
    def before(operation):
        pass
""",
    """
    def before(operation):
        if operation == OPERATION:
            raise ZeroDivisionError("by zero")
""",
)

Install = Callable[[str], None]


@pytest.fixture
def install(distributions: Distributions) -> Install:
    """Installs the transport `fake:`, which breaks at an operation."""

    def install_plugin(operation: str) -> None:
        setup = BROKEN.replace("OPERATION", repr(operation))
        distributions.install_hook("fake", "return [Fake()]", setup=setup, version="2.0")

    return install_plugin


def assert_fault(result: Result, operation: str) -> None:
    assert result.code == 6
    assert result.stdout == b""
    assert result.error == (
        f'plugin "fake (imgcopy-fake 2.0)": {operation} of "fake" failed: '
        'ZeroDivisionError "by zero"'
    )


def test_the_plugin_works(run: Runner, install: Install, layout: Layout, tmp_path: Path) -> None:
    install("nothing")

    assert run("copy", f"fake:{layout.path}:app", f"fake:{tmp_path}/copy:app").code == 0
    assert run("validate", f"fake:{tmp_path}/copy:app").stdout.startswith(b"PASS: fake:")
    tags = run("list-tags", f"fake:{tmp_path}/copy").stdout
    assert tags == run("list-tags", f"oci:{layout.path}").stdout


@pytest.mark.parametrize("operation", ["open_source", "manifest", "blob", "signatures"])
def test_of_a_source(
    run: Runner, install: Install, layout: Layout, tmp_path: Path, operation: str
) -> None:
    install(operation)

    result = run("copy", f"fake:{layout.path}:app", f"docker-archive:{tmp_path}/app.tar")

    assert_fault(result, operation)
    assert not (tmp_path / "app.tar").exists()


@pytest.mark.parametrize(
    "operation", ["open_destination", "put_blob", "try_reusing_blob", "put_manifest", "commit"]
)
def test_of_a_destination(
    run: Runner, install: Install, layout: Layout, tmp_path: Path, operation: str
) -> None:
    install(operation)

    result = run("copy", f"oci:{layout.path}:app", f"fake:{tmp_path}/copy")

    assert_fault(result, operation)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("command", "operation"),
    [("inspect", "manifest"), ("list-tags", "tags"), ("validate", "blob")],
)
def test_of_the_looking_commands(
    run: Runner, install: Install, layout: Layout, command: str, operation: str
) -> None:
    install(operation)

    assert_fault(run(command, f"fake:{layout.path}:app"), operation)


def test_of_parsing(run: Runner, install: Install) -> None:
    install("parse_reference")

    result = run("inspect", "fake:x")

    assert result.code == 6
    assert result.error == (
        'plugin "fake (imgcopy-fake 2.0)": failed to parse "x": ZeroDivisionError "by zero"'
    )


def test_debug_shows_where(run: Runner, install: Install, layout: Layout) -> None:
    install("manifest")

    result = run("inspect", "--debug", f"fake:{layout.path}:app")

    assert result.code == 6
    assert "imgcopy_fake.py" in result.stderr
    assert "\nZeroDivisionError: by zero\n" in result.stderr


@pytest.mark.parametrize("end", ["source", "destination"])
def test_what_ships_with_imgcopy_has_bugs(
    run: Runner, monkeypatch: pytest.MonkeyPatch, layout: Layout, tmp_path: Path, end: str
) -> None:
    def breaks(*arguments: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(DockerArchiveReference, f"open_{end}", breaks)
    ends = [f"oci:{layout.path}:app", f"docker-archive:{tmp_path}/app.tar"]

    result = run("copy", *(ends if end == "destination" else reversed(ends)))

    assert result.code == 1
    assert result.error.startswith("this is a bug, please report it ")
