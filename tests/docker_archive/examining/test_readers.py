"""Each program's rules, held against what was measured with it."""

import pytest
from attrs import evolve

from imgcopy_core_stubs import Compression, Outcome
from imgcopy_docker_archive.examining._archive_facts import (
    ArchiveFacts,
    ConfigFacts,
    Entry,
    ImageFacts,
    Item,
    NamedFile,
)
from imgcopy_docker_archive.examining._readers import READERS, verdicts
from imgcopy_docker_archive.reading._tar_walk import MemberKind

MIB = 1024 * 1024
DOCKER, CONTAINERD, CTR, PODMAN, DOCKER_ARCHIVE, OCI_ARCHIVE, CRANE = (
    "docker load (graphdriver)",
    "docker load (containerd)",
    "ctr images import",
    "podman load",
    "skopeo docker-archive:",
    "skopeo oci-archive:",
    "crane",
)
LOADS, LOSES, REFUSES = Outcome.LOADS, Outcome.LOSES_DIGEST, Outcome.REFUSES
GZIP, ZSTD, BZIP2, XZ = Compression.GZIP, Compression.ZSTD, Compression.BZIP2, Compression.XZ
SYMLINK, HARD_LINK = MemberKind.SYMLINK, MemberKind.HARD_LINK

CONFIG = NamedFile(name="config.json")
BASE, TOP = NamedFile(name="base.tar"), NamedFile(name="top.tar")
ITEM = Item(config=CONFIG, layers=(BASE, TOP), tags=("app:1",), diff_ids=("a", "b"))
DOCKER_LAYOUT = ArchiveFacts(images=(ImageFacts(name="app:1", item=ITEM),), manifest_size=400)
ENTRY = Entry(ref_names=("1",))
HYBRID = ArchiveFacts(
    images=(ImageFacts(name="app:1", item=ITEM, entry=ENTRY),),
    manifest_size=400,
    marker_version="1.0.0",
    descriptors=1,
)


def hybrid_with_config(config: ConfigFacts) -> ArchiveFacts:
    """What `index.json` lists has this config, and not what `manifest.json` does."""
    entry = evolve(ENTRY, decoded=config)
    return evolve(HYBRID, images=(ImageFacts(name="app:1", item=ITEM, entry=entry),))


def outcomes(archive: ArchiveFacts, image: str = "app:1") -> dict[str, Outcome]:
    return {each.reader: each.outcome for each in verdicts(archive) if each.image == image}


def refusing(archive: ArchiveFacts) -> set[str]:
    return {reader for reader, outcome in outcomes(archive).items() if outcome is REFUSES}


def reason(archive: ArchiveFacts, reader: str) -> str:
    (found,) = [each.reason for each in verdicts(archive) if each.reader == reader]
    return found


def with_item(item: Item) -> ArchiveFacts:
    return evolve(DOCKER_LAYOUT, images=(ImageFacts(name="app:1", item=item),))


def with_layers(*layers: NamedFile, diff_ids: tuple[str, ...] = ("a", "b")) -> ArchiveFacts:
    return with_item(evolve(ITEM, layers=layers, diff_ids=diff_ids))


def with_config(config: ConfigFacts) -> ArchiveFacts:
    return with_item(evolve(ITEM, decoded=config))


def compressed(*compressions: Compression) -> ArchiveFacts:
    names = ("base.tar", "top.tar")
    pairs = zip(names, compressions, strict=True)
    return with_layers(*(NamedFile(name=name, compression=each) for name, each in pairs))


def test_the_docker_layout() -> None:
    assert outcomes(DOCKER_LAYOUT) == {
        DOCKER: LOADS,
        CONTAINERD: LOADS,
        CTR: LOADS,
        PODMAN: LOADS,
        DOCKER_ARCHIVE: LOADS,
        OCI_ARCHIVE: REFUSES,
        CRANE: LOADS,
    }


