"""Who copies: imgcopy, skopeo, and the floor that nobody can be faster than."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Protocol

from attrs import evolve, frozen

from . import floor
from .layout import SKOPEO_TAG, TAG, Layout
from .measure import Run, RunFailedError, measured

_NAME = "example.com/bench:1"
"""The name that the image has in the archive."""


class Contender(Protocol):
    """Copies an image to a `docker-archive:` file, or does the like, in a process of its own."""

    @property
    def name(self) -> str:
        """Who it is, for the table."""

    @property
    def makes_archive(self) -> bool:
        """Whether the file that it makes is an archive."""

    def copy(self, layout: Layout, target: Path) -> Run:
        """Copy the image to `target`, which does not exist; raise RunFailedError if it cannot."""


@frozen
class Imgcopy:
    """This project's command, with the interpreter that runs the benchmark."""

    name: str = "imgcopy"
    makes_archive: bool = True

    def copy(self, layout: Layout, target: Path) -> Run:
        """See `Contender`."""
        command = [sys.executable, "-m", "imgcopy_core_stubs", "copy", "--quiet"]
        command += [f"oci:{layout.path}:{TAG}", f"docker-archive:{target}:{_NAME}"]
        run, _ = measured(command, target.parent)
        return run


@frozen
class Skopeo:
    """The Go program that imgcopy is held against."""

    program: str
    name: str = "skopeo"
    makes_archive: bool = True

    def copy(self, layout: Layout, target: Path) -> Run:
        """See `Contender`."""
        command = [self.program, "--insecure-policy", "copy", "-q"]
        command += [f"oci:{layout.path}:{SKOPEO_TAG}", f"docker-archive:{target}:{_NAME}"]
        run, _ = measured(command, target.parent)
        return run


@frozen
class Floor:
    """The least work in one thread, by `floor.py`; it writes the layers and no archive."""

    variant: str
    name: str = "one thread"
    makes_archive: bool = False

    def copy(self, layout: Layout, target: Path) -> Run:
        """See `Contender`; the run has its steps."""
        command = [sys.executable, floor.__file__, self.variant, str(target)]
        command += [str(path) for path in layout.blob_paths]
        run, output = measured(command, target.parent)
        result = json.loads(output)
        if result["written"] != layout.unpacked:
            raise RunFailedError(f"the floor wrote {result['written']} of {layout.unpacked} bytes")
        return evolve(run, steps=result["seconds"])


@frozen
class FloorOnEveryCore:
    """The floor's work once on each core, all at once: what the cores can do while all are busy.

    A virtual machine's cores may share the host's with its neighbours, or be two halves of one:
    then each is slower with all of them busy than alone.
    """

    variant: str
    processes: int
    name: str = "all at once"
    makes_archive: bool = False

    def copy(self, layout: Layout, target: Path) -> Run:
        """See `Contender`; the run has the mean of each step, of all processes."""
        targets = [target.with_suffix(f".{number}") for number in range(self.processes)]
        one = Floor(self.variant)
        try:
            with ThreadPoolExecutor(self.processes) as pool:
                runs = list(pool.map(lambda target: one.copy(layout, target), targets))
        finally:
            for each in targets:
                each.unlink(missing_ok=True)
        return Run(
            wall=max(run.wall for run in runs),
            cpu=sum(run.cpu for run in runs),
            peak=max(run.peak for run in runs),
            others=0.0,  # is not known: each process counts the others of this run among them
            steps={step: fmean(run.steps[step] for run in runs) for step in runs[0].steps},
        )
