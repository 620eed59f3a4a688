"""`imgcopy list-tags`: which images there are at a place."""

from collections.abc import Sequence

import click

from imgcopy_core_stubs.cli.base_command import BaseCommand
from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.output import write_json
from imgcopy_core_stubs.cli.parameters import source_option
from imgcopy_core_stubs.cli.session import Direction, Session
from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.quoting import quote


@click.command("list-tags", cls=BaseCommand, short_help="List the images at a place.")
@click.argument("image")
@source_option
@global_options
def command(image: str, src_opt: Sequence[tuple[str, str]]) -> None:
    """List the tags of the images at a place, as JSON: {"Tags": [...]}.

    An image without a tag is listed as @N, its number.
    """
    session = Session.start()
    reference = session.reference(image)
    tags = reference.tags(session.options(reference, Direction.SOURCE, src_opt))
    if tags is None:
        problem = f"the transport {quote(reference.scheme)} has no tags to list"
        raise InvalidReference(image, problem)
    write_json({"Tags": list(tags)})