def test_the_oci_layout() -> None:
    assert outcomes(HYBRID) == {
        DOCKER: LOSES,
        CONTAINERD: LOADS,
        CTR: LOADS,
        PODMAN: LOADS,
        DOCKER_ARCHIVE: LOSES,
        OCI_ARCHIVE: LOADS,
        CRANE: LOSES,
    }
    assert "the image ID is the digest of the config" in reason(HYBRID, DOCKER)


def test_the_oci_layout_with_two_tags() -> None:
    entry = Entry(ref_names=("1", "2"))
    image = ImageFacts(name="app:1", item=evolve(ITEM, tags=("app:1", "app:2")), entry=entry)

    found = outcomes(evolve(HYBRID, images=(image,), descriptors=2))

    assert found == {**outcomes(HYBRID), PODMAN: LOSES}


def test_an_oci_archive_without_manifest_json() -> None:
    image = ImageFacts(name="app:1", entry=ENTRY)
    archive = evolve(HYBRID, images=(image,), manifest_size=None)

    assert refusing(archive) == {DOCKER, DOCKER_ARCHIVE, CRANE}
    assert outcomes(archive)[PODMAN] is LOADS


@pytest.mark.parametrize(
    ("archive", "refuse"),
    [
        # docker, graphdriver
        (with_item(evolve(ITEM, tags=("app",))), {DOCKER, PODMAN}),
        (with_item(evolve(ITEM, tags=("app@sha256:" + "0" * 64,))), {DOCKER, PODMAN}),
        (with_item(evolve(ITEM, tags=("App:1",))), {DOCKER, PODMAN, CONTAINERD, CTR}),
        (with_item(evolve(ITEM, tags=("",))), {DOCKER, PODMAN, CONTAINERD, CTR}),
        (with_layers(BASE), {DOCKER, CONTAINERD, CTR, PODMAN, DOCKER_ARCHIVE, CRANE}),
        (evolve(DOCKER_LAYOUT, early_hard_link="x"), {DOCKER}),
        # containerd
        (evolve(DOCKER_LAYOUT, blind_symlink="x"), {CONTAINERD, CTR}),
        (evolve(DOCKER_LAYOUT, chained_symlink="x"), {CONTAINERD, CTR}),
        (with_item(evolve(ITEM, tags=())), {CTR}),
        (
            with_item(evolve(ITEM, config=NamedFile(name="./config.json", is_exact=False))),
            {CONTAINERD, CTR},
        ),
        (with_layers(NamedFile(name="./base.tar", is_exact=False), TOP), {CONTAINERD, CTR}),
        (
            evolve(DOCKER_LAYOUT, manifest_size=20 * MIB + 1),
            {CONTAINERD, CTR, PODMAN, DOCKER_ARCHIVE},
        ),
        (compressed(BZIP2, BZIP2), {CONTAINERD, CTR, CRANE}),
        (compressed(XZ, XZ), {CONTAINERD, CTR, CRANE}),
        (compressed(ZSTD, ZSTD), set()),
        (evolve(DOCKER_LAYOUT, compression=GZIP), {CTR, CRANE}),
        # podman, skopeo
        (evolve(DOCKER_LAYOUT, manifest_size=MIB), set()),
        (evolve(DOCKER_LAYOUT, manifest_size=MIB + 1), {PODMAN, DOCKER_ARCHIVE}),
        (with_item(evolve(ITEM, config=NamedFile(name="c", size=4 * MIB))), set()),
        (
            with_item(evolve(ITEM, config=NamedFile(name="c", size=4 * MIB + 1))),
            {PODMAN, DOCKER_ARCHIVE},
        ),
        (with_layers(evolve(BASE, links=(SYMLINK,)), TOP), {PODMAN, DOCKER_ARCHIVE}),
        (
            with_layers(evolve(BASE, links=(HARD_LINK,)), TOP),
            {PODMAN, DOCKER_ARCHIVE, CONTAINERD, CTR},
        ),
        (with_layers(BASE, evolve(TOP, links=(SYMLINK,)), diff_ids=("a", "a")), set()),
        (with_item(evolve(ITEM, config=evolve(CONFIG, links=(SYMLINK,)))), set()),
        (
            with_item(evolve(ITEM, config=evolve(CONFIG, links=(SYMLINK, SYMLINK)))),
            {PODMAN, DOCKER_ARCHIVE},
        ),
        # crane
        (compressed(GZIP, GZIP), set()),
        (compressed(Compression.NONE, GZIP), {CRANE}),
        (compressed(GZIP, Compression.NONE), {CRANE}),
        (compressed(GZIP, ZSTD), set()),
        # what the config says
        (with_config(ConfigFacts(os="linux")), set()),
        (with_config(ConfigFacts(os="windows")), {DOCKER}),
        (with_config(ConfigFacts(os="Linux")), {DOCKER}),
        (with_config(ConfigFacts(not_docker="x")), {DOCKER, PODMAN, DOCKER_ARCHIVE}),
        (with_config(ConfigFacts(not_oci="x")), {CONTAINERD, CTR, PODMAN, CRANE}),
        # anyone
        (evolve(DOCKER_LAYOUT, outward_symlink="x"), set()),
        (with_layers(evolve(BASE, size=None), TOP), set(READERS) - {OCI_ARCHIVE}),
        (with_item(evolve(ITEM, diff_ids=None)), set(READERS) - {OCI_ARCHIVE}),
    ],
)
def test_what_is_refused_in_the_docker_layout(archive: ArchiveFacts, refuse: set[str]) -> None:
    assert refusing(archive) == {*refuse, OCI_ARCHIVE}
    assert all(each.reason for each in verdicts(archive) if each.outcome is REFUSES)


