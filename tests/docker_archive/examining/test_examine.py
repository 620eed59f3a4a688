"""What is found wrong with a whole archive, and the verdicts that follow from its bytes."""

import gzip
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    Examination,
    InvalidArchive,
    InvalidDocument,
    Outcome,
    SourceError,
    SourceNotFound,
    TooLarge,
)
from imgcopy_docker_archive import DockerArchiveSourceOptions
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.reference import DockerArchiveReference
from tests.docker_archive.archives import config_file, item, layer_files, manifest_json, parts
from tests.docker_archive.images import Image, make_image
from tests.docker_archive.oci_archives import MARKER, index_json, index_of, layout, oci_image
from tests.docker_archive.tars import END, file, hard_link, header, symlink, tar

OTHER = make_image(b"another layer", os="linux")
LOADS, LOSES, REFUSES = Outcome.LOADS, Outcome.LOSES_DIGEST, Outcome.REFUSES
HYBRID_NAME = "docker.io/library/app:1"
MIB = 1024 * 1024


def reference(tmp_path: Path, data: bytes, choice: str = "") -> DockerArchiveReference:
    path = tmp_path / "archive.tar"
    path.write_bytes(data)
    return DockerArchiveReference.parse(f"{path}{choice}")


def examined(
    tmp_path: Path,
    data: bytes,
    choice: str = "",
    options: DockerArchiveSourceOptions | None = None,
) -> Examination:
    with reference(tmp_path, data, choice).open_images(options) as images:
        return images.examine()


def problems(examination: Examination) -> list[tuple[str, int | None, str]]:
    """Member, offset and problem of each; of a document its path, and no offset."""
    found: list[tuple[str, int | None, str]] = []
    for problem in examination.problems:
        if isinstance(problem, InvalidArchive):
            found.append((problem.member, problem.offset, problem.problem))
        else:
            assert isinstance(problem, InvalidDocument)
            found.append((problem.path, None, problem.problem))
    return found


def outcomes(examination: Examination, image: str) -> list[Outcome]:
    """In the order of programs: docker twice, ctr, podman, skopeo twice, crane."""
    return [each.outcome for each in examination.verdicts if each.image == image]


def docker_layout(image: Image, *more: bytes) -> bytes:
    return tar(*more, parts(image), manifest_json(item(image, ["app:1"])))


def hybrid_item(image: Image, tags: list[str]) -> dict[str, object]:
    blobs = oci_image(image).blobs
    paths = [blob.path for blob in blobs]
    return item(image, tags, config=paths[0], layers=paths[1:])


def hybrid_members(image: Image) -> bytes:
    stored = oci_image(image)
    index = index_json(stored.manifest.descriptor(full=HYBRID_NAME, ref="1"))
    return stored.members + index + manifest_json(hybrid_item(image, [HYBRID_NAME]))


def hybrid(image: Image, *more: bytes) -> bytes:
    return layout(*more, hybrid_members(image))


class TestSoundArchives:
    def test_the_docker_layout_with_its_v1_folders(self, tmp_path: Path, image: Image) -> None:
        links = [symlink(f"{n}/layer.tar", f"../{n}.tar") for n in image.layer_hexes]
        examination = examined(tmp_path, docker_layout(image, *links, file("repositories", b"{}")))

        assert examination.problems == ()
        assert outcomes(examination, "app:1") == [LOADS, LOADS, LOADS, LOADS, LOADS, REFUSES, LOADS]

    def test_the_oci_layout(self, tmp_path: Path, image: Image) -> None:
        examination = examined(tmp_path, hybrid(image))

        assert examination.problems == ()
        found = outcomes(examination, HYBRID_NAME)
        assert found == [LOSES, LOADS, LOADS, LOADS, LOSES, LOADS, LOSES]

    def test_what_nothing_refers_to_does_no_harm(self, tmp_path: Path, image: Image) -> None:
        more = [parts(OTHER), file("README"), header("folder/"), symlink("folder/x", ".")]

        assert examined(tmp_path, hybrid(image, *more)).problems == ()

    def test_equal_duplicates_do_no_harm(self, tmp_path: Path, image: Image) -> None:
        more = [layer_files(image), header("folder/"), header("folder/"), symlink("x", "y") * 2]

        assert examined(tmp_path, docker_layout(image, *more, file("y"))).problems == ()

    def test_an_index_whose_instance_manifest_json_names(
        self, tmp_path: Path, image: Image
    ) -> None:
        stored, other = oci_image(image), oci_image(OTHER)
        index = index_of(other.manifest.descriptor(), stored.manifest.descriptor())
        data = layout(
            *(stored.members, other.members, index.member),
            index_json(index.descriptor(full="example.org/app:1", ref="1")),
            manifest_json(hybrid_item(image, ["example.org/app:1"])),
        )

        examination = examined(tmp_path, data)

        assert examination.problems == ()
        assert outcomes(examination, "example.org/app:1")[0] is LOSES

    def test_the_whole_file_compressed(self, tmp_path: Path, image: Image) -> None:
        examination = examined(tmp_path, gzip.compress(docker_layout(image)))

        assert examination.problems == ()
        refused = [each.reason for each in examination.verdicts if "(gzip)" in each.reason]
        assert refused == ["the archive is compressed (gzip)"] * 2

    @pytest.mark.parametrize("compress", [bytes, gzip.compress])
    def test_a_pipe(self, tmp_path: Path, image: Image, compress: Callable[[bytes], bytes]) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        data = compress(docker_layout(image))
        writer = threading.Thread(target=path.write_bytes, args=[data])
        writer.start()
        with DockerArchiveReference.parse(str(path)).open_images() as images:
            examination = images.examine()
        writer.join()

        assert examination == examined(tmp_path, data)
        assert examination.verdicts != ()

    def test_there_is_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(SourceNotFound):
            DockerArchiveReference.parse(f"{tmp_path}/none.tar").open_images()


