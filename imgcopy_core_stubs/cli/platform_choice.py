"""`--platform` and `--override-os`, `-arch`, `-variant`: which image of an index is meant."""

import functools
from collections.abc import Callable
from typing import TypeVar

import click

from imgcopy_core_stubs.errors import InvalidOption
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote

T = TypeVar("T")


def platform_options(function: Callable[..., T]) -> Callable[..., T]:
    """Add the options, and call the command with the platform that they name as `platform`.

    It is None where none is named, which means this machine's.
    """

    @functools.wraps(function)
    def command(
        *,
        platform: Platform | None,
        override_os: str | None,
        override_arch: str | None,
        override_variant: str | None,
        **others: object,
    ) -> T:
        chosen = choose_platform(platform, override_os, override_arch, override_variant)
        return function(platform=chosen, **others)

    for option in (
        click.option(
            "--override-variant", metavar="VARIANT", help="Use VARIANT in place of this machine's."
        ),
        click.option(
            "--override-arch", metavar="ARCH", help="Use ARCH in place of this machine's."
        ),
        click.option("--override-os", metavar="OS", help="Use OS in place of this machine's."),
        click.option(
            "--platform",
            type=_platform,
            metavar="OS/ARCH[/VARIANT]",
            help="The platform to choose from a multi-platform image [default: this machine's].",
        ),
    ):
        command = option(command)
    return command


def choose_platform(
    platform: Platform | None,
    override_os: str | None,
    override_arch: str | None,
    override_variant: str | None,
) -> Platform | None:
    """Return the platform that was asked for, or None where none was.

    Raises:
        InvalidOption: It was asked for in both ways.
    """
    overrides = (override_os, override_arch, override_variant)
    if all(override is None for override in overrides):
        return platform
    if platform is not None:
        problem = "cannot be combined with --override-os, --override-arch or --override-variant"
        raise InvalidOption("--platform", problem)
    return Platform.of_this_machine().override(
        os=override_os or "", architecture=override_arch or "", variant=override_variant
    )


def _platform(text: str) -> Platform:
    try:
        return Platform.parse(text)
    except ValueError as error:
        raise click.BadParameter(f"{quote(text)} {error}") from None