@pytest.mark.parametrize(
    ("archive", "different"),
    [
        (evolve(HYBRID, marker_version="1.1.0"), {CONTAINERD: REFUSES, CTR: REFUSES}),
        (
            evolve(HYBRID, descriptors=None, images=DOCKER_LAYOUT.images),
            {
                DOCKER: LOADS,
                DOCKER_ARCHIVE: LOADS,
                CRANE: LOADS,
                CONTAINERD: REFUSES,
                CTR: REFUSES,
                OCI_ARCHIVE: REFUSES,
            },
        ),
        (evolve(HYBRID, marker_version=None), {CONTAINERD: LOSES, CTR: LOSES}),
        (evolve(HYBRID, blind_symlink="x"), {}),
        (evolve(HYBRID, outward_symlink="x"), {PODMAN: LOSES, OCI_ARCHIVE: REFUSES}),
        (
            evolve(HYBRID, early_hard_link="x"),
            {PODMAN: LOSES, OCI_ARCHIVE: REFUSES, DOCKER: REFUSES},
        ),
        (evolve(HYBRID, compression=GZIP), {CTR: REFUSES, CRANE: REFUSES}),
        (
            evolve(
                HYBRID,
                images=(ImageFacts(name="app:1", item=ITEM, entry=Entry(is_named=False)),),
            ),
            {CTR: REFUSES},
        ),
        # The config of the one list and of the other, where they are not the same.
        (hybrid_with_config(ConfigFacts(os="windows")), {}),
        (hybrid_with_config(ConfigFacts(not_docker="x")), {PODMAN: REFUSES}),
        (
            hybrid_with_config(ConfigFacts(not_oci="x")),
            {CONTAINERD: REFUSES, CTR: REFUSES, PODMAN: REFUSES},
        ),
    ],
)
def test_what_is_different_in_the_oci_layout(
    archive: ArchiveFacts, different: dict[str, Outcome]
) -> None:
    assert outcomes(archive) == {**outcomes(HYBRID), **different}


def test_notes_on_zstd() -> None:
    archive = compressed(ZSTD, ZSTD)

    assert reason(archive, CONTAINERD) == "zstd layers get the media type of gzip"
    assert reason(archive, DOCKER) == "zstd needs Docker 23 or later"
    assert reason(archive, PODMAN) == ""