def test_several_faults_of_the_docker_layout_in_one_run(tmp_path: Path, image: Image) -> None:
    base, top = (f"{digest}.tar" for digest in image.layer_hexes)
    members = {
        base: file(base, image.layers[0]),
        "twice": file("twice", b"a"),
        "again": file("twice", b"b"),
        "dangling": symlink("dangling", "nowhere"),
        "outside": symlink("outside", "../../etc/passwd"),
        "absolute": symlink("absolute", "/etc/passwd"),
        "one": symlink("one", "two"),
        "two": symlink("two", "one"),
        "hard": hard_link("hard", "nothing"),
        "manifest": manifest_json(
            item(image, ["App:1", "app:1"], config="config.json"), item(OTHER, ["app@sha256:1"])
        ),
        "blob": file("blobs/sha256/" + "0" * 64, b"damaged"),
        "other config": config_file(OTHER),
    }
    offsets = {}
    position = 0
    for name, member in members.items():
        offsets[name] = position
        position += len(member)

    examination = examined(tmp_path, tar(*members.values()))

    assert problems(examination) == [
        ("twice", offsets["again"], "another member has the same name and other content"),
        (
            "dangling",
            offsets["dangling"],
            'it is a link to "nowhere", which is not in the archive',
        ),
        (
            "outside",
            offsets["outside"],
            'it is a link to "../../etc/passwd", outside of the archive',
        ),
        ("absolute", offsets["absolute"], 'it is a link to "/etc/passwd", outside of the archive'),
        ("two", offsets["two"], "it is part of a cycle of links"),
        ("one", offsets["one"], "it is part of a cycle of links"),
        ("hard", offsets["hard"], 'it is a link to "nothing", which is not in the archive'),
        ("config.json", None, "manifest.json names it, but it is not in the archive"),
        (top, None, "manifest.json names it, but it is not in the archive"),
        ("$[0].RepoTags[0]", None, '"App:1": the repository "App" must be in lower case'),
        (
            f"{OTHER.layer_hexes[0]}.tar",
            None,
            "manifest.json names it, but it is not in the archive",
        ),
        (
            "$[1].RepoTags[0]",
            None,
            '"app@sha256:1": the digest "sha256:1": a sha256 digest has 64 hex digits, not 1',
        ),
        (
            "blobs/sha256/" + "0" * 64,
            offsets["blob"],
            f"it is named by its digest, which is sha256:{hashlib.sha256(b'damaged').hexdigest()}",
        ),
    ]
    assert all(isinstance(problem, SourceError) for problem in examination.problems)
    assert set(outcomes(examination, "App:1")) == {REFUSES}


