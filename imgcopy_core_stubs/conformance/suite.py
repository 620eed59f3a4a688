"""The laws as pytest tests: a class to subclass, which has nothing to override. Needs pytest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from imgcopy_core_stubs.conformance.law import About, Law
from imgcopy_core_stubs.conformance.laws import LAWS
from imgcopy_core_stubs.conformance.place import Place
from imgcopy_core_stubs.conformance.running import run_law
from imgcopy_core_stubs.conformance.verdicts import Outcome, Verdict

_OURS: Final = frozenset({"about", "law", "outcome", "pytest_generate_tests", "test_law"})


class _Suite:
    """Tests a transport: one test for each law. The fixture `place` returns a `Place`."""

    about: ClassVar[Sequence[About]]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if cls.__module__ == __name__:
            return
        overridden = sorted(name for name in vars(cls) if name in _OURS or _is_of_a_law(name))
        if overridden:
            problem = (
                f"{cls.__name__} overrides {', '.join(overridden)}: laws cannot be changed; "
                "list a failure that is known in Place(known_failures={name: reason})"
            )
            raise TypeError(problem)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of every law."""
        if "law" in metafunc.fixturenames:
            # A class may have several suites as its bases, and has the laws of all of them.
            bases = type(self).__mro__
            about = {each for base in bases for each in vars(base).get("about", ())}
            laws = [law for law in LAWS if law.about in about]
            metafunc.parametrize("law", laws, ids=[law.name for law in laws])

    @pytest.fixture
    def outcome(self, law: Law, place: Place, tmp_path: Path) -> Outcome:
        """Try a law. What breaks the kit is raised here, so pytest reports ERROR, not FAILED."""
        outcome = run_law(law, place, tmp_path)
        if outcome.verdict is Verdict.BROKEN_KIT and outcome.problem is not None:
            raise outcome.problem
        return outcome

    def test_law(self, outcome: Outcome) -> None:
        """Fail unless the law is held, or refused as declared."""
        if outcome.verdict is Verdict.KNOWN:
            pytest.xfail(outcome.reason)
        if outcome.problem is not None:
            text = f"{outcome.law.name}\n{outcome.statement}\n\n{outcome.text}"
            # Whatever the transport raised is shown; where in the kit that was noticed is not.
            raise AssertionError(text) from outcome.problem.__cause__


class TransportSuite(_Suite):
    """The laws about a transport and its references."""

    about: ClassVar[Sequence[About]] = (About.TRANSPORT,)


class SourceSuite(_Suite):
    """The laws about sources."""

    about: ClassVar[Sequence[About]] = (About.SOURCE,)


class DestinationSuite(_Suite):
    """The laws about destinations."""

    about: ClassVar[Sequence[About]] = (About.DESTINATION,)


class CopySuite(_Suite):
    """The laws about whole copies, to the transport and back."""

    about: ClassVar[Sequence[About]] = (About.COPY,)


class ConformanceSuite(_Suite):
    """All laws, for a transport that reads and writes.

    All that a subclass needs is a fixture:

        class TestExample(ConformanceSuite):
            @pytest.fixture
            def place(self) -> Place:
                return Place(ExampleTransport(), lambda directory: f"{directory}/image", read_back)
    """

    about: ClassVar[Sequence[About]] = tuple(About)


def _is_of_a_law(name: str) -> bool:
    """Whether a name is the one of a law's function, or could pass for it."""
    return name.removeprefix("test_") in {law.check.__name__ for law in LAWS}
