"""What third parties' sources and destinations do wrong, and whose fault it is said to be."""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, evolve

from imgcopy_core_stubs import (
    BlobInfo,
    DestinationCapabilities,
    DestinationStateError,
    DestinationWriteFailed,
    Digest,
    DigestMismatch,
    DockerReference,
    ImageCollection,
    ImageDestination,
    ImageReference,
    ImageSource,
    LayerCompression,
    PluginError,
    RawManifest,
    SourceCapabilities,
    SourceNotFound,
    SourceReadFailed,
    StoredImages,
    UsageError,
    copy_image,
    media_types,
)
from imgcopy_core_stubs.plugins._guard import (
    _Guarded,
    _GuardedCollection,
    _GuardedDestination,
    _GuardedImages,
    _GuardedReference,
    _GuardedSource,
    guarded,
)
from imgcopy_core_stubs.plugins._results import _DESTINATION_METHODS, _SOURCE_METHODS
from tests.core.memory_transport import MemoryDestination, MemoryImage, MemorySource
from tests.core.transports.layouts import Image

LABEL = "memory (imgcopy-memory 1.0)"
IMAGE = Image("app")
LAYER, CONFIG = Digest.of(IMAGE.layer), Digest.of(IMAGE.config)
ARCHIVE = DestinationCapabilities(
    manifest_types=(media_types.DOCKER_MANIFEST,), layer_compression=LayerCompression.DECOMPRESS
)
COMPRESSING = DestinationCapabilities(layer_compression=LayerCompression.COMPRESS)


@define(eq=False)
class Place(MemoryImage):
    """A place whose source and destination can be of any class."""

    source: Callable[[MemoryImage], Any] = MemorySource
    destination: Callable[[MemoryImage], Any] = MemoryDestination

    def open_source(self, options: object | None = None) -> Any:
        return self.source(self)

    def open_destination(self, options: object | None = None) -> Any:
        return self.destination(self)


def full(**arguments: Any) -> Place:
    """A place that has the image."""
    place = Place(**arguments)
    place.manifest = RawManifest(IMAGE.manifest)
    place.blobs = {LAYER: IMAGE.layer, CONFIG: IMAGE.config}
    return place


def source(**members: Any) -> ImageReference:
    """A guarded place that has the image, and whose source has other members than it should."""
    return guarded(full(source=type("Source", (MemorySource,), members)), LABEL)


def destination(**members: Any) -> ImageReference:
    """A guarded, empty place, whose destination has other members than it should."""
    return guarded(Place(destination=type("Destination", (MemoryDestination,), members)), LABEL)


def fails(error: BaseException) -> Callable[..., Any]:
    def method(*arguments: object, **more: object) -> object:
        raise error

    return method


def gives(value: object) -> Callable[..., Any]:
    return lambda *arguments, **more: value


def capabilities(value: object) -> property:
    return property(gives(value))


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError


class Stream(io.BytesIO):
    """The layer's stream, whose `read` does something else."""

    def __init__(self, read: Callable[[int], Any]) -> None:
        super().__init__(IMAGE.layer)
        self.other = read

    def read(self, size: int | None = -1, /) -> Any:
        assert size is not None
        return self.other(size)


