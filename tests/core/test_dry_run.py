import gzip
import os
import sys
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import (
    BlobDone,
    BlobInfo,
    BlobKind,
    ByteStream,
    CopyOptions,
    CopyPlan,
    DestinationCapabilities,
    DestinationExists,
    DigestMismatch,
    Event,
    ImagePlan,
    ImageReference,
    ImgcopyError,
    Instances,
    InvalidOption,
    LayerAction,
    LayerPlan,
    Platform,
    SizeMismatch,
    Transport,
    UnsupportedByDestination,
    UnsupportedImage,
    copy_image,
    media_types,
    plan_copy,
)
from imgcopy_core_stubs.transports import DirTransport, OciTransport
from imgcopy_docker_archive.transport import DockerArchiveTransport
from tests.core.transports.layouts import Layout, named, tree

from .memory_images import (
    ARCHIVE,
    BASE,
    DIRECTORY,
    LAYOUT,
    TOP,
    Json,
    index_of,
    parsed,
    source_of,
)
from .memory_transport import MemoryDestination, MemoryImage

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

REUSED, COPIED = LayerAction.REUSED, LayerAction.COPIED
DECOMPRESSED = LayerAction.DECOMPRESSED


def only_image(plan: CopyPlan) -> ImagePlan:
    (image,) = plan.images
    return image


# --- what it says --------------------------------------------------------------------------------


def test_layers_that_would_be_decompressed() -> None:
    source = source_of(BASE, TOP)
    plan = plan_copy(source, MemoryImage(capabilities=ARCHIVE))
    assert source.manifest is not None
    assert plan == CopyPlan(
        source="memory:source",
        images=(
            ImagePlan(
                digest=parsed(source.manifest.raw),
                platform=Platform("linux", "amd64"),
                media_type=media_types.OCI_MANIFEST,
                stored_media_type=media_types.DOCKER_MANIFEST,
                keeps_digest=False,
                layers=(
                    LayerPlan(parsed(BASE[0]), len(BASE[0]), DECOMPRESSED, None),
                    LayerPlan(parsed(TOP[0]), len(TOP[0]), DECOMPRESSED, None),
                ),
            ),
        ),
        keeps_digest=False,
    )
    assert (plan.bytes_read, plan.bytes_written) == (len(BASE[0]) + len(TOP[0]), 0)
    assert plan.layers_of_unknown_size == 2


def test_layers_that_would_be_copied_or_are_there() -> None:
    destination = MemoryImage(capabilities=DIRECTORY, blobs={parsed(BASE[0]): BASE[0]})
    plan = plan_copy(source_of(BASE, TOP, TOP), destination)
    image = only_image(plan)
    assert image.layers == (
        LayerPlan(parsed(BASE[0]), len(BASE[0]), REUSED, 0),
        LayerPlan(parsed(TOP[0]), len(TOP[0]), COPIED, len(TOP[0])),
    )
    assert image.keeps_digest
    assert plan.keeps_digest
    assert (plan.bytes_read, plan.bytes_written) == (len(TOP[0]), len(TOP[0]))
    assert plan.layers_of_unknown_size == 0


def test_layers_that_would_be_compressed() -> None:
    plain = source_of((b"plain", b"plain"), layer_type=media_types.OCI_LAYER)
    (layer,) = only_image(plan_copy(plain, MemoryImage(capabilities=LAYOUT))).layers
    assert layer == LayerPlan(parsed(b"plain"), 5, LayerAction.COMPRESSED, None)
    stored = zstd.compress(b"plain")
    packed = source_of((stored, b"plain"), layer_type=media_types.OCI_LAYER + "+zstd")
    docker = DestinationCapabilities(
        manifest_types=(media_types.DOCKER_MANIFEST,), layer_compression=LAYOUT.layer_compression
    )
    (layer,) = only_image(plan_copy(packed, MemoryImage(capabilities=docker))).layers
    assert layer == LayerPlan(parsed(stored), len(stored), LayerAction.RECOMPRESSED, None)


