"""`imgcopy copy`: what the program is for."""

import os
import stat
from collections.abc import Sequence
from typing import Final

import click

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.cli.digest_file import digest_file
from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.messages import say
from imgcopy_core_stubs.cli.option_help import help_transport_option
from imgcopy_core_stubs.cli.parameters import key_value, layer_limit_option, source_option
from imgcopy_core_stubs.cli.platform_choice import platform_options
from imgcopy_core_stubs.cli.progress import ProgressStyle, progress_shown
from imgcopy_core_stubs.cli.session import Direction, Session, Shorthand
from imgcopy_core_stubs.copy import CopyOptions, Instances, copy_image
from imgcopy_core_stubs.errors import InvalidOption, SameFile
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import ImageReference

_FORMATS: Final = {"oci": media_types.OCI_MANIFEST, "v2s2": media_types.DOCKER_MANIFEST}
_PARALLEL_COPIES: Final = CopyOptions().parallel_copies


@click.command("copy", short_help="Copy an image.")
@click.argument("source")
@click.argument("destination")
@click.option("--overwrite", is_flag=True, help="Replace an existing destination.")
@click.option(
    "--additional-tag",
    metavar="REF",
    multiple=True,
    help="Store the image under another name too (repeatable).",
)
@platform_options
@click.option("-a", "--all", "all_instances", is_flag=True, help="The same as --multi-arch all.")
@click.option(
    "--multi-arch",
    type=click.Choice([instances.value for instances in Instances]),
    help="Of a multi-platform image, copy the image for the platform, all, or the index only "
    "[default: system].",
)
@click.option(
    "-f",
    "--format",
    "manifest_format",
    type=click.Choice(list(_FORMATS)),
    help="Store a manifest of this type [default: the source's, where the destination takes it].",
)
@click.option(
    "--preserve-digests", is_flag=True, help="Fail rather than store a manifest that differs."
)
@click.option("--remove-signatures", is_flag=True, help="Do not copy the source's signatures.")
@click.option(
    "--image-parallel-copies",
    type=click.IntRange(min=1),
    default=_PARALLEL_COPIES,
    show_default=True,
    metavar="N",
    help="Copy up to N layers at a time.",
)
@layer_limit_option
@click.option("--tmpdir", metavar="DIR", help="Put temporary files into DIR.")
@source_option
@click.option(
    "--dest-opt",
    type=key_value,
    multiple=True,
    metavar="KEY=VALUE",
    help="Set an option of the destination's transport (repeatable).",
)
@help_transport_option
@click.option(
    "--digestfile", metavar="PATH", help="Write the digest of the stored manifest to PATH."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something fails.")
@click.option(
    "--progress",
    type=click.Choice([style.value for style in ProgressStyle]),
    help="How progress is shown, on standard error [default: auto].",
)
@global_options
def command(  # noqa: PLR0913  (an argument for each option)
    *,
    source: str,
    destination: str,
    overwrite: bool,
    additional_tag: Sequence[str],
    platform: Platform | None,
    all_instances: bool,
    multi_arch: str | None,
    manifest_format: str | None,
    preserve_digests: bool,
    remove_signatures: bool,
    image_parallel_copies: int,
    max_layer_size: int | None,
    tmpdir: str | None,
    src_opt: Sequence[tuple[str, str]],
    dest_opt: Sequence[tuple[str, str]],
    digestfile: str | None,
    quiet: bool,
    progress: str | None,
) -> None:
    """Copy an image from SOURCE to DESTINATION, each written TRANSPORT:REFERENCE.

    Everything is verified, and nothing is visible at the destination before all of it is there.

    \b
    imgcopy copy oci:layout:app docker-archive:app.tar:example.org/app:1.0
    imgcopy copy --platform linux/arm64 oci:layout dir:app
    """  # noqa: D301  (click keeps the lines after \b as they are)
    options = CopyOptions(
        platform=platform,
        manifest_type=None if manifest_format is None else _FORMATS[manifest_format],
        preserve_digests=preserve_digests,
        instances=_instances(multi_arch, platform, all_instances=all_instances),
        remove_signatures=remove_signatures,
        parallel_copies=image_parallel_copies,
        layer_limit=max_layer_size,
    )
    style = _progress_style(progress, quiet=quiet)
    session = Session.start()
    source_reference = session.reference(source)
    destination_reference = session.reference(destination)
    _refuse_same_file(source_reference, destination_reference)
    shorthands = _shorthands(overwrite=overwrite, additional_tags=additional_tag)
    source_tmpdir, destination_tmpdir = _tmpdir_shorthands(
        session, source_reference, destination_reference, tmpdir
    )
    source_options = session.options(
        source_reference, Direction.SOURCE, src_opt, shorthands=source_tmpdir
    )
    destination_options = session.options(
        destination_reference,
        Direction.DESTINATION,
        dest_opt,
        shorthands=[*shorthands, *destination_tmpdir],
    )
    with digest_file(digestfile) as write_digest:
        with progress_shown(style) as shown:
            result = copy_image(
                source_reference,
                destination_reference,
                options=options,
                source_options=source_options,
                destination_options=destination_options,
                observers=session.observers(source_reference, destination_reference, shown),
            )
        write_digest(result.manifest.digest)
    if style in (ProgressStyle.BAR, ProgressStyle.PLAIN):
        say(f"copied {quote(source)} to {quote(destination)} ({result.manifest.digest})")


def _instances(
    multi_arch: str | None, platform: Platform | None, *, all_instances: bool
) -> Instances:
    if all_instances and multi_arch not in (None, Instances.ALL.value):
        raise InvalidOption("--all", f"cannot be combined with --multi-arch {multi_arch}")
    instances = Instances.ALL if all_instances else Instances(multi_arch or "system")
    if platform is not None and instances is not Instances.SYSTEM:
        problem = f"nothing is chosen by platform with --multi-arch {instances.value}"
        raise InvalidOption("--platform", problem)
    return instances


def _progress_style(progress: str | None, *, quiet: bool) -> ProgressStyle:
    style = ProgressStyle(progress or "auto").resolved()
    if not quiet:
        return style
    if progress not in (None, ProgressStyle.NONE.value):
        raise InvalidOption("--quiet", f"cannot be combined with --progress {progress}")
    return ProgressStyle.NONE


def _refuse_same_file(source: ImageReference, destination: ImageReference) -> None:
    if source.path is None or destination.path is None:
        return
    try:
        source_stat, destination_stat = os.stat(source.path), os.stat(destination.path)
    except OSError:
        return  # one of them is not there, which is for its transport to judge
    if stat.S_ISREG(source_stat.st_mode) and os.path.samestat(source_stat, destination_stat):
        raise SameFile(destination.path)


def _shorthands(*, overwrite: bool, additional_tags: Sequence[str]) -> list[Shorthand]:
    shorthands = []
    if overwrite:
        shorthands.append(Shorthand("--overwrite", "existing", ("replace",)))
    if additional_tags:
        tags = tuple(additional_tags)
        shorthands.append(Shorthand("--additional-tag", "additional_tags", tags, adds=True))
    return shorthands


def _tmpdir_shorthands(
    session: Session, source: ImageReference, destination: ImageReference, tmpdir: str | None
) -> tuple[list[Shorthand], list[Shorthand]]:
    """Give `--tmpdir` to whichever side has temporary files; if none has, it is refused."""
    if tmpdir is None:
        return [], []
    shorthand = Shorthand("--tmpdir", "temporary_directory", (tmpdir,))
    for_source = session.accepts(source, Direction.SOURCE, shorthand.name)
    for_destination = session.accepts(destination, Direction.DESTINATION, shorthand.name)
    return (
        [shorthand] if for_source else [],
        [shorthand] if for_destination or not for_source else [],
    )
