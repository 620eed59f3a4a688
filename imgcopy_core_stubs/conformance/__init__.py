"""The conformance kit: everything that a transport must do, as laws that its author can run.

In the tests of a transport's distribution, which need `imgcopy-docker-archive[conformance]`:

    class TestExample(ConformanceSuite):
        @pytest.fixture
        def place(self) -> Place:
            return Place(ExampleTransport(), lambda directory: f"{directory}/image", read_back)

The second argument names a place where nothing is; `Place` has more for what is out of the
ordinary. `read_back` takes the text of a reference and returns a `StoredImage`: what is really
stored there. It does without the transport: code that is wrong twice in the same way would agree
with itself.

Each law becomes a test, such as `test_law[destination: nothing is visible before commit]`:

- A capability chooses between two forms of a law: to do what is declared, or to refuse it as the
  contract says.
- Laws cannot be overridden. A failure that is known is listed in `Place(known_failures=…)` with its
  reason, and fails as soon as it is out of date.
- A test that fails says what was expected, what was found and what to do. An ERROR means that the
  place or the kit failed, and says nothing about the transport.

A transport that only reads takes `TransportSuite` and `SourceSuite`, and gives its `Place` an
`existing` image; one that only writes takes `TransportSuite` and `DestinationSuite`.

Without pytest, on a transport that is installed and has the method `conformance_place` (see
`offers`):

    python -m imgcopy_core_stubs.conformance example

It tries all laws, on a transport that only reads those about reading. One that only writes has no
use for it, since whole copies and what is read back are tried too: it takes the suites.
"""

from typing import TYPE_CHECKING

from imgcopy_core_stubs.conformance.errors import (
    BrokenKit,
    Damaged,
    LawBroken,
)
from imgcopy_core_stubs.conformance.law import About, Law
from imgcopy_core_stubs.conformance.laws import LAWS
from imgcopy_core_stubs.conformance.place import Place, StoredImage
from imgcopy_core_stubs.conformance.running import laws_for, run_law, run_laws
from imgcopy_core_stubs.conformance.verdicts import Outcome, Verdict

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
