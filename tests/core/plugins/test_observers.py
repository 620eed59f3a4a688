"""The hook of observers: who is asked, what is observed, and that nothing spoils a copy."""

import json
import threading
import time

import pytest

from imgcopy_core_stubs import (
    BlobDone,
    BlobProgress,
    BlobStarted,
    Committed,
    CopyFailed,
    CopyStarted,
    DestinationCapabilities,
    Digest,
    Event,
    Observer,
    PluginError,
    RawManifest,
    SourceNotFound,
    copy_image,
    hookimpl,
)
from imgcopy_core_stubs.plugins import Plugin, TransportRegistry
from imgcopy_core_stubs.plugins._hooks import PluginHooks
from tests.core.memory_transport import MemoryImage
from tests.core.transports.layouts import CONFIG, LAYER, MANIFEST, Image, described

IMAGE = Image("app")


class Observing:
    """A plugin that gives an observer, and notes what it was asked."""

    def __init__(self, observer: object) -> None:
        self.observer = observer
        self.asked: list[tuple[str, str]] = []

    @hookimpl
    def imgcopy_observe_copy(self, source: str, destination: str) -> object:
        self.asked.append((source, destination))
        if isinstance(self.observer, BaseException):
            raise self.observer
        return self.observer


def plugin(name: str, observing: object) -> Plugin:
    hooks = PluginHooks(observing)
    return Plugin(name=name, distribution=f"imgcopy-{name}", version="1.0", hooks=hooks)


class Copying:
    """Copies an image with the observers of plugins, and keeps what they are reported for."""

    def __init__(self, *plugins: Plugin) -> None:
        self.registry = TransportRegistry(Plugin(name="built-in"), plugins)
        self.failures: list[PluginError] = []
        self.source = MemoryImage("from", RawManifest(IMAGE.manifest))
        self.source.blobs = {Digest.of(blob): blob for blob in (IMAGE.layer, IMAGE.config)}
        self.destination = MemoryImage("to")

    def observers(self, more: tuple[Plugin, ...] = ()) -> tuple[Observer, ...]:
        return self.registry.observers(
            self.source, self.destination, report=self.failures.append, more=more
        )

    def run(self) -> None:
        copy_image(self.source, self.destination, observers=self.observers())
        assert self.destination.manifest is not None

    @property
    def problems(self) -> list[str]:
        return [str(failure) for failure in self.failures]


def test_an_observer_sees_the_whole_copy() -> None:
    events: list[Event] = []
    observing = Observing(events.append)

    copying = Copying(plugin("watch", observing))
    copying.run()

    assert observing.asked == [("memory:from", "memory:to")]
    assert [type(event) for event in events] == [
        CopyStarted,
        BlobStarted,
        BlobProgress,
        BlobDone,
        BlobStarted,
        BlobDone,
        Committed,
    ]
    assert events[-1] == Committed(Digest.of(IMAGE.manifest))
    assert copying.failures == []


def test_an_observer_sees_a_failure() -> None:
    events: list[Event] = []
    copying = Copying(plugin("watch", Observing(events.append)))
    del copying.source.blobs[Digest.of(IMAGE.layer)]

    with pytest.raises(SourceNotFound) as caught:
        copying.run()

    assert events[-1] == CopyFailed(caught.value)


def test_each_copy_is_asked_for_and_all_plugins_are() -> None:
    one, other, own = Observing(None), Observing(print), Observing(print)
    copying = Copying(plugin("one", one), plugin("other", other), Plugin(name="failed"))

    for _ in range(2):
        assert len(copying.observers(more=(plugin("own", own),))) == 2

    assert len(one.asked) == len(other.asked) == len(own.asked) == 2


def test_a_hook_takes_the_arguments_that_it_wants() -> None:
    class Source:
        @hookimpl
        def imgcopy_observe_copy(self, source: str) -> Observer | None:
            return seen.append if source == "memory:from" else None

    seen: list[Event] = []
    Copying(plugin("one", Source())).run()

    assert seen


def test_a_plugin_may_observe_and_have_no_transports() -> None:
    assert PluginHooks(Observing(None)).transports() == ()


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit("x"), SourceNotFound("x"), OSError("x")]
)
def test_an_observer_that_raises_is_dropped_with_one_report(error: BaseException) -> None:
    seen: list[Event] = []

    def raises_at_the_second_event(event: Event) -> None:
        seen.append(event)
        if len(seen) > 1:
            raise error

    others: list[Event] = []
    copying = Copying(
        plugin("bad", Observing(raises_at_the_second_event)),
        plugin("good", Observing(others.append)),
    )
    copying.run()

    assert [type(event) for event in seen] == [CopyStarted, BlobStarted]
    assert isinstance(others[-1], Committed)
    (problem,) = copying.problems
    assert problem.startswith(
        'plugin "bad (imgcopy-bad 1.0)": its observer failed at BlobStarted and is not called '
        f"again: {type(error).__name__} "
    )
    assert copying.failures[0].__cause__ is error
    assert "raises_at_the_second_event" in copying.failures[0].details


@pytest.mark.parametrize(
    ("observer", "problem"),
    [
        (ValueError("x"), 'failed to observe the copy: ValueError "x"'),
        (SystemExit("x"), 'failed to observe the copy: SystemExit "x"'),
        (SourceNotFound("x"), "failed to observe the copy: SourceNotFound"),
        (7, 'imgcopy_observe_copy returned an instance of "int", not an observer'),
    ],
)
def test_a_hook_that_fails_is_reported(observer: object, problem: str) -> None:
    copying = Copying(plugin("bad", Observing(observer)))
    copying.run()

    (message,) = copying.problems
    assert message.startswith('plugin "bad (imgcopy-bad 1.0)": ')
    assert problem in message


def _interrupted(event: Event) -> None:
    if isinstance(event, BlobDone):
        raise KeyboardInterrupt


@pytest.mark.parametrize("observer", [KeyboardInterrupt(), _interrupted])
def test_ctrl_c_ends_the_copy(observer: object) -> None:
    copying = Copying(plugin("one", Observing(observer)))

    with pytest.raises(KeyboardInterrupt):
        copying.run()
    assert copying.failures == []


def test_observers_are_called_one_at_a_time() -> None:
    layers = [b"layer %d" % number * 100 for number in range(12)]
    diff_ids = [str(Digest.of(layer)) for layer in layers]
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": diff_ids}}
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(config, CONFIG),
        "layers": [described(layer, LAYER) for layer in layers],
    }
    copying = Copying()
    copying.source.parallel = True
    copying.source.manifest = RawManifest(json.dumps(manifest).encode())
    copying.source.blobs = {Digest.of(blob): blob for blob in (*layers, config)}
    copying.destination.capabilities = DestinationCapabilities(parallel_put_blob=True)
    busy = threading.Lock()
    threads: set[int] = set()
    overlaps: list[Event] = []

    def observe(event: Event) -> None:
        if not busy.acquire(blocking=False):
            overlaps.append(event)
            return
        threads.add(threading.get_ident())
        time.sleep(0.002)
        busy.release()

    copying.registry = TransportRegistry(
        Plugin(name="built-in"), [plugin("watch", Observing(observe))]
    )
    copying.run()

    assert overlaps == []
    assert len(threads) > 1