def test_faults_of_the_oci_layout_in_one_run(tmp_path: Path, image: Image) -> None:
    stored = oci_image(image)
    other = oci_image(OTHER)
    damaged = file(stored.blobs[1].path, stored.blobs[1].raw[:-1] + b"\xff")
    stray = file("blobs/sha256/" + "1" * 64, b"stray")
    config = other.blobs[0].member
    data = layout(
        *(config, stray, symlink("blobs/sha256/" + "2" * 64, "1" * 64)),
        *(stored.manifest.member, stored.blobs[0].member, damaged, stored.blobs[2].member),
        index_json(stored.manifest.descriptor(full="example.org/app:1", ref="1")),
        manifest_json(hybrid_item(image, []), hybrid_item(OTHER, ["example.org/other:1"])),
    )

    actual = f"sha256:{hashlib.sha256(b'stray').hexdigest()}"
    # The damaged layer is the validation's to find: the image verifies it.
    assert problems(examined(tmp_path, data)) == [
        (
            other.blobs[0].path,
            0,
            "manifest.json lists an image with this config, index.json does not",
        ),
        (other.blobs[1].path, None, "manifest.json names it, but it is not in the archive"),
        (
            "blobs/sha256/" + "1" * 64,
            len(config),
            f"it is named by its digest, which is {actual}",
        ),
        (
            "blobs/sha256/" + "2" * 64,
            len(config) + len(stray),
            f"it is named by its digest, which is {actual}",
        ),
    ]


def test_a_blob_that_only_manifest_json_names_is_verified(tmp_path: Path, image: Image) -> None:
    path = "blobs/sha256/" + "3" * 64
    layer = gzip.compress(OTHER.layers[0])
    data = tar(
        file(path, layer),
        config_file(OTHER),
        manifest_json(item(OTHER, ["app:1"], layers=[path])),
    )

    ((member, offset, problem),) = problems(examined(tmp_path, data))

    assert (member, offset) == (path, 0)
    assert problem.endswith(f"sha256:{hashlib.sha256(layer).hexdigest()}")


