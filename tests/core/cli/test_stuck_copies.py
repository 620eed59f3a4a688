"""A signal ends a copy whose threads are stuck in the operating system."""

import gzip
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.core.cli.distributions import Distributions
from tests.core.cli.running import COMMAND
from tests.core.cli.test_termination import SLOW
from tests.core.transports.layouts import CONFIG, LAYER, MANIFEST, Layout, sha256

# A source whose layers stop coming after some bytes, as those of a file server do that is gone.
STALLED = """
    import os
    from imgcopy_core_stubs import ImageReference, ImageSource, SourceCapabilities
    from imgcopy_core_stubs.transports.oci import OciTransport

    class Stalled(Transport):
        scheme = "stalled"

        def parse_reference(self, text):
            return StalledReference(text)

    class StalledReference(ImageReference):
        scheme = "stalled"

        def __init__(self, path):
            self.layout = path

        def __str__(self):
            return self.layout

        def open_source(self, options=None):
            return StalledSource(OciTransport().parse_reference(self.layout).open_source())

        def open_destination(self, options=None):
            raise AssertionError

    class StalledSource(ImageSource):
        capabilities = SourceCapabilities(parallel_blobs=True)

        def __init__(self, inner):
            self.inner = inner
            self.manifest = inner.manifest
            self.close = inner.close

        def manifest(self, instance_digest=None):
            raise AssertionError

        def blob(self, info):
            stream = self.inner.blob(info)
            return StalledStream(stream) if info.size > 100_000 else stream

        def close(self):
            raise AssertionError

    class StalledStream:
        def __init__(self, inner):
            self.inner = inner
            self.bytes_read = 0

        def read(self, size):
            if self.bytes_read > 20_000:
                os.write(2, b"stalled ")
                os.read(os.pipe()[0], 1)
            chunk = self.inner.read(min(size, 10_000))
            self.bytes_read += len(chunk)
            return chunk

        def close(self):
            self.inner.close()
"""


def start_copy(
    distributions: Distributions, source: str, destination: str, copies: int
) -> "subprocess.Popen[bytes]":
    """Start a copy of so many layers at a time, as a process."""
    return subprocess.Popen(
        [*COMMAND, "copy", "-q", f"--image-parallel-copies={copies}", source, destination],
        env=distributions.environ,
        stderr=subprocess.PIPE,
    )


def end_and_time(process: "subprocess.Popen[bytes]", number: signal.Signals, stalls: int) -> float:
    """Send a signal once so many threads are stalled; return the seconds until the end."""
    assert process.stderr is not None
    said = b""
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    while said.count(b"stalled ") < stalls:
        piece = process.stderr.read(1)
        assert piece, f"it never stalled: {said.decode()}"
        said += piece
    watchdog.cancel()
    time.sleep(0.3)
    begin = time.monotonic()
    process.send_signal(number)
    try:
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert stderr.decode() == f"imgcopy: error: interrupted by {number.name}\n"
    assert process.returncode == 128 + number
    return time.monotonic() - begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("destination", ["dir:{}/new", "oci:{}/new", "docker-archive:{}/new"])
def test_a_source_that_is_stuck_does_not_hold_the_copy(
    *,
    distributions: Distributions,
    tmp_path: Path,
    destination: str,
    compressed: bool,
    copies: int,
    number: signal.Signals,
) -> None:
    distributions.install_hook("stalled", "return [Stalled()]", setup=STALLED)
    layout = layout_of_three_layers(tmp_path, compressed=compressed)
    out = tmp_path / "out"
    out.mkdir()
    copying = start_copy(distributions, f"stalled:{layout.path}", destination.format(out), copies)

    assert end_and_time(copying, number, stalls=copies) < 8  # 2 s, and a slow machine
    assert os.listdir(out) == []


SIZES_UNKNOWN = (
    STALLED.replace("info.size > 100_000", "info.size is None")
    .replace("import os", "import os\n    from attrs import evolve", 1)
    .replace("import ImageReference", "import BlobInfo, ImageReference")
    .replace(
        "            self.close = inner.close\n",
        """
            self.close = inner.close

        def layer_infos_for_copy(self, manifest):
            return [evolve(BlobInfo.of(layer), size=None) for layer in manifest.layers]
""",
    )
)


def test_a_layer_of_unknown_size_that_is_stuck_does_not_hold_the_copy(
    distributions: Distributions, tmp_path: Path
) -> None:
    """Its place in the archive has no end before it is there, and nobody else's begins."""
    distributions.install_hook("stalled", "return [Stalled()]", setup=SIZES_UNKNOWN)
    layout = layout_of_three_layers(tmp_path, compressed=False)
    out = tmp_path / "out"
    out.mkdir()
    copying = start_copy(distributions, f"stalled:{layout.path}", f"docker-archive:{out}/new", 2)

    assert end_and_time(copying, signal.SIGINT, stalls=2) < 8  # 2 s, and a slow machine
    assert os.listdir(out) == []


def layout_of_three_layers(tmp_path: Path, *, compressed: bool) -> Layout:
    layout = Layout(tmp_path / "layout")
    plain = [os.urandom(200_000) for _ in range(3)]
    config = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in plain]},
    }
    manifest = {
        "schemaVersion": 2,
        "config": layout.blob(json.dumps(config).encode(), CONFIG),
        "layers": [
            layout.blob(gzip.compress(layer), LAYER + "+gzip") if compressed else layout.blob(layer)
            for layer in plain
        ],
    }
    layout.write_index(layout.blob(json.dumps(manifest).encode(), MANIFEST))
    return layout


STUCK = (
    SLOW.replace("Capabilities()", "Capabilities(parallel_put_blob=True)")
    .replace('self.write("putting")', 'os.write(2, b"stalled ")')
    .replace("time.sleep(0.1)", "os.read(os.pipe()[0], 1)")
    .replace("import time", "import os, time")
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_destination_that_is_stuck_does_not_hold_the_copy(
    distributions: Distributions, tmp_path: Path, number: signal.Signals
) -> None:
    distributions.install_hook("slow", "return [Slow()]", setup=STUCK)
    layout = Layout(tmp_path / "layout")
    layers = [layout.blob(content) for content in (b"one layer", b"another one")]
    document = {"schemaVersion": 2, "config": layout.blob(b"{}", "x"), "layers": layers}
    layout.write_index(layout.blob(json.dumps(document).encode(), MANIFEST))
    copying = start_copy(distributions, f"oci:{layout.path}", f"slow:{tmp_path}/log", 2)

    assert end_and_time(copying, number, stalls=1) < 8  # 2 s, and a slow machine
    assert (tmp_path / "log").read_text().split() == ["closing", "closed"]
