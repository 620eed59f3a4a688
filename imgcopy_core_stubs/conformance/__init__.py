"""The conformance kit: everything that a transport must do, as laws that its author can run.

In the tests of your distribution (which depend on `imgcopy-docker-archive[conformance]`):

    class TestExample(ConformanceSuite):
        @pytest.fixture
        def place(self) -> Place:
            return Place(ExampleTransport(), lambda directory: f"{directory}/image", read_back)

`read_back` takes the text of a reference and says what is stored there, a `StoredImage` or None. It
must not use your transport: code that is wrong twice in the same way would agree with itself.

Each law becomes a test, `test_law[destination: nothing is visible before commit]`. A capability
chooses between two forms of a law: do what you declare, or refuse it as the contract says. Laws
cannot be overridden; a failure that you know of is listed with its reason in
`Place(known_failures=…)`, and fails as soon as it is out of date. A test that fails says what was
expected, what was found and what to do; one that ends in an ERROR means that your fixture or the
kit failed, not your transport.

Without pytest, on a transport that is installed and has the method `conformance_place`:

    python -m imgcopy_core_stubs.conformance example
"""

from typing import TYPE_CHECKING

from imgcopy_core_stubs.conformance.law import About, Law
from imgcopy_core_stubs.conformance.laws import LAWS
from imgcopy_core_stubs.conformance.place import Place, StoredImage
from imgcopy_core_stubs.conformance.running import laws_for, run_law, run_laws
from imgcopy_core_stubs.conformance.verdicts import (
    BrokenKit,
    Damaged,
    LawBroken,
    Outcome,
    Verdict,
)

if TYPE_CHECKING:
    from imgcopy_core_stubs.conformance.suite import (
        ConformanceSuite,
        CopySuite,
        DestinationSuite,
        SourceSuite,
        TransportSuite,
    )

__all__ = [
    "LAWS",
    "About",
    "BrokenKit",
    "ConformanceSuite",
    "CopySuite",
    "Damaged",
    "DestinationSuite",
    "Law",
    "LawBroken",
    "Outcome",
    "Place",
    "SourceSuite",
    "StoredImage",
    "TransportSuite",
    "Verdict",
    "laws_for",
    "run_law",
    "run_laws",
]


def __getattr__(name: str) -> object:
    """Load a suite when it is used: the rest of the kit does without pytest."""
    if name.endswith("Suite") and name in __all__:
        from imgcopy_core_stubs.conformance import suite  # noqa: PLC0415  (as above)

        return getattr(suite, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
