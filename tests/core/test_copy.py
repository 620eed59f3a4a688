import base64
import gzip
import hashlib
import io
import itertools
import json
import lzma
import os
import signal
import threading
from collections.abc import Callable, Sequence

import pytest
from attrs import evolve

from imgcopy_core_stubs import (
    BlobDone,
    BlobInfo,
    BlobKind,
    BlobProgress,
    BlobStarted,
    ByteStream,
    Committed,
    CopyDemands,
    CopyFailed,
    CopyOptions,
    CopyStarted,
    CorruptBlob,
    DestinationCapabilities,
    DestinationStateError,
    DestinationWriteFailed,
    Digest,
    DigestMismatch,
    Event,
    ImageManifest,
    Instances,
    InvalidDocument,
    InvalidOption,
    NoMatchingPlatform,
    Platform,
    RawManifest,
    SizeMismatch,
    SourceNotFound,
    SourceReadFailed,
    TooLarge,
    UnsupportedByDestination,
    copy_image,
    media_types,
)

from .memory_images import (
    ARCHIVE,
    BASE,
    DIRECTORY,
    LAYOUT,
    TOP,
    Json,
    add_image,
    assert_no_threads_are_left,
    assert_nothing_is_stored,
    digest,
    index_of,
    parsed,
    source_of,
    stored_manifest,
    zipped,
)
from .memory_transport import MemoryDestination, MemoryImage, MemorySource

# --- the straight line ---------------------------------------------------------------------------


def test_layers_are_decompressed_and_named_by_their_diff_ids() -> None:
    source = source_of(BASE, TOP)
    destination = MemoryImage(capabilities=ARCHIVE)
    result = copy_image(source, destination)
    manifest = stored_manifest(destination)
    assert manifest["mediaType"] == media_types.DOCKER_MANIFEST
    assert [layer["digest"] for layer in manifest["layers"]] == [digest(BASE[1]), digest(TOP[1])]
    assert [layer["size"] for layer in manifest["layers"]] == [len(BASE[1]), len(TOP[1])]
    assert {layer["mediaType"] for layer in manifest["layers"]} == {media_types.DOCKER_LAYER}
    assert manifest["config"]["mediaType"] == media_types.DOCKER_CONFIG
    config = stored_manifest(source)["config"]["digest"]
    assert manifest["config"]["digest"] == config
    assert destination.blobs.keys() == {
        Digest.parse(config),
        parsed(BASE[1]),
        parsed(TOP[1]),
    }
    assert result.manifest == destination.manifest


def test_blobs_come_before_the_commit_and_the_config_after_the_layers() -> None:
    source = source_of(BASE, TOP)
    destination = MemoryImage(capabilities=ARCHIVE)
    copy_image(source, destination)
    config = stored_manifest(source)["config"]["digest"]
    assert destination.log == [
        "open destination",
        f"put {digest(BASE[1])[7:15]}",
        f"put {digest(TOP[1])[7:15]}",
        f"put {config[7:15]}",
        "commit",
        "close destination",
    ]


def test_a_manifest_that_can_stay_is_not_touched() -> None:
    source = source_of(BASE, edit=lambda document: document.update(unknown=[1.10, {"x": None}]))
    destination = MemoryImage(capabilities=DIRECTORY)
    copy_image(source, destination, options=CopyOptions(preserve_digests=True))
    assert destination.manifest is not None
    assert source.manifest is not None
    assert destination.manifest.raw == source.manifest.raw


def test_a_layer_that_occurs_twice_is_read_once() -> None:
    source = source_of(BASE, TOP, BASE)
    destination = MemoryImage(capabilities=ARCHIVE)
    copy_image(source, destination)
    assert source.log.count(f"read {digest(BASE[0])[7:15]}") == 1
    layers = [layer["digest"] for layer in stored_manifest(destination)["layers"]]
    assert layers == [digest(BASE[1]), digest(TOP[1]), digest(BASE[1])]


