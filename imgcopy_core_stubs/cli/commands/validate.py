"""`imgcopy validate`: everything of an image, read and verified."""

from collections.abc import Sequence

import click

from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.messages import complain
from imgcopy_core_stubs.cli.output import write_line
from imgcopy_core_stubs.cli.parameters import layer_limit_option, source_option
from imgcopy_core_stubs.cli.platform_choice import platform_options
from imgcopy_core_stubs.cli.session import Direction, Session
from imgcopy_core_stubs.cli.sizes import format_size
from imgcopy_core_stubs.errors import SourceError
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.validation import validate_image


@click.command("validate", short_help="Read and verify an image.")
@click.argument("image")
@platform_options
@layer_limit_option
@source_option
@click.pass_context
@global_options
def command(
    context: click.Context,
    *,
    image: str,
    platform: Platform | None,
    max_layer_size: int | None,
    src_opt: Sequence[tuple[str, str]],
) -> None:
    """Read and verify an image: manifests, config, layers, and what layers decompress to.

    Of a multi-platform image, all images are validated unless a platform is chosen. Every problem
    is reported, and the exit code is 3 if there is one.
    """
    session = Session.start()
    reference = session.reference(image)
    options = session.options(reference, Direction.SOURCE, src_opt)
    with reference.open_source(options) as source:
        result = validate_image(source, image, platform=platform, layer_limit=max_layer_size)
    for problem in result.problems:
        complain(problem)
    if result.problems:
        context.exit(SourceError.exit_code)
    images = f"{result.images} image{'s' * (result.images != 1)}, {result.blobs} blobs"
    write_line(f"PASS: {image} ({images}, {format_size(result.size)})")
