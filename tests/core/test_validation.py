import bz2
import gzip
import hashlib
import io
import json
import lzma
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
from attrs import define, field

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    CorruptBlob,
    DigestMismatch,
    InvalidArchive,
    InvalidDocument,
    NoMatchingPlatform,
    RegistryError,
    SizeMismatch,
    SourceError,
    SourceNotFound,
    SourceReadFailed,
    TooLarge,
    UnsupportedImage,
)
from imgcopy_core_stubs.examination import Examination, Outcome, Verdict
from imgcopy_core_stubs.manifest import ImageManifest, RawManifest
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.transport import (
    BlobInfo,
    ImageDestination,
    ImageReference,
    ImageSource,
    StoredImages,
)
from imgcopy_core_stubs.validation import Validation, validate_image, validate_place
from tests.layers import layer_of

from .memory_transport import MemoryImage, MemorySource

Json = dict[str, Any]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

BASE = layer_of(b"base" * 1000)
TOP = layer_of(b"top" * 700_000)


def sha256(data: bytes) -> Digest:
    return Digest("sha256", hashlib.sha256(data).hexdigest())


def compressed(data: bytes) -> bytes:
    """The same bytes whenever it is called: gzip would put the time into them."""
    return gzip.compress(data, mtime=0)


def put(place: MemoryImage, data: bytes, media_type: str, **more: Any) -> Json:
    """Put a blob into a place, and return its descriptor."""
    place.blobs[sha256(data)] = data
    return {"mediaType": media_type, "digest": str(sha256(data)), "size": len(data), **more}


def image(
    place: MemoryImage,
    layers: Sequence[tuple[bytes, bytes]],
    *,
    edit: Callable[[Json], object] = lambda document: None,
    edit_config: Callable[[Json], object] = lambda document: None,
) -> RawManifest:
    """Put the parts of an image of (stored, decompressed) layers into a place."""
    config: Json = {"rootfs": {"diff_ids": [str(sha256(plain)) for _, plain in layers]}}
    edit_config(config)
    document: Json = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": put(place, json.dumps(config).encode(), OCI_CONFIG),
        "layers": [put(place, stored, LAYER) for stored, _ in layers],
    }
    edit(document)
    return RawManifest(json.dumps(document).encode())


def index(place: MemoryImage, *manifests: RawManifest, **more: Any) -> RawManifest:
    """Make an index of manifests, each for another architecture (`arch0`, `arch1`, …)."""
    place.instances |= {sha256(manifest.raw): manifest for manifest in manifests}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": json.loads(manifest.raw)["mediaType"],
                "digest": str(sha256(manifest.raw)),
                "size": len(manifest.raw),
                "platform": {"os": "linux", "architecture": f"arch{number}"},
                **more,
            }
            for number, manifest in enumerate(manifests)
        ],
    }
    return RawManifest(json.dumps(document).encode())


@pytest.fixture
def place() -> MemoryImage:
    return MemoryImage()


def zipped(plain: bytes) -> tuple[bytes, bytes]:
    return compressed(plain), plain


def validate(place: MemoryImage, manifest: RawManifest | None, **arguments: Any) -> Validation:
    place.manifest = manifest
    return validate_image(MemorySource(place), "memory:x", **arguments)


def problems(result: Validation) -> list[tuple[type[Exception], str]]:
    return [(type(problem), str(problem)) for problem in result.problems]


