"""Virtual environments, and the commands that run in them."""

import os
import subprocess
from pathlib import Path
from typing import Self

from attrs import evolve, frozen


@frozen
class Result:
    """A finished command."""

    command: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: str

    def require_success(self) -> None:
        """Fail the test if the command failed."""
        command = " ".join(self.command)
        assert self.code == 0, f"{command}\n{self.stdout.decode()}\n{self.stderr}"

    @property
    def warnings(self) -> list[str]:
        """What imgcopy warned of."""
        return self._lines_after("imgcopy: warning: ")

    @property
    def errors(self) -> list[str]:
        """The errors of imgcopy."""
        return self._lines_after("imgcopy: error: ")

    @property
    def last_line(self) -> str:
        """The last line on standard error."""
        return (self.stderr.splitlines() or [""])[-1]

    def _lines_after(self, start: str) -> list[str]:
        lines = self.stderr.splitlines()
        return [line.removeprefix(start) for line in lines if line.startswith(start)]


def run(*command: str, environ: dict[str, str], directory: Path) -> Result:
    """Run a command to its end, in a directory."""
    done = subprocess.run(
        command, env=environ, cwd=directory, capture_output=True, check=False, timeout=300
    )
    return Result(command, done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def clean_environ(home: Path) -> dict[str, str]:
    """Return this process's environment without the settings of Python, pytest and imgcopy.

    Args:
        home: A directory to look for configuration files in.
    """
    settings = ("PYTHON", "PYTEST", "IMGCOPY", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    return {**kept, "XDG_CONFIG_HOME": str(home), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@frozen
class Environment:
    """A virtual environment. Commands run where no checkout's modules are found."""

    directory: Path
    environ: dict[str, str]

    def python(self, *arguments: str) -> Result:
        """Run its Python to the end."""
        return self._run("python", *arguments)

    def imgcopy(self, *arguments: str) -> Result:
        """Run the command that pip has installed to its end."""
        return self._run("imgcopy", *arguments)

    def pip_install(self, *arguments: str) -> None:
        """Install something that must not fail."""
        self.python("-m", "pip", "install", "--quiet", *arguments).require_success()

    def with_path(self, *directories: Path) -> Self:
        """Return it with more directories that modules and distributions are found in."""
        path = os.pathsep.join(map(str, directories))
        return evolve(self, environ={**self.environ, "PYTHONPATH": path})

    def _run(self, program: str, *arguments: str) -> Result:
        path = str(self.directory / "bin" / program)
        return run(path, *arguments, environ=self.environ, directory=self.directory)
