import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs.cli._bar import Bar
from imgcopy_core_stubs.cli._progress_lines import JsonProgress, PlainProgress
from imgcopy_core_stubs.cli._tally import Tally
from imgcopy_core_stubs.cli.progress import ProgressStyle, progress_shown
from imgcopy_core_stubs.cli.termination import Terminated
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.events import (
    BlobDone,
    BlobKind,
    BlobProgress,
    BlobStarted,
    Committed,
    CopyFailed,
    CopyStarted,
    Event,
)
from tests.core.cli.running import COMMAND, ENVIRON
from tests.core.transports.layouts import Image, Layout, sha256

LAYER, OTHER, CONFIG = (Digest("sha256", letter * 64) for letter in "abc")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_tally_counts_what_is_done_and_what_is_on_its_way() -> None:
    tally = Tally()

    def after(event: Event) -> tuple[int, int]:
        tally(event)
        return tally.blobs_done, tally.bytes_done

    assert after(CopyStarted("a", "b", blobs=3, size=1110)) == (0, 0)
    assert after(BlobStarted(LAYER, BlobKind.LAYER, 1000)) == (0, 0)
    assert after(BlobProgress(LAYER, 400)) == (0, 400)
    assert after(BlobProgress(OTHER, 60)) == (0, 460)
    assert after(BlobProgress(LAYER, 900)) == (0, 960)
    assert after(BlobDone(LAYER, BlobKind.LAYER, 1000, reused=False)) == (1, 1060)
    assert after(BlobDone(OTHER, BlobKind.LAYER, None, reused=False)) == (2, 1060)
    assert after(BlobDone(CONFIG, BlobKind.CONFIG, 10, reused=True)) == (3, 1070)
    assert after(CopyStarted("a", "b", blobs=2, size=90)) == (3, 1070)
    assert (tally.blobs, tally.size) == (5, 1200)


def test_plain_progress_is_a_line_every_few_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    show = PlainProgress(interval=5, clock=clock)

    def lines(event: Event, *, after: float = 0) -> list[str]:
        clock.now += after
        show(event)
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err.splitlines()

    assert lines(CopyStarted("oci:a", "dir:b", blobs=3, size=200_000)) == []
    assert lines(BlobStarted(LAYER, BlobKind.LAYER, 150_000)) == []
    assert lines(BlobProgress(LAYER, 10_000), after=4.9) == []
    assert lines(BlobProgress(LAYER, 30_000), after=0.2) == [
        "copied 0 of 3 blobs, 30.0 kB of 200.0 kB (15%)"
    ]
    assert lines(BlobProgress(LAYER, 140_000), after=1) == []
    assert lines(BlobDone(LAYER, BlobKind.LAYER, 150_000, reused=False), after=9) == [
        "copied 1 of 3 blobs, 150.0 kB of 200.0 kB (75%)"
    ]
    assert lines(Committed(LAYER), after=9) == []


