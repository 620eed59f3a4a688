import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs.cli.termination import signals_raise
from tests.core.cli.distributions import Distributions
from tests.core.cli.running import COMMAND
from tests.core.transports.layouts import CONFIG, MANIFEST, Layout, sha256

# A transport that writes as `dir:` does, but takes its time: it says so in a file that grows.
SLOW = """
    import time
    from imgcopy_core_stubs import ImageDestination, ImageReference, NoReuse, NoSignatures
    from imgcopy_core_stubs import DestinationCapabilities

    class Slow(Transport):
        scheme = "slow"

        def parse_reference(self, text):
            return SlowReference(text)

    class SlowReference(ImageReference):
        scheme = "slow"

        def __init__(self, path):
            self.log = path

        def __str__(self):
            return self.log

        def open_source(self, options=None):
            raise AssertionError

        def open_destination(self, options=None):
            return SlowDestination(self.log)

    class SlowDestination(NoReuse, NoSignatures, ImageDestination):
        capabilities = DestinationCapabilities()

        def __init__(self, log):
            self.log = log

        def write(self, text):
            with open(self.log, "a") as file:
                file.write(text + " ")

        def put_blob(self, stream, info, *, is_config):
            for _ in range(600):
                self.write("putting")
                time.sleep(0.1)

        def put_manifest(self, manifest, *, instance_digest=None):
            raise AssertionError

        def commit(self):
            raise AssertionError

        def close(self):
            self.write("closing")
            for _ in range(10):
                time.sleep(0.05)
            self.write("closed")
"""


def wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _no_hangup_is_ignored() -> Iterator[None]:
    """A process inherits that it is: the copy would, if these tests run under `nohup`."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, previous)


@pytest.fixture
def slow_copy(distributions: Distributions, layout: Layout, tmp_path: Path) -> list[str]:
    distributions.install_hook("slow", "return [Slow()]", setup=SLOW)
    return [*COMMAND, "copy", f"oci:{layout.path}:app", f"slow:{tmp_path}/log"]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_a_signal_ends_the_copy_after_cleaning_up(
    *,
    slow_copy: list[str],
    distributions: Distributions,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
    again: bool,
) -> None:
    process = subprocess.Popen(
        slow_copy,
        env=distributions.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "log"
    wait_for(log, "putting")
    process.send_signal(number)
    if again:
        wait_for(log, "closing")
        process.send_signal(number)
        process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=30)  # half of what putting takes

    assert process.returncode == code
    assert log.read_text().split()[-2:] == ["closing", "closed"]
    assert (stdout, stderr) == ("", f"imgcopy: error: interrupted by {number.name}\n")


def test_a_signal_leaves_neither_a_fragment_nor_a_changed_place(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    size = 1024**4
    layer = {**layout.blob(b"will be long"), "size": size}
    os.truncate(layout.file(layer), size)  # a sparse file that takes its time to be read
    document = {"schemaVersion": 2, "config": layout.blob(b"{}", "x"), "layers": [layer]}
    layout.write_index(layout.blob(json.dumps(document).encode(), MANIFEST))
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "copy", f"oci:{layout.path}", f"dir:{out}/new"],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not os.listdir(out):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)
    process.terminate()
    _, stderr = process.communicate(timeout=30)

    assert (process.returncode, stderr) == (143, "imgcopy: error: interrupted by SIGTERM\n")
    assert os.listdir(out) == []


def test_a_signal_that_the_parent_ignores_stays_ignored() -> None:
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from imgcopy_core_stubs.cli.termination import signals_raise\n"
        "with signals_raise():\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
        "    print('still here')\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (process.returncode, process.stdout) == (0, "still here\n")


def test_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with signals_raise():
        assert signal.getsignal(signal.SIGTERM) != before[0]

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_reader_that_has_stopped_reading_does_not_hold_the_copy(
    tmp_path: Path, number: signal.Signals
) -> None:
    layout = Layout(tmp_path / "layout")
    layers = [os.urandom(300_000) for _ in range(3)]
    config = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "config": layout.blob(json.dumps(config).encode(), CONFIG),
        "layers": [layout.blob(layer) for layer in layers],
    }
    layout.write_index(layout.blob(json.dumps(manifest).encode(), MANIFEST))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    copying = subprocess.Popen(
        [*COMMAND, "copy", "-q", f"oci:{layout.path}", f"docker-archive:{pipe}"],
        stderr=subprocess.PIPE,
    )
    try:
        with pipe.open("rb") as reader:
            assert reader.read(1)  # and no more: the pipe is full soon
            time.sleep(0.5)
            copying.send_signal(number)
            _, stderr = copying.communicate(timeout=30)
    finally:
        copying.kill()
    assert copying.returncode == 128 + number
    assert stderr.decode() == f"imgcopy: error: interrupted by {number.name}\n"


IN_A_CALLBACK = """
import os, signal, time, weakref
from imgcopy_core_stubs.cli.termination import Terminated, signals_raise

class Thing:
    pass

def callback(reference):
    os.kill(os.getpid(), signal.SIGTERM)

with signals_raise():
    thing = Thing()
    reference = weakref.ref(thing, callback)
    try:
        del thing
        print("went on")
        time.sleep(30)
    except Terminated as error:
        print("ended by", error.signal.name)
"""


def test_a_signal_in_a_callback_ends_the_program_too() -> None:
    result = subprocess.run(
        [sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, check=True
    )

    assert result.stdout == "went on\nended by SIGTERM\n"
    assert result.stderr == ""


AT_THE_END = """
import os, signal, sys
from imgcopy_core_stubs.cli import entry

flush = entry._drop_what_cannot_be_written

def signalled():
    os.kill(os.getpid(), signal.SIGTERM)
    flush()

entry._drop_what_cannot_be_written = signalled
entry.main(["--version"])
"""


def test_a_signal_when_all_is_done_comes_too_late() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("imgcopy ")
    assert (done.returncode, done.stderr) == (0, "")
