"""`imgcopy inspect`: what an image is."""

from collections.abc import Sequence

import click

from imgcopy_core_stubs.cli.base_command import BaseCommand
from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.output import write_data, write_json
from imgcopy_core_stubs.cli.parameters import source_option
from imgcopy_core_stubs.cli.platform_choice import platform_options
from imgcopy_core_stubs.cli.session import Direction, Session
from imgcopy_core_stubs.image_config import choose_fitting, read_config
from imgcopy_core_stubs.inspection import describe_image
from imgcopy_core_stubs.instances import choose_instance
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.transport import ImageSource


@click.command("inspect", cls=BaseCommand, short_help="Show what an image is.")
@click.argument("image")
@click.option("--raw", is_flag=True, help="Print the manifest (or config), byte for byte.")
@click.option("--config", is_flag=True, help="Print the image's config.")
@platform_options
@source_option
@global_options
def command(
    *,
    image: str,
    raw: bool,
    config: bool,
    platform: Platform | None,
    src_opt: Sequence[tuple[str, str]],
) -> None:
    """Print what an image is, as JSON with the keys of "skopeo inspect".

    With --raw, a multi-platform image's index is printed, unless a platform is chosen.
    """
    session = Session.start()
    reference = session.reference(image)
    options = session.options(reference, Direction.SOURCE, src_opt)
    wanted = platform or Platform.of_this_machine()
    with reference.open_source(options) as source:
        if platform is not None:
            choose_fitting(source, platform, image)  # or it is refused
        if config:
            document = read_config(source, choose_instance(source, wanted, image), image)
            if raw:
                write_data(document.raw)
            else:
                write_json(document.document)
        elif raw:
            write_data(_raw_manifest(source, platform, image))
        else:
            write_json(describe_image(source, reference.docker_reference, wanted, image))


def _raw_manifest(source: ImageSource, platform: Platform | None, image: str) -> bytes:
    if platform is None:
        return source.manifest().raw
    return choose_instance(source, platform, image).raw
