"""Options that several commands have."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from imgcopy_core_stubs.cli.sizes import parse_size
from imgcopy_core_stubs.quoting import quote

P = ParamSpec("P")
T = TypeVar("T")


def key_value(text: str) -> tuple[str, str]:
    """Split `KEY=VALUE` at the first equals sign; for click, the type of such options."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{quote(text)} is not KEY=VALUE")
    return key, value


def source_option(function: Callable[P, T]) -> Callable[P, T]:
    """Add `--src-opt`, passed on as `src_opt`: the pairs."""
    option = click.option(
        "--src-opt",
        type=key_value,
        multiple=True,
        metavar="KEY=VALUE",
        help="Set an option of the source's transport (repeatable).",
    )
    return option(function)


def layer_limit_option(function: Callable[P, T]) -> Callable[P, T]:
    """Add `--max-layer-size`, passed on as `max_layer_size`: bytes, or None."""
    option = click.option(
        "--max-layer-size",
        type=_size,
        metavar="SIZE",
        help="Refuse a layer that is decompressed to more, such as 512MiB or 2GB.",
    )
    return option(function)


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(f"{quote(text)} is {error}") from None
