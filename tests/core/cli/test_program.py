import importlib.metadata
import os
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest

from imgcopy_core_stubs.cli.failures import report
from tests.core.cli.distributions import Distributions
from tests.core.cli.running import COMMAND, ENVIRON, Runner, run_process
from tests.core.transports.layouts import Layout

VERSION = importlib.metadata.version("imgcopy-docker-archive")
HEAVY = ("cattrs", "rich", "tarfile", "pluggy", "urllib3", "imgcopy_docker_archive")
NOT_USED_BY_A_COPY = (
    "backports.zstd",
    "bz2",
    "csv",
    "ctypes",
    "email",
    "importlib.metadata",
    "imgcopy_core_stubs.events",
    "imgcopy_core_stubs.transports.dir.destination",
    "imgcopy_core_stubs.transports.dir.source",
    "imgcopy_core_stubs.transports.oci.destination",
    "imgcopy_docker_archive.writing.oci_writer",
    "imgcopy_docker_archive.reading.reader",
    "locale",
    "lzma",
    "random",
    "rich",
    "secrets",
    "shutil",
    "socket",
    "tarfile",
    "tempfile",
    "traceback",
    "urllib3",
    "zipfile",
)
HELLO = Path(__file__).parents[2] / "data/hello"


class TestStart:
    def test_the_version_imports_nothing_heavy(self, distributions: Distributions) -> None:
        distributions.install("loud", "raise SystemExit('imported')")
        code = (
            "import sys\nfrom imgcopy_core_stubs.cli import main\n"
            "try:\n    main(['--version'])\n"
            f"finally:\n    print([name for name in {HEAVY!r} if name in sys.modules])\n"
            "    print('imgcopy_loud' in sys.modules)"
        )
        process = subprocess.run(
            [sys.executable, "-c", code],
            env=distributions.environ,
            capture_output=True,
            text=True,
            check=False,
        )

        assert process.stderr == ""
        assert process.stdout == f"imgcopy {VERSION}\n[]\nFalse\n"
        assert process.returncode == 0

    def test_a_copy_imports_only_what_it_uses(self, tmp_path: Path) -> None:
        arguments = ["copy", "--quiet", f"oci:{HELLO}", f"docker-archive:{tmp_path}/hello.tar"]
        code = (
            "import sys\nbefore = set(sys.modules)\n"
            "from imgcopy_core_stubs.cli import main\n"
            f"try:\n    main({arguments!r})\n"
            "finally:\n    new = set(sys.modules) - before\n"
            f"    print(sorted(new.intersection({NOT_USED_BY_A_COPY!r})), file=sys.__stderr__)"
        )
        process = subprocess.run(
            [sys.executable, "-c", code], env=ENVIRON, capture_output=True, text=True, check=False
        )

        assert process.stderr == "[]\n"
        assert process.returncode == 0

    def test_a_copy_does_not_look_for_garbage(self, tmp_path: Path) -> None:
        arguments = ["copy", "--quiet", f"oci:{HELLO}", f"docker-archive:{tmp_path}/hello.tar"]
        code = (
            "import atexit, gc, sys\nfrom imgcopy_core_stubs.cli import main\n"
            "def count():\n    return sum(stats['collections'] for stats in gc.get_stats())\n"
            "def tell():\n    print(count() - before, gc.get_freeze_count() > 0, file=sys.stderr)\n"
            f"atexit.register(tell)\nbefore = count()\nmain({arguments!r})"
        )
        process = subprocess.run(
            [sys.executable, "-c", code], env=ENVIRON, capture_output=True, text=True, check=False
        )

        assert process.stderr == "0 True\n"

    def test_the_version_as_a_module(self) -> None:
        result = run_process("--version")

        assert (result.code, result.stdout, result.stderr) == (
            0,
            f"imgcopy {VERSION}\n".encode(),
            "",
        )

    def test_the_help_names_every_command(self, run: Runner) -> None:
        result = run("--help")

        assert (result.code, result.stderr) == (0, "")
        commands = result.stdout.decode().partition("Commands:\n")[2]
        assert [line.split()[0] for line in commands.splitlines()] == [
            "copy",
            "inspect",
            "list-tags",
            "manifest-digest",
            "plugins",
            "transports",
            "validate",
        ]

    @pytest.mark.parametrize(
        "command",
        [
            "copy",
            "inspect",
            "list-tags",
            "manifest-digest",
            "plugins",
            "transports",
            "validate",
        ],
    )
    def test_each_command_has_help(self, run: Runner, command: str) -> None:
        result = run(command, "-h")

        assert (result.code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"Usage: imgcopy {command} ".encode())

    def test_without_a_command_there_is_help(self) -> None:
        result = run_process()

        assert b"Commands:" in result.stdout + result.stderr.encode()
        assert "Traceback" not in result.stderr

    def test_completion_comes_with_click(self) -> None:
        environ = {
            "_IMGCOPY_COMPLETE": "bash_complete",
            "COMP_WORDS": "imgcopy man",
            "COMP_CWORD": "1",
        }

        result = run_process(environ=environ)

        assert (result.code, result.stdout) == (0, b"plain,manifest-digest\n")