def test_notes_on_an_archive_in_gzip() -> None:
    whole, layers = evolve(DOCKER_LAYOUT, compression=GZIP), compressed(GZIP, GZIP)

    assert reason(whole, PODMAN) == "a whole archive in gzip needs podman 4.4 or later"
    assert reason(whole, DOCKER_ARCHIVE) == "a whole archive in gzip needs skopeo 1.11 or later"
    assert reason(layers, PODMAN) == reason(layers, DOCKER_ARCHIVE) == ""
    assert reason(evolve(DOCKER_LAYOUT, compression=ZSTD), PODMAN) == ""
    assert reason(evolve(HYBRID, compression=GZIP), PODMAN) == ""  # it goes by oci-archive:


def test_a_manifest_json_that_was_too_large_to_read() -> None:
    image = ImageFacts(name="app:1", entry=ENTRY)
    archive = evolve(HYBRID, images=(image,), manifest_size=MIB + 1)

    assert outcomes(archive) == {CONTAINERD: LOADS, CTR: LOADS, PODMAN: LOADS, OCI_ARCHIVE: LOADS}


class TestSeveralImages:
    def archive(self, *items: Item, refs: tuple[str, ...] = ()) -> ArchiveFacts:
        entries: list[Entry | None] = [Entry(ref_names=(ref,)) for ref in refs]
        entries = entries or [None] * len(items)
        return ArchiveFacts(
            images=tuple(
                ImageFacts(name=f"@{number}", item=item, entry=entry)
                for number, (item, entry) in enumerate(zip(items, entries, strict=True))
            ),
            manifest_size=400,
            marker_version="1.0.0" if refs else None,
            descriptors=len(refs) or None,
        )

    def test_crane_takes_one(self) -> None:
        archive = self.archive(ITEM, ITEM)

        for image in ("@0", "@1"):
            found = outcomes(archive, image)
            assert [each for each in found if found[each] is REFUSES] == [OCI_ARCHIVE, CRANE]

    def test_docker_and_podman_stop_at_the_first_that_they_refuse(self) -> None:
        linked = evolve(ITEM, layers=(evolve(BASE, links=(SYMLINK,)), TOP))
        archive = self.archive(ITEM, linked, ITEM)

        assert [outcomes(archive, f"@{n}")[PODMAN] for n in range(3)] == [LOADS, REFUSES, REFUSES]
        by_skopeo = [outcomes(archive, f"@{n}")[DOCKER_ARCHIVE] for n in range(3)]
        assert by_skopeo == [LOADS, REFUSES, LOADS]

    def test_an_image_that_is_not_in_manifest_json_stops_nobody(self) -> None:
        archive = self.archive(ITEM, ITEM, refs=("1", "2"))
        first, second = archive.images
        archive = evolve(archive, images=(evolve(first, item=None), second))

        for reader in (PODMAN, DOCKER):
            assert [outcomes(archive, f"@{n}")[reader] for n in range(2)] == [REFUSES, LOSES]

    def test_podman_reads_all_tags_first_and_containerd_all_names(self) -> None:
        archive = self.archive(ITEM, evolve(ITEM, tags=("App:1",)))

        assert outcomes(archive, "@0")[DOCKER] is LOADS
        assert outcomes(archive, "@0")[PODMAN] is REFUSES
        assert outcomes(archive, "@0")[CTR] is REFUSES

    def test_skopeo_chooses_by_the_ref_name(self) -> None:
        archive = self.archive(ITEM, ITEM, ITEM, refs=("1", "2", "1"))

        by_skopeo = [outcomes(archive, f"@{n}")[OCI_ARCHIVE] for n in range(3)]
        assert by_skopeo == [LOADS, LOADS, REFUSES]
        assert {outcomes(archive, f"@{n}")[PODMAN] for n in range(3)} == {LOSES}

    def test_one_that_has_no_name_cannot_be_chosen(self) -> None:
        images = tuple(
            ImageFacts(name=f"@{number}", item=ITEM, entry=Entry(is_named=False))
            for number in range(2)
        )
        archive = evolve(HYBRID, images=images, descriptors=2)

        assert outcomes(archive, "@0")[OCI_ARCHIVE] is REFUSES
        assert outcomes(archive, "@0")[CTR] is REFUSES