def test_two_blobs_of_the_same_content_are_stored_once() -> None:
    plain = b"same content"
    other = (gzip.compress(plain, 1) + gzip.compress(b""), plain)
    source = source_of(zipped(plain), other, zipped(plain))
    destination = MemoryImage(capabilities=ARCHIVE)
    copy_image(source, destination)
    assert [layer["digest"] for layer in stored_manifest(destination)["layers"]] == [
        digest(plain)
    ] * 3
    for stored, _ in (zipped(plain), other):  # that they are the same has to be seen
        assert source.log.count(f"read {digest(stored)[7:15]}") == 1


@pytest.mark.parametrize("is_there", [True, False])
def test_another_blob_does_not_hide_behind_a_diff_id(is_there: bool) -> None:
    first, second = zipped(b"first"), zipped(b"second")
    source = source_of(first, (second[0], b"first"))
    if not is_there:
        del source.blobs[parsed(second[0])]
    error = DigestMismatch if is_there else SourceNotFound
    assert_nothing_is_stored(source, error, ARCHIVE)


def test_what_the_destination_has_is_not_read() -> None:
    source = source_of(BASE, TOP)
    destination = MemoryImage(capabilities=ARCHIVE, blobs={parsed(BASE[1]): BASE[1]})
    events: list[Event] = []
    copy_image(source, destination, observers=[events.append])
    assert f"read {digest(BASE[0])[7:15]}" not in source.log
    done = [event for event in events if isinstance(event, BlobDone)]
    assert [(event.kind, event.reused) for event in done] == [
        (BlobKind.LAYER, True),
        (BlobKind.LAYER, False),
        (BlobKind.CONFIG, False),
    ]


def test_plain_layers_are_compressed_where_that_is_wanted() -> None:
    source = source_of((b"plain" * 99, b"plain" * 99), layer_type=media_types.OCI_LAYER)
    destination = MemoryImage(capabilities=LAYOUT)
    copy_image(source, destination)
    (layer,) = stored_manifest(destination)["layers"]
    assert layer["mediaType"] == media_types.OCI_LAYER + "+gzip"
    stored = destination.blobs[Digest.parse(layer["digest"])]
    assert gzip.decompress(stored) == b"plain" * 99
    assert layer["size"] == len(stored)


def test_a_compression_that_the_destination_has_no_type_for_is_replaced() -> None:
    plain = b"xz layer" * 99
    source = source_of((lzma.compress(plain), plain), docker=True)
    destination = MemoryImage(capabilities=LAYOUT)
    copy_image(source, destination)
    (layer,) = stored_manifest(destination)["layers"]
    assert layer["mediaType"] == media_types.OCI_LAYER + "+gzip"
    assert gzip.decompress(destination.blobs[Digest.parse(layer["digest"])]) == plain


def test_conversion_keeps_every_field_that_it_need_not_change() -> None:
    def edit(document: Json) -> None:
        document["annotations"] = {"a": "b"}
        document["layers"][0] |= {"annotations": {"c": "d"}, "x-unknown": {"n": 1.10}}
        document["config"]["x-unknown"] = [None]

    source = source_of(BASE, edit=edit)
    destination = MemoryImage(capabilities=DIRECTORY)
    copy_image(source, destination, options=CopyOptions(manifest_type=media_types.DOCKER_MANIFEST))
    there = stored_manifest(destination)
    assert there["mediaType"] == media_types.DOCKER_MANIFEST
    assert there["annotations"] == {"a": "b"}
    assert there["layers"][0]["mediaType"] == media_types.DOCKER_LAYER + ".gzip"
    assert there["layers"][0]["x-unknown"] == {"n": 1.10}
    back = MemoryImage(capabilities=DIRECTORY)
    copy_image(destination, back, options=CopyOptions(manifest_type=media_types.OCI_MANIFEST))
    assert stored_manifest(back) == stored_manifest(source)


# --- what must not verify ------------------------------------------------------------------------


def _longer(document: Json) -> None:
    document["layers"][0]["size"] += 1


def _shorter(document: Json) -> None:
    document["layers"][0]["size"] -= 1


def _other_config_size(document: Json) -> None:
    document["config"]["size"] += 1


def _other_diff_id(config: Json) -> None:
    config["rootfs"]["diff_ids"][0] = digest(b"something else")