def test_a_foreign_layer() -> None:
    def edit(document: Json) -> None:
        kind = media_types.OCI_FOREIGN_LAYER + "+gzip"
        document["layers"][0] |= {"mediaType": kind, "urls": ["https://example.org"]}

    source = source_of(BASE, TOP, edit=edit)
    accepting = MemoryImage(capabilities=DestinationCapabilities(accepts_foreign_layer_urls=True))
    image = only_image(plan_copy(source, accepting))
    assert [layer.action for layer in image.layers] == [LayerAction.LEFT_OUT, COPIED]
    assert image.keeps_digest
    image = only_image(plan_copy(source, MemoryImage(capabilities=DIRECTORY)))
    assert [layer.action for layer in image.layers] == [COPIED, COPIED]
    assert not image.keeps_digest
    options = CopyOptions(preserve_digests=True)
    plan = plan_copy(source, MemoryImage(capabilities=DIRECTORY), options=options)
    assert plan.keeps_digest


def test_an_artifact() -> None:
    source = source_of(BASE, edit=lambda document: document["config"].update(mediaType="a/b"))
    image = only_image(plan_copy(source, MemoryImage(capabilities=DIRECTORY)))
    assert image.platform is None
    assert [layer.action for layer in image.layers] == [COPIED]


def test_a_layer_whose_media_type_tells_nothing_is_known_by_its_digests() -> None:
    source = source_of(BASE, (b"plain", b"plain"), layer_type="application/x.tar")
    layers = only_image(plan_copy(source, MemoryImage(capabilities=ARCHIVE))).layers
    assert [layer.action for layer in layers] == [DECOMPRESSED, COPIED]


def test_all_images_of_an_index() -> None:
    source = index_of("linux/amd64", "linux/s390x")
    options = CopyOptions(instances=Instances.ALL)
    plan = plan_copy(source, MemoryImage(capabilities=LAYOUT), options=options)
    assert [str(image.platform) for image in plan.images] == ["linux/amd64", "linux/s390x"]
    assert plan.keeps_digest
    docker = evolve(options, manifest_type=media_types.DOCKER_MANIFEST)
    plan = plan_copy(source, MemoryImage(capabilities=DIRECTORY), options=docker)
    assert [image.keeps_digest for image in plan.images] == [False, False]
    assert not plan.keeps_digest


def test_an_index_alone() -> None:
    options = CopyOptions(instances=Instances.INDEX_ONLY)
    plan = plan_copy(index_of("linux/amd64"), MemoryImage(capabilities=DIRECTORY), options=options)
    assert plan == CopyPlan("memory:source", (), keeps_digest=True)


@pytest.mark.parametrize(
    ("capabilities", "action"),
    [
        (DIRECTORY, COPIED),
        (evolve(ARCHIVE, manifest_types=(), stores_indexes=True), DECOMPRESSED),
    ],
)
def test_what_one_image_brings_the_next_one_reuses(
    capabilities: DestinationCapabilities, action: LayerAction
) -> None:
    source = index_of("linux/amd64", "linux/s390x", base=[BASE])
    destination = MemoryImage(capabilities=capabilities)
    options = CopyOptions(instances=Instances.ALL)
    plan = plan_copy(source, destination, options=options)
    actions = [[layer.action for layer in image.layers] for image in plan.images]
    assert actions == [[action, action], [REUSED, action]]
    events: list[Event] = []
    copy_image(source, destination, options=options, observers=[events.append])
    done = [event for event in events if isinstance(event, BlobDone)]
    assert [event.reused for event in done if event.kind is BlobKind.LAYER] == [
        action is REUSED for image in actions for action in image
    ]


# --- it says what happens ------------------------------------------------------------------------

PLAIN = [b"layer %d" % number * 100 for number in range(3)]
STORED = {
    "": [(plain, plain) for plain in PLAIN],
    "+gzip": [(gzip.compress(plain, mtime=0), plain) for plain in PLAIN],
    "+zstd": [(zstd.compress(plain), plain) for plain in PLAIN],
}
POOL = [(suffix, layer) for suffix, layers in STORED.items() for layer in layers]


@st.composite
def sources(draw: st.DrawFn) -> MemoryImage:
    """Images whose media types tell the truth."""
    chosen = draw(st.lists(st.sampled_from(POOL), max_size=5))

    def edit(document: Json) -> None:
        for (suffix, _), layer in zip(chosen, document["layers"], strict=True):
            layer["mediaType"] = media_types.OCI_LAYER + suffix

    source = source_of(*(layer for _, layer in chosen), edit=edit)
    if draw(st.integers(0, 5)) == 0:
        source.image_signatures[None] = (b"signature",)
    return source