class TestWhatIsRight:
    @pytest.mark.parametrize("wanted", [DestinationCapabilities(), ARCHIVE, COMPRESSING])
    def test_the_guard_changes_nothing(self, wanted: DestinationCapabilities) -> None:
        plain, within = Place(capabilities=wanted), Place(capabilities=wanted)

        copy_image(full(), plain)
        result = copy_image(guarded(full(), LABEL), guarded(within, LABEL))

        assert result.manifest == within.manifest == plain.manifest
        assert within.blobs == plain.blobs
        assert len(within.blobs) == 2
        assert within.log == ["put " + found.hex[:8] for found in within.blobs] + [
            "commit",
            "close destination",
        ]

    def test_a_reference_is_what_it_was(self) -> None:
        app = DockerReference.parse("app:1")

        @define
        class Named(MemoryImage):
            docker_reference: DockerReference | None = app
            path: str | None = "/srv/app"

            def tags(self, options: object | None = None) -> list[str]:
                return ["app:1", str(options)]

            def __hash__(self) -> int:
                return 7

        one, same, other = (guarded(Named(name), LABEL) for name in ("one", "one", "other"))

        assert (one.scheme, str(one), one.path) == ("memory", "one", "/srv/app")
        assert one.docker_reference == app
        assert one.tags(5) == ["app:1", "5"]
        assert one == same
        assert one != other
        assert hash(one) == hash(same)
        plain = guarded(MemoryImage(), LABEL)
        assert (plain.path, plain.docker_reference, plain.tags()) == (None, None, None)

    def test_closing_twice_closes_once(self) -> None:
        place = full()
        opened = guarded(place, LABEL).open_source()
        with opened:
            opened.close()
        opened.close()

        assert place.log == ["close source"]

    def test_errors_of_the_contract_are_told_as_they_are(self) -> None:
        with pytest.raises(SourceNotFound) as caught:
            copy_image(guarded(Place("nothing"), LABEL), Place())

        assert caught.value.name == "nothing"

    def test_an_error_of_the_operating_system_is_told_with_its_side(self) -> None:
        full_disk = OSError(28, "No space left on device")

        with pytest.raises(DestinationWriteFailed, match="No space left"):
            copy_image(full(), destination(put_blob=fails(full_disk)))
        with pytest.raises(SourceReadFailed, match="No space left"):
            copy_image(source(blob=gives(Stream(fails(full_disk)))), Place())

    def test_ctrl_c_stays_ctrl_c(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            copy_image(source(manifest=fails(KeyboardInterrupt())), Place())
        with pytest.raises(KeyboardInterrupt):
            copy_image(full(), destination(put_blob=fails(KeyboardInterrupt())))


DIVISION = 'failed: ZeroDivisionError "by zero"'


def test_the_guard_passes_every_call_of_the_contract_through() -> None:
    for protocol, guards in (
        (ImageReference, [_GuardedReference]),
        (ImageSource, [_GuardedSource, _Guarded]),
        (ImageDestination, [_GuardedDestination, _Guarded]),
        (StoredImages, [_GuardedImages, _Guarded]),
        (ImageCollection, [_GuardedCollection, _Guarded]),
    ):
        members = {name for name in dir(protocol) if not name.startswith("_")}
        assert members <= {name for guard in guards for name in vars(guard)}


def test_every_method_of_the_contract_is_looked_for() -> None:
    for protocol, methods in (
        (ImageSource, _SOURCE_METHODS),
        (ImageDestination, _DESTINATION_METHODS),
    ):
        members = {name for name in dir(protocol) if not name.startswith("_")}
        assert members == {"capabilities", *methods} - {"__enter__", "__exit__"}


class TestSources:
    @pytest.mark.parametrize(
        ("members", "problem"),
        [
            ({"manifest": fails(ZeroDivisionError("by zero"))}, f'manifest of "memory" {DIVISION}'),
            (
                {"manifest": fails(Unprintable())},
                'manifest of "memory" failed: Unprintable "(an exception that cannot be printed)"',
            ),
            ({"manifest": fails(SystemExit(3))}, 'manifest of "memory" failed: SystemExit "3"'),
            ({"manifest": gives(None)}, 'manifest returned None, not of "RawManifest"'),
            ({"manifest": gives(b"{}")}, 'manifest returned an instance of "bytes", not of'),
            ({"manifest": gives(RawManifest("{}"))}, 'manifest returned an instance of "str"'),  # type: ignore[arg-type]  # as a plugin may
            ({"blob": fails(ZeroDivisionError("by zero"))}, f'blob of "memory" {DIVISION}'),
            ({"blob": gives(None)}, "what blob returned, None, lacks read, close"),
            ({"blob": gives(Stream(fails(ZeroDivisionError("by zero"))))}, 'read of "memory" '),
            ({"blob": gives(Stream(gives(None)))}, 'read returned None, not of "bytes"'),
            ({"blob": gives(Stream(gives("text")))}, 'read returned an instance of "str"'),
            ({"blob": gives(Stream(lambda size: bytes(size + 1)))}, "bytes where"),
            ({"signatures": gives(None)}, "signatures returned None, not a sequence"),
            ({"signatures": gives(b"one")}, 'signatures returned an instance of "bytes", not a s'),
            ({"signatures": gives(["text"])}, "an item that signatures returned an instance of"),
            ({"layer_infos_for_copy": gives([])}, "returned 0 blobs for 1 layers"),
            ({"layer_infos_for_copy": gives([BlobInfo()])}, "the digest that layer_infos_for_copy"),
            ({"layer_infos_for_copy": gives(7)}, "layer_infos_for_copy returned an instance of"),
            ({"capabilities": capabilities(None)}, "capabilities returned None"),
            (
                {"capabilities": capabilities(SourceCapabilities(parallel_blobs="no"))},  # type: ignore[arg-type]  # as a plugin may
                'its capability parallel_blobs is an instance of "str"',
            ),
            ({"capabilities": property(fails(ZeroDivisionError("by zero")))}, "open_source of"),
            ({"close": fails(ZeroDivisionError("by zero"))}, f'__exit__ of "memory" {DIVISION}'),
            ({"__enter__": gives(None)}, "__enter__ did not return the object itself"),
        ],
    )
    def test_what_they_do_wrong_is_the_plugins_fault(
        self, members: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(PluginError) as caught:
            copy_image(source(**members), Place())

        assert str(caught.value).startswith(f'plugin "{LABEL}": ')
        assert problem in str(caught.value)
        assert caught.value.exit_code == 6
        assert caught.value.__cause__ is not None
        assert caught.value.details.startswith("Traceback")

    @pytest.mark.parametrize(
        ("opened", "problem"),
        [
            (None, "open_source returned None"),
            (7, 'what open_source returned, an instance of "int", lacks capabilities, manifest'),
            (MemoryDestination(MemoryImage()), "lacks manifest, blob, signatures, layer_infos_for"),
        ],
    )
    def test_what_is_no_source_is_refused_at_once(self, opened: object, problem: str) -> None:
        with pytest.raises(PluginError) as caught:
            guarded(full(source=gives(opened)), LABEL).open_source()

        assert problem in str(caught.value)

    @pytest.mark.parametrize(
        ("members", "problem"),
        [
            ({"__str__": gives(7)}, "__str__"),
            ({"path": 7}, 'path returned an instance of "int"'),
            ({"docker_reference": "app"}, "docker_reference returned an instance of"),
            ({"tags": gives("app")}, "tags returned an instance of"),
            ({"tags": gives([7])}, "an item that tags returned an instance of"),
            ({"tags": fails(ZeroDivisionError("by zero"))}, f'tags of "memory" {DIVISION}'),
            ({"open_source": fails(ZeroDivisionError("by zero"))}, f'"memory" {DIVISION}'),
        ],
    )
    def test_references_do_wrong_too(self, members: dict[str, Any], problem: str) -> None:
        reference = guarded(type("Reference", (MemoryImage,), members)("app"), LABEL)

        with pytest.raises(PluginError) as caught:
            (str(reference), reference.path, reference.docker_reference, reference.tags())
            reference.open_source()

        assert problem in str(caught.value)


class Duck:
    """Nearly a destination."""

    capabilities = DestinationCapabilities()
    closed = 0

    def close(self) -> None:
        type(self).closed += 1

    put_blob = try_reusing_blob = put_manifest = commit = __enter__ = __exit__ = close


def lies(**changes: Any) -> Callable[..., Any]:
    """A `put_blob` that stores the blob, and says something else of it."""

    def put_blob(self: Any, stream: Any, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        stored = MemoryDestination.put_blob(self, stream, info, is_config=is_config)
        return evolve(stored, **changes)

    return put_blob


def reads(size: int, times: int) -> Callable[..., Any]:
    """A `put_blob` that reads a part of the blob only."""

    def put_blob(self: Any, stream: Any, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        for _ in range(times):
            stream.read(size)
        return BlobInfo(info.digest, len(IMAGE.layer))

    return put_blob


class TestDestinations:
    @pytest.mark.parametrize(
        ("members", "problem"),
        [
            ({"put_blob": fails(ZeroDivisionError("by zero"))}, f'put_blob of "memory" {DIVISION}'),
            ({"put_blob": lies(digest=CONFIG)}, f"put_blob says that it stored {CONFIG} of "),
            ({"put_blob": lies(size=7)}, f"of 7 bytes, not {LAYER} of {len(IMAGE.layer)}"),
            ({"put_blob": lies(digest=None)}, "put_blob did not say which digest and size"),
            ({"put_blob": lies(digest=str(LAYER))}, "put_blob did not say which digest and size"),
            ({"put_blob": lies(size=None)}, "put_blob did not say which digest and size"),
            ({"put_blob": lies(size=True)}, "put_blob did not say which digest and size"),
            ({"put_blob": reads(1, 1)}, "put_blob did not read the blob to its end"),
            ({"put_blob": reads(100_000, 1)}, "put_blob did not read the blob to its end"),
            ({"put_blob": reads(100_000, 2)}, f"put_blob says that it stored {CONFIG} of "),
            (
                {"put_blob": lambda self, stream, info: BlobInfo()},
                "unexpected keyword argument 'is_config'",
            ),
            ({"try_reusing_blob": gives(7)}, 'try_reusing_blob returned an instance of "int"'),
            ({"try_reusing_blob": gives(BlobInfo())}, "did not say which digest and size the blob"),
            (
                {"try_reusing_blob": gives(BlobInfo(CONFIG, 7))},
                f"try_reusing_blob returned {CONFIG}, not {LAYER}",
            ),
            ({"put_manifest": fails(ZeroDivisionError("by zero"))}, f'"memory" {DIVISION}'),
            ({"commit": fails(ZeroDivisionError("by zero"))}, f'commit of "memory" {DIVISION}'),
            ({"close": fails(ZeroDivisionError("by zero"))}, f'__exit__ of "memory" {DIVISION}'),
            ({"capabilities": capabilities(SourceCapabilities())}, "capabilities returned an inst"),
            (
                {"capabilities": capabilities(DestinationCapabilities(manifest_types=None))},  # type: ignore[arg-type]  # as a plugin may
                "its capability manifest_types is None",
            ),
            (
                {"capabilities": capabilities(DestinationCapabilities(manifest_types=(7,)))},  # type: ignore[arg-type]  # as a plugin may
                'an item that manifest_types returned an instance of "int"',
            ),
            (
                {
                    "commit": fails(DestinationStateError("other", "it was committed already")),
                },
                'commit of "memory" failed: DestinationStateError "\\"other\\": it was committed',
            ),
        ],
    )
    def test_what_they_do_wrong_is_the_plugins_fault(
        self, members: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(PluginError) as caught:
            copy_image(full(), destination(**members))

        assert str(caught.value).startswith(f'plugin "{LABEL}": ')
        assert problem.replace("\\", "") in str(caught.value).replace("\\", "")
        assert caught.value.exit_code == 6
        assert caught.value.__cause__ is not None

    def test_what_lacks_a_method_is_refused_and_closed(self) -> None:
        with pytest.raises(PluginError) as caught:
            copy_image(full(), guarded(Place(destination=lambda place: Duck()), LABEL))

        assert 'an instance of "Duck", lacks put_signatures' in str(caught.value)
        assert Duck.closed == 1

    def test_a_lie_about_the_digest_of_a_blob_without_one(self) -> None:
        members = {"capabilities": capabilities(COMPRESSING), "put_blob": lies(digest=CONFIG)}

        with pytest.raises(PluginError, match=f"says that it stored {CONFIG} of "):
            copy_image(full(), destination(**members))

    def test_of_a_blob_without_a_digest_another_kind_may_be_taken(self) -> None:
        with destination(put_blob=lies(digest=Digest.of(b"x", "sha512"))).open_destination() as to:
            stored = to.put_blob(io.BytesIO(b"x"), BlobInfo(), is_config=False)

        assert stored.digest == Digest.of(b"x", "sha512")

    def test_a_blob_may_be_replaced_where_that_is_said(self) -> None:
        members = {"try_reusing_blob": gives(BlobInfo(CONFIG, 7))}
        with destination(**members).open_destination() as opened:
            reused = opened.try_reusing_blob(BlobInfo(LAYER, 9), can_substitute=True)

        assert reused == BlobInfo(CONFIG, 7)

    def test_a_blob_may_have_another_size_than_was_asked_for(self) -> None:
        with destination(try_reusing_blob=gives(BlobInfo(LAYER, 7))).open_destination() as opened:
            reused = opened.try_reusing_blob(BlobInfo(LAYER, 9), can_substitute=False)

        assert reused == BlobInfo(LAYER, 7)

    def test_reading_on_after_put_blob_is_not_possible(self) -> None:
        streams: list[Any] = []

        def put_blob(self: Any, stream: Any, info: BlobInfo, *, is_config: bool) -> BlobInfo:
            streams.append(stream)
            return MemoryDestination.put_blob(self, stream, info, is_config=is_config)

        copy_image(full(), destination(put_blob=put_blob))

        with pytest.raises(ValueError, match="after put_blob returned"):
            streams[0].read(1)

    def test_after_an_error_a_failure_to_close_is_not_told(self) -> None:
        members = {
            "commit": fails(ZeroDivisionError("by zero")),
            "close": fails(ValueError("of close")),
        }

        with pytest.raises(PluginError, match="by zero"):
            copy_image(full(), destination(**members))


def swallows(self: Any, stream: Any, info: BlobInfo, *, is_config: bool) -> BlobInfo:
    with contextlib.suppress(Exception):
        MemoryDestination.put_blob(self, stream, info, is_config=is_config)
    return info


def wraps(self: Any, stream: Any, info: BlobInfo, *, is_config: bool) -> BlobInfo:
    try:
        return MemoryDestination.put_blob(self, stream, info, is_config=is_config)
    except Exception as error:
        raise RuntimeError("something is wrong") from error


def layer_breaks(self: Any, info: BlobInfo) -> Any:
    if info.digest != LAYER:
        return MemorySource.blob(self, info)
    return Stream(fails(ZeroDivisionError("by zero")))


@pytest.mark.parametrize("put_blob", [MemoryDestination.put_blob, swallows, wraps])
class TestTheErrorsOfAStream:
    """They go through the plugin that reads it; they are not its, whatever it makes of them."""

    def test_a_wrong_blob_is_the_sources(self, put_blob: Callable[..., Any]) -> None:
        place = full()
        place.blobs[LAYER] = IMAGE.layer[:-1] + b"?"

        with pytest.raises(DigestMismatch):
            copy_image(place, destination(put_blob=put_blob))

    def test_a_bug_of_ours_stays_one(self, put_blob: Callable[..., Any]) -> None:
        ours = full(source=type("Source", (MemorySource,), {"blob": layer_breaks}))

        with pytest.raises(ZeroDivisionError):
            copy_image(ours, destination(put_blob=put_blob))

    def test_ctrl_c_in_the_plugin_ends_the_copy(self, put_blob: Callable[..., Any]) -> None:
        def interrupted(self: Any, stream: Any, info: BlobInfo, *, is_config: bool) -> BlobInfo:
            with contextlib.suppress(Exception):
                put_blob(self, stream, info, is_config=is_config)
            raise KeyboardInterrupt

        place = full()
        place.blobs[LAYER] = IMAGE.layer[:-1] + b"?"

        with pytest.raises(KeyboardInterrupt):
            copy_image(place, destination(put_blob=interrupted))

    def test_another_plugins_fault_is_told_as_its(self, put_blob: Callable[..., Any]) -> None:
        broken = type("Source", (MemorySource,), {"blob": layer_breaks})
        there = guarded(full(source=broken), "other (imgcopy-other 1.0)")

        with pytest.raises(PluginError, match=r'^plugin "other \(imgcopy-other 1.0\)": read of '):
            copy_image(there, destination(put_blob=put_blob))


class TestTheOrderOfCalls:
    """Who calls in a wrong order is told so, and the plugin is not even asked."""

    calls: tuple[Callable[[Any], object], ...] = (
        lambda opened: opened.put_blob(io.BytesIO(b"x"), BlobInfo(), is_config=False),
        lambda opened: opened.try_reusing_blob(BlobInfo(LAYER), can_substitute=False),
        lambda opened: opened.put_manifest(RawManifest(b"{}")),
        lambda opened: opened.put_signatures([]),
        lambda opened: opened.commit(),
    )

    @pytest.mark.parametrize("call", calls)
    def test_nothing_follows_a_close(self, call: Callable[[Any], object]) -> None:
        place = Place()
        opened = guarded(place, LABEL).open_destination()
        opened.close()

        with pytest.raises(DestinationStateError, match="it is closed"):
            call(opened)
        assert place.log == ["close destination"]

    @pytest.mark.parametrize("call", calls)
    def test_nothing_follows_a_commit(self, call: Callable[[Any], object]) -> None:
        place = Place()
        with guarded(place, LABEL).open_destination() as opened:
            opened.commit()
            with pytest.raises(DestinationStateError, match="it was committed already"):
                call(opened)
        assert place.log == ["commit", "close destination"]

    def test_a_blob_without_a_digest_cannot_be_looked_for(self) -> None:
        with (
            destination().open_destination() as opened,
            pytest.raises(DestinationStateError, match="digest is unknown"),
        ):
            opened.try_reusing_blob(BlobInfo(), can_substitute=False)


class Several(StoredImages):
    """Stored images whose references can be anything."""

    def __init__(self, references: Any) -> None:
        self._references = references

    def references(self) -> Any:
        return self._references

    def close(self) -> None:
        pass


class Collection(ImageCollection):
    """A collection whose places can be anything."""

    def __init__(self, place: Any, commit: Callable[..., Any] = lambda: None) -> None:
        self._place = place
        self._commit = commit

    def place(self, names: Any, local_names: Any = ()) -> Any:
        return self._place

    def commit(self) -> None:
        self._commit()

    def close(self) -> None:
        pass


def place(**members: Any) -> ImageReference:
    """A guarded place whose reference has other members than it should."""
    return guarded(type("Odd", (Place,), members)(), LABEL)


def commit_of(reference: ImageReference) -> None:
    with reference.open_collection() as collection:
        collection.place([])
        collection.commit()


class TestPlacesOfSeveralImages:
    @pytest.mark.parametrize(
        ("members", "call", "problem"),
        [
            ({"names": gives(None)}, "names", "names returned None, not a sequence"),
            ({"names": gives(["app"])}, "names", "an item that names returned an instance of"),
            ({"local_names": gives([7])}, "local_names", "an item that local_names returned"),
            ({"local_names": gives("v1")}, "local_names", "not a sequence"),
            ({"open_images": gives(None)}, "open_images", "open_images returned None"),
            ({"open_images": gives(7)}, "open_images", "lacks references, examine, close"),
            ({"open_collection": gives(7)}, "open_collection", "lacks place, commit, close"),
            ({"open_collection": fails(ZeroDivisionError("by zero"))}, "open_collection", DIVISION),
        ],
    )
    def test_what_they_do_wrong_is_the_plugins_fault(
        self, members: dict[str, Any], call: str, problem: str
    ) -> None:
        with pytest.raises(PluginError) as caught:
            getattr(place(**members), call)()
        assert str(caught.value).startswith(f'plugin "{LABEL}": ')
        assert problem in str(caught.value)

    @pytest.mark.parametrize(
        ("members", "call", "problem"),
        [
            ({"references": gives([7])}, "references", "lacks scheme"),
            ({"references": gives(None)}, "references", "not a sequence"),
            ({"references": fails(ZeroDivisionError("by zero"))}, "references", DIVISION),
            ({"examine": gives(None)}, "examine", 'examine returned None, not of "Examination"'),
        ],
    )
    def test_so_is_what_stored_images_do_wrong(
        self, members: dict[str, Any], call: str, problem: str
    ) -> None:
        stored = type("Odd", (Several,), members)([])
        images = place(open_images=gives(stored)).open_images()
        with images, pytest.raises(PluginError) as caught:
            getattr(images, call)()
        assert problem in str(caught.value)

    @pytest.mark.parametrize(
        ("collection", "problem"),
        [
            (Collection(None), "the reference that place of"),
            (
                Collection(full(), fails(ZeroDivisionError("by zero"))),
                f'commit of "memory" {DIVISION}',
            ),
        ],
    )
    def test_so_is_what_a_collection_does_wrong(self, collection: Any, problem: str) -> None:
        with pytest.raises(PluginError) as caught:
            commit_of(place(open_collection=gives(collection)))
        assert problem in str(caught.value)

    def test_what_is_opened_through_them_is_guarded_too(self) -> None:
        broken = full(source=type("Source", (MemorySource,), {"manifest": gives(None)}))
        images = place(open_images=gives(Several([broken]))).open_images()
        with images, images.references()[0].open_source() as opened, pytest.raises(PluginError):
            opened.manifest()

    def test_a_place_of_one_image_stays_one(self) -> None:
        with place().open_images() as images:
            assert [str(reference) for reference in images.references()] == [str(place())]
        with pytest.raises(UsageError, match='a place of "memory" holds one image'):
            place().open_collection()
