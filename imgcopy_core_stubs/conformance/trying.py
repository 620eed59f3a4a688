"""Calling a transport: whatever it does wrong becomes a `LawBroken`, and nothing else does."""

from collections.abc import Iterator
from contextlib import contextmanager

from imgcopy_core_stubs.conformance.errors import (
    BrokenKit,
    Damaged,
    LawBroken,
    described,
)
from imgcopy_core_stubs.quoting import listing


@contextmanager
def calling(what: str, advice: str = "make this call work") -> Iterator[None]:
    """Call a transport for something that must work.

    Args:
        what: The call, for messages.
        advice: What to do about it if it raises.

    Raises:
        LawBroken: It raised something.
    """
    try:
        yield
    except (LawBroken, BrokenKit, Damaged):
        raise
    except (Exception, SystemExit) as error:
        raise LawBroken(f"{what} to work", f"it raised {described(error)}", advice) from error


@contextmanager
def expecting(what: str, *errors: type[BaseException], advice: str) -> Iterator[None]:
    """Call a transport for something that must fail.

    Args:
        what: The call, for messages.
        errors: What it may raise.
        advice: What to do about it if it does not.

    Raises:
        LawBroken: It raised nothing, or something else.
    """
    names = " or ".join(error.__name__ for error in errors)
    try:
        yield
    except errors:
        return
    except (LawBroken, BrokenKit, Damaged):
        raise
    except (Exception, SystemExit) as error:
        found = f"it raised {described(error)}"
        raise LawBroken(f"{what} to raise {names}", found, advice) from error
    raise LawBroken(f"{what} to raise {names}", "it raised nothing", advice)


def require(condition: object, expected: str, found: object, advice: str) -> None:
    """Raise a `LawBroken` unless a condition holds."""
    if not condition:
        raise LawBroken(expected, str(found), advice)


def require_instance(value: object, cls: type, what: str) -> None:
    """Raise a `LawBroken` unless a transport returned an instance of `cls`."""
    found = f"an instance of {type(value).__name__}" if value is not None else "None"
    require(isinstance(value, cls), f"{what} to return a {cls.__name__}", found, "return one")


def require_equal_names(before: frozenset[str], now: frozenset[str], when: str) -> None:
    """Raise a `LawBroken` if files have come or gone."""
    for changed, verb in ((now - before, "left behind"), (before - now, "gone")):
        require(
            not changed,
            f"the files of the place to be the same {when} as before",
            f"{verb}: {listing(sorted(changed), most=5)}",
            "remove what was staged in close(), whatever ended the copy, and nothing else",
        )
