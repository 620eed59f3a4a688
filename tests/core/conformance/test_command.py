"""`python -m imgcopy_core_stubs.conformance`."""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import Transport
from imgcopy_core_stubs.conformance import LAWS, Place
from imgcopy_core_stubs.conformance import __main__ as command
from imgcopy_core_stubs.plugins import Plugin, TransportRegistry
from tests.core.conformance.broken_blobs import SharesABuffer
from tests.core.conformance.broken_references import PrintsTheScheme
from tests.core.conformance.catching import transport_with
from tests.core.conformance.places import shelf_place
from tests.core.conformance.shelf import ShelfTransport

Run = Callable[..., Result]


class OfferingShelf(ShelfTransport):
    """A transport that offers the kit a place."""

    def conformance_place(self) -> Place:
        return shelf_place(self)


class OfferingNothing(ShelfTransport):
    """A transport whose offer is none."""

    def conformance_place(self) -> str:
        return "anywhere"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command as if a transport were installed."""

    def run_with(transport: Transport, *arguments: str) -> Result:
        registry = TransportRegistry(Plugin(name="built-in", transports=(transport,)), ())
        monkeypatch.setattr(command, "load_plugins", lambda: registry)
        return CliRunner().invoke(command.main, arguments)

    return run_with


def test_a_transport_that_is_right(run: Run) -> None:
    result = run(OfferingShelf(), "shelf")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    table = [line.rsplit("  ", 1) for line in lines[: len(LAWS)]]
    assert [name.rstrip() for name, _ in table] == [law.name for law in LAWS]
    verdicts = Counter(verdict for _, verdict in table)
    assert set(verdicts) == {"held", "refused as declared"}
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in sorted(verdicts))
    assert lines[len(LAWS) :] == ["", f"shelf: {len(LAWS)} laws, {counts}"]


def test_a_law_is_named_before_it_is_tried(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_laws", interrupted)
    result = run(OfferingShelf(), "shelf")
    assert (result.exit_code, result.stdout.strip()) == (1, LAWS[0].name)


@pytest.mark.parametrize("scheme", ["dir", "oci"])
def test_what_comes_with_imgcopy_needs_no_offer(scheme: str) -> None:
    result = CliRunner().invoke(command.main, [scheme, "--law", "comes back", "--law", "threads"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"{scheme}: 5 laws, 5 held"


def test_no_files_are_left(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    subprocess.run(
        [sys.executable, "-m", "imgcopy_core_stubs.conformance", "dir", "--law", "any order"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        check=True,
    )
    assert list(tmp_path.rglob("*")) == [temporary]


def test_hypothesis_does_not_keep_the_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = CliRunner().invoke(command.main, ["dir", "--law", "any order"])
    assert result.exit_code == 0

    @given(st.integers())
    def later(number: int) -> None:
        assert number < 1000

    with pytest.raises(AssertionError):
        later()  # hypothesis stores the example
    assert os.listdir(tmp_path) == []


def test_a_transport_that_lies(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = OfferingShelf()
    monkeypatch.setattr(transport, "destination", SharesABuffer)
    result = run(transport, "shelf", "--law", "threads")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].split("  ")[0] == "destination: blobs from several threads do not mix"
    assert lines[0].endswith("  failed")
    assert "failed: destination: blobs from several threads do not mix" in lines
    assert any(line.startswith("  expected    layer ") for line in lines)
    assert lines[-1] == "shelf: 3 laws, 2 held, 1 failed"


def test_laws_can_be_chosen(run: Run) -> None:
    result = run(OfferingShelf(), "shelf:", "--law", "signatures are", "--law", "an empty blob")
    assert result.exit_code == 0
    assert [line.rpartition("  ")[2] for line in result.stdout.splitlines()[:3]] == [
        "held",
        "held",
        "refused as declared",
    ]


def test_no_law_has_such_a_name(run: Run) -> None:
    result = run(OfferingShelf(), "shelf", "--law", "gravity")
    assert result.exit_code == 2
    assert "no law has such a name" in result.stderr


def test_a_transport_that_offers_no_place(run: Run) -> None:
    result = run(ShelfTransport(), "shelf")
    assert result.exit_code == 2
    assert "give it a method conformance_place(), or name a place with --place" in result.stderr


def test_a_place_is_named_and_the_source_reads_back(run: Run) -> None:
    arguments = ("shelf", "--place", "{directory}/shelf-{number}", "--law", "copy: ")
    result = run(ShelfTransport(), *arguments)
    assert result.exit_code == 0, result.stdout
    assert result.stderr.startswith("note: the transport reads back what it stores; ")
    broken = transport_with(PrintsTheScheme)
    result = run(broken, "shelf", "--place", "shelf-{number}", "--law", "inverse")
    assert result.exit_code == 1


def test_a_place_is_named_and_the_offered_read_back_stays(run: Run) -> None:
    result = run(OfferingShelf(), "shelf", "--place", "row/shelf-{number}", "--law", "given up")
    assert (result.exit_code, result.stderr) == (0, "")


def test_an_offer_that_is_none(run: Run) -> None:
    result = run(OfferingNothing(), "shelf")
    assert result.exit_code == 1
    assert result.stderr == 'Error: "shelf": conformance_place returned str, not a Place\n'


def test_an_unknown_transport_is_told_with_the_known_ones(run: Run) -> None:
    result = run(OfferingShelf(), "shelve")
    assert result.exit_code == 2
    assert 'unknown transport "shelve"; known transports: shelf' in result.stderr


def test_the_help_explains_the_verdicts(run: Run) -> None:
    result = run(OfferingShelf(), "-h")
    assert result.exit_code == 0
    for verdict in ("held", "refused as declared", "known failure", "failed", "broken kit"):
        assert f"  {verdict} " in result.stdout