class TestSoundImages:
    @pytest.mark.parametrize(
        "stored",
        [
            TOP,
            compressed(TOP),
            compressed(TOP[:1000]) + compressed(TOP[1000:]),
            bz2.compress(TOP),
            lzma.compress(TOP),
            compressed(TOP) + bytes(512),
        ],
        ids=["plain", "gzip", "two members", "bzip2", "xz", "padded"],
    )
    def test_everything_is_read_and_counted(self, place: MemoryImage, stored: bytes) -> None:
        result = validate(place, image(place, [(stored, TOP), (BASE, BASE)]))

        assert result.problems == ()
        assert (result.images, result.blobs) == (1, 3)
        assert result.size == sum(map(len, place.blobs.values()))

    @pytest.mark.parametrize("layers", [[], [zipped(b"")], [(b"", b"")], [zipped(layer_of(b""))]])
    def test_few_or_short_layers(
        self, place: MemoryImage, layers: list[tuple[bytes, bytes]]
    ) -> None:
        assert validate(place, image(place, layers)).problems == ()

    def test_a_repeated_layer_is_read_once(self, place: MemoryImage) -> None:
        result = validate(place, image(place, [zipped(BASE), zipped(TOP), zipped(BASE)]))

        assert (result.problems, result.blobs) == ((), 3)
        read = [entry for entry in place.log if entry.startswith("read")]
        assert len(read) == 3

    def test_all_images_of_an_index(self, place: MemoryImage) -> None:
        first = image(place, [zipped(BASE)])
        second = image(place, [zipped(BASE), zipped(TOP)])
        result = validate(place, index(place, index(place, first), second))

        assert (result.problems, result.images, result.blobs) == ((), 2, 4)

    def test_an_artifact_has_no_diff_ids(self, place: MemoryImage) -> None:
        def turn_into_artifact(document: Json) -> None:
            document["config"] = put(place, b"{}", "application/vnd.oci.empty.v1+json")

        raw = image(place, [(b"\x1f\x8b\x08 no gzip", b"")], edit=turn_into_artifact)

        assert validate(place, raw).problems == ()
        (layer,) = json.loads(raw.raw)["layers"]
        place.blobs[Digest.parse(layer["digest"])] = b"damaged"
        assert [type(problem) for problem in validate(place, raw).problems] == [SizeMismatch]

    def test_layers_that_the_source_holds_in_another_form(self, place: MemoryImage) -> None:
        class Decompressed(MemorySource):
            def layer_infos_for_copy(self, manifest: ImageManifest) -> Sequence[BlobInfo]:
                return [BlobInfo(sha256(BASE), len(BASE))]

        place.manifest = image(place, [zipped(BASE)])
        place.blobs = {sha256(BASE): BASE} | {
            name: data for name, data in place.blobs.items() if data[:1] == b"{"
        }

        assert validate_image(Decompressed(place), "memory:x").problems == ()


