"""`imgcopy validate`: everything of an image or a place, read and verified."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import click

from imgcopy_core_stubs.cli.base_command import BaseCommand
from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.messages import complain
from imgcopy_core_stubs.cli.output import write_json, write_line
from imgcopy_core_stubs.cli.parameters import layer_limit_option, source_option
from imgcopy_core_stubs.cli.platform_choice import platform_options
from imgcopy_core_stubs.cli.session import Direction, Session
from imgcopy_core_stubs.cli.sizes import format_size
from imgcopy_core_stubs.errors import SourceError
from imgcopy_core_stubs.examination import Verdict
from imgcopy_core_stubs.json_values import JsonObject
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import listing
from imgcopy_core_stubs.validation import Validation, validate_place


@click.command("validate", cls=BaseCommand, short_help="Read and verify an image.")
@click.argument("image")
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON object, with problems and verdicts."
)
@platform_options
@layer_limit_option
@source_option
@click.pass_context
@global_options
def command(
    context: click.Context,
    *,
    image: str,
    as_json: bool,
    platform: Platform | None,
    max_layer_size: int | None,
    src_opt: Sequence[tuple[str, str]],
) -> None:
    """Read and verify an image: manifests, config, layers, and what layers decompress to.

    Of an archive with several images all are validated, unless IMAGE names one; of a multi-platform
    image all instances are, unless a platform is chosen. An archive is examined as a whole, too:
    its structure, its links, blobs that no image uses, and what docker, containerd, podman, skopeo
    and crane would make of it.

    Every problem is reported, and the exit code is 3 if there is one. That a program would refuse
    an image that has no problem is none.
    """
    session = Session.start()
    reference = session.reference(image)
    options = session.options(reference, Direction.SOURCE, src_opt)
    result = validate_place(
        reference, image, options=options, platform=platform, layer_limit=max_layer_size
    )
    for problem in result.problems:
        complain(problem)
    if as_json:
        write_json(_as_json(image, result))
    else:
        _write_text(image, result)
    if result.problems:
        context.exit(SourceError.exit_code)


def _as_json(image: str, result: Validation) -> JsonObject:
    return {
        "image": _text(image),
        "valid": not result.problems,
        "images": result.images,
        "blobs": result.blobs,
        "size": result.size,
        "problems": [_problem_as_json(problem) for problem in result.problems],
        "verdicts": [
            {
                "reader": verdict.reader,
                "image": _text(verdict.image),
                "outcome": verdict.outcome.value,
                "reason": _text(verdict.reason),
            }
            for verdict in result.verdicts
        ],
    }


def _problem_as_json(problem: SourceError) -> JsonObject:
    """Return an error's kind, message and data."""
    document: JsonObject = {"error": type(problem).__name__, "message": _text(str(problem))}
    for name, value in vars(problem).items():
        if isinstance(value, int):
            document[name] = value
        elif isinstance(value, str) and value:
            document[name] = _text(value)
    return document


def _text(text: str) -> str:
    """Return text that UTF-8 can hold: a name in an archive may have bytes that are none."""
    return text.encode("utf-8", "backslashreplace").decode()


def _write_text(image: str, result: Validation) -> None:
    if not result.problems:
        images = f"{result.images} image{'s' * (result.images != 1)}, {result.blobs} blobs"
        write_line(f"PASS: {image} ({images}, {format_size(result.size)})")
    width = max((len(verdict.reader) for verdict in result.verdicts), default=0)
    for reader, outcome in _outcomes(result.verdicts):
        write_line(f"  {reader.ljust(width)}  {outcome}")


def _outcomes(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    """Yield for each reader what becomes of the images, those together that fare alike."""
    several = len({verdict.image for verdict in verdicts}) > 1
    for reader, of_reader in groupby(verdicts, key=lambda verdict: verdict.reader):
        images: dict[str, list[str]] = {}
        for verdict in of_reader:
            reason = f": {verdict.reason}" if verdict.reason else ""
            images.setdefault(f"{verdict.outcome.value}{reason}", []).append(verdict.image)
        for outcome, alike in images.items():
            which = f" ({listing(alike, most=3)})" if several and len(images) > 1 else ""
            yield reader, f"{outcome}{which}"
