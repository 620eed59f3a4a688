"""What the archive itself makes fast: layers kept as they are, and images appended.

`--preserve-digests` is held against skopeo's conversion of the same image, which is what one has to
do there; appending an image that shares its base against a copy of the archive by the system that
takes the old one's place, and against writing everything anew.
"""

import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from attrs import field, frozen

from .contenders import Imgcopy, Skopeo
from .images import derived_image
from .layout import TAG, Layout
from .measure import Run, RunFailedError, measured
from .targets import Verdict
from .verify import verify_image

_TIMES_SKOPEO = 8.0
_NEW_MB = 10
"""The size of the layer that is appended, unpacked."""


@frozen
class ArchiveRounds:
    """What was measured, as many runs of everyone as there were rounds."""

    layout: Layout
    runs: dict[str, list[Run]] = field(factory=dict)

    def seconds(self, name: str) -> float:
        """The median wall time of one contender."""
        return median(run.wall for run in self.runs[name])

    def verdicts(self) -> list[Verdict]:
        """Hold the ratio to skopeo, round by round, against its target."""
        if "skopeo converts" not in self.runs:
            return []
        pairs = zip(self.runs["skopeo converts"], self.runs["keep digests"], strict=True)
        ratio = median(theirs.wall / ours.wall for theirs, ours in pairs)
        what = "times as fast as skopeo"
        return [Verdict(what, ratio, _TIMES_SKOPEO, ratio >= _TIMES_SKOPEO)]


def run_archive_rounds(
    cache: Path,
    layout: Layout,
    megabytes: int,
    skopeo: str | None,
    scratch: Path,
    rounds: int,
    tell: Callable[[str], None],
) -> ArchiveRounds:
    """Measure `rounds` rounds, after one that warms up and checks every archive.

    Raises:
        RunFailedError: A copy failed, or its archive is wrong.
    """
    derived = derived_image(cache, megabytes, _NEW_MB)
    result = ArchiveRounds(layout)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        base = Path(folder) / "base.tar"
        Imgcopy().copy(layout, base)
        turns: dict[str, Callable[[Path], Run]] = {
            "keep digests": lambda target: _keep(layout, target),
            "append": lambda target: _append(base, derived, target),
            "cp and mv": lambda target: _replace(base, target),
            "write anew": lambda target: Imgcopy().copy(derived, target),
        }
        if skopeo is not None:
            turns["skopeo converts"] = lambda target: Skopeo(skopeo).copy(layout, target)
        result.runs.update({name: [] for name in turns})
        for number in range(rounds + 1):
            tell(f"archives: round {number} of {rounds}" if number else "archives: warm-up")
            in_turn = list(turns.items())
            for name, turn in in_turn[:: -1 if number % 2 else 1]:  # who follows whom matters
                target = Path(folder) / "archive.tar"
                try:
                    run = turn(target)
                    if number == 0:
                        _check(name, target, layout, derived)
                    else:
                        result.runs[name].append(run)
                finally:
                    target.unlink(missing_ok=True)
    return result


def archive_text(rounds: ArchiveRounds) -> str:
    """A line for each contender: the median, the CPU time and the highest peak."""
    lines = [f"archives of the gzip image, {rounds.layout.stored / 1e6:.0f} MB stored, medians"]
    for name, runs in rounds.runs.items():
        cpu, peak = median(run.cpu for run in runs), max(run.peak for run in runs) / 1e6
        lines.append(
            f"  {name:16} {rounds.seconds(name):6.2f} s wall {cpu:6.2f} s CPU {peak:6.1f} MB peak"
        )
    return "\n".join(lines)


def _keep(layout: Layout, target: Path) -> Run:
    command = [sys.executable, "-m", "imgcopy_core_stubs", "copy", "-q", "--preserve-digests"]
    command += [f"oci:{layout.path}:{TAG}", f"docker-archive:{target}:example.com/bench:1"]
    return measured(command, target.parent)[0]


def _settled_copy(base: Path, target: Path) -> None:
    """Copy a file to the disk, so that nobody pays for writing back what came before."""
    shutil.copyfile(base, target)
    os.sync()


def _replace(base: Path, target: Path) -> Run:
    """Put a copy of the archive in the place of another, which is what appending starts from."""
    _settled_copy(base, target)
    command = ["sh", "-c", 'cp "$0" "$1.new" && mv -f "$1.new" "$1"', str(base), str(target)]
    return measured(command, target.parent)[0]


def _append(base: Path, derived: Layout, target: Path) -> Run:
    """Append to a copy of the archive, which is not measured."""
    _settled_copy(base, target)
    command = [sys.executable, "-m", "imgcopy_core_stubs", "copy", "-q", "--append"]
    command += [f"oci:{derived.path}:{TAG}", f"docker-archive:{target}:example.com/derived:1"]
    return measured(command, target.parent)[0]


def _check(name: str, target: Path, layout: Layout, derived: Layout) -> None:
    if name == "keep digests":
        with tarfile.open(target, "r:") as tar:
            names = set(tar.getnames())
        missing = {f"blobs/sha256/{blob}" for blob in layout.blobs} - names
        if missing:
            raise RunFailedError(f"{target.name!r} lacks {missing}")
    elif name == "append":
        verify_image(target, 0, layout)
        verify_image(target, 1, derived)
    else:
        verify_image(target, 0, derived if name == "write anew" else layout)