class TestProblems:
    def test_all_of_them_are_found_in_one_run(self, place: MemoryImage) -> None:
        layers = [zipped(layer_of(b"%d" % number)) for number in range(5)]
        manifest = image(place, layers, edit_config=lambda config: config["rootfs"].clear())
        stored = [sha256(layer) for layer, _ in layers]
        place.blobs[stored[0]] = layers[0][0][:-1]
        del place.blobs[stored[1]]
        place.blobs[stored[2]] = layers[2][0] + b"x"
        place.blobs[stored[3]] = layers[3][0][:-1] + b"\xff"

        result = validate(place, manifest)

        assert [type(problem) for problem in result.problems] == [
            InvalidDocument,
            SizeMismatch,
            SourceNotFound,
            SizeMismatch,
            DigestMismatch,
        ]
        assert "$.rootfs.diff_ids: has 0 diff IDs for 5 layers" in str(result.problems[0])
        assert str(result.problems[1]) == (
            f'layer 1 ({stored[0]}) of "memory:x" does not verify: '
            f"expected {len(layers[0][0])} bytes, got {len(layers[0][0]) - 1}"
        )
        assert (result.images, result.blobs) == (1, 2)

    def test_a_diff_id_that_the_content_does_not_have(self, place: MemoryImage) -> None:
        result = validate(place, image(place, [(compressed(BASE), TOP), (BASE, TOP)]))

        (first, second) = result.problems
        assert isinstance(first, DigestMismatch)
        assert isinstance(second, DigestMismatch)
        assert first.what == f'the content of layer 1 ({sha256(compressed(BASE))}) of "memory:x"'
        expected_and_actual = (str(sha256(TOP)), str(sha256(BASE)))
        assert (first.expected, first.actual) == expected_and_actual
        assert (second.expected, second.actual) == expected_and_actual

    @pytest.mark.parametrize(
        "damage",
        [
            lambda data: data[:-1],
            lambda data: data[:-8] + b"\0\0\0\0" + data[-4:],
            lambda data: data + b"garbage",
            lambda data: data[:20] + b"\xff" * 8 + data[28:],
        ],
        ids=["truncated", "crc", "trailing", "damaged"],
    )
    def test_a_layer_that_verifies_but_cannot_be_decompressed(
        self, place: MemoryImage, damage: Callable[[bytes], bytes]
    ) -> None:
        result = validate(place, image(place, [(damage(compressed(BASE)), BASE)]))

        (problem,) = result.problems
        assert isinstance(problem, CorruptBlob)

    def test_damage_that_the_digest_shows_is_told_by_the_digest(self, place: MemoryImage) -> None:
        stored = compressed(BASE)
        manifest = image(place, [(stored, BASE)])
        place.blobs[sha256(stored)] = stored[:20] + b"\xff" * 8 + stored[28:]

        (problem,) = validate(place, manifest).problems

        assert isinstance(problem, DigestMismatch)
        assert problem.expected == str(sha256(stored))

    @pytest.mark.parametrize(
        "content",
        [
            b"hello",
            b"\x01garbage" * 200,
            BASE[:148] + b"0000000\0" + BASE[156:],  # another checksum
            BASE[:511],
            b"\0",
        ],
    )
    @pytest.mark.parametrize("compress", [bytes, bz2.compress])
    def test_a_layer_that_is_no_tar(
        self, place: MemoryImage, content: bytes, compress: Callable[[bytes], bytes]
    ) -> None:
        """docker, containerd and podman refuse these, and take those below."""
        stored = compress(content)
        result = validate(place, image(place, [zipped(BASE), (stored, content)]))

        (problem,) = result.problems
        assert isinstance(problem, UnsupportedImage)
        assert problem.what == f'layer 2 ({sha256(stored)}) of "memory:x"'
        assert problem.problem == "its content is no tar archive"

    def test_a_layer_that_is_compressed_twice(self, place: MemoryImage) -> None:
        once = compressed(BASE)

        (problem,) = validate(place, image(place, [(compressed(once), once)])).problems

        assert isinstance(problem, UnsupportedImage)

    @pytest.mark.parametrize("content", [b"", bytes(512), bytes(1024), BASE + b"x" * 1000])
    def test_a_layer_that_is_taken_for_a_tar(self, place: MemoryImage, content: bytes) -> None:
        assert validate(place, image(place, [zipped(content)])).problems == ()

    def test_other_blobs_than_layers_need_be_no_tars(self, place: MemoryImage) -> None:
        """BuildKit's attestations have image configs, whose diff IDs are of JSON documents."""

        def turn_into_attestation(document: Json) -> None:
            document["layers"][0]["mediaType"] = "application/vnd.in-toto+json"

        raw = image(place, [(b'{"a": 1}', b'{"a": 1}')], edit=turn_into_attestation)

        assert validate(place, raw).problems == ()

    def test_a_layer_over_the_limit(self, place: MemoryImage) -> None:
        manifest = image(place, [zipped(TOP)])

        assert validate(place, manifest, layer_limit=len(TOP)).problems == ()
        (problem,) = validate(place, manifest, layer_limit=len(TOP) - 1).problems
        assert isinstance(problem, TooLarge)

    def test_a_repeated_layer_whose_size_differs(self, place: MemoryImage) -> None:
        def enlarge(document: Json) -> None:
            document["layers"][1]["size"] += 1

        manifest = image(place, [zipped(BASE), zipped(BASE)], edit=enlarge)

        (problem,) = validate(place, manifest).problems

        assert isinstance(problem, SizeMismatch)

    def test_an_encrypted_layer(self, place: MemoryImage) -> None:
        def encrypt(document: Json) -> None:
            document["layers"][0]["mediaType"] += "+encrypted"

        manifest = image(place, [zipped(BASE)], edit=encrypt)
        (problem,) = validate(place, manifest).problems
        assert isinstance(problem, UnsupportedImage)
        assert "encrypted" in str(problem)
        place.blobs[sha256(compressed(BASE))] = b"damaged"
        (problem,) = validate(place, manifest).problems
        assert isinstance(problem, SizeMismatch)

    def test_a_config_that_does_not_verify(self, place: MemoryImage) -> None:
        manifest = image(place, [zipped(BASE)])
        name = json.loads(manifest.raw)["config"]["digest"]
        place.blobs[Digest.parse(name)] = b"{}"

        (problem,) = validate(place, manifest).problems

        assert isinstance(problem, SizeMismatch)
        assert 'config of "memory:x"' in str(problem)

    def test_a_missing_manifest(self, place: MemoryImage) -> None:
        result = validate(place, None)

        (problem,) = result.problems
        assert isinstance(problem, SourceNotFound)
        assert (result.images, result.blobs, result.size) == (0, 0, 0)

    def test_an_error_of_the_operating_system(self, place: MemoryImage) -> None:
        class Failing(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(5, "Input/output error")

        class FailingSource(MemorySource):
            def blob(self, info: BlobInfo) -> ByteStream:
                data = super().blob(info)
                return data if info.media_type == OCI_CONFIG else Failing()

        place.manifest = image(place, [zipped(BASE), zipped(TOP)])
        result = validate_image(FailingSource(place), "memory:x")

        assert [type(problem) for problem in result.problems] == [SourceReadFailed] * 2
        assert "layer 2" in str(result.problems[1])
        assert "Input/output error" in str(result.problems[1])

    def test_a_network_error_says_nothing_about_the_image(self, place: MemoryImage) -> None:
        class Unreachable(MemorySource):
            def blob(self, info: BlobInfo) -> ByteStream:
                raise RegistryError

        place.manifest = image(place, [zipped(BASE)])
        with pytest.raises(RegistryError):
            validate_image(Unreachable(place), "memory:x")


class TestIndexes:
    def test_the_problems_of_each_image_name_it(self, place: MemoryImage) -> None:
        good = image(place, [zipped(BASE)])
        bad = image(place, [(compressed(TOP), BASE)])

        (problem,) = validate(place, index(place, good, bad)).problems

        assert f'layer 1 ({sha256(compressed(TOP))}) of {sha256(bad.raw)} of "memory:x"' in str(
            problem
        )

    def test_one_image_alone(self, place: MemoryImage) -> None:
        good = image(place, [zipped(BASE)])
        bad = image(place, [(compressed(TOP), BASE)])
        raw = index(place, good, bad)

        def of(architecture: str) -> Validation:
            return validate(place, raw, platform=Platform("linux", architecture))

        assert of("arch0").problems == ()
        assert (of("arch0").images, of("arch0").blobs) == (1, 2)
        assert len(of("arch1").problems) == 1
        assert [kind for kind, _ in problems(of("arch2"))] == [NoMatchingPlatform]

    @pytest.mark.parametrize(
        ("more", "problem"),
        [
            ({"size": 3}, SizeMismatch),
            (
                {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"},
                InvalidDocument,
            ),
        ],
    )
    def test_a_manifest_that_its_descriptor_contradicts(
        self, place: MemoryImage, more: Json, problem: type[Exception]
    ) -> None:
        result = validate(place, index(place, image(place, []), **more))

        assert [kind for kind, _ in problems(result)] == [problem]

    def test_a_manifest_with_another_digest(self, place: MemoryImage) -> None:
        manifest = image(place, [])
        raw = index(place, manifest)
        place.instances[sha256(manifest.raw)] = RawManifest(manifest.raw.replace(b"2", b"3", 1))

        assert [kind for kind, _ in problems(validate(place, raw))] == [DigestMismatch]

    def test_what_indexes_name_again_and_again_is_read_once(self, place: MemoryImage) -> None:
        nested = image(place, [zipped(BASE)])
        for _ in range(3):
            nested = index(place, *[nested] * 30)

        result = validate(place, nested)

        assert (result.problems, result.images) == ((), 1)
        assert len(place.log) < 20

    def test_nested_deeper_than_four(self, place: MemoryImage) -> None:
        nested = image(place, [])
        for _ in range(4):
            nested = index(place, nested)
        assert validate(place, nested).problems == ()

        result = validate(place, index(place, nested))

        ((kind, message),) = problems(result)
        assert kind is InvalidDocument
        assert "nested deeper than 4 levels" in message


@define(eq=False)
class Shelf(ImageReference, StoredImages):
    """A place of several images, that opens itself."""

    scheme: ClassVar[str] = "shelf"

    images: Sequence[MemoryImage] = ()
    examination: Examination = field(factory=Examination)
    failure: SourceError | None = None
    failure_to_list: SourceError | None = None
    log: list[object] = field(factory=list)

    def __str__(self) -> str:
        return "wall"

    def open_images(self, options: object | None = None) -> StoredImages:
        self.log.append(("open", options))
        if self.failure is not None:
            raise self.failure
        return self

    def references(self) -> Sequence[MemoryImage]:
        if self.failure_to_list is not None:
            raise self.failure_to_list
        return self.images

    def examine(self) -> Examination:
        self.log.append("examine")
        return self.examination

    def close(self) -> None:
        self.log.append("close")

    def open_source(self, options: object | None = None) -> ImageSource:
        raise AssertionError("one image of them is meant")

    def open_destination(self, options: object | None = None) -> ImageDestination:
        raise AssertionError("nothing is written")


class TestPlaces:
    LOADS = Verdict("reader", "@0", Outcome.LOADS)
    LOSES = Verdict("reader", "@1", Outcome.LOSES_DIGEST, "why")
    REFUSES = Verdict("other", "@0", Outcome.REFUSES, "why")
    TOPS = (layer_of(b"a"), layer_of(b"b"))

    @pytest.fixture
    def shelf(self) -> Shelf:
        """Two images that share a layer."""
        images = [MemoryImage("first"), MemoryImage("second")]
        for image_place, top in zip(images, self.TOPS, strict=True):
            image_place.manifest = image(image_place, [zipped(BASE), zipped(top)])
        return Shelf(images, Examination(verdicts=(self.LOADS, self.LOSES, self.REFUSES)))

    def test_all_images_are_validated_and_what_they_share_is_read_once(self, shelf: Shelf) -> None:
        result = validate_place(shelf, "shelf:wall", options="options")

        assert result.problems == ()
        assert (result.images, result.blobs) == (2, 5)
        assert result.verdicts == shelf.examination.verdicts
        shared = f"read {sha256(compressed(BASE)).hex[:8]}"
        assert sum(each.log.count(shared) for each in shelf.images) == 1
        assert all(each.log[-1] == "close source" for each in shelf.images)
        assert shelf.log == [("open", "options"), "examine", "close"]

    def test_the_problems_of_images_and_of_the_place(self, shelf: Shelf) -> None:
        first, second = shelf.images
        first.blobs[sha256(compressed(self.TOPS[0]))] = compressed(self.TOPS[1])
        second.manifest = None
        stray = InvalidArchive("wall", "stray", 512, "damaged")
        shelf.examination = Examination((stray, stray), shelf.examination.verdicts)

        result = validate_place(shelf, "shelf:wall")

        mismatch, missing, examined = result.problems
        assert isinstance(mismatch, SizeMismatch | DigestMismatch)
        assert "layer 2 (" in str(mismatch)
        assert 'of "memory:first"' in str(mismatch)
        assert isinstance(missing, SourceNotFound)
        assert examined is stray
        assert result.images == 1
        assert result.verdicts == (self.REFUSES,)

    def test_a_problem_of_the_place_leaves_the_verdicts(self, shelf: Shelf) -> None:
        stray = InvalidArchive("wall", "stray", 512, "damaged")
        shelf.examination = Examination((stray,), shelf.examination.verdicts)

        result = validate_place(shelf, "shelf:wall")

        assert result.problems == (stray,)
        assert result.verdicts == shelf.examination.verdicts

    def test_a_place_that_cannot_be_opened(self, shelf: Shelf) -> None:
        shelf.failure = SourceNotFound("wall")

        result = validate_place(shelf, "shelf:wall")

        assert result.problems == (shelf.failure,)
        assert (result.images, result.verdicts) == (0, ())

    def test_a_problem_that_is_found_twice_is_told_once(self, shelf: Shelf) -> None:
        shelf.failure_to_list = InvalidArchive("wall", "x", 0, "damaged")
        same, another = (InvalidArchive("wall", "x", 0, text) for text in ("damaged", "worse"))
        shelf.examination = Examination((same, another))

        result = validate_place(shelf, "shelf:wall")

        assert result.problems == (shelf.failure_to_list, another)
        assert result.images == 0

    def test_a_place_that_does_not_list_its_images_keeps_its_verdicts(self, shelf: Shelf) -> None:
        shelf.failure_to_list = InvalidArchive("wall", "x", 0, "damaged")

        result = validate_place(shelf, "shelf:wall")

        assert result.problems == (shelf.failure_to_list,)
        assert result.verdicts == shelf.examination.verdicts

    def test_an_examination_that_fails(self, shelf: Shelf) -> None:
        class Failing(Shelf):
            def examine(self) -> Examination:
                raise SourceNotFound("wall")

        result = validate_place(Failing(shelf.images), "shelf:wall")

        assert [kind for kind, _ in problems(result)] == [SourceNotFound]
        assert (result.images, result.verdicts) == (2, ())

    def test_a_network_error_says_nothing_about_the_images(self, shelf: Shelf) -> None:
        class Unreachable(Shelf):
            def examine(self) -> Examination:
                raise RegistryError

        with pytest.raises(RegistryError):
            validate_place(Unreachable(shelf.images), "shelf:wall")

    def test_a_place_of_one_image(self, place: MemoryImage) -> None:
        place.manifest = image(place, [zipped(BASE), (compressed(TOP), BASE)])

        result = validate_place(place, "memory:x")

        (problem,) = result.problems
        assert "layer 2 (" in str(problem)
        assert 'of "memory:x"' in str(problem)
        assert (result.images, result.verdicts) == (1, ())

    def test_the_platform_and_the_limit_are_for_each_image(self, shelf: Shelf) -> None:
        for each in shelf.images:
            good = image(each, [zipped(TOP)])
            each.manifest = index(each, good, image(each, [(compressed(TOP), BASE)]))

        def validated(**arguments: Any) -> Validation:
            return validate_place(shelf, "shelf:wall", **arguments)

        assert len(validated(platform=Platform("linux", "arch0")).problems) == 0
        assert len(validated(platform=Platform("linux", "arch1")).problems) == 1
        assert len(validated(platform=Platform("linux", "arch2")).problems) == 2
        too_large = validated(platform=Platform("linux", "arch0"), layer_limit=len(TOP) - 1)
        assert [kind for kind, _ in problems(too_large)] == [TooLarge]
