"""A plugin's own options: described, and set on the command line, in a file, in the environment."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.cli.distributions import Distributions
from tests.core.cli.layout_plugin import LAYOUT
from tests.core.cli.running import Result, Runner
from tests.core.transports.layouts import Layout

OPTIONS = (
    LAYOUT.replace(
        '        scheme = "fake"\n\n',
        """        scheme = "fake"
        source_options = Reading
        destination_options = Writing

""",
    )
    .replace(
        "open_source(self, options=None):",
        "open_source(self, options=None):\n" + " " * 12 + "print(options)",
    )
    .replace(
        "open_destination(self, options=None):",
        "open_destination(self, options=None):\n" + " " * 12 + "print(options)",
    )
    .replace(
        "    class Passing:",
        """    import enum

    class Mode(enum.Enum):
        FAST = "fast"
        SAFE = "safe"

    def check(self, attribute, value):
        if value > 9:
            raise ValueError("level must be from 0 to 9")
        if value == 7:
            raise KeyError("seven")

    @attrs.frozen
    class Reading:
        cache: str | None = attrs.field(
            default=None, metadata={"help": "where it \\x1b[1mkeeps things"}
        )

    @attrs.frozen
    class Writing:
        mode: Mode = attrs.field(default=Mode.SAFE, metadata={"help": "how it is done"})
        level: int = attrs.field(default=3, validator=check, metadata={"help": "how much"})
        labels: tuple[str, ...] = ()
        sync: bool = True

    class Passing:""",
    )
)


@pytest.fixture
def copy(
    run: Runner, distributions: Distributions, layout: Layout, tmp_path: Path
) -> Callable[..., Result]:
    """Copies from `fake:` to `fake:`, both of which print their options."""
    distributions.install_hook("fake", "return [Fake()]", setup=OPTIONS)

    def copy_app(*options: str) -> Result:
        ends = f"fake:{layout.path}:app", f"fake:{tmp_path}/copy:app"
        return run("copy", "-q", *options, *ends)

    return copy_app


Copy = Callable[..., Result]


class TestSettingThem:
    def opened(self, result: Result) -> list[str]:
        assert result.code == 0, result.stderr
        return result.stderr.splitlines()

    def test_defaults(self, copy: Copy) -> None:
        assert self.opened(copy()) == [
            "Writing(mode=<Mode.SAFE: 'safe'>, level=3, labels=(), sync=True)",
            "Reading(cache=None)",
        ]

    def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
        self, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = tmp_path / "config.toml"
        config.write_text(
            '[transports.fake]\nmode = "fast"\nlevel = 1\nlabels = ["file"]\ncache = "/file"\n'
        )
        monkeypatch.setenv("IMGCOPY_CONFIG", str(config))
        monkeypatch.setenv("IMGCOPY_FAKE_LEVEL", "2")
        monkeypatch.setenv("IMGCOPY_FAKE_LABELS", "one,two")

        options = ("--dest-opt=labels=cli", "--dest-opt", "sync=no", "--src-opt", "cache=/cli")

        assert self.opened(copy(*options)) == [
            "Writing(mode=<Mode.FAST: 'fast'>, level=2, labels=('cli',), sync=False)",
            "Reading(cache='/cli')",
        ]

    @pytest.mark.parametrize(
        ("option", "problem"),
        [
            ("mode=slow", 'option "--dest-opt mode": must be one of fast, safe, not "slow"'),
            (
                "moed=fast",
                'option "--dest-opt moed": unknown for "fake"; it has "mode", "level", "labels"',
            ),
            ("level=10", "level must be from 0 to 9"),
            ("level=high", 'option "--dest-opt level": must be an integer from 0 to '),
            ("sync=maybe", 'option "--dest-opt sync": must be true or false, not "maybe"'),
        ],
    )
    def test_what_is_wrong_is_named_with_the_choices(
        self, copy: Copy, tmp_path: Path, option: str, problem: str
    ) -> None:
        result = copy("--dest-opt", option)

        assert result.code == 2
        assert problem in result.error
        assert not (tmp_path / "copy").exists()

    def test_so_it_is_in_the_file_and_in_the_environment(
        self, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IMGCOPY_FAKE_MODE", "slow")
        expected = 'option "IMGCOPY_FAKE_MODE": must be one of fast, safe, not "slow"'
        assert copy().error == expected

        monkeypatch.delenv("IMGCOPY_FAKE_MODE")
        config = tmp_path / "config.toml"
        config.write_text("[transports.fake]\nlabels = [1]\n")
        monkeypatch.setenv("IMGCOPY_CONFIG", str(config))
        where = f'option "{config} [transports.fake] labels[0]"'
        assert copy().error == f"{where}: must be a string, not 1"

    def test_a_table_of_no_transport_is_an_error_unless_a_plugin_is_missing(
        self,
        run: Runner,
        distributions: Distributions,
        layout: Layout,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        config = tmp_path / "config.toml"
        config.write_text("[transports.fak]\nlevel = 1\n")
        monkeypatch.setenv("IMGCOPY_CONFIG", str(config))
        arguments = ("list-tags", f"oci:{layout.path}")
        distributions.install_hook("fake", "return [Fake()]", setup=OPTIONS)

        result = run(*arguments)
        assert result.code == 2
        assert result.error == (
            f'option "{config} [transports.fak]": there is no such transport; '
            'there are "dir", "docker-archive", "fake", "oci"'
        )
        assert run("--no-plugins", *arguments).code == 0
        monkeypatch.setenv("IMGCOPY_DISABLE_PLUGINS", "imgcopy-fake")
        assert run(*arguments).code == 0
        monkeypatch.delenv("IMGCOPY_DISABLE_PLUGINS")
        distributions.install("broken", "1 / 0")
        assert run(*arguments).code == 0

    def test_a_validator_that_breaks_is_the_plugins_fault(self, copy: Copy) -> None:
        result = copy("--dest-opt", "level=7")

        assert result.code == 6
        assert result.error == (
            'plugin "fake (imgcopy-fake 1.0)": failed to take its options: KeyError "\'seven\'"'
        )


class TestDescribingThem:
    def test_for_people(self, run: Runner, copy: Copy) -> None:
        result = run("copy", "--help-transport", "fake")

        assert (result.code, result.stderr) == (0, "")
        assert result.stdout.decode().splitlines() == [
            "Options of the transport fake, each given as KEY=VALUE.",
            "",
            "For reading, --src-opt:",
            "  cache=TEXT  where it \\x1b[1mkeeps things",
            "",
            "For writing, --dest-opt:",
            "  mode=fast|safe   how it is done  [default: safe]",
            "  level=INTEGER    how much  [default: 3]",
            "  labels=TEXT      [repeatable]",
            "  sync=true|false  [default: true]",
            "",
            "What is not given there is looked for:",
            "  IMGCOPY_FAKE_CACHE=VALUE  in the environment",
            "  [transports.fake]         in the config file",
        ]

    def test_of_the_transports_that_are_always_there(self, run: Runner) -> None:
        archive = run("copy", "--help-transport=docker-archive:").stdout.decode()
        layout = run("copy", "--help-transport=oci").stdout.decode()

        assert "existing=refuse|replace" in archive
        assert "additional_tags=TEXT" in archive
        assert "  [transports.docker-archive]" in archive
        assert "For reading, --src-opt:\n  none\n" in layout

    def test_for_programs(self, run: Runner, copy: Copy) -> None:
        transports = {one["scheme"]: one for one in json.loads(run("transports", "--json").stdout)}

        assert list(transports) == ["dir", "docker-archive", "fake", "oci"]
        fake = transports["fake"]
        assert fake["source_options"] == [
            {
                "name": "cache",
                "type": "text",
                "choices": None,
                "repeatable": False,
                "default": None,
                "help": "where it \x1b[1mkeeps things",
            }
        ]
        mode, level, labels, sync = fake["destination_options"]
        assert (mode["type"], mode["choices"], mode["default"]) == (
            "choice",
            ["fast", "safe"],
            "safe",
        )
        assert (level["type"], level["choices"], level["default"]) == ("integer", None, 3)
        assert (labels["type"], labels["repeatable"], labels["default"]) == ("text", True, [])
        assert (sync["type"], sync["default"]) == ("boolean", True)
        assert transports["oci"]["source_options"] == []

    def test_of_an_unknown_transport(self, run: Runner) -> None:
        result = run("copy", "--help-transport", "nowhere")

        assert result.code == 2
        assert "known transports: dir, docker-archive, oci" in result.error

    def test_of_a_plugin_that_is_not_wanted(self, run: Runner, copy: Copy) -> None:
        result = run("copy", "--help-transport", "fake", "--no-plugins")

        assert result.code == 2
        assert "is disabled by --no-plugins" in result.error
