"""Daemons that a test session starts for itself: ready when handed out, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.peers.tools import Tool, need_root, program, unavailable

START_SECONDS = 90.0
STOP_SECONDS = 30.0

_ANSWERS = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])"


@contextmanager
def short_directory() -> Iterator[Path]:
    """A temporary directory whose path leaves room for sockets, which may have 108 bytes.

    What was mounted below it is unmounted before it is removed.
    """
    home = Path(tempfile.mkdtemp(prefix="ic", dir="/tmp"))
    try:
        yield home
    finally:
        for mounted in reversed(_mount_points_below(home)):
            subprocess.run(["umount", "-l", mounted], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def docker_daemon() -> Iterator[Tool]:
    """A dockerd with the vfs driver and no network, and the client that speaks to it."""
    need_root()
    with short_directory() as home:
        socket = f"unix://{home}/s"
        client = Tool(
            (program("docker"),),
            {"DOCKER_HOST": socket, "DOCKER_CONFIG": f"{home}/client", "DOCKER_BUILDKIT": "0"},
        )
        daemon = [
            *(program("dockerd"), "--host", socket, "--pidfile", f"{home}/pid"),
            *("--data-root", f"{home}/data", "--exec-root", f"{home}/exec"),
            *("--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"),
        ]
        try:
            with _serving(daemon, [*client.command, "version"], client.environment, home / "log"):
                yield client
        finally:
            # dockerd ends the containerd it started, unless it was killed itself.
            with suppress(FileNotFoundError, ProcessLookupError):
                pid = int((home / "exec/containerd/containerd.pid").read_text())
                os.kill(pid, signal.SIGKILL)


@contextmanager
def containerd_daemon() -> Iterator[Tool]:
    """A containerd of its own, and the ``ctr`` that speaks to it."""
    need_root()
    with short_directory() as home:
        client = Tool((program("ctr"), "--address", f"{home}/s"))
        daemon = [
            *(program("containerd"), "--address", f"{home}/s", "--log-level", "warn"),
            *("--config", "/dev/null", "--root", f"{home}/root", "--state", f"{home}/state"),
        ]
        with _serving(daemon, [*client.command, "version"], {}, home / "log"):
            yield client


@contextmanager
def registry_server() -> Iterator[str]:
    """A docker-registry on a free port of the loopback interface; its host and port."""
    with short_directory() as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        probe.close()
        config = home / "config.yml"
        config.write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {home}/data}}}}\n"
            f"http: {{addr: {address}}}\n"
        )
        ask = [sys.executable, "-c", _ANSWERS, f"http://{address}/v2/"]
        daemon = [program("docker-registry"), "serve", str(config)]
        with _serving(daemon, ask, {}, home / "log"):
            yield address


@contextmanager
def _serving(
    daemon: list[str], probe: list[str], environment: dict[str, str], log: Path
) -> Iterator[None]:
    """Run a daemon for as long as the block lasts; enter it once the probe succeeds."""

    def answers() -> bool:
        environ = os.environ | environment
        return not subprocess.run(probe, check=False, capture_output=True, env=environ).returncode

    with (
        log.open("wb") as output,
        subprocess.Popen(
            daemon, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            if not _comes_up(process, answers):
                last_words = log.read_text(errors="replace")[-2000:]
                unavailable(f"{daemon[0]} does not start:\n{last_words}")
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _comes_up(process: subprocess.Popen[bytes], answers: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers():
            return True
        time.sleep(0.1)
    return False


def _mount_points_below(directory: Path) -> list[str]:
    """Mount points below a directory, in the order in which they were mounted."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return []
    points = [line.split()[1] for line in mounts.read_text().splitlines()]
    return [point for point in points if point.startswith(f"{directory}/")]
