"""Trying laws on a transport, and judging what happened."""

import inspect
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from imgcopy_core_stubs.conformance.errors import (
    BrokenKit,
    Damaged,
    LawBroken,
)
from imgcopy_core_stubs.conformance.law import About, Check, Law
from imgcopy_core_stubs.conformance.laws import LAWS
from imgcopy_core_stubs.conformance.place import Place
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.verdicts import Outcome, Verdict
from imgcopy_core_stubs.quoting import listing


def laws_for(place: Place) -> list[Law]:
    """Return the laws to try at a place: all, or those about reading if it offers nothing else."""
    if place.existing is None or place.stored is not None:
        return list(LAWS)
    return [law for law in LAWS if law.about in (About.TRANSPORT, About.SOURCE)]


def run_laws(place: Place, laws: Iterable[Law]) -> Iterator[Outcome]:
    """Try laws, each in a temporary directory of its own.

    Args:
        place: What the transport's author supplies.
        laws: The laws to try.

    Yields:
        The outcomes, in the order of the laws, each as soon as it is known.
    """
    for law in laws:
        with tempfile.TemporaryDirectory(prefix="imgcopy-conformance-") as directory:
            yield run_law(law, place, Path(directory))


def run_law(law: Law, place: Place, directory: Path) -> Outcome:
    """Try a law in an empty directory. Whatever happens becomes an outcome."""
    reason = place.known_failures.get(law.name, "")
    statement = law.statement
    try:
        _require_known_names(place)
        subject = Subject(place, directory)
        check, verdict = _form(law, subject)
        statement = inspect.getdoc(check) or statement
        check(subject)
    except (LawBroken, Damaged) as error:
        problem = error if isinstance(error, LawBroken) else _broken_by(error)
        verdict = Verdict.KNOWN if reason else Verdict.FAILED
        return Outcome(
            law=law, statement=statement, verdict=verdict, problem=problem, reason=reason
        )
    except Exception as error:  # noqa: BLE001  (no transport has raised this: `trying` sees to that)
        return Outcome(law=law, statement=statement, verdict=Verdict.BROKEN_KIT, problem=error)
    if not reason:
        return Outcome(law=law, statement=statement, verdict=verdict)
    out_of_date = LawBroken(
        f'the failure that known_failures explains with "{reason}"',
        f"the law is {verdict.value}",
        f'take "{law.name}" out of known_failures',
    )
    return Outcome(law=law, statement=statement, verdict=Verdict.FAILED, problem=out_of_date)


def _broken_by(damaged: Damaged) -> LawBroken:
    advice = "store all of an image, and make it visible in commit(), all at once"
    problem = LawBroken("a whole image to be stored, or none", str(damaged), advice)
    problem.__cause__ = damaged
    return problem


def _form(law: Law, subject: Subject) -> tuple[Check, Verdict]:
    """Return the form of a law that a transport is tried by, and what it is if that succeeds."""
    if law.capability is None or law.refusal is None or law.capability.declared(subject):
        return law.check, Verdict.HELD
    return law.refusal, Verdict.REFUSED


def _require_known_names(place: Place) -> None:
    """Raise a `BrokenKit` if a known failure is of no law, or has no reason."""
    if not place.known_failures:
        return
    names = {law.name for law in LAWS}
    unknown = [name for name in place.known_failures if name not in names]
    if unknown:
        raise BrokenKit(f"known_failures names what is no law: {listing(unknown)}")
    silent = [name for name, reason in place.known_failures.items() if not reason]
    if silent:
        raise BrokenKit(f"known_failures gives no reason for {listing(silent)}")