def test_plain_progress_without_sizes(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show = PlainProgress(interval=0, clock=clock)

    show(CopyStarted("a", "b", blobs=1, size=0))
    show(BlobProgress(LAYER, 5))

    assert capsys.readouterr().err.rstrip() == "copied 0 of 1 blobs, 5 bytes of 0 bytes"


def test_json_progress_is_an_object_a_line(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    show = JsonProgress(interval=1, clock=clock)

    def shown(event: Event, *, after: float = 0) -> object:
        clock.now += after
        show(event)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == (1 if captured.err else 0)
        return json.loads(captured.err or "null")

    layer = str(LAYER)
    assert shown(CopyStarted("oci:\x1b\u202e", "b", blobs=3, size=20)) == {
        "event": "copy-started",
        "source": "oci:\x1b\u202e",
        "destination": "b",
        "blobs": 3,
        "size": 20,
    }
    assert shown(BlobStarted(LAYER, BlobKind.LAYER, None)) == {
        "event": "blob-started",
        "digest": layer,
        "kind": "layer",
        "size": None,
    }
    assert shown(BlobProgress(LAYER, 1), after=0.9) is None
    assert shown(BlobProgress(OTHER, 1)) is not None
    assert shown(BlobProgress(LAYER, 2), after=0.2) == {
        "event": "blob-progress",
        "digest": layer,
        "bytes_read": 2,
    }
    assert shown(BlobProgress(LAYER, 3), after=0.9) is None
    assert shown(BlobDone(LAYER, BlobKind.LAYER, 3, reused=True)) == {
        "event": "blob-done",
        "digest": layer,
        "kind": "layer",
        "size": 3,
        "reused": True,
    }
    assert shown(Committed(LAYER)) == {"event": "committed", "manifest_digest": layer}
    assert shown(CopyFailed(ValueError("no"))) == {"event": "copy-failed", "error": "no"}
    interrupted = {"event": "copy-failed", "error": "interrupted by SIGTERM"}
    assert shown(CopyFailed(Terminated(signal.SIGTERM))) == interrupted
    nameless = {"event": "copy-failed", "error": "KeyboardInterrupt"}
    assert shown(CopyFailed(KeyboardInterrupt())) == nameless


@pytest.mark.parametrize(
    ("style", "observer"),
    [
        (ProgressStyle.PLAIN, PlainProgress),
        (ProgressStyle.JSON, JsonProgress),
        (ProgressStyle.BAR, Bar),
    ],
)
def test_progress_comes_by_the_hook_of_observers(style: ProgressStyle, observer: type) -> None:
    with progress_shown(style) as plugin:
        assert plugin.hooks is not None
        assert type(plugin.hooks.observer("oci:a", "dir:b")) is observer


def test_where_none_is_shown_there_is_nothing_to_ask_for_observers() -> None:
    with progress_shown(ProgressStyle.NONE) as plugin:
        assert plugin.hooks is None


def test_without_a_terminal_progress_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    assert ProgressStyle.AUTO.resolved() is ProgressStyle.PLAIN
    assert ProgressStyle.BAR.resolved() is ProgressStyle.BAR


class TestOnATerminal:
    @pytest.fixture
    def arguments(self, layout: Layout, tmp_path: Path) -> list[str]:
        return ["copy", f"oci:{layout.path}", f"dir:{tmp_path}/copy"]

    def terminal_output(self, arguments: list[str], **environ: str) -> tuple[int, bytes, str]:
        """Run with a terminal for standard error; return code, output, and what it shows."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", **environ},
        )
        os.close(terminal)
        shown = b"".join(self.chunks(controller))
        stdout, _ = process.communicate(timeout=60)
        os.close(controller)
        return process.returncode, stdout, shown.decode()

    def chunks(self, controller: int) -> Iterator[bytes]:
        deadline = time.monotonic() + 60
        while select.select([controller], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                chunk = os.read(controller, 65536)
            except OSError:  # Linux says so when the other side is closed
                return
            if not chunk:
                return
            yield chunk

    def test_there_is_a_bar_that_goes_away(self, arguments: list[str]) -> None:
        code, stdout, shown = self.terminal_output(arguments)

        assert (code, stdout) == (0, b"")
        assert "image" in shown
        assert "\x1b[" in shown
        last = shown.rstrip().splitlines()[-1]
        assert 'copied "oci:' in last

    def test_no_color_is_honoured(self, arguments: list[str]) -> None:
        _, _, colourful = self.terminal_output(arguments)
        arguments[-1] += "2"
        _, _, plain = self.terminal_output(arguments, NO_COLOR="1")

        assert "\x1b[38;5;" in colourful or "\x1b[3" in colourful
        assert "\x1b[3" not in plain
        assert "image" in plain

    def test_a_dumb_terminal_gets_lines(self, arguments: list[str]) -> None:
        code, _, shown = self.terminal_output(arguments, TERM="dumb")

        assert code == 0
        assert "\x1b" not in shown
        assert shown.startswith('copied "oci:')

    def test_quiet_is_quiet(self, arguments: list[str]) -> None:
        assert self.terminal_output([*arguments, "-q"]) == (0, b"", "")

    def test_an_error_comes_after_the_bar(self, arguments: list[str], layout: Layout) -> None:
        layout.file({"digest": sha256(Image("app").layer)}).write_bytes(b"other")

        code, _, shown = self.terminal_output(arguments)

        assert code == 3
        assert shown.splitlines()[-1].rpartition("\x1b[")[2].endswith("got 5")


@pytest.mark.parametrize("style", ["bar", "plain", "json"])
def test_that_progress_cannot_be_shown_is_no_reason_to_fail(
    layout: Layout, tmp_path: Path, style: str
) -> None:
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            [*COMMAND, "copy", "--progress", style, f"oci:{layout.path}", f"dir:{tmp_path}/copy"],
            stderr=full,
            env=ENVIRON,
            check=False,
        )

    assert process.returncode == 0
    assert (tmp_path / "copy" / "manifest.json").exists()