@given(
    source=sources(),
    capabilities=st.sampled_from([ARCHIVE, LAYOUT, DIRECTORY]),
    present=st.lists(st.sampled_from([blob for _, layer in POOL for blob in layer])),
    options=st.builds(
        CopyOptions,
        manifest_type=st.sampled_from(
            [None, None, media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST]
        ),
        preserve_digests=st.booleans(),
        remove_signatures=st.booleans(),
    ),
)
def test_a_copy_does_what_its_dry_run_says(
    source: MemoryImage,
    capabilities: DestinationCapabilities,
    present: list[bytes],
    options: CopyOptions,
) -> None:
    destination = MemoryImage(
        capabilities=capabilities, blobs={parsed(blob): blob for blob in present}
    )
    events: list[Event] = []
    plan: CopyPlan | None = None
    planned = copied = ""
    try:
        plan = plan_copy(source, destination, options=options)
    except ImgcopyError as error:
        planned = repr(error)
    assert destination.manifest is None
    source.log.clear()
    try:
        result = copy_image(source, destination, options=options, observers=[events.append])
    except ImgcopyError as error:
        copied = repr(error)
    assert planned == copied
    if plan is None:
        return
    assert source.manifest is not None
    image = only_image(plan)
    assert image.keeps_digest == (result.manifest.raw == source.manifest.raw)
    assert image.stored_media_type == result.manifest.media_type
    done = [event for event in events if isinstance(event, BlobDone)]
    assert [(layer.digest, layer.size, layer.action is REUSED) for layer in image.layers] == [
        (event.digest, event.size, event.reused) for event in done if event.kind is BlobKind.LAYER
    ]
    put = [call.removeprefix("put ") for call in destination.log if call.startswith("put ")][:-1]
    for layer, stored in zip(
        [layer for layer in image.layers if layer.action is not REUSED], put, strict=True
    ):
        assert (layer.digest.hex[:8] == stored) == (layer.action is COPIED)
        if layer.action is COPIED:
            assert layer.bytes_written == len(destination.blobs[layer.digest])
        else:
            assert layer.bytes_written is None
    read = {call.removeprefix("read ") for call in source.log if call.startswith("read ")}
    sizes = {blob.hex[:8]: len(data) for blob, data in source.blobs.items()}
    config = next(event.digest.hex[:8] for event in done if event.kind is BlobKind.CONFIG)
    assert plan.bytes_read == sum(sizes[blob] for blob in read - {config})


# --- what it leaves alone ------------------------------------------------------------------------


class _Untouchable(MemoryDestination):
    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        raise AssertionError("put_blob in a dry run")

    def commit(self) -> None:
        raise AssertionError("commit in a dry run")


class _UntouchablePlace(MemoryImage):
    def open_destination(self, options: object | None = None) -> MemoryDestination:
        self.log.append("open destination")
        return _Untouchable(self)