@pytest.mark.parametrize("capabilities", [ARCHIVE, LAYOUT, DIRECTORY], ids=["tar", "oci", "dir"])
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"edit": _longer}, SizeMismatch),
        ({"edit": _shorter}, SizeMismatch),
        ({"edit": _other_config_size}, SizeMismatch),
        ({"edit_config": lambda config: config.update(rootfs=None)}, InvalidDocument),
        ({"edit_config": lambda config: config["rootfs"]["diff_ids"].pop()}, InvalidDocument),
    ],
)
def test_a_lie_in_manifest_or_config_is_found(
    arguments: Json, error: type[Exception], capabilities: DestinationCapabilities
) -> None:
    assert_nothing_is_stored(source_of(BASE, TOP, **arguments), error, capabilities)


@pytest.mark.parametrize("capabilities", [ARCHIVE, DIRECTORY])
def test_a_plain_layer_with_a_digest_of_another_algorithm(
    capabilities: DestinationCapabilities,
) -> None:
    plain = b"plain" * 1000
    sha512 = "sha512:" + hashlib.sha512(plain).hexdigest()

    def rename(document: Json) -> None:
        document["layers"][0]["digest"] = sha512

    for content, error in ((plain, None), (b"other", DigestMismatch)):
        source = source_of((plain, content), edit=rename)
        source.blobs[Digest.parse(sha512)] = plain
        if error is not None:
            assert_nothing_is_stored(source, error, capabilities)
            continue
        destination = MemoryImage(capabilities=capabilities)
        copy_image(source, destination)
        stored = stored_manifest(destination)["layers"][0]["digest"]
        assert stored == (digest(plain) if capabilities is ARCHIVE else sha512)
        assert destination.blobs[Digest.parse(stored)] == plain


def test_a_diff_id_that_the_content_does_not_have() -> None:
    source = source_of(BASE, edit_config=_other_diff_id)
    assert_nothing_is_stored(source, DigestMismatch)
    plain = source_of((b"plain", b"plain"), edit_config=_other_diff_id)
    assert_nothing_is_stored(plain, DigestMismatch)