class TestUsageErrors:
    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["cpoy"], "No such command 'cpoy' (see \"imgcopy --help\")"),
            (["copy"], "Missing argument 'DESTINATION' (see \"imgcopy copy --help\")"),
            (["copy", "oci:a"], 'a SOURCE or a DESTINATION, beside "oci:a" (see "imgcopy copy'),
            (
                ["inspect", "oci:a", "c"],
                'Got unexpected extra argument (c) (see "imgcopy inspect',
            ),
            (["inspect", "oci:a", "\x1b[31m"], "Got unexpected extra argument (\\x1b[31m)"),
            (["--nonsense"], "No such option"),
            (
                ["copy", "--multi-arch", "some", "oci:a", "oci:b"],
                "'--multi-arch': 'some' is not one",
            ),
            (["copy", "-f", "v2s1", "oci:a", "oci:b"], "'v2s1' is not one of 'oci', 'v2s2'"),
            (["copy", "--image-parallel-copies", "0", "oci:a", "oci:b"], "0 is not in the range"),
            (["copy", "--platform", "linux", "oci:a", "oci:b"], '"linux" must be OS/ARCHITECTURE'),
            (["copy", "--max-layer-size", "1XB", "oci:a", "oci:b"], '"1XB" is not a size'),
            (["copy", "--dest-opt", "layout", "oci:a", "oci:b"], '"layout" is not KEY=VALUE'),
            (["copy", "--dest-opt", "=x", "oci:a", "oci:b"], '"=x" is not KEY=VALUE'),
            (["inspect", "x\x1b[31m"], 'invalid reference "x\\x1b[31m"'),
            (["inspect", ""], 'invalid reference "": it is empty'),
            (["inspect", "nowhere:x"], "known transports: dir, docker-archive, oci"),
            (["--\x1b[31m"], "No such option"),
        ],
    )
    def test_are_one_line_and_exit_with_2(
        self, run: Runner, arguments: list[str], problem: str
    ) -> None:
        result = run(*arguments)

        assert result.code == 2
        assert problem in result.error
        assert result.error.isprintable()
        assert result.stdout == b""


