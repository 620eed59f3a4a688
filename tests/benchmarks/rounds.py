"""Everyone in turn, round after round, so that a slow moment of the machine hits all alike."""

from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from .contenders import Contender, Floor, FloorOnEveryCore, Imgcopy, Skopeo
from .layout import Layout
from .machine import cores
from .measure import Run
from .verify import verify


@frozen
class Rounds:
    """What was measured of one variant: as many runs of everyone as there were rounds."""

    variant: str
    layout: Layout
    ours: list[Run]
    skopeo: list[Run]
    """Empty where skopeo is not installed."""
    floor: list[Run]
    """Each with its steps."""
    on_every_core: list[Run]
    """The same, done once on each core, all at once."""


def run_rounds(
    variant: str,
    layout: Layout,
    skopeo: str | None,
    scratch: Path,
    rounds: int,
    tell: Callable[[str], None],
) -> Rounds:
    """Measure `rounds` rounds, after one that warms up and checks everyone's archive.

    Args:
        variant: How the layers are compressed.
        layout: The image.
        skopeo: The program; None: there is none.
        scratch: The folder for the archives; each is deleted as soon as it is measured.
        rounds: How many rounds count.
        tell: Is told what is going on.

    Raises:
        RunFailedError: A copy failed, or its archive is wrong.
    """
    result = Rounds(variant, layout, [], [], [], [])
    turns: list[tuple[Contender, list[Run]]] = [
        (Imgcopy(), result.ours),
        *([(Skopeo(skopeo), result.skopeo)] if skopeo is not None else []),
        (Floor(variant), result.floor),
        (FloorOnEveryCore(variant, cores()), result.on_every_core),
    ]
    tell(f"{variant}: warm-up")
    for contender, _ in turns:
        _run(contender, layout, scratch, check=contender.makes_archive)
    for number in range(rounds):
        tell(f"{variant}: round {number + 1} of {rounds}")
        for contender, runs in turns:
            runs.append(_run(contender, layout, scratch))
        turns.reverse()  # who follows whom may matter
    return result


def _run(contender: Contender, layout: Layout, scratch: Path, *, check: bool = False) -> Run:
    target = scratch / "archive.tar"
    try:
        run = contender.copy(layout, target)
        if check:
            verify(target, layout)
    finally:
        target.unlink(missing_ok=True)
    return run
