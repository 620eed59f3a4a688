"""The options of `imgcopy copy` that stand for options of a transport."""

from collections.abc import Iterable, Sequence

from imgcopy_core_stubs.cli.session import Direction, Session, Shorthand
from imgcopy_core_stubs.copy_options import Instances
from imgcopy_core_stubs.errors import InvalidOption
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.transport import ImageReference


def platform_shorthands(
    session: Session, destination: ImageReference, platform: Platform | None, instances: Instances
) -> list[Shorthand]:
    """Give `--platform` to a destination that stores all images, and shows one of them first.

    Raises:
        InvalidOption: There is nothing that it could choose.
    """
    if platform is None or instances is Instances.SYSTEM:
        return []
    shorthand = Shorthand("--platform", "platform", (str(platform),))
    if instances is Instances.ALL and session.accepts(
        destination, Direction.DESTINATION, shorthand.name
    ):
        return [shorthand]
    problem = (
        f"nothing is chosen by platform with --multi-arch {instances.value} "
        "(leave out one of the two)"
    )
    raise InvalidOption("--platform", problem)


def destination_shorthands(
    *, overwrite: bool, append: bool, additional_tags: Sequence[str]
) -> list[Shorthand]:
    """Return what `--overwrite`, `--append` and `--additional-tag` stand for.

    Raises:
        InvalidOption: The first two are combined.
    """
    if overwrite and append:
        raise InvalidOption("--append", "cannot be combined with --overwrite")
    shorthands = []
    if overwrite:
        shorthands.append(Shorthand("--overwrite", "existing", ("replace",)))
    if append:
        shorthands.append(Shorthand("--append", "existing", ("append",)))
    if additional_tags:
        tags = tuple(additional_tags)
        shorthands.append(Shorthand("--additional-tag", "additional_tags", tags, adds=True))
    return shorthands


def tmpdir_shorthands(
    session: Session,
    sources: Iterable[ImageReference],
    destination: ImageReference,
    tmpdir: str | None,
) -> tuple[dict[str, list[Shorthand]], list[Shorthand]]:
    """Give `--tmpdir` to whichever side has temporary files; if none has, it is refused.

    Returns:
        What it stands for at the sources, by their schemes; and at the destination.
    """
    if tmpdir is None:
        return {}, []
    shorthand = Shorthand("--tmpdir", "temporary_directory", (tmpdir,))
    takers = {
        source.scheme: [shorthand]
        for source in sources
        if session.accepts(source, Direction.SOURCE, shorthand.name)
    }
    for_destination = session.accepts(destination, Direction.DESTINATION, shorthand.name)
    return takers, [shorthand] if for_destination or not takers else []
