"""What is to be reached, and whether it is."""

from statistics import median

from attrs import frozen

from .machine import cores
from .rounds import Rounds

_TIMES_SKOPEO = {"gzip": 3.0, "zstd": 2.0, "plain": 1.3}
_PEAK_MB = 96.0
_SHARE_OF_FLOOR = 0.75


@frozen
class Verdict:
    """One target, and what was measured."""

    what: str
    measured: float
    target: float
    reached: bool


def verdicts(rounds: Rounds) -> list[Verdict]:
    """Hold one variant's rounds against the targets: ratios round by round, the highest peak."""
    result = []
    if rounds.skopeo:
        ratio = median(
            theirs.wall / mine.wall for theirs, mine in zip(rounds.skopeo, rounds.ours, strict=True)
        )
        result.append(_at_least("times as fast as skopeo", ratio, _TIMES_SKOPEO[rounds.variant]))
    share = median(
        floor / mine.wall for floor, mine in zip(floor_seconds(rounds), rounds.ours, strict=True)
    )
    result.append(_at_least("of the floor reached", share, _SHARE_OF_FLOOR))
    peak = max(run.peak for run in rounds.ours) / 1e6
    result.append(Verdict("MB at the peak", peak, _PEAK_MB, peak <= _PEAK_MB))
    return result


def floor_seconds(rounds: Rounds) -> list[float]:
    """Each round's floor: all steps of the least work, shared by all cores with nothing lost."""
    return [sum(run.steps.values()) / cores() for run in rounds.floor]


def given(rounds: Rounds) -> float:
    """How much of its cores the machine gave: 1, if each is as fast with all of them busy as alone.

    The floor takes it for 1. Where it is less, the machine has its part in what lacks of the floor.
    """
    return median(
        sum(alone.steps.values()) / sum(crowded.steps.values())
        for alone, crowded in zip(rounds.floor, rounds.on_every_core, strict=True)
    )


def _at_least(what: str, measured: float, target: float) -> Verdict:
    return Verdict(what, measured, target, measured >= target)
