"""Judging a law by what trying it raised."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from attrs import evolve

from imgcopy_core_stubs import Digest, ImageDestination, UnsupportedByDestination
from imgcopy_core_stubs.conformance import (
    LAWS,
    About,
    Damaged,
    Law,
    LawBroken,
    Verdict,
    laws_for,
    run_law,
    run_laws,
)
from imgcopy_core_stubs.conformance.checking import require_same_content
from imgcopy_core_stubs.conformance.formats import skopeo_directory
from imgcopy_core_stubs.conformance.images import build_image, layer
from imgcopy_core_stubs.conformance.law import Capability, law
from imgcopy_core_stubs.conformance.place import Place, StoredImage
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, expecting
from imgcopy_core_stubs.transports import DirDestinationOptions, DirReference, DirTransport
from imgcopy_core_stubs.transports.dir.destination import DirDestination
from tests.core.conformance.places import shelf_place
from tests.core.conformance.shelf import Shelf, ShelfReference, ShelfTransport


def trying(error: BaseException | None, *, declared: bool | None = None) -> Law:
    """A law that raises an error when it is tried, in the form for the capability that is given."""

    def otherwise(subject: Subject) -> None:
        """It is refused."""
        if error is not None and declared is False:
            raise error

    def check(subject: Subject) -> None:
        """It is done."""
        if error is not None and declared is not False:
            raise error

    if declared is None:
        return law(About.COPY, "it works")(check)
    capability = Capability("works", lambda subject: declared)
    return law(About.COPY, "it works", capability=capability, otherwise=otherwise)(check)


STORING = next(law for law in LAWS if law.title == "an image is stored as it was given")
COPYING = next(law for law in LAWS if law.title == "an image without layers is copied")
BROKEN = LawBroken("this", "that", "change it")


@pytest.mark.parametrize(
    ("law", "verdict", "statement"),
    [
        (trying(None), Verdict.HELD, "It is done."),
        (trying(None, declared=True), Verdict.HELD, "It is done."),
        (trying(None, declared=False), Verdict.REFUSED, "It is refused."),
        (trying(BROKEN), Verdict.FAILED, "It is done."),
        (trying(BROKEN, declared=False), Verdict.FAILED, "It is refused."),
        (trying(ZeroDivisionError()), Verdict.BROKEN_KIT, "It is done."),
    ],
)
def test_the_verdict(law: Law, verdict: Verdict, statement: str, tmp_path: Path) -> None:
    outcome = run_law(law, shelf_place(), tmp_path)
    assert (outcome.verdict, outcome.statement) == (verdict, statement)


def test_a_failure_says_what_was_expected_what_was_found_and_what_to_do(tmp_path: Path) -> None:
    outcome = run_law(trying(BROKEN), shelf_place(), tmp_path)
    assert outcome.text.splitlines() == [
        "expected    this",
        "found       that",
        "what to do  change it",
    ]
    assert str(BROKEN) == "expected this; found: that. What to do: change it"


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"copy: it flies": "it cannot"}, 'known_failures names what is no law: "copy: it flies"'),
        (
            {"copy: unknown JSON survives": ""},
            'known_failures gives no reason for "copy: unknown JSON survives"',
        ),
    ],
)
def test_a_known_failure_names_a_law_and_a_reason(
    known: dict[str, str], says: str, tmp_path: Path
) -> None:
    outcome = run_law(trying(None), shelf_place(known_failures=known), tmp_path)
    assert (outcome.verdict, str(outcome.problem)) == (Verdict.BROKEN_KIT, says)


def raising(reference: str) -> StoredImage | None:
    raise OSError("the author's mistake")


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (raising, "stored raised OSError: the author's mistake"),
        (None, "this law needs an independent read-back: give the Place a stored"),
    ],
)
def test_a_mistake_of_the_read_back_breaks_the_kit(
    stored: Callable[[str], StoredImage | None] | None, says: str, tmp_path: Path
) -> None:
    outcome = run_law(STORING, evolve(shelf_place(), stored=stored), tmp_path)
    assert (outcome.verdict, str(outcome.problem)) == (Verdict.BROKEN_KIT, says)


def damaged(reference: str) -> StoredImage | None:
    raise Damaged("half an image")


def no_json(reference: str) -> StoredImage | None:
    return StoredImage(manifest=b"{", blobs={})


def no_descriptor(reference: str) -> StoredImage | None:
    return StoredImage(manifest=b'{"config": 7}', blobs={})


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (damaged, "found       half an image"),
        (no_json, "found       the stored manifest has no config: JSONDecodeError"),
        (no_descriptor, "found       the stored manifest has 7 for a descriptor"),
    ],
)
def test_what_is_damaged_is_the_fault_of_the_transport(
    stored: Callable[[str], StoredImage | None], says: str, tmp_path: Path
) -> None:
    outcome = run_law(COPYING, evolve(shelf_place(), stored=stored), tmp_path)
    assert outcome.verdict is Verdict.FAILED
    assert says in outcome.text


def test_a_layer_that_cannot_be_decompressed_is_the_fault_of_the_transport() -> None:
    image = build_image([layer(1)])
    blobs = {str(blob.digest): blob.content for blob in (image.config, *image.layers)}
    blobs[str(image.layers[0].digest)] = image.layers[0].content[:-1]
    with pytest.raises(Damaged, match="cannot be decompressed"):
        require_same_content(StoredImage(manifest=image.manifest.raw, blobs=blobs), image)


def test_ctrl_c_ends_the_kit(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_law(trying(KeyboardInterrupt()), shelf_place(), tmp_path)


def test_a_law_has_two_forms_or_none() -> None:
    with pytest.raises(TypeError, match="two forms, or neither"):
        law(About.COPY, "half a law", capability=Capability("works", lambda subject: True))


def test_laws_have_names_of_their_own_and_statements() -> None:
    assert len({law.name for law in LAWS}) == len(LAWS)
    assert [law.name for law in LAWS if not law.statement.endswith(".")] == []


def test_what_only_reads_is_tried_by_the_laws_about_reading() -> None:
    def existing(directory: Path) -> str:
        return "image"

    place = shelf_place()
    reading = Place(place.transport, place.new_reference, existing=existing)
    assert {law.about for law in laws_for(reading)} == {About.TRANSPORT, About.SOURCE}
    both = Place(place.transport, place.new_reference, place.stored, existing=existing)
    assert laws_for(both) == laws_for(place) == list(LAWS)


class WrittenBySomeoneElse(ShelfReference):
    """A reference that is for reading only."""

    def open_destination(self, options: object | None = None) -> ImageDestination:
        raise UnsupportedByDestination(self.name, "it is for reading only")


def test_what_only_reads_keeps_those_laws_with_an_image_that_is_there() -> None:
    image = build_image([layer(1, 20_000), layer(2)])
    blobs = {blob.digest: blob.content for blob in (image.config, *image.layers)}
    transport = ShelfTransport()
    transport.shelves["image"] = Shelf(image.manifest, blobs)
    setattr(transport, "reference", WrittenBySomeoneElse)  # noqa: B010  (of this one only)
    place = Place(transport, str, existing=lambda directory: "image")
    problems = [outcome.text for outcome in run_laws(place, laws_for(place)) if outcome.problem]
    assert problems == []


# --- what a transport raises ---------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_what_a_call_raises_breaks_a_law(error: BaseException) -> None:
    with pytest.raises(LawBroken, match=type(error).__name__) as caught, calling("close"):
        raise error
    assert caught.value.__cause__ is error


def test_what_a_call_must_raise_is_no_failure() -> None:
    with expecting("close", ValueError, OSError, advice="do"):
        raise OSError


def test_a_call_that_raises_something_else_breaks_a_law() -> None:
    with (
        pytest.raises(LawBroken, match="to raise ValueError; found: it raised TypeError: no"),
        expecting("close", ValueError, advice="do"),
    ):
        raise TypeError("no")


def test_a_call_that_raises_nothing_breaks_a_law() -> None:
    with (
        pytest.raises(LawBroken, match=r"found: it raised nothing\. What to do: do"),
        expecting("close", ValueError, advice="do"),
    ):
        pass


# --- what a read-back returns --------------------------------------------------------------------


def test_a_stored_image_says_what_it_consists_of() -> None:
    with pytest.raises(TypeError, match="needs its config and its layers"):
        StoredImage(manifest=None, blobs={})
    by_manifest = StoredImage(
        manifest=b'{"config": {"digest": "sha256:c"}, "layers": [{"digest": "sha256:a"}]}',
        blobs={"sha256:a": b"a"},
    )
    index = StoredImage(manifest=b'{"manifests": [{"digest": "sha256:m"}]}', blobs={})
    assert index.instance_digests == ["sha256:m"]
    by_hand = StoredImage(
        manifest=None, blobs=[("sha256:a", b"a")], config="sha256:c", layers=("sha256:a",)
    )
    for image in (by_manifest, by_hand):
        assert (image.config_digest, image.layer_digests) == ("sha256:c", ["sha256:a"])
        assert image.blobs == (("sha256:a", b"a"),)


class _DropsThoseOfInstances(DirDestination):
    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        super().put_signatures(() if instance_digest else signatures)


class _TakesThoseOfInstancesForTheIndexs(DirDestination):
    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        super().put_signatures(signatures, instance_digest=instance_digest)
        super().put_signatures(signatures)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (_DropsThoseOfInstances, "both signatures of an instance"),
        (_TakesThoseOfInstancesForTheIndexs, "no signatures of the index"),
    ],
)
def test_signatures_of_an_indexs_images_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[DirDestination], found: str
) -> None:
    def open_destination(reference: DirReference, options: object | None = None) -> DirDestination:
        del options
        return kind(reference.path, DirDestinationOptions())

    place = Place(DirTransport(), skopeo_directory.new_reference, skopeo_directory.stored)
    (signatures,) = (law for law in LAWS if law.title == "signatures are what is stored")
    (tmp_path / "sound").mkdir()
    assert run_law(signatures, place, tmp_path / "sound").verdict is Verdict.HELD
    monkeypatch.setattr(DirReference, "open_destination", open_destination)
    (tmp_path / "broken").mkdir()
    outcome = run_law(signatures, place, tmp_path / "broken")
    assert outcome.verdict is Verdict.FAILED
    assert found in outcome.text