@pytest.mark.parametrize("capabilities", [ARCHIVE, LAYOUT, DIRECTORY], ids=["tar", "oci", "dir"])
def test_a_flipped_byte_in_a_blob(capabilities: DestinationCapabilities) -> None:
    for victim in (TOP[0], BASE[0]):
        source = source_of(BASE, TOP)
        damaged = bytearray(victim)
        damaged[len(victim) // 2] ^= 1
        source.blobs[parsed(victim)] = bytes(damaged)
        destination = MemoryImage(capabilities=capabilities)
        with pytest.raises((DigestMismatch, CorruptBlob)):
            copy_image(source, destination)
        assert destination.blobs == {}


def test_a_layer_of_zeros_is_told_by_the_digest_that_it_has() -> None:
    """It does not look compressed any more; its digest is wrong all the same, not its diff ID."""
    source = source_of(BASE)
    zeros = bytes(len(BASE[0]))
    source.blobs[parsed(BASE[0])] = zeros
    for capabilities in (ARCHIVE, LAYOUT, DIRECTORY):
        with pytest.raises(DigestMismatch) as caught:
            copy_image(source, MemoryImage(capabilities=capabilities))
        assert (caught.value.expected, caught.value.actual) == (digest(BASE[0]), digest(zeros))


@pytest.mark.parametrize(
    "damaged",
    [TOP[0][:-3], TOP[0] + b"garbage", TOP[0][:-8] + b"\1\2\3\4" + TOP[0][-4:]],
    ids=["truncated", "trailing bytes", "wrong CRC"],
)
def test_damaged_gzip_whose_digest_matches(damaged: bytes) -> None:
    assert_nothing_is_stored(source_of((damaged, TOP[1])), CorruptBlob)


def test_a_bomb_is_refused_over_the_limit_that_the_user_set() -> None:
    source = source_of(zipped(bytes(10_000_000)))
    copy_image(
        source, MemoryImage(capabilities=ARCHIVE), options=CopyOptions(layer_limit=10_000_000)
    )
    options = CopyOptions(layer_limit=9_999_999)
    assert_nothing_is_stored(source, TooLarge, options=options)


class _WithoutSizes(MemoryImage):
    def open_source(self, options: object | None = None) -> MemorySource:
        class Source(MemorySource):
            def layer_infos_for_copy(self, manifest: ImageManifest) -> Sequence[BlobInfo]:
                return [BlobInfo(layer.digest) for layer in manifest.layers]

        return Source(self)


@pytest.mark.parametrize("zip_it", [False, True])
def test_the_limit_holds_for_a_layer_of_unknown_size(*, zip_it: bool) -> None:
    plain = bytes(2_000_000)
    source = _WithoutSizes("source")
    source.manifest = add_image(source, [zipped(plain) if zip_it else (plain, plain)])
    options = CopyOptions(layer_limit=2_000_000)
    copy_image(source, MemoryImage(capabilities=ARCHIVE), options=options)
    options = CopyOptions(layer_limit=1_999_999)
    error = assert_nothing_is_stored(source, TooLarge, options=options)
    assert str(error).startswith("the content of layer sha256:")


@pytest.mark.parametrize("capabilities", [LAYOUT, DIRECTORY])
def test_a_limit_is_refused_where_layers_are_not_decompressed(
    capabilities: DestinationCapabilities,
) -> None:
    options = CopyOptions(layer_limit=10_000_000)
    error = assert_nothing_is_stored(source_of(BASE), InvalidOption, capabilities, options)
    assert str(error).startswith('option "--max-layer-size": "memory:image" takes layers as they')


def test_a_media_type_that_lies_about_the_compression_is_of_no_account() -> None:
    source = source_of(TOP, layer_type=media_types.OCI_LAYER + "+zstd")
    destination = MemoryImage(capabilities=ARCHIVE)
    copy_image(source, destination)
    assert destination.blobs[parsed(TOP[1])] == TOP[1]


class _Fitting(MemoryImage):
    """A place that fits its options to what a copy demands."""

    opened_with: object = None

    def fitted_options(self, options: object | None, demands: CopyDemands) -> object | None:
        return options, demands

    def open_destination(self, options: object | None = None) -> MemoryDestination:
        self.opened_with = options
        return MemoryDestination(self)


@pytest.mark.parametrize(
    ("options", "demands"),
    [
        (None, CopyDemands(preserve_digests=False, indexes=False)),
        (CopyOptions(preserve_digests=True), CopyDemands(preserve_digests=True, indexes=False)),
        (CopyOptions(instances=Instances.ALL), CopyDemands(preserve_digests=False, indexes=True)),
        (
            CopyOptions(instances=Instances.INDEX_ONLY, preserve_digests=True),
            CopyDemands(preserve_digests=True, indexes=True, index_only=True),
        ),
    ],
)
def test_the_destination_is_told_what_is_demanded(
    options: CopyOptions | None, demands: CopyDemands
) -> None:
    destination = _Fitting(capabilities=DIRECTORY)
    copy_image(source_of(BASE), destination, options=options, destination_options="the user's")
    assert destination.opened_with == ("the user's", demands)


def test_a_manifest_type_that_the_destination_cannot_store() -> None:
    options = CopyOptions(manifest_type=media_types.OCI_MANIFEST)
    error = assert_nothing_is_stored(source_of(BASE), InvalidOption, ARCHIVE, options)
    assert str(error) == (
        'option "--format": "memory:image" cannot store a manifest of type '
        f'"{media_types.OCI_MANIFEST}" (it takes "{media_types.DOCKER_MANIFEST}")'
    )


# --- platforms and indexes -----------------------------------------------------------------------


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_the_wanted_platform_is_chosen(depth: int) -> None:
    source = index_of("linux/amd64", "linux/s390x", depth=depth)
    destination = MemoryImage(capabilities=ARCHIVE)
    copy_image(source, destination, options=CopyOptions(platform=Platform("linux", "s390x")))
    assert parsed(b"linux/s390x") in destination.blobs


def test_indexes_nested_too_deeply() -> None:
    source = index_of("linux/amd64", depth=4)
    options = CopyOptions(platform=Platform("linux", "amd64"))
    error = assert_nothing_is_stored(source, InvalidDocument, ARCHIVE, options)
    assert "nested deeper than 4" in str(error)


def test_an_instance_that_is_not_what_the_index_names() -> None:
    for changed, error in ((b"{}", SizeMismatch), (None, DigestMismatch)):
        source = index_of("linux/amd64")
        (name, manifest) = next(iter(source.instances.items()))
        other = manifest.raw.replace(b"layers", b"LAYERS") if changed is None else changed
        source.instances[name] = RawManifest(other)
        for instances in Instances.SYSTEM, Instances.ALL:
            options = CopyOptions(instances=instances, platform=Platform("linux", "amd64"))
            assert_nothing_is_stored(source, error, LAYOUT, options)


def test_no_platform_fits() -> None:
    options = CopyOptions(platform=Platform("linux", "riscv64"))
    source = index_of("linux/amd64", "windows/amd64")
    error = assert_nothing_is_stored(source, NoMatchingPlatform, ARCHIVE, options)
    assert str(error) == (
        '"memory:source" has no image for platform "linux/riscv64"; '
        'it has "linux/amd64", "windows/amd64" (choose with --platform)'
    )
    error = assert_nothing_is_stored(source_of(BASE), NoMatchingPlatform, ARCHIVE, options)
    assert 'it has "linux/amd64"' in str(error)


def test_a_single_image_of_another_platform_is_copied_unless_one_is_asked_for() -> None:
    destination = MemoryImage(capabilities=ARCHIVE)
    copy_image(source_of(BASE, platform="plan9/mips"), destination)
    assert destination.manifest is not None


@pytest.mark.parametrize("depth", [0, 2])
def test_an_index_is_copied_whole(depth: int) -> None:
    source = index_of("linux/amd64", "linux/s390x", depth=depth)
    for capabilities in (LAYOUT, DIRECTORY):
        destination = MemoryImage(capabilities=capabilities)
        copy_image(source, destination, options=CopyOptions(instances=Instances.ALL))
        assert destination.manifest is not None
        assert source.manifest is not None
        assert destination.manifest.raw == source.manifest.raw
        assert destination.instances.keys() == source.instances.keys()
        assert destination.blobs == source.blobs


def test_an_index_alone() -> None:
    source = index_of("linux/amd64")
    destination = MemoryImage(capabilities=DIRECTORY)
    copy_image(source, destination, options=CopyOptions(instances=Instances.INDEX_ONLY))
    assert destination.manifest == source.manifest
    assert destination.blobs == {}


def test_an_index_whose_images_are_converted() -> None:
    source = index_of("linux/amd64", "linux/s390x")
    destination = MemoryImage(capabilities=DIRECTORY)
    options = CopyOptions(instances=Instances.ALL, manifest_type=media_types.DOCKER_MANIFEST)
    copy_image(source, destination, options=options)
    index = stored_manifest(destination)
    assert index["mediaType"] == media_types.DOCKER_MANIFEST_LIST
    assert index["x-unknown"] == 1.10
    for descriptor in index["manifests"]:
        raw = destination.instances[Digest.parse(descriptor["digest"])].raw
        assert (digest(raw), len(raw)) == (descriptor["digest"], descriptor["size"])
        assert json.loads(raw)["mediaType"] == descriptor["mediaType"]


def test_what_an_index_holds_of_a_manifest_goes_when_the_manifest_changes() -> None:
    source = index_of("linux/amd64")
    (manifest,) = source.instances.values()
    rewrite_index(source, lambda first: {**first, "data": base64.b64encode(manifest.raw).decode()})
    options = CopyOptions(instances=Instances.ALL, manifest_type=media_types.DOCKER_MANIFEST)
    for chosen, is_kept in ((CopyOptions(instances=Instances.ALL), True), (options, False)):
        destination = MemoryImage(capabilities=DIRECTORY)
        copy_image(source, destination, options=chosen)
        (descriptor,) = stored_manifest(destination)["manifests"]
        assert ("data" in descriptor) is is_kept
        assert digest(manifest.raw) == descriptor["digest"] or not is_kept


def test_an_index_that_names_a_manifest_by_another_algorithm() -> None:
    source = index_of("linux/amd64")
    (manifest,) = source.instances.values()
    sha512 = "sha512:" + hashlib.sha512(manifest.raw).hexdigest()
    source.instances = {Digest.parse(sha512): manifest}
    rewrite_index(source, lambda first: {**first, "digest": sha512})
    options = CopyOptions(instances=Instances.ALL, preserve_digests=True)
    destination = MemoryImage(capabilities=DIRECTORY)

    copy_image(source, destination, options=options)

    assert destination.manifest == source.manifest
    assert [(str(key), each.raw) for key, each in destination.instances.items()] == [
        (sha512, manifest.raw)
    ]


def test_what_indexes_name_again_and_again_is_copied_once() -> None:
    source = index_of("linux/amd64")
    for _ in range(3):
        rewrite_index(source, lambda first: first, times=30)
        assert source.manifest is not None
        raw = source.manifest.raw
        source.instances[parsed(raw)] = RawManifest(raw, media_types.OCI_INDEX)
        entry = {"mediaType": media_types.OCI_INDEX, "digest": digest(raw), "size": len(raw)}
        outer = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        source.manifest = RawManifest(outer, media_types.OCI_INDEX)
    destination = MemoryImage(capabilities=DIRECTORY)
    events: list[Event] = []
    options = CopyOptions(instances=Instances.ALL)
    copy_image(source, destination, options=options, observers=[events.append])

    assert destination.manifest == source.manifest
    assert sum(isinstance(event, CopyStarted) for event in events) == 1
    assert len(source.log) < 100


def test_each_entry_of_an_index_is_held_against_its_manifest() -> None:
    source = index_of("linux/amd64")
    document = stored_manifest(source)
    (first,) = document["manifests"]
    document["manifests"] = [first, {**first, "size": first["size"] + 1}]
    source.manifest = RawManifest(json.dumps(document).encode(), media_types.OCI_INDEX)
    options = CopyOptions(instances=Instances.ALL)
    assert_nothing_is_stored(source, SizeMismatch, DIRECTORY, options)


def rewrite_index(source: MemoryImage, edit: Callable[[Json], Json], *, times: int = 1) -> None:
    """Let a source's index have its first entry, edited, some times over."""
    document = stored_manifest(source)
    document["manifests"] = [edit(document["manifests"][0])] * times
    source.manifest = RawManifest(json.dumps(document).encode(), media_types.OCI_INDEX)


def test_a_destination_without_indexes_refuses_one() -> None:
    options = CopyOptions(instances=Instances.ALL)
    error = assert_nothing_is_stored(
        index_of("linux/amd64"), UnsupportedByDestination, ARCHIVE, options
    )
    assert "--all" in str(error)


# --- several threads -----------------------------------------------------------------------------


def test_layers_are_copied_in_parallel_where_both_sides_allow_it() -> None:
    layers = [zipped(b"layer %d" % number) for number in range(12)]
    source = source_of(*layers)
    source.parallel = True
    destination = MemoryImage(capabilities=LAYOUT)
    copy_image(source, destination)
    assert [layer["digest"] for layer in stored_manifest(destination)["layers"]] == [
        digest(stored) for stored, _ in layers
    ]


class _Gates:
    """Lets the streams of some blobs be read for the first time in a certain order only."""

    def __init__(self, order: Sequence[Digest]) -> None:
        self._before = dict(zip(order, [None, *order], strict=False))
        self._read = {digest: threading.Event() for digest in order}

    def pass_through(self, digest: Digest) -> None:
        """Wait until the blob before this one has been read from."""
        before = self._before.get(digest)
        if before is not None:
            assert self._read[before].wait(timeout=30)

    def passed(self, digest: Digest) -> None:
        if digest in self._read:
            self._read[digest].set()


class _GatedStream(io.BytesIO):
    def __init__(self, data: bytes, digest: Digest, gates: _Gates) -> None:
        super().__init__(data)
        self._digest = digest
        self._gates = gates

    def read(self, size: int | None = -1, /) -> bytes:
        self._gates.pass_through(self._digest)
        data = super().read(size)
        self._gates.passed(self._digest)
        return data


class _GatedSource(MemoryImage):
    gates: _Gates

    def open_source(self, options: object | None = None) -> MemorySource:
        gates = self.gates

        class Source(MemorySource):
            def blob(self, info: BlobInfo) -> ByteStream:
                assert info.digest is not None
                return _GatedStream(self._image.blobs[info.digest], info.digest, gates)

        return Source(self)


class _NotesWhatBegins(MemoryDestination):
    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        self._image.log.append(f"begin {info.digest}")
        return super().put_blob(stream, info, is_config=is_config)


@pytest.mark.parametrize("capabilities", [ARCHIVE, LAYOUT], ids=["tar", "oci"])
@pytest.mark.parametrize("at_a_time", [1, 2, 4])
def test_layers_begin_in_their_order_whatever_the_order_in_which_they_arrive(
    at_a_time: int, capabilities: DestinationCapabilities
) -> None:
    layers = [zipped(b"layer %d" % number) for number in range(6)]
    in_order = [stored for stored, _ in layers]
    if capabilities is ARCHIVE:
        in_order = [plain for _, plain in layers]
    first = [parsed(stored) for stored, _ in layers[:at_a_time]]  # those that run side by side
    for arrival in itertools.permutations(first):
        source = _GatedSource(parallel=True)
        source.manifest = add_image(source, layers)
        source.gates = _Gates(arrival)
        destination = _OtherDestination(
            _NotesWhatBegins, evolve(capabilities, parallel_put_blob=True)
        )
        copy_image(source, destination, options=CopyOptions(parallel_copies=at_a_time))
        begun = [call for call in destination.log if call.startswith("begin")]
        assert begun[:-1] == [f"begin {digest(layer)}" for layer in in_order]


class _FromAfar:
    """A stream that remembers the threads in which it is read."""

    def __init__(self, data: bytes, threads: set[str]) -> None:
        self._data = io.BytesIO(data)
        self._threads = threads

    def read(self, size: int, /) -> bytes:
        self._threads.add(threading.current_thread().name)
        return self._data.read(min(size, 1000))

    def close(self) -> None:
        self._data.close()


class _Stored(_FromAfar):
    """A stream of something that is stored here."""

    def read_end(self, size: int, /) -> bytes:
        return self._data.getvalue()[-size:]


@pytest.mark.parametrize(
    ("kind", "others"),
    [(_Stored, set()), (_FromAfar, {"imgcopy-read-ahead"})],
    ids=["here", "afar"],
)
@pytest.mark.parametrize("capabilities", [ARCHIVE, LAYOUT], ids=["decompressed", "as it is"])
def test_a_layer_from_afar_is_read_in_a_thread_of_its_own(
    kind: type[_FromAfar], others: set[str], capabilities: DestinationCapabilities
) -> None:
    threads: set[str] = set()

    class Source(MemorySource):
        def blob(self, info: BlobInfo) -> ByteStream:
            assert info.digest is not None
            data = self._image.blobs[info.digest]
            return io.BytesIO(data) if data.startswith(b"{") else kind(data, threads)

    class Image(MemoryImage):
        def open_source(self, options: object | None = None) -> MemorySource:
            return Source(self)

    source = Image()
    source.manifest = add_image(source, [zipped(os.urandom(10_000))])
    destination = MemoryImage(capabilities=capabilities)
    copy_image(source, destination)
    # Its first bytes are read before it is known whether it is compressed.
    assert threads == {threading.current_thread().name, *others}


def test_an_error_in_one_thread_ends_the_others() -> None:
    layers = [zipped(b"layer %d" % number) for number in range(12)]
    source = source_of(*layers)
    source.parallel = True
    source.blobs[parsed(layers[5][0])] = b"other"
    error = assert_nothing_is_stored(source, SizeMismatch, LAYOUT)
    assert digest(layers[5][0]) in str(error)


# --- peers that break the contract ---------------------------------------------------------------


class _OtherDestination(MemoryImage):
    def __init__(
        self, kind: type[MemoryDestination], capabilities: DestinationCapabilities = ARCHIVE
    ) -> None:
        super().__init__(capabilities=capabilities)
        self.kind = kind

    def open_destination(self, options: object | None = None) -> MemoryDestination:
        return self.kind(self)


class _ReadsHalf(MemoryDestination):
    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        if is_config:
            return super().put_blob(stream, info, is_config=is_config)
        stream.read(10)
        return BlobInfo(info.digest, info.size or 10)


class _SaysAnotherDigest(MemoryDestination):
    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        stored = super().put_blob(stream, info, is_config=is_config)
        return BlobInfo(parsed(b"another"), stored.size)


class _SaysNothing(MemoryDestination):
    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        super().put_blob(stream, info, is_config=is_config)
        return info


@pytest.mark.parametrize("kind", [_ReadsHalf, _SaysAnotherDigest, _SaysNothing])
def test_a_destination_that_lies_is_caught(kind: type[MemoryDestination]) -> None:
    destination = _OtherDestination(kind)
    with pytest.raises(DestinationStateError):
        copy_image(source_of(TOP), destination)
    assert destination.manifest is None


class _RaisesOSError(MemoryDestination):
    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        stream.read(1)
        raise OSError(28, "No space left on device")


class _Unreadable(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


class _UnreadableSource(MemoryImage):
    def open_source(self, options: object | None = None) -> MemorySource:
        class Source(MemorySource):
            def blob(self, info: BlobInfo) -> ByteStream:
                return _Unreadable()

        return Source(self)


def test_an_os_error_is_put_down_to_the_side_that_had_it() -> None:
    with pytest.raises(DestinationWriteFailed, match="No space left on device"):
        copy_image(source_of(TOP), _OtherDestination(_RaisesOSError))
    source = source_of(TOP)
    broken = _UnreadableSource(manifest=source.manifest)
    with pytest.raises(SourceReadFailed, match="Input/output error"):
        copy_image(broken, MemoryImage(capabilities=ARCHIVE))


# --- events and interruption ---------------------------------------------------------------------


def test_the_events_of_a_copy() -> None:
    source = source_of(BASE, TOP)
    events: list[Event] = []
    result = copy_image(source, MemoryImage(capabilities=ARCHIVE), observers=[events.append])
    config = stored_manifest(source)["config"]
    size = len(BASE[0]) + len(TOP[0]) + config["size"]
    assert events[0] == CopyStarted("memory:source", "memory:image", blobs=3, size=size)
    assert [type(event) for event in events if not isinstance(event, BlobProgress)] == [
        CopyStarted,
        *[BlobStarted, BlobDone] * 3,
        Committed,
    ]
    assert events[-1] == Committed(result.manifest.digest)
    last = {event.digest: event.bytes_read for event in events if isinstance(event, BlobProgress)}
    assert last == {parsed(BASE[0]): len(BASE[0]), parsed(TOP[0]): len(TOP[0])}


def test_a_failure_is_an_event_too() -> None:
    events: list[Event] = []
    with pytest.raises(SizeMismatch) as caught:
        copy_image(source_of(BASE, edit=_longer), MemoryImage(), observers=[events.append])
    assert events[-1] == CopyFailed(caught.value)


def test_an_interrupt_leaves_nothing() -> None:
    class Interrupted(MemoryDestination):
        def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
            stream.read(10)
            raise KeyboardInterrupt

    destination = _OtherDestination(Interrupted)
    with pytest.raises(KeyboardInterrupt):
        copy_image(source_of(TOP), destination)
    assert destination.log == ["close destination"]
    assert_no_threads_are_left()


def test_a_thread_that_is_left_behind_has_no_more_to_say() -> None:
    freed = threading.Event()
    main = threading.main_thread().ident

    class Stuck(MemoryDestination):
        def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
            stored = super().put_blob(stream, info, is_config=is_config)
            if info.digest == parsed(BASE[0]):
                assert main is not None
                signal.pthread_kill(main, signal.SIGINT)  # which wakes it wherever it waits
                assert freed.wait(timeout=30)
            return stored

    source = source_of(BASE, TOP)
    source.parallel = True
    events: list[Event] = []
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            copy_image(source, _OtherDestination(Stuck, LAYOUT), observers=[events.append])
    finally:
        freed.set()
        signal.signal(signal.SIGINT, handler)
    assert_no_threads_are_left()
    assert isinstance(events[-1], CopyFailed)