@pytest.mark.parametrize(
    ("members", "member", "problem"),
    [
        ([parts(OTHER)], "manifest.json", "it is no docker archive: it has no manifest.json"),
        ([file("oci-layout", b"{}"), index_json()], "$.imageLayoutVersion", "must be a string"),
        ([file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')], "index.json", "not in the"),
        ([manifest_json()], "$", "must be a list of at least one image"),
    ],
)
def test_lists_that_are_missing_or_invalid(
    tmp_path: Path, members: list[bytes], member: str, problem: str
) -> None:
    ((found, _, text),) = problems(examined(tmp_path, tar(*members)))

    assert found == member
    assert problem in text


@pytest.mark.parametrize(("size", "limits"), [(MIB + 1, [MIB]), (20 * MIB + 1, [MIB, 20 * MIB])])
def test_a_manifest_json_over_the_limits(
    tmp_path: Path, image: Image, size: int, limits: list[int]
) -> None:
    document = json.dumps([item(image, ["app:1"])]).encode().ljust(size)
    examination = examined(tmp_path, tar(parts(image), file("manifest.json", document)))

    assert all(isinstance(problem, TooLarge) for problem in examination.problems)
    found = [problem.limit for problem in examination.problems if isinstance(problem, TooLarge)]
    assert found == limits
    assert examination.verdicts == ()


class TestDamage:
    def test_what_is_in_front_of_it_is_examined(self, tmp_path: Path, image: Image) -> None:
        front = symlink("outside", "../x") + docker_layout(image)[: -len(END)]
        broken = bytearray(header("next"))
        broken[0] ^= 1
        data = front + bytes(broken) + file("behind") + END

        examination = examined(tmp_path, data)

        damage, outside = examination.problems
        assert isinstance(damage, InvalidArchive)
        assert (damage.offset, "its checksum is wrong" in damage.problem) == (len(front), True)
        assert isinstance(outside, InvalidArchive)
        assert (outside.member, outside.offset) == ("outside", 0)
        assert examination.verdicts == ()

    def test_what_is_missing_may_be_behind_it(self, tmp_path: Path, image: Image) -> None:
        items = manifest_json(item(image, ["app:1"]))
        for marker in (b"", file("oci-layout", MARKER)):
            data = marker + items + symlink("link", "behind") + parts(image)
            ((_, _, problem),) = problems(examined(tmp_path, data[:-512]))
            assert problem.startswith("the archive is cut")

    @pytest.mark.parametrize(
        ("end", "problem"),
        [
            (b"", "before its two end blocks"),
            (bytes(512), "before its two end blocks"),
            (bytes(1024) + b"data".ljust(512, b"\0"), "data follows the end of the archive"),
            (bytes(1024 + 100), "it ends within a block"),
        ],
    )
    def test_the_end(self, tmp_path: Path, image: Image, end: bytes, problem: str) -> None:
        data = docker_layout(image)[: -len(END)] + end

        ((_, _, text),) = problems(examined(tmp_path, data))

        assert problem in text

    def test_the_first_member(self, tmp_path: Path) -> None:
        data = header("cut", 5000) + b"too short"

        ((member, offset, problem),) = problems(examined(tmp_path, data))

        assert (member, offset) == ("cut", 512)
        assert problem.startswith("the archive is cut")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        whole=st.sampled_from(["docker", "hybrid"]),
        place=st.floats(0, 1, exclude_max=True),
        change=st.binary(max_size=8) | st.none(),
    )
    def test_anywhere(self, tmp_path: Path, whole: str, place: float, change: bytes | None) -> None:
        data = hybrid(OTHER) if whole == "hybrid" else docker_layout(OTHER)
        offset = int(place * len(data))
        rest = b"" if change is None else change + data[offset + len(change) :]

        try:
            examination = examined(tmp_path, data[:offset] + rest)
        except SourceError:
            return  # nothing of it can be read
        assert examination.problems or rest
        assert all(isinstance(problem, SourceError) for problem in examination.problems)

    def test_so_many_problems_that_they_are_not_all_told(self, tmp_path: Path) -> None:
        links = b"".join(symlink(f"x{number}", "nowhere") for number in range(1001))

        examination = examined(tmp_path, docker_layout(OTHER, links))

        assert len(examination.problems) == 1001
        assert "more problems than these 1000" in str(examination.problems[-1])
        assert outcomes(examination, "app:1")[1] is REFUSES


class TestChoice:
    @pytest.fixture
    def two(self, image: Image) -> bytes:
        return tar(
            parts(image),
            parts(OTHER),
            symlink("dangling", "nowhere"),
            manifest_json(item(image, ["app:1"]), item(OTHER, ["example.org/other:1"])),
        )

    @pytest.mark.parametrize(
        ("choice", "images"),
        [
            ("", ["app:1", "example.org/other:1"]),
            (":@1", ["example.org/other:1"]),
            (":app:1", ["app:1"]),
            (":@2", []),
        ],
    )
    def test_verdicts_are_on_the_image_that_is_named(
        self, tmp_path: Path, two: bytes, choice: str, images: list[str]
    ) -> None:
        examination = examined(tmp_path, two, choice)

        assert len(examination.problems) == 1
        assert [*dict.fromkeys(verdict.image for verdict in examination.verdicts)] == images

    def test_the_layout_that_is_chosen(self, tmp_path: Path, image: Image) -> None:
        options = DockerArchiveSourceOptions(layout=Layout.DOCKER)
        data = layout(parts(image), index_json(), manifest_json(item(image, ["app:1"])))

        assert problems(examined(tmp_path, data, options=options)) == []
        ((_, _, problem),) = problems(examined(tmp_path, data))
        assert problem.endswith("index.json does not")


def facts_of_layers(tmp_path: Path, *members: bytes, layers: list[str]) -> list[Outcome]:
    data = tar(*members, config_file(OTHER), manifest_json(item(OTHER, ["app:1"], layers=layers)))
    return outcomes(examined(tmp_path, data), "app:1")


class TestFacts:
    """Facts of the archive's bytes, told by what follows from them."""

    def test_a_linked_layer(self, tmp_path: Path) -> None:
        real = file("real.tar", OTHER.layers[0])

        soft = facts_of_layers(tmp_path, real, symlink("v1/l", "../real.tar"), layers=["v1/l"])
        hard = facts_of_layers(tmp_path, real, hard_link("h", "real.tar"), layers=["h"])

        assert soft == [LOADS, LOADS, LOADS, REFUSES, REFUSES, REFUSES, LOADS]
        assert hard == [LOADS, REFUSES, REFUSES, REFUSES, REFUSES, REFUSES, LOADS]

    def test_a_hard_link_in_front_of_its_file(self, tmp_path: Path) -> None:
        members = [hard_link("h", "real.tar"), file("real.tar", OTHER.layers[0])]

        assert facts_of_layers(tmp_path, *members, layers=["real.tar"])[0] is REFUSES

    def test_links_that_are_unreferenced(self, tmp_path: Path) -> None:
        def by_containerd(*links: bytes) -> Outcome:
            real = file("dir/real.tar", OTHER.layers[0])
            return facts_of_layers(tmp_path, real, *links, layers=["dir/real.tar"])[1]

        assert by_containerd(symlink("dir/x", "real.tar")) is LOADS
        assert by_containerd(header("folder/"), symlink("x", "folder")) is REFUSES
        assert by_containerd(symlink("x", "dir/y"), symlink("dir/y", "real.tar")) is REFUSES
        assert by_containerd(hard_link("x", "dir/real.tar"), symlink("y", "x")) is REFUSES

    def test_very_many_links_to_a_name_with_very_many_duplicates(self, tmp_path: Path) -> None:
        """To look at all duplicates for each link takes half a minute."""
        numbers = range(15_000)
        links = [symlink(f"s/{n}", "../t") + hard_link(f"h/{n}", "t") for n in numbers]
        real = file("real.tar", OTHER.layers[0])
        start = time.process_time()

        found = facts_of_layers(
            tmp_path, real, *links, file("t") * len(numbers), layers=["real.tar"]
        )

        assert time.process_time() - start < 8
        early_hard_link = [REFUSES, LOADS, LOADS, LOADS, LOADS, REFUSES, LOADS]
        assert found == early_hard_link

    def test_a_config_that_programs_do_not_decode(self, tmp_path: Path) -> None:
        """Only docker knows the field, so that programs which go by `index.json` take it."""
        odd = make_image(b"layer", os="linux", config={"Tty": 1})
        by_docker = examined(tmp_path, docker_layout(odd))
        by_oci = examined(tmp_path, hybrid(odd))

        assert by_docker.problems == by_oci.problems == ()
        found = outcomes(by_docker, "app:1")
        assert found == [REFUSES, LOADS, LOADS, REFUSES, REFUSES, REFUSES, LOADS]
        found = outcomes(by_oci, HYBRID_NAME)
        assert found == [REFUSES, LOADS, LOADS, REFUSES, REFUSES, LOADS, LOSES]
        assert by_oci.verdicts[0].reason == 'in its config, "config.Tty" must be true or false'

    def test_a_config_that_is_for_another_system(self, tmp_path: Path) -> None:
        windows = make_image(b"layer", os="windows")

        assert outcomes(examined(tmp_path, docker_layout(windows)), "app:1")[:2] == [REFUSES, LOADS]

    def test_the_configs_below_an_index_are_not_looked_at(self, tmp_path: Path) -> None:
        stored = oci_image(make_image(b"layer", os="linux", created="yesterday"))
        index = index_of(stored.manifest.descriptor())
        listed = index_json(index.descriptor(full=HYBRID_NAME, ref="1"))
        examination = examined(tmp_path, layout(stored.members, index.member, listed))

        assert outcomes(examination, HYBRID_NAME)[1:4] == [LOADS, LOADS, LOADS]

    def test_very_many_items_and_descriptors_of_one_image(
        self, tmp_path: Path, image: Image
    ) -> None:
        """To look at all descriptors for each item takes ten seconds, and half a gigabyte."""
        stored = oci_image(image)
        index = index_of(stored.manifest.descriptor())
        items = [{"Config": "c", "RepoTags": ["app:1"]}] * 6000
        data = layout(
            *(stored.members, index.member, hard_link("c", stored.blobs[0].path)),
            index_json(*[stored.manifest.descriptor(), index.descriptor(full=HYBRID_NAME)] * 3000),
            manifest_json(*items),
        )
        options = DockerArchiveSourceOptions(layout=Layout.DOCKER)
        start = time.process_time()

        examination = examined(tmp_path, data)
        by_items = examined(tmp_path, data, options=options)

        assert time.process_time() - start < 5
        assert problems(examination) == problems(by_items) == []
        assert [each.image for each in examination.verdicts[:2]] == ["@0", HYBRID_NAME]
        assert len(by_items.verdicts) == 7 * len(items)

    def test_names_that_are_not_in_their_shortest_form(self, tmp_path: Path) -> None:
        real = file("./real.tar", OTHER.layers[0])

        assert facts_of_layers(tmp_path, real, layers=["real.tar"])[1] is LOADS
        assert facts_of_layers(tmp_path, real, layers=["./real.tar"])[1] is REFUSES

    def test_compressed_layers(self, tmp_path: Path, image: Image) -> None:
        data = tar(
            file("a", gzip.compress(image.layers[0])),
            file("b", image.layers[1]),
            config_file(image),
            manifest_json(item(image, ["app:1"], layers=["a", "b"])),
        )

        assert outcomes(examined(tmp_path, data), "app:1")[-1] is REFUSES

    def test_an_oci_layout_without_its_marker(self, tmp_path: Path, image: Image) -> None:
        examination = examined(tmp_path, tar(hybrid_members(image)))

        assert examination.problems == ()
        found = outcomes(examination, HYBRID_NAME)
        assert found == [LOSES, LOSES, LOSES, LOADS, LOSES, LOADS, LOSES]
