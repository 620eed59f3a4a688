"""`python -m imgcopy_core_stubs.conformance SCHEME`: the laws, without pytest."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click
from attrs import evolve

from imgcopy_core_stubs.conformance.errors import BrokenKit
from imgcopy_core_stubs.conformance.law import Law
from imgcopy_core_stubs.conformance.laws import LAWS
from imgcopy_core_stubs.conformance.offers import (
    offered_place,
    read_back_through,
    references_like,
)
from imgcopy_core_stubs.conformance.place import Place
from imgcopy_core_stubs.conformance.running import laws_for, run_laws
from imgcopy_core_stubs.conformance.verdicts import Outcome, Verdict
from imgcopy_core_stubs.errors import ImgcopyError
from imgcopy_core_stubs.plugins import load_plugins
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import Transport

_PROGRAM: Final = "python -m imgcopy_core_stubs.conformance"
_WIDTH: Final = max(len(law.name) for law in LAWS)
_BAD: Final = (Verdict.FAILED, Verdict.BROKEN_KIT)


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit code: 0 if no law failed, 1 if one did or the kit is broken, 2 for a wrong usage.",
)
@click.argument("scheme")
@click.option(
    "--place",
    "text",
    metavar="TEXT",
    help="Where to write: a reference without its scheme, with {directory} for a new, empty "
    "directory or {number} for a number that is new each time. Where the transport offers no "
    "read-back of its own, its source reads back what it stored.",
)
@click.option(
    "--law",
    "filters",
    multiple=True,
    metavar="TEXT",
    help="Try only laws with TEXT in their names. May be given several times.",
)
def main(scheme: str, text: str | None, filters: Sequence[str]) -> None:
    """Try the laws of the conformance kit on the installed transport SCHEME.

    \b
    Each law is
      held                 the transport does what the law says
      refused as declared  it declares that it cannot, and refuses it cleanly
      known failure        it breaks the law, and its author says why
      failed               it breaks the law
      broken kit           the law could not be tried: the place or the kit failed

    The transport offers a place to write by a method conformance_place() that returns an
    imgcopy_core_stubs.conformance.Place. Those of imgcopy need none.
    """  # noqa: D301  (click keeps the lines after \b as they are)
    place = _place(_transport(scheme), text)
    laws = [law for law in laws_for(place) if _is_wanted(law, filters)]
    if not laws:
        raise click.UsageError("no law has such a name")
    with _hypothesis_leaves_no_files():
        outcomes = _report(place, laws)
    raise SystemExit(any(outcome.verdict in _BAD for outcome in outcomes))


def _transport(scheme: str) -> Transport:
    try:
        return load_plugins().transport(scheme.removesuffix(":"))
    except ImgcopyError as error:  # it says which schemes there are, and which plugins failed
        raise click.UsageError(str(error)) from error


def _place(transport: Transport, text: str | None) -> Place:
    """Return the place that the transport offers, or the one that the user named."""
    try:
        place = offered_place(transport)
    except BrokenKit as error:
        raise click.ClickException(f"{quote(transport.scheme)}: {error}") from error
    if place is not None:
        return place if text is None else evolve(place, new_reference=references_like(text))
    if text is None:
        problem = (
            f"the transport {quote(transport.scheme)} offers no place to write: give it a method "
            "conformance_place(), or name a place with --place '{directory}/image'"
        )
        raise click.UsageError(problem)
    click.echo(
        "note: the transport reads back what it stores; what reader and writer get wrong in the "
        "same way is not found",
        err=True,
    )
    return Place(transport, references_like(text), read_back_through(transport))


def _is_wanted(law: Law, filters: Sequence[str]) -> bool:
    return not filters or any(text in law.name for text in filters)


def _report(place: Place, laws: Sequence[Law]) -> list[Outcome]:
    """Print the table, line by line, then what is wrong; return the outcomes."""
    outcomes = []
    for law in laws:
        click.echo(f"{law.name:<{_WIDTH}}  ", nl=False)  # before it is tried, which may hang
        (outcome,) = run_laws(place, [law])
        outcomes.append(outcome)
        click.echo(outcome.verdict.value)
    for outcome in outcomes:
        if outcome.problem is not None:
            click.echo(f"\n{outcome.verdict.value}: {outcome.law.name}")
            explanation = (outcome.statement, outcome.reason, outcome.text)
            for line in "\n".join(filter(None, explanation)).splitlines():
                click.echo(f"  {line}")
    counts = Counter(outcome.verdict for outcome in outcomes)
    parts = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]]
    click.echo(f"\n{place.transport.scheme}: {len(outcomes)} laws, {', '.join(parts)}")
    return outcomes


@contextmanager
def _hypothesis_leaves_no_files() -> Iterator[None]:
    """Keep hypothesis from making its directory where the user happens to be."""
    with tempfile.TemporaryDirectory(prefix="imgcopy-conformance-") as directory:
        try:
            from hypothesis.configuration import (  # noqa: PLC0415  (an extra)
                set_hypothesis_home_dir,
            )
        except ModuleNotFoundError:
            yield
        else:
            set_hypothesis_home_dir(directory)
            try:
                yield
            finally:
                set_hypothesis_home_dir(None)


if __name__ == "__main__":
    main(prog_name=_PROGRAM)
