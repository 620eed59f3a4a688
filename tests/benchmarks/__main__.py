"""How fast is imgcopy, next to skopeo and to what the machine can do at all? Nothing is asserted.

Run it on Linux, from the top of the repository, with the project installed and the machine idle
(the table says how idle it was):

    python -m tests.benchmarks              # 5 rounds of gzip, zstd and plain layers, 1 GB
    python -m tests.benchmarks --rounds 9 --variants gzip --skopeo ~/bin/skopeo
    python -m tests.benchmarks --memory     # does the peak grow with the layer? (10 GB of disk)
    python -m tests.benchmarks --archives   # keeping digests, and appending

The first run makes the images of this machine's own files, which takes two minutes, and keeps them
in `--cache`. Each round copies the image from `oci:` to `docker-archive:` with imgcopy and with
skopeo, and does the least work that such a copy takes in one thread (see `floor.py`), once alone
and once on every core at the same time. The output goes to `--out` and is deleted at once.
Processes are measured whole, start-up included, from outside (see `launch.py`), and each in memory
that the machine has at hand (`settled_memory.py`).

The exit status is 0 whatever the speed; it is 1 if a copy fails or its archive is wrong.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import attrs
import click

from . import machine
from .archives import archive_text, run_archive_rounds
from .codecs import SUFFIXES
from .images import real_image
from .measure import RunFailedError, measured
from .memory import run_memory_check
from .report import peaks_text, rounds_text, verdict_text
from .rounds import run_rounds
from .settled_memory import settled_memory
from .targets import verdicts

_FOLDER = Path(tempfile.gettempdir()) / "imgcopy-benchmarks"


def _variants(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    names = value.split(",")
    if unknown := set(names) - set(SUFFIXES):
        raise click.BadParameter(f"{', '.join(unknown)}: choose among {', '.join(SUFFIXES)}")
    return names


def _tell(what: str) -> None:
    click.echo(f"... {what}", err=True)


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=5, help="How many rounds count.")
@click.option("--variants", default=",".join(SUFFIXES), callback=_variants, help="Which layers.")
@click.option("--size", default=1000, help="MB of the image's layers, unpacked.")
@click.option("--cache", type=click.Path(path_type=Path), default=_FOLDER, help="Keeps the images.")
@click.option("--out", type=click.Path(path_type=Path), default=_FOLDER, help="Takes the archives.")
@click.option("--skopeo", help="The skopeo to compare with.  [default: as found on PATH]")
@click.option("--memory", is_flag=True, help="Check that memory does not grow with the layer.")
@click.option("--archives", is_flag=True, help="Measure keeping digests, and appending.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Store all results.")
def main(
    *,
    rounds: int,
    variants: list[str],
    size: int,
    cache: Path,
    out: Path,
    skopeo: str | None,
    memory: bool,
    archives: bool,
    json_file: Path | None,
) -> None:
    """Measure imgcopy against skopeo and against the machine."""
    cache.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        scratch = Path(folder)
        try:
            least, _ = measured(["true"], scratch)
            click.echo(f"machine  {machine.description()}")
            click.echo(f"output   {out} ({machine.file_system(out)})")
            click.echo(f"peak     no less than {least.peak / 1e6:.1f} MB can be measured\n")
            if memory:
                results = _check_memory(cache, scratch, variants, size)
            elif archives:
                results = _measure_archives(cache, scratch, size, skopeo, rounds)
            else:
                results = _compare(cache, scratch, variants, size, skopeo, rounds)
        except RunFailedError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)
    if json_file is not None:
        document = {"machine": machine.description(), "results": results}
        json_file.write_text(json.dumps(document, indent=2, default=str))


def _check_memory(
    cache: Path, scratch: Path, variants: list[str], size: int
) -> list[dict[str, object]]:
    peaks = run_memory_check(cache, scratch, variants, size, _tell)
    click.echo(peaks_text(peaks))
    return [attrs.asdict(result) for result in peaks]


def _measure_archives(
    cache: Path, scratch: Path, size: int, skopeo: str | None, rounds: int
) -> list[dict[str, object]]:
    program = skopeo or shutil.which("skopeo")
    layout = real_image(cache, "gzip", size)
    with settled_memory(layout.unpacked):
        measurements = run_archive_rounds(cache, layout, size, program, scratch, rounds, _tell)
    click.echo(archive_text(measurements))
    for verdict in measurements.verdicts():
        click.echo(verdict_text(verdict))
    return [attrs.asdict(measurements)]


def _compare(
    cache: Path, scratch: Path, variants: list[str], size: int, skopeo: str | None, rounds: int
) -> list[dict[str, object]]:
    program = skopeo or shutil.which("skopeo")
    if program is None:
        click.echo("skopeo is not installed: imgcopy is compared with the machine alone\n")
    else:
        _, version = measured([program, "--version"], scratch)
        click.echo(version.strip() + "\n")
    layouts = {}
    for variant in variants:
        _tell(f"{variant}: the image of {size} MB")
        layouts[variant] = real_image(cache, variant, size)
    results = []
    _tell("free memory")
    largest = max(layout.unpacked for layout in layouts.values())
    with settled_memory(largest * machine.cores()):  # each core writes an archive at the same time
        for variant, layout in layouts.items():
            measurements = run_rounds(variant, layout, program, scratch, rounds, _tell)
            click.echo(rounds_text(measurements) + "\n")
            results.append(
                attrs.asdict(measurements)
                | {"verdicts": [attrs.asdict(verdict) for verdict in verdicts(measurements)]}
            )
    return results


if __name__ == "__main__":
    main()
