"""The results as text: a table for each variant, and what was to be reached."""

from collections.abc import Iterable
from statistics import median

from .machine import cores
from .measure import Run
from .memory import Peaks
from .rounds import Rounds
from .targets import Verdict, floor_seconds, given, verdicts

_HEAD = (
    f"{'':12}"
    + "".join(f"{title:^28}" for title in ("wall s", "CPU s", "peak MB"))
    + "\n"
    + f"{'':12}"
    + f"{'min':>9}{'median':>9}{'max':>9} " * 3
)


def rounds_text(rounds: Rounds) -> str:
    """One variant's table and verdicts."""
    layout = rounds.layout
    sizes = [path.stat().st_size / 1e6 for path in layout.blob_paths]
    lines = [
        f"{rounds.variant}: {layout.unpacked / 1e6:.0f} MB, stored as {layout.stored / 1e6:.0f} MB",
        f"  stored in layers of {', '.join(f'{size:.0f}' for size in sizes)} MB",
        _HEAD,
        _row("imgcopy", rounds.ours),
        *([_row("skopeo", rounds.skopeo)] if rounds.skopeo else []),
        _row("one thread", rounds.floor),
        f"{'floor':12}" + _spread(floor_seconds(rounds), 2),
        "  the floor is the one thread's time over the cores: "
        + ", ".join(
            f"{step} {median(run.steps[step] for run in rounds.floor):.2f}"
            for step in rounds.floor[0].steps
        ),
        f"  others kept {_others(rounds):.1f} of {cores()} cores busy meanwhile",
        f"  with all cores busy, each gave {given(rounds):.2f} of what it gives alone",
        *(verdict_text(verdict) for verdict in verdicts(rounds)),
    ]
    return "\n".join(lines)


def verdict_text(verdict: Verdict) -> str:
    """One target in a line."""
    sign = "at most" if verdict.what.startswith("MB") else "at least"
    return f"  {verdict.measured:6.2f} {verdict.what:26} {sign} {verdict.target:5.2f}   " + (
        "reached" if verdict.reached else "NOT reached"
    )


def peaks_text(results: Iterable[Peaks]) -> str:
    """The peaks by layer size."""
    lines = ["peak memory of imgcopy by the size of the only layer"]
    for result in results:
        (small, of_small), (large, of_large) = result.peaks.items()
        lines.append(
            f"  {result.variant:8} {of_small / 1e6:5.1f} MB for {small / 1e6:.0f} MB"
            f" {of_large / 1e6:7.1f} MB for {large / 1e6:.0f} MB"
            f" {(of_large - of_small) / 1e6:+7.1f} MB"
        )
    return "\n".join(lines)


def _others(rounds: Rounds) -> float:
    """The cores that other processes used while these ran: above 0.1, this says little."""
    runs = [*rounds.ours, *rounds.skopeo, *rounds.floor]
    return sum(run.others for run in runs) / sum(run.wall for run in runs)


def _row(name: str, runs: list[Run]) -> str:
    return (
        f"{name:12}"
        + _spread([run.wall for run in runs], 2)
        + _spread([run.cpu for run in runs], 2)
        + _spread([run.peak / 1e6 for run in runs], 1)
    )


def _spread(values: list[float], digits: int) -> str:
    return (
        "".join(f"{value:9.{digits}f}" for value in (min(values), median(values), max(values)))
        + " "
    )
