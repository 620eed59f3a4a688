"""Does the peak memory grow with the layer? One small layer, and one of four times its size."""

from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from .contenders import Imgcopy
from .images import one_layer
from .verify import verify

_TIMES = 4


@frozen
class Peaks:
    """The peak memory, in bytes, of copying one layer of each size."""

    variant: str
    peaks: dict[int, int]
    """Unpacked sizes of the layers in bytes, and the peak of each."""


def run_memory_check(
    cache: Path,
    out: Path,
    variants: Sequence[str],
    megabytes: int,
    tell: Callable[[str], None],
) -> list[Peaks]:
    """Copy a layer of `megabytes` and one of four times as many, in each variant.

    Raises:
        RunFailedError: A copy failed, or its archive is wrong.
    """
    archive = out / "archive.tar"
    results = []
    try:
        for variant in variants:
            peaks = {}
            for size in (megabytes, _TIMES * megabytes):
                tell(f"{variant}: a layer of {size} MB")
                layout = one_layer(cache, variant, size)
                peaks[layout.unpacked] = Imgcopy().copy(layout, archive).peak
                verify(archive, layout)
                archive.unlink()
            results.append(Peaks(variant, peaks))
    finally:
        archive.unlink(missing_ok=True)
    return results
