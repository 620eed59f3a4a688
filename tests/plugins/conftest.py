"""Third parties' plugins, built and installed once for all tests.

The guide is followed in an empty directory, as a new user would; the other tests go on in the
virtual environment that it makes, with the wheel that it builds. The plugins' own tests are not
collected here: the guide runs them.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import frozen

from tests.peers.tools import unavailable
from tests.plugins.environment import Environment, Result, clean_environ, run
from tests.plugins.guide import PLUGINS, ROOT, blocks

Wheels: TypeAlias = Mapping[str, Path]
"""Wheels by the names of their distributions, as files have them."""

AlsoInstalled: TypeAlias = Callable[..., Environment]

collect_ignore_glob = ["imgcopy-*"]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    """The wheels of imgcopy and of the two bad plugins. Without a working pip the test is left."""
    if importlib.util.find_spec("pip") is None:
        unavailable("pip is not installed here")
    directory = tmp_path_factory.mktemp("wheels")
    environ = clean_environ(directory)

    def pip(*arguments: str) -> Result:
        command = (sys.executable, "-m", "pip", *arguments, "--quiet", "--no-deps")
        return run(*command, environ=environ, directory=directory)

    probe = ("--retries=0", "--timeout=15", "--dest=probe", "hatchling>=1.25")
    found = pip("download", *probe)
    if found.code:
        unavailable(f"pip finds no hatchling to build wheels with: {found.last_line}")
    sources = (ROOT, PLUGINS / "imgcopy-broken", PLUGINS / "imgcopy-claims-oci")
    pip("wheel", "--wheel-dir=.", *map(str, sources)).require_success()
    return {wheel.name.partition("-")[0]: wheel for wheel in directory.glob("*.whl")}


@frozen
class Followed:
    """The guide was followed to its end."""

    directory: Path
    environment: Environment
    outputs: list[str]
    """What each block of commands printed."""


@pytest.fixture(scope="session")
def followed(wheels: Wheels, tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """Follow the guide: write each file that it shows, and type its commands."""
    directory = tmp_path_factory.mktemp("guide")
    environ = clean_environ(tmp_path_factory.mktemp("home"))
    links = (str(wheels["imgcopy_docker_archive"].parent), environ.get("PIP_FIND_LINKS", ""))
    typing = {
        **environ,
        "PATH": os.pathsep.join((os.path.dirname(sys.executable), environ["PATH"])),
        "PIP_FIND_LINKS": " ".join(links),
    }
    shutil.copytree(ROOT / "tests/data/hello", directory / "hello")
    outputs = []
    for block in blocks():
        if block.file is not None:
            (directory / block.file).write_text(block.text, encoding="utf-8")
        else:
            result = run("sh", "-euc", block.text, environ=typing, directory=directory)
            result.require_success()
            outputs.append(result.stdout.decode())
    return Followed(directory, Environment(directory / ".venv", environ), outputs)


@pytest.fixture(scope="session")
def installed(followed: Followed) -> Environment:
    """A virtual environment with imgcopy and the guide's wheel."""
    (wheel,) = (followed.directory / "dist").glob("*.whl")
    followed.environment.pip_install("--force-reinstall", "--no-deps", str(wheel))
    return followed.environment


@pytest.fixture(scope="session")
def also_installed(
    installed: Environment, wheels: Wheels, tmp_path_factory: pytest.TempPathFactory
) -> AlsoInstalled:
    """Return the environment with more plugins, in directories that the other tests do not see."""
    directories: dict[str, Path] = {}

    def add(*names: str) -> Environment:
        for name in names:
            if name not in directories:
                directories[name] = tmp_path_factory.mktemp(name)
                target = f"--target={directories[name]}"
                installed.pip_install("--no-deps", target, str(wheels[name]))
        return installed.with_path(*(directories[name] for name in names))

    return add
