"""Plugins of third parties, built, installed beside imgcopy, and used as users use them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.conftest import AlsoInstalled
from tests.plugins.environment import Environment
from tests.plugins.guide import ROOT

pytestmark = pytest.mark.distributions

HELLO = ROOT / "tests/data/hello"
IMAGE = f"oci:{HELLO}:latest"
BROKEN = '"broken (imgcopy-broken 1.0.0)"'
WHY_BROKEN = 'failed to load: ImportError "libexample.so.1: cannot open shared object file"'
CLAIMS_OCI = '"claims-oci (imgcopy-claims-oci 1.0.0)"'
WHY_CONFLICT = 'its transport "oci" is ignored, there is a built-in one'


def plugins_of(environment: Environment) -> dict[str, dict[str, Any]]:
    """What `imgcopy plugins --json` says of each plugin; it must not fail or warn."""
    result = environment.imgcopy("plugins", "--json")
    assert (result.code, result.stderr) == (0, "")
    return {plugin["name"]: plugin for plugin in json.loads(result.stdout)}


class TestMemory:
    """The example, `memory:`."""

    def test_the_wheels_are_what_is_used(self, installed: Environment) -> None:
        (packages,) = installed.directory.glob("lib/*/site-packages")
        for name in ("imgcopy_core_stubs", "imgcopy_memory"):
            result = installed.python("-c", f"import {name}; print({name}.__file__)")
            assert result.stdout.decode() == f"{packages}/{name}/__init__.py\n"

        ours = packages / "imgcopy_core_stubs/transport.py"
        assert ours.read_bytes() == (ROOT / "imgcopy_core_stubs/transport.py").read_bytes()

    def test_it_is_listed(self, installed: Environment) -> None:
        assert plugins_of(installed)["memory"] == {
            "name": "memory",
            "distribution": "imgcopy-memory",
            "version": "1.0.0",
            "schemes": ["memory"],
            "status": "loaded",
            "error": None,
            "traceback": None,
        }

    def test_an_image_there_and_back_is_the_same(
        self, installed: Environment, tmp_path: Path
    ) -> None:
        memory = f"memory:{tmp_path}/images.sqlite:hello"
        for source, destination in (
            (IMAGE, memory),
            (memory, f"docker-archive:{tmp_path}/back.tar:hello:latest"),
            (IMAGE, f"docker-archive:{tmp_path}/direct.tar:hello:latest"),
        ):
            result = installed.imgcopy("copy", "--quiet", source, destination)
            assert (result.code, result.stderr) == (0, "")

        assert (tmp_path / "back.tar").read_bytes() == (tmp_path / "direct.tar").read_bytes()
        with closing(sqlite3.connect(tmp_path / "images.sqlite")) as store:
            stored = dict(store.execute("SELECT digest, content FROM blob").fetchall())
            stored |= dict(store.execute("SELECT 'sha256:' || ?, manifest FROM image", (top(),)))
        assert stored == {
            f"sha256:{file.name}": file.read_bytes() for file in HELLO.glob("blobs/sha256/*")
        }

    def test_its_option_is_an_option_of_the_command(
        self, installed: Environment, tmp_path: Path
    ) -> None:
        def copy(*options: str) -> tuple[int, list[str]]:
            memory = f"memory:{tmp_path}/images.sqlite:hello"
            result = installed.imgcopy("copy", *options, IMAGE, memory)
            return result.code, result.errors

        assert copy() == (0, [])
        code, errors = copy()
        assert (code, len(errors)) == (5, 1)
        assert errors[0].endswith(':hello" already exists (add --overwrite to replace it)')
        assert copy("--dest-opt", "existing=replace") == (0, [])
        assert copy("--overwrite") == (0, [])
        assert copy("--dest-opt", "existing=perhaps") == (
            2,
            ['option "--dest-opt existing": must be one of refuse, replace, not "perhaps"'],
        )


class TestBroken:
    """One that raises when it is imported."""

    @pytest.fixture
    def environment(self, also_installed: AlsoInstalled) -> Environment:
        return also_installed("imgcopy_broken")

    def test_it_costs_one_warning_line(self, environment: Environment, tmp_path: Path) -> None:
        memory = f"memory:{tmp_path}/images.sqlite:hello"
        for source, destination in (
            (IMAGE, memory),
            (memory, f"docker-archive:{tmp_path}/hello.tar:hello:latest"),
            (f"docker-archive:{tmp_path}/hello.tar", f"dir:{tmp_path}/hello"),
        ):
            result = environment.imgcopy("copy", "--quiet", source, destination)
            assert (result.code, result.stdout) == (0, b"")
            assert result.stderr == f"imgcopy: warning: plugin {BROKEN}: {WHY_BROKEN}\n"

    def test_it_is_listed_with_its_error(self, environment: Environment) -> None:
        plugins = plugins_of(environment)

        broken = plugins.pop("broken")
        assert (broken["status"], broken["error"]) == ("failed", WHY_BROKEN)
        assert broken["traceback"].startswith("Traceback (most recent call last):\n")
        assert "imgcopy_broken/__init__.py" in broken["traceback"]
        assert {plugin["status"] for plugin in plugins.values()} == {"loaded"}

    def test_an_unknown_scheme_may_be_its(self, environment: Environment, tmp_path: Path) -> None:
        result = environment.imgcopy("copy", IMAGE, f"example:{tmp_path}/x")

        assert result.code == 2
        assert len(result.errors) == 1
        assert 'unknown transport "example"' in result.errors[0]
        assert "known transports: dir, docker-archive, memory, oci" in result.errors[0]
        assert f"{BROKEN} {WHY_BROKEN}" in result.errors[0]

    def test_the_version_does_not_import_it(self, environment: Environment) -> None:
        result = environment.imgcopy("--version")

        assert (result.code, result.stderr) == (0, "")

    def test_it_can_be_left_out(self, environment: Environment) -> None:
        result = environment.imgcopy("--no-plugins", "inspect", IMAGE)

        assert (result.code, result.stderr) == (0, "")


class TestClaimingOci:
    """One that claims the scheme of a built-in transport."""

    @pytest.fixture
    def environment(self, also_installed: AlsoInstalled) -> Environment:
        return also_installed("imgcopy_claims_oci")

    def test_oci_stays_the_built_in_one(self, environment: Environment, tmp_path: Path) -> None:
        result = environment.imgcopy("copy", "--quiet", IMAGE, f"oci:{tmp_path}/copy:hello")

        assert (result.code, result.stdout) == (0, b"")
        assert result.stderr == f"imgcopy: warning: plugin {CLAIMS_OCI}: {WHY_CONFLICT}\n"
        assert (tmp_path / "copy/blobs/sha256" / top()).exists()

    def test_the_conflict_is_listed(self, environment: Environment) -> None:
        plugins = plugins_of(environment)

        claiming = plugins["claims-oci"]
        assert (claiming["distribution"], claiming["version"]) == ("imgcopy-claims-oci", "1.0.0")
        assert (claiming["status"], claiming["error"]) == ("conflict", WHY_CONFLICT)
        assert claiming["schemes"] == []
        assert plugins["built-in"]["schemes"] == ["dir", "oci"]

    def test_each_plugin_has_its_own_warning(self, also_installed: AlsoInstalled) -> None:
        environment = also_installed("imgcopy_claims_oci", "imgcopy_broken")

        result = environment.imgcopy("inspect", IMAGE)

        assert result.code == 0
        assert result.warnings == [
            f"plugin {BROKEN}: {WHY_BROKEN}",
            f"plugin {CLAIMS_OCI}: {WHY_CONFLICT}",
        ]


def top() -> str:
    """The digest of the image's manifest, in hex: what the layout's index says."""
    index = json.loads((HELLO / "index.json").read_bytes())
    digest: str = index["manifests"][0]["digest"]
    return digest.removeprefix("sha256:")