class TestFailures:
    def test_an_error_exits_with_the_code_of_its_family(self, run: Runner, tmp_path: Path) -> None:
        result = run("inspect", f"oci:{tmp_path}/nowhere")

        assert result.code == 3
        assert result.error == f'"{tmp_path}/nowhere": there is no such directory'

    @pytest.mark.parametrize("arguments", [["--debug", "inspect"], ["inspect", "--debug"]])
    def test_debug_shows_the_traceback_before_it(
        self, run: Runner, tmp_path: Path, arguments: list[str]
    ) -> None:
        result = run(*arguments, f"oci:{tmp_path}/nowhere")

        assert result.code == 3
        lines = result.stderr.splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1] == f'imgcopy: error: "{tmp_path}/nowhere": there is no such directory'

    def test_a_bug_exits_with_1_and_says_so(
        self, run: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def load_wanted_plugins() -> None:
            raise ZeroDivisionError("x\x1b\ny")

        command = "imgcopy_core_stubs.cli.commands.plugins"
        monkeypatch.setattr(f"{command}.load_wanted_plugins", load_wanted_plugins)
        result = run("plugins")

        assert result.code == 1
        assert result.error.startswith("this is a bug, please report it ")
        assert result.error.endswith(
            '(--debug shows the traceback): ZeroDivisionError: "x\\x1b\\ny"'
        )
        assert "Traceback" in run("--debug", "plugins").stderr

    def test_a_bug_is_reported_where_the_project_says(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        metadata = Message()
        metadata["Project-URL"] = "Source, https://example.org/Source"
        metadata["Project-URL"] = "Issues, https://example.org/Issues"
        monkeypatch.setattr("importlib.metadata.metadata", lambda name: metadata)

        assert report(ValueError(), debug=False) == 1
        assert "please report it at https://example.org/Issues (" in capsys.readouterr().err

    def test_a_broken_plugin_costs_one_line(
        self, run: Runner, distributions: Distributions, layout: Layout
    ) -> None:
        distributions.install("broken", "raise ValueError('out of\\norder')")

        result = run("list-tags", f"oci:{layout.path}")

        assert result.code == 0
        assert result.stderr == (
            'imgcopy: warning: plugin "broken (imgcopy-broken 1.0)": '
            'failed to load: ValueError "out of\\norder"\n'
        )
        assert b"app" in result.stdout

    def test_a_broken_plugin_is_an_error_if_asked_for(
        self,
        run: Runner,
        distributions: Distributions,
        layout: Layout,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        distributions.install("broken", "raise ValueError('out of order')")
        monkeypatch.setenv("IMGCOPY_RAISE_PLUGIN_ERRORS", "1")

        result = run("list-tags", f"oci:{layout.path}")

        assert result.code == 6
        assert "out of order" in result.error
        assert "imgcopy_broken.py" in run("--debug", "list-tags", f"oci:{layout.path}").stderr


class TestStandardOutput:
    @pytest.mark.parametrize(
        "command",
        [
            ["transports"],
            ["plugins"],
            ["plugins", "--json"],
            ["--version"],
            ["--help"],
            ["copy", "--help"],
            ["inspect", "-h"],
        ],
    )
    def test_a_full_device(self, command: list[str]) -> None:
        with open("/dev/full", "wb") as full:
            result = run_process(*command, stdout=full)

        assert result.code == 5
        assert result.error == 'cannot write "standard output": No space left on device'

    @pytest.mark.parametrize(
        "command", [["transports"], ["copy", "--help"], ["--help"], ["--version"]]
    )
    def test_nobody_reads(self, command: list[str]) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            result = run_process(*command, stdout=writer)
        finally:
            os.close(writer)

        assert result.code == 5
        assert result.error == 'cannot write "standard output": Broken pipe'

    def test_it_is_closed(self) -> None:
        process = subprocess.run(
            ["/bin/sh", "-c", '"$@" >&-', "sh", *COMMAND, "transports"],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

        assert process.returncode == 5
        assert (
            process.stderr
            == 'imgcopy: error: cannot write "standard output": Bad file descriptor\n'
        )

    def test_standard_error_is_full(self) -> None:
        with open("/dev/full", "wb") as full:
            result = run_process("inspect", "nowhere:x", stderr=full)

        assert (result.code, result.stdout) == (2, b"")

    def test_standard_error_is_closed(self, layout: Layout, tmp_path: Path) -> None:
        destination = f"dir:{tmp_path}/copy"
        process = subprocess.run(
            [
                "/bin/sh",
                "-c",
                '"$@" 2>&-',
                "sh",
                *COMMAND,
                "copy",
                f"oci:{layout.path}",
                destination,
            ],
            stdout=subprocess.PIPE,
            check=False,
        )

        assert (process.returncode, process.stdout) == (0, b"")
        assert (tmp_path / "copy" / "manifest.json").exists()
