import json
import re

import pytest

from tests.core.cli.distributions import Distributions
from tests.core.cli.running import Runner

MEMORY = """
    from tests.core.memory_transport import MemoryImage

    class Memory(Transport):
        scheme = "memory"

        def parse_reference(self, text):
            return MemoryImage(text)
"""


@pytest.fixture
def plugins(distributions: Distributions) -> Distributions:
    distributions.install_hook("memory", "return [Memory()]", setup=MEMORY, version="2.5")
    distributions.install("broken", "raise ValueError('out of\\norder')")
    distributions.install("unwanted", "raise SystemExit")
    return distributions


def test_the_transports_that_can_be_used(run: Runner, plugins: Distributions) -> None:
    result = run("transports")

    assert result.stdout == b"dir\ndocker-archive\nmemory\noci\n"


def test_the_table_of_plugins(
    run: Runner, plugins: Distributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGCOPY_DISABLE_PLUGINS", "unwanted")

    result = run("plugins")

    assert (result.code, result.stderr) == (0, "")
    rows = [re.split("  +", line) for line in result.stdout.decode().splitlines()]
    assert rows == [
        ["NAME", "DISTRIBUTION", "VERSION", "SCHEMES", "STATUS", "ERROR"],
        ["built-in", "-", "-", "dir, oci", "loaded", "-"],
        [
            "broken",
            "imgcopy-broken",
            "1.0",
            "-",
            "failed",
            'failed to load: ValueError "out of\\norder"',
        ],
        ["docker-archive", "imgcopy-docker-archive", "0.1.0", "docker-archive", "loaded", "-"],
        ["memory", "imgcopy-memory", "2.5", "memory", "loaded", "-"],
        ["unwanted", "imgcopy-unwanted", "1.0", "-", "disabled", "-"],
    ]


def test_the_list_of_plugins(run: Runner, plugins: Distributions) -> None:
    result = run("plugins", "--json")

    by_name = {plugin["name"]: plugin for plugin in json.loads(result.stdout)}
    assert list(by_name) == ["built-in", "broken", "docker-archive", "memory", "unwanted"]
    assert by_name["memory"] == {
        "name": "memory",
        "distribution": "imgcopy-memory",
        "version": "2.5",
        "schemes": ["memory"],
        "status": "loaded",
        "error": None,
        "traceback": None,
    }
    assert by_name["broken"]["status"] == "failed"
    assert by_name["broken"]["error"] == 'failed to load: ValueError "out of\\norder"'
    assert by_name["broken"]["traceback"].startswith("Traceback (most recent call last):\n")
    assert by_name["built-in"]["schemes"] == ["dir", "oci"]
