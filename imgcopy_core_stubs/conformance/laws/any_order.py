"""Any order of calls, against a model that knows what must be stored."""

from imgcopy_core_stubs.conformance.errors import BrokenKit, LawBroken
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.subject import Subject


@law(About.DESTINATION, "any order of calls keeps the contract")
def any_order(subject: Subject) -> None:
    """Whatever is put, reused, put in vain, committed and closed: what a model says is stored."""
    try:
        from imgcopy_core_stubs.conformance._state_machine import (  # noqa: PLC0415  (an extra)
            Unstable,
            run_state_machine,
        )
    except ModuleNotFoundError as error:
        problem = "this law needs hypothesis: install imgcopy-docker-archive[conformance]"
        raise BrokenKit(problem) from error
    try:
        run_state_machine(subject)
    except Unstable as error:
        raise LawBroken(
            "the same calls to have the same results",
            str(error),
            "let nothing depend on time, chance or what other destinations did",
        ) from error
