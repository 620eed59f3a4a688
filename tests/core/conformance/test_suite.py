"""What pytest reports of the laws, and what a subclass cannot change."""

from collections.abc import Callable, Sequence
from textwrap import dedent
from typing import cast

import pytest

from imgcopy_core_stubs.conformance import (
    LAWS,
    About,
    ConformanceSuite,
    CopySuite,
    DestinationSuite,
    SourceSuite,
    TransportSuite,
)

pytest_plugins = ["pytester"]

TESTS = """
    import pytest
    from attrs import evolve
    from imgcopy_core_stubs.conformance import *
    from tests.core.conformance.broken_references import IsOfAnotherVersion
    from tests.core.conformance.places import shelf_place

    def fail(*arguments):
        raise OSError("the author's mistake")

    class TestIt(TransportSuite):
        @pytest.fixture
        def place(self):
            return PLACE
"""
LAWS_OF_THE_SUITE = sum(law.about is About.TRANSPORT for law in LAWS)
Run = Callable[[str], pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the laws on the place that an expression makes, and returns what pytest says."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # faster, and nobody else's

    def run_with(place: str) -> pytest.RunResult:
        pytester.makepyfile(dedent(TESTS.replace("PLACE", place)))
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-ra", "--tb=short")

    return run_with


def test_every_law_is_a_test_of_its_name(run: Run) -> None:
    result = run("shelf_place()")
    result.assert_outcomes(passed=LAWS_OF_THE_SUITE)


def test_a_law_that_is_broken_fails_and_says_what_to_do(run: Run) -> None:
    result = run("shelf_place(IsOfAnotherVersion())")
    result.assert_outcomes(failed=1, passed=LAWS_OF_THE_SUITE - 1)
    result.stdout.fnmatch_lines(
        [
            "E * transport: it can be registered",
            "E * expected    a transport that imgcopy accepts",
            "E * found * version 99 *",
            "E * what to do  subclass Transport *",
            "FAILED *::test_law[[]transport: it can be registered[]]*",
        ]
    )


def test_a_known_failure_is_expected(run: Run) -> None:
    known = {"transport: it can be registered": "the contract has changed"}
    result = run(f"shelf_place(IsOfAnotherVersion(), {known!r})")
    result.assert_outcomes(xfailed=1, passed=LAWS_OF_THE_SUITE - 1)
    result.stdout.fnmatch_lines("XFAIL * the contract has changed")


def test_a_known_failure_that_is_out_of_date_fails(run: Run) -> None:
    known = {"transport: it can be registered": "the contract has changed"}
    result = run(f"shelf_place(None, {known!r})")
    result.assert_outcomes(failed=1, passed=LAWS_OF_THE_SUITE - 1)
    result.stdout.fnmatch_lines('E * what to do  take "transport: it can be registered" out of *')


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("fail()", "E *OSError: the author's mistake"),
        (
            "evolve(shelf_place(), new_reference=fail)",
            "E *BrokenKit: new_reference raised OSError*",
        ),
    ],
)
def test_a_mistake_of_the_author_is_an_error(run: Run, place: str, says: str) -> None:
    result = run(place)
    errors = result.parseoutcomes()["errors"]
    result.assert_outcomes(errors=errors, passed=LAWS_OF_THE_SUITE - errors)
    assert errors >= 3
    result.stdout.fnmatch_lines(says)


def test_each_suite_has_its_laws_and_one_has_all() -> None:
    suites = (TransportSuite, SourceSuite, DestinationSuite, CopySuite)
    assert [about for suite in suites for about in suite.about] == list(About)
    assert set(ConformanceSuite.about) == {law.about for law in LAWS}


def test_several_suites_together_have_the_laws_of_all() -> None:
    class Metafunc:
        fixturenames = ("law",)
        ids: Sequence[str] = ()

        def parametrize(self, name: str, laws: object, *, ids: Sequence[str]) -> None:
            del name, laws
            self.ids = ids

    class Both(TransportSuite, DestinationSuite):
        pass

    class More(Both, SourceSuite):
        pass

    for suite, about in (
        (Both(), {About.TRANSPORT, About.DESTINATION}),
        (More(), {About.TRANSPORT, About.DESTINATION, About.SOURCE}),
    ):
        metafunc = Metafunc()
        suite.pytest_generate_tests(cast("pytest.Metafunc", metafunc))
        assert list(metafunc.ids) == [law.name for law in LAWS if law.about in about]


@pytest.mark.parametrize(
    "name",
    [
        "test_law",
        "outcome",
        "about",
        "pytest_generate_tests",
        "an_image_is_stored",
        "test_no_layers",
    ],
)
def test_a_law_cannot_be_overridden(name: str) -> None:
    with pytest.raises(TypeError, match=f"TestMine overrides {name}: laws cannot be changed"):
        type("TestMine", (ConformanceSuite,), {name: None})


def test_a_suite_may_have_tests_of_its_own() -> None:
    type("TestMine", (ConformanceSuite,), {"place": None, "test_something_else": None})
