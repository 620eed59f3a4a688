"""`imgcopy copy`: what the program is for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs.cli.base_command import BaseCommand
from imgcopy_core_stubs.cli.digest_file import digest_file
from imgcopy_core_stubs.cli.global_options import global_options
from imgcopy_core_stubs.cli.messages import say
from imgcopy_core_stubs.cli.option_help import help_transport_option
from imgcopy_core_stubs.cli.parameters import key_value, layer_limit_option, source_option
from imgcopy_core_stubs.cli.platform_choice import platform_options
from imgcopy_core_stubs.cli.progress import ProgressStyle, progress_shown
from imgcopy_core_stubs.cli.session import Direction, Session
from imgcopy_core_stubs.cli.shared_files import refuse_same_file, refuse_shared_digest_file
from imgcopy_core_stubs.cli.shorthands import (
    destination_shorthands,
    platform_shorthands,
    tmpdir_shorthands,
)
from imgcopy_core_stubs.copy import CopyResult, copy_image
from imgcopy_core_stubs.copy_options import CopyOptions, CopySource, Instances
from imgcopy_core_stubs.errors import InvalidOption
from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.plugins import Plugin
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import ImageReference

if TYPE_CHECKING:  # a copy does not need it
    from imgcopy_core_stubs.dry_run import CopyPlan

_FORMATS: Final = {"oci": media_types.OCI_MANIFEST, "v2s2": media_types.DOCKER_MANIFEST}
_PARALLEL_COPIES: Final = CopyOptions().parallel_copies


@click.command("copy", cls=BaseCommand, short_help="Copy an image.")
@click.argument("sources", metavar="SOURCE...", nargs=-1)
@click.argument("destination")
@click.option(
    "--all-images", is_flag=True, help="Copy every image that there is at SOURCE, with its names."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing destination.")
@click.option("--append", is_flag=True, help="Add the image to those at the destination.")
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
@click.option("--dry-run", is_flag=True, help="Copy nothing; print what would be done.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something fails.")
@click.option(
    "--progress",
    type=click.Choice([style.value for style in ProgressStyle]),
    help="How progress is shown, on standard error [default: auto].",
)
@global_options
def command(  # noqa: PLR0913  (an argument for each option)
    *,
    sources: Sequence[str],
    destination: str,
    all_images: bool,
    overwrite: bool,
    append: bool,
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
    dry_run: bool,
    quiet: bool,
    progress: str | None,
) -> None:
    """Copy an image from SOURCE to DESTINATION, each written TRANSPORT:REFERENCE.

    All that is read is verified, and nothing is visible at the destination before all is there.
    Several sources, or all images of one, go to a destination without a name, and keep theirs.

    \b
    imgcopy copy oci:layout:app docker-archive:app.tar:example.org/app:1.0
    imgcopy copy --platform linux/arm64 oci:layout dir:app
    imgcopy copy --all-images docker-archive:old.tar docker-archive:more.tar oci:layout
    """  # noqa: D301  (click keeps the lines after \b as they are)
    if not sources:
        problem = f"Missing argument: a SOURCE or a DESTINATION, beside {quote(destination)}"
        raise click.UsageError(problem, click.get_current_context())
    if dry_run:
        _refuse_what_needs_a_copy(digestfile, progress)
    instances = _instances(multi_arch, all_instances=all_instances)
    options = CopyOptions(
        platform=platform if instances is Instances.SYSTEM else None,
        manifest_type=None if manifest_format is None else _FORMATS[manifest_format],
        preserve_digests=preserve_digests,
        instances=instances,
        remove_signatures=remove_signatures,
        parallel_copies=image_parallel_copies,
        layer_limit=max_layer_size,
    )
    style = _progress_style(progress, quiet=quiet)
    session = Session.start()
    destination_reference = session.reference(destination)
    references = [session.reference(source) for source in sources]
    refuse_shared_digest_file(digestfile, destination_reference, references)
    for reference in references:
        refuse_same_file(reference, destination_reference)
    tmpdir_takers, destination_tmpdir = tmpdir_shorthands(
        session, references, destination_reference, tmpdir
    )
    copies = [
        CopySource(
            reference,
            session.options(
                reference, Direction.SOURCE, src_opt, tmpdir_takers.get(reference.scheme, ())
            ),
            all_images,
        )
        for reference in references
    ]
    destination_options = session.options(
        destination_reference,
        Direction.DESTINATION,
        dest_opt,
        shorthands=[
            *destination_shorthands(
                overwrite=overwrite, append=append, additional_tags=additional_tag
            ),
            *platform_shorthands(session, destination_reference, platform, instances),
            *destination_tmpdir,
        ],
    )
    job = _Job(session, copies, destination_reference, destination_options, options)
    if dry_run:
        from imgcopy_core_stubs.cli.plan_text import print_plans  # noqa: PLC0415  (rarely needed)

        plans = job.plan()
        if not quiet:
            print_plans(plans)
        return
    with digest_file(digestfile) as write_digest:
        with progress_shown(style) as shown:
            results = job.run(shown)
        if style in (ProgressStyle.BAR, ProgressStyle.PLAIN):  # whatever becomes of the digest
            say(f"copied {_summary(sources, destination, job, results)}")
        write_digest("\n".join(str(result.manifest.digest) for result in results))


class _Job(NamedTuple):
    """What is to be copied, with all that was said about it."""

    session: Session
    sources: Sequence[CopySource]
    destination: ImageReference
    destination_options: object | None
    options: CopyOptions

    @property
    def is_single(self) -> bool:
        """Whether it is one image, which the destination may name."""
        return len(self.sources) == 1 and not self.sources[0].all_images

    def run(self, shown: Plugin) -> Sequence[CopyResult]:
        """Copy the image, or the images."""

        def observers(source: ImageReference) -> Sequence[Observer]:
            return self.session.observers(source, self.destination, shown)

        if not self.is_single:
            from imgcopy_core_stubs.copy_many import copy_images  # noqa: PLC0415  (rarely needed)

            return copy_images(
                self.sources,
                self.destination,
                options=self.options,
                destination_options=self.destination_options,
                observers=observers,
            )
        source = self.sources[0]
        return [
            copy_image(
                source.reference,
                self.destination,
                options=self.options,
                source_options=source.options,
                destination_options=self.destination_options,
                observers=observers(source.reference),
            )
        ]

    def plan(self) -> "Sequence[CopyPlan]":
        """Find out what copying the image, or the images, would do."""
        if not self.is_single:
            from imgcopy_core_stubs.copy_many import plan_images  # noqa: PLC0415  (rarely needed)

            return plan_images(
                self.sources,
                self.destination,
                options=self.options,
                destination_options=self.destination_options,
            )
        from imgcopy_core_stubs.dry_run import plan_copy  # noqa: PLC0415  (rarely needed)

        source = self.sources[0]
        return [
            plan_copy(
                source.reference,
                self.destination,
                options=self.options,
                source_options=source.options,
                destination_options=self.destination_options,
            )
        ]


def _summary(
    sources: Sequence[str], destination: str, job: _Job, results: Sequence[CopyResult]
) -> str:
    if job.is_single:
        return f"{quote(sources[0])} to {quote(destination)} ({results[0].manifest.digest})"
    place = f"{job.destination.scheme}:{job.destination}"
    nameless = sum(result.destination == place for result in results)
    count = "1 image" if len(results) == 1 else f"{len(results)} images"
    summary = f"{count} to {quote(destination)}"
    if nameless:
        summary += f", {nameless} without a name"
        if any(source.reference.scheme != job.destination.scheme for source in job.sources):
            summary += " (a bare tag is none there, and the last image of a name has it)"
    return summary


def _instances(multi_arch: str | None, *, all_instances: bool) -> Instances:
    if all_instances and multi_arch not in (None, Instances.ALL.value):
        raise InvalidOption("--all", f"cannot be combined with --multi-arch {multi_arch}")
    return Instances.ALL if all_instances else Instances(multi_arch or "system")


def _refuse_what_needs_a_copy(digestfile: str | None, progress: str | None) -> None:
    if digestfile is not None:
        raise InvalidOption("--dry-run", "cannot be combined with --digestfile")
    if progress not in (None, ProgressStyle.NONE.value):
        raise InvalidOption("--dry-run", f"cannot be combined with --progress {progress}")


def _progress_style(progress: str | None, *, quiet: bool) -> ProgressStyle:
    style = ProgressStyle(progress or "auto").resolved()
    if not quiet:
        return style
    if progress not in (None, ProgressStyle.NONE.value):
        raise InvalidOption("--quiet", f"cannot be combined with --progress {progress}")
    return ProgressStyle.NONE
