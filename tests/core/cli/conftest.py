from collections.abc import Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs.cli import main
from imgcopy_core_stubs.standard_output import release_standard_output
from tests.core.cli.distributions import Distributions
from tests.core.cli.running import Result, Runner
from tests.core.transports.layouts import Layout, named


@pytest.fixture
def run(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Runner:
    """Runs the command line in this process, where no config file of this machine's user counts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run_main(*arguments: object) -> Result:
        capfdbinary.readouterr()
        try:
            with pytest.raises(SystemExit) as caught:
                main([str(argument) for argument in arguments])
        finally:
            release_standard_output()
        stdout, stderr = capfdbinary.readouterr()
        code = caught.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, stdout, stderr.decode())

    return run_main


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An image layout with the image `app`."""
    layout = Layout(tmp_path / "layout")
    layout.write_index(named(layout.image("app"), "app"))
    return layout


@pytest.fixture
def distributions(tmp_path: Path) -> Iterator[Distributions]:
    """Plugins that this process finds, until the test ends."""
    installed = Distributions(tmp_path / "site")
    with installed.importable():
        yield installed
