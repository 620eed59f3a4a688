"""When plugins are imported, and when they are not."""

import json
import subprocess
import sys

import pytest

from tests.core.cli.distributions import Distributions
from tests.core.cli.running import Result, Runner
from tests.core.transports.layouts import Layout

TWENTY = range(20)
LOUD = "raise SystemExit('imported')"


@pytest.fixture
def twenty(distributions: Distributions) -> Distributions:
    """Twenty plugins that cannot be imported without being noticed."""
    for number in TWENTY:
        distributions.install(f"plugin{number}", LOUD)
    return distributions


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        [],
        ["copy", "--help"],
        ["plugins", "--help"],
        ["manifest-digest", "/dev/null"],
        ["cpoy"],
        ["copy", "oci:a"],
    ],
)
def test_what_needs_no_transport_imports_no_plugin(
    twenty: Distributions, arguments: list[str]
) -> None:
    code = (
        "import sys\nfrom imgcopy_core_stubs.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('imgcopy_')])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=twenty.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    modules = process.stdout.splitlines()[-1]
    assert "imgcopy_core_stubs.cli.program" in modules
    assert "imgcopy_plugin" not in modules
    assert "imgcopy_docker_archive" not in modules
    assert "warning" not in process.stderr


def test_what_needs_a_transport_imports_them(
    run: Runner, twenty: Distributions, layout: Layout
) -> None:
    result = run("list-tags", f"oci:{layout.path}")

    assert result.code == 0
    assert result.stderr.count("imgcopy: warning: plugin ") == len(TWENTY)


def without_warnings(result: Result) -> Result:
    assert (result.code, result.stderr) == (0, "")
    return result


class TestNoPlugins:
    @pytest.mark.parametrize("before", [["--no-plugins"], []])
    @pytest.mark.parametrize(
        "command", [["inspect"], ["list-tags"], ["validate"], ["inspect", "--raw"]]
    )
    def test_nothing_of_third_parties_is_imported(
        self,
        run: Runner,
        twenty: Distributions,
        layout: Layout,
        before: list[str],
        command: list[str],
    ) -> None:
        after = [] if before else ["--no-plugins"]

        result = run(*before, *command, *after, f"oci:{layout.path}:app")

        assert without_warnings(result).stdout
        assert not [name for name in sys.modules if name.startswith("imgcopy_plugin")]

    def test_what_comes_with_imgcopy_stays(self, run: Runner, twenty: Distributions) -> None:
        result = run("transports", "--no-plugins")

        assert without_warnings(result).stdout == b"dir\ndocker-archive\noci\n"

    def test_which_is_third_party_is_said(self, run: Runner, twenty: Distributions) -> None:
        plugins = json.loads(without_warnings(run("--no-plugins", "plugins", "--json")).stdout)

        states = {plugin["name"]: plugin["status"] for plugin in plugins}
        assert states == {
            "built-in": "loaded",
            "docker-archive": "loaded",
            **{f"plugin{number}": "disabled" for number in TWENTY},
        }

    def test_an_unknown_transport_may_be_of_one_of_them(
        self, run: Runner, distributions: Distributions
    ) -> None:
        distributions.install("other", LOUD)

        result = run("--no-plugins", "inspect", "other:x")

        assert result.code == 2
        assert result.error.endswith('"other (imgcopy-other 1.0)" is disabled by --no-plugins')

    def test_more_is_disabled_by_the_environment(
        self, run: Runner, twenty: Distributions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IMGCOPY_DISABLE_PLUGINS", "*")

        assert without_warnings(run("transports")).stdout == b"dir\noci\n"