@pytest.mark.parametrize("capabilities", [ARCHIVE, LAYOUT, DIRECTORY], ids=["tar", "oci", "dir"])
def test_no_layer_is_read_and_nothing_is_put(capabilities: DestinationCapabilities) -> None:
    source = source_of(BASE, TOP)
    destination = _UntouchablePlace(capabilities=capabilities)
    plan_copy(source, destination)
    assert destination.log == ["open destination", "close destination"]
    config = next(blob for blob in source.blobs if blob not in (parsed(BASE[0]), parsed(TOP[0])))
    assert source.log == ["manifest", f"read {config.hex[:8]}", "close source"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A layout with an index of two images, and one of them by itself."""
    layout = Layout(tmp_path / "layout")
    images = [
        layout.image(name, platform={"os": "linux", "architecture": name})
        for name in ("amd64", "arm64")
    ]
    layout.write_index(named(layout.index(*images), "all"), named(images[0], "one"))
    return layout


TRANSPORTS: list[tuple[Transport, str]] = [
    (OciTransport(), "{}/new:app"),
    (OciTransport(), "{}/old-layout:one"),
    (DirTransport(), "{}/new"),
    (DockerArchiveTransport(), "{}/new.tar:app:1"),
]


@pytest.mark.parametrize(("transport", "place"), TRANSPORTS)
@pytest.mark.parametrize("instances", [Instances.SYSTEM, Instances.ALL])
def test_the_file_system_stays_as_it_is(
    layout: Layout, tmp_path: Path, transport: Transport, place: str, instances: Instances
) -> None:
    whole = OciTransport().parse_reference(f"{layout.path}:all")
    there = OciTransport().parse_reference(f"{tmp_path}/old-layout:one")
    copy_image(OciTransport().parse_reference(f"{layout.path}:one"), there)
    before = tree(tmp_path)
    options = CopyOptions(platform=None, instances=instances)
    reference = transport.parse_reference(place.format(tmp_path))
    plan = plan_copy(whole, reference, options=options)
    assert len(plan.images) == (1 if instances is Instances.SYSTEM else 2)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("transport", "existing"),
    [
        (DirTransport(), "replace"),
        (DockerArchiveTransport(), "replace"),
        (DockerArchiveTransport(), "append"),
    ],
)
def test_what_is_there_stays_as_it_is(
    layout: Layout, tmp_path: Path, transport: Transport, existing: str
) -> None:
    source = OciTransport().parse_reference(f"{layout.path}:one")
    reference = transport.parse_reference(f"{tmp_path}/old")
    copy_image(source, reference)
    before = tree(tmp_path)
    with pytest.raises(DestinationExists):
        plan_copy(source, reference)
    cls = transport.destination_options
    assert cls is not None
    options = cls(existing=type(cls().existing)(existing))
    layer = only_image(plan_copy(source, reference, destination_options=options)).layers[0]
    assert (layer.action is REUSED) == (existing == "append")
    assert tree(tmp_path) == before


# --- what it refuses -----------------------------------------------------------------------------


def assert_refused_as_by_a_copy(
    source: ImageReference,
    destination: MemoryImage,
    error: type[ImgcopyError],
    options: CopyOptions | None = None,
) -> None:
    with pytest.raises(error) as planned:
        plan_copy(source, destination, options=options)
    with pytest.raises(error) as copied:
        copy_image(source, destination, options=options)
    assert str(planned.value) == str(copied.value)
    assert destination.log[-1] == "close destination"


def test_what_a_copy_refuses() -> None:
    archive = MemoryImage(capabilities=ARCHIVE)
    encrypted = source_of(BASE, layer_type=media_types.OCI_LAYER + "+encrypted")
    assert_refused_as_by_a_copy(encrypted, archive, UnsupportedImage)
    signed = source_of(BASE)
    signed.image_signatures[None] = (b"signature",)
    assert_refused_as_by_a_copy(signed, archive, UnsupportedByDestination)
    changing = CopyOptions(manifest_type=media_types.DOCKER_MANIFEST)
    directory = MemoryImage(capabilities=DIRECTORY)
    assert_refused_as_by_a_copy(signed, directory, UnsupportedByDestination, changing)
    everything = CopyOptions(instances=Instances.ALL)
    index = index_of("linux/amd64")
    assert_refused_as_by_a_copy(index, archive, UnsupportedByDestination, everything)
    preserving = CopyOptions(preserve_digests=True)
    assert_refused_as_by_a_copy(source_of(BASE), archive, UnsupportedByDestination, preserving)
    damaged = source_of(BASE)
    (config,) = damaged.blobs.keys() - {parsed(BASE[0])}
    damaged.blobs[config] = damaged.blobs[config][:-1] + b"!"
    assert_refused_as_by_a_copy(damaged, archive, DigestMismatch)
    damaged.blobs[config] += b" "
    assert_refused_as_by_a_copy(damaged, archive, SizeMismatch)


def test_signatures_of_an_index_whose_images_change() -> None:
    source = index_of("linux/amd64")
    source.image_signatures[None] = (b"signature",)
    options = CopyOptions(instances=Instances.ALL, manifest_type=media_types.DOCKER_MANIFEST)
    directory = MemoryImage(capabilities=DIRECTORY)
    assert_refused_as_by_a_copy(source, directory, UnsupportedByDestination, options)


def test_a_pipe_or_a_device_is_not_even_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (f"{pipe}", f"{pipe}:app:1", "-", "-:app:1", "/dev/stdout", "/dev/null"):
        destination = DockerArchiveTransport().parse_reference(place)
        with pytest.raises(InvalidOption) as caught:
            plan_copy(source_of(BASE), destination)
        assert str(caught.value).startswith('option "--dry-run": "docker-archive:')
        assert "is standard output, a pipe or a device (name a file in its place)" in str(
            caught.value
        )


def test_a_directory_that_is_called_as_standard_output_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for transport in (DirTransport(), OciTransport()):
        plan_copy(source_of(BASE), transport.parse_reference("-"))
    assert os.listdir(tmp_path) == []
