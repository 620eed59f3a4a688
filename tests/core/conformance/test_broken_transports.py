"""Each lie is caught by the law that is about it, and by no law that is not."""

import os
import tempfile
from typing import Final

import pytest

from imgcopy_core_stubs import BlobInfo, ByteStream, DestinationWriteFailed
from imgcopy_core_stubs.conformance import LAWS, Law, Verdict, run_laws
from tests.core.conformance import (
    broken_blobs,
    broken_collections,
    broken_images,
    broken_lives,
    broken_references,
    broken_reuse,
    broken_sources,
)
from tests.core.conformance.catching import Broken, broken_in, transport_with
from tests.core.conformance.places import shelf_place
from tests.core.conformance.shelf import ShelfDestination

BROKEN: Final = broken_in(
    broken_references,
    broken_blobs,
    broken_reuse,
    broken_images,
    broken_lives,
    broken_sources,
    broken_collections,
)
STATE_MACHINE: Final = "destination: any order of calls keeps the contract"
LARGE: Final = (
    "destination: an image of 1,000 layers is stored",
    "copy: an image of 1,000 layers is copied",
)
OTHERS: Final = [law for law in LAWS if law.name not in (STATE_MACHINE, *LARGE)]


@pytest.fixture(autouse=True)
def directories_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no disk hold up the thousands of directories that these tests need."""
    if os.access("/dev/shm", os.W_OK):  # noqa: S108  (used like any temporary directory)
        monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")  # noqa: S108  (as above)


def named(name: str) -> Law:
    return next(law for law in LAWS if law.name == name)


@pytest.mark.parametrize("broken", BROKEN, ids=[broken.part.__name__ for broken in BROKEN])
def test_a_lie_breaks_the_law_about_it(broken: Broken) -> None:
    outcomes = list(run_laws(shelf_place(broken.transport()), OTHERS))
    assert [outcome.text for outcome in outcomes if outcome.verdict is Verdict.BROKEN_KIT] == []
    failed = {outcome.law.name: outcome for outcome in outcomes if outcome.problem is not None}
    assert sorted(failed) == sorted({broken.law, *broken.also})
    assert broken.says in failed[broken.law].text
    assert failed[broken.law].verdict is Verdict.FAILED


def test_there_is_a_lie_about_every_law() -> None:
    caught = {name for broken in BROKEN for name in (broken.law, *broken.also)}
    assert {law.name for law in LAWS} - caught == {STATE_MACHINE, *LARGE}


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (broken_blobs.IgnoresTheDigest, "raise DigestMismatch"),
        (broken_blobs.KeepsHalfABlob, "no blob to be stored but those of the image"),
        (broken_blobs.ReportsAnotherSize, "put_blob to return"),
        (broken_reuse.ReusesAnything, "or None"),
        (broken_lives.CommitsTwice, "another commit"),
        (broken_lives.WritesAfterClose, "after close"),
        (broken_lives.ClosesOnce, "close to work"),
    ],
)
def test_the_state_machine_finds_the_calls_that_break_the_contract(
    part: type[ShelfDestination], says: str
) -> None:
    (outcome,) = run_laws(shelf_place(transport_with(part)), [named(STATE_MACHINE)])
    assert outcome.verdict is Verdict.FAILED
    assert says in outcome.text
    assert "state." in outcome.text  # the calls, one a line


class HoldsHundreds(ShelfDestination):
    """Has room for some hundred blobs."""

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        if len(self.blobs) >= 999:
            raise DestinationWriteFailed(self.name, OSError(28, "No space left on device"))
        return super().put_blob(stream, info, is_config=is_config)


@pytest.mark.parametrize("law", LARGE)
def test_a_limit_is_found(law: str) -> None:
    (outcome,) = run_laws(shelf_place(transport_with(HoldsHundreds)), [named(law)])
    assert outcome.verdict is Verdict.FAILED
    assert "No space left on device" in outcome.text
