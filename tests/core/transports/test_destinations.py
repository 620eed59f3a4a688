"""What holds for `oci:` and `dir:` destinations alike."""

import contextlib
import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    DestinationStateError,
    DestinationWriteFailed,
    InvalidDestination,
    SizeMismatch,
    SourceNotFound,
)
from imgcopy_core_stubs.manifest import RawManifest
from imgcopy_core_stubs.streams import ByteStream, VerifyingStream
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination, ImageReference, Transport
from imgcopy_core_stubs.transports import (
    DirDestinationOptions,
    DirTransport,
    ExistingDirectory,
    OciDestinationOptions,
    OciTransport,
    _new_file,
)
from tests.core.transports.layouts import MANIFEST, Image, files, sha256, tree


@frozen
class Kind:
    """A transport, how its references end, options that replace, and where an image's blobs are."""

    transport: Transport
    suffix: str
    options: OciDestinationOptions | DirDestinationOptions
    blob: Callable[[str], str]

    def reference(self, path: Path) -> ImageReference:
        return self.transport.parse_reference(f"{path}{self.suffix}")


KINDS = {
    "oci": Kind(
        OciTransport(),
        ":t",
        OciDestinationOptions(),
        lambda digest: f"blobs/{digest.replace(':', '/')}",
    ),
    "dir": Kind(
        DirTransport(),
        "",
        DirDestinationOptions(existing=ExistingDirectory.REPLACE),
        lambda digest: digest.removeprefix("sha256:"),
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "place" / "image"


@pytest.fixture
def destination(kind: Kind, path: Path) -> Iterator[ImageDestination]:
    path.parent.mkdir()
    with kind.reference(path).open_destination() as destination:
        yield destination


def info_of(data: bytes) -> BlobInfo:
    return BlobInfo(Digest.parse(sha256(data)), len(data))


def put(destination: ImageDestination, image: Image) -> None:
    for data in (image.layer, image.config):
        destination.put_blob(io.BytesIO(data), info_of(data), is_config=data is image.config)
    destination.put_manifest(RawManifest(image.manifest, MANIFEST))


class Failing:
    """A stream that gives some bytes and then fails."""

    def __init__(self, error: Exception) -> None:
        self._chunks = iter([b"some", b"bytes"])
        self._error = error

    def read(self, size: int, /) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise self._error

    def close(self) -> None:
        pass


# --- visibility ----------------------------------------------------------------------------------


def test_nothing_is_visible_before_the_commit(
    kind: Kind, path: Path, destination: ImageDestination
) -> None:
    put(destination, Image("a"))
    assert not any(
        "index.json" in name or name == "image/manifest.json" for name in files(path.parent)
    )
    destination.commit()
    assert files(path)[kind.blob(sha256(Image("a").layer))] == Image("a").layer


def test_nothing_but_the_image_is_left(
    kind: Kind, path: Path, destination: ImageDestination
) -> None:
    put(destination, Image("a"))
    destination.commit()
    destination.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["image"]
    assert not [name for name in tree(path) if name.startswith(".") or "partial" in name]


def test_closing_without_a_commit_leaves_nothing(path: Path, destination: ImageDestination) -> None:
    put(destination, Image("a"))
    destination.close()
    assert tree(path.parent) == {}


def test_an_empty_directory_is_filled_or_stays_empty(kind: Kind, path: Path) -> None:
    path.mkdir(parents=True)
    path.chmod(0o750)
    before = tree(path.parent)
    with kind.reference(path).open_destination() as destination:
        put(destination, Image("a"))
    assert tree(path.parent) == before
    with kind.reference(path).open_destination() as destination:
        put(destination, Image("a"))
        destination.commit()
    with kind.reference(path).open_source() as source:
        assert source.manifest().raw == Image("a").manifest
    assert path.stat().st_mode & 0o777 == 0o750


def test_permissions_follow_the_umask(kind: Kind, path: Path) -> None:
    path.parent.mkdir()
    old = os.umask(0o027)
    try:
        with kind.reference(path).open_destination() as destination:
            put(destination, Image("a"))
            destination.commit()
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o750
    for name in tree(path):
        entry = path / name
        assert entry.stat().st_mode & 0o777 == (0o750 if entry.is_dir() else 0o640), name


# --- blobs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 3 * 1024 * 1024 + 1])
def test_a_blob_of_unknown_digest_is_stored_under_the_one_it_has(
    kind: Kind, path: Path, destination: ImageDestination, size: int
) -> None:
    data = os.urandom(size)
    stored = destination.put_blob(
        io.BytesIO(data), BlobInfo(media_type="m", annotations={"k": "v"}), is_config=False
    )
    assert stored == BlobInfo(Digest.parse(sha256(data)), size, "m", annotations={"k": "v"})
    put(destination, Image("a"))
    destination.commit()
    assert files(path)[kind.blob(sha256(data))] == data


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("error", [SizeMismatch("blob", 1, 2), OSError(errno.EIO, "of the source")])
def test_nothing_stays_of_a_blob_whose_stream_fails(
    path: Path, destination: ImageDestination, known: bool, error: Exception
) -> None:
    before = tree(path.parent)
    info = info_of(b"somebytes") if known else BlobInfo()
    with pytest.raises(type(error)) as caught:
        destination.put_blob(Failing(error), info, is_config=False)
    assert caught.value is error
    assert tree(path.parent) == before
    assert destination.try_reusing_blob(info_of(b"somebytes"), can_substitute=False) is None


def test_nothing_stays_of_a_blob_that_does_not_verify(
    path: Path, destination: ImageDestination
) -> None:
    before = tree(path.parent)
    info = info_of(b"expected")
    stream = VerifyingStream(io.BytesIO(b"surprise"), "blob", digest=info.digest, size=info.size)
    with pytest.raises(Exception, match="does not verify"):
        destination.put_blob(stream, info, is_config=False)
    assert tree(path.parent) == before


def test_a_blob_that_was_put_need_not_be_put_again(destination: ImageDestination) -> None:
    info = info_of(b"data")
    assert destination.try_reusing_blob(info, can_substitute=False) is None
    destination.put_blob(io.BytesIO(b"data"), info, is_config=False)
    assert destination.try_reusing_blob(info, can_substitute=False) == info
    assert destination.try_reusing_blob(BlobInfo(info.digest), can_substitute=True) == info


def test_a_blob_without_a_digest_cannot_be_reused(destination: ImageDestination) -> None:
    with pytest.raises(DestinationStateError, match="digest is unknown"):
        destination.try_reusing_blob(BlobInfo(size=1), can_substitute=False)


def test_blobs_are_put_by_several_threads(
    kind: Kind, path: Path, destination: ImageDestination
) -> None:
    assert destination.capabilities.parallel_put_blob
    blobs = [bytes([n % 10]) * 100_000 for n in range(40)]  # each of ten, four times

    def store(data: bytes) -> None:
        destination.put_blob(io.BytesIO(data), info_of(data), is_config=False)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store, blobs))
    put(destination, Image("a"))
    destination.commit()
    stored = files(path)
    assert all(stored[kind.blob(sha256(data))] == data for data in blobs)


# --- manifests and state -------------------------------------------------------------------------


def test_an_instance_must_have_the_digest_it_is_put_under(destination: ImageDestination) -> None:
    with pytest.raises(DestinationStateError, match="which it is not"):
        destination.put_manifest(
            RawManifest(Image("a").manifest, MANIFEST), instance_digest=Digest.of(b"")
        )


def test_a_commit_needs_a_manifest(path: Path, destination: ImageDestination) -> None:
    destination.put_blob(io.BytesIO(b"data"), BlobInfo(), is_config=False)
    with pytest.raises(DestinationStateError, match="before its manifest was put"):
        destination.commit()
    destination.close()
    assert tree(path.parent) == {}


@pytest.mark.parametrize("committed", [True, False])
def test_nothing_can_be_done_after_the_end(
    kind: Kind, path: Path, destination: ImageDestination, committed: bool
) -> None:
    put(destination, Image("a"))
    if committed:
        destination.commit()
    else:
        destination.close()
    before = tree(path.parent)
    manifest = RawManifest(Image("b").manifest, MANIFEST)
    uses: list[Callable[[], Any]] = [
        destination.commit,
        lambda: destination.put_blob(io.BytesIO(b""), BlobInfo(), is_config=False),
        lambda: destination.try_reusing_blob(info_of(b""), can_substitute=False),
        lambda: destination.put_manifest(manifest),
    ]
    for use in uses:
        with pytest.raises(DestinationStateError) as caught:
            use()
        assert f'"{kind.transport.scheme}:{path}' in str(caught.value)
    assert tree(path.parent) == before
    destination.close()
    destination.close()


# --- what cannot be written ----------------------------------------------------------------------


def test_a_missing_parent_is_an_error(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(DestinationWriteFailed) as caught:
        kind.reference(tmp_path / "nope" / "image").open_destination()
    assert caught.value.errno == errno.ENOENT
    assert caught.value.path == str(tmp_path / "nope" / "image")


def test_a_file_in_the_way_is_an_error(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "image").touch()
    with pytest.raises(InvalidDestination, match="it is not a directory"):
        kind.reference(tmp_path / "image").open_destination()
    with pytest.raises(DestinationWriteFailed) as caught:
        kind.reference(tmp_path / "image" / "below").open_destination()
    assert caught.value.errno == errno.ENOTDIR


def test_a_dangling_link_is_an_error(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "image").symlink_to("nowhere")
    with pytest.raises(InvalidDestination):
        kind.reference(tmp_path / "image").open_destination()


def test_a_directory_with_other_things_in_it_is_an_error(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    before = tree(tmp_path)
    with pytest.raises(InvalidDestination):
        kind.reference(tmp_path).open_destination()
    assert tree(tmp_path) == before


def test_a_directory_that_is_not_writable_is_found_at_once(
    kind: Kind, unprivileged_directory: Path
) -> None:
    parent = unprivileged_directory / "parent"
    (parent / "image").mkdir(parents=True)
    (parent / "image").chmod(0o555)
    parent.chmod(0o555)
    for name in ("image", "new"):
        with pytest.raises(DestinationWriteFailed) as caught:
            kind.reference(parent / name).open_destination()
        assert caught.value.errno == errno.EACCES
        assert caught.value.path == str(parent / name)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_write_that_fails_is_reported_and_leaves_nothing(
    path: Path, destination: ImageDestination, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = tree(path.parent)

    def fail(file: object, data: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(_new_file, "write_all", fail)
        for known in (info_of(b"data"), BlobInfo()):
            with pytest.raises(DestinationWriteFailed) as caught:
                destination.put_blob(io.BytesIO(b"data"), known, is_config=False)
            assert caught.value.errno == number
            assert caught.value.path == str(path)
    assert tree(path.parent) == before


def test_short_writes_are_continued(
    kind: Kind, path: Path, destination: ImageDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Short(FileIO):
        def write(self, data: Any, /) -> Any:
            return super().write(data[:7])

    monkeypatch.setattr(_new_file, "FileIO", Short)
    put(destination, Image("a"))
    destination.commit()
    assert files(path)[kind.blob(sha256(Image("a").layer))] == Image("a").layer
    with kind.reference(path).open_source() as source:
        assert source.manifest().raw == Image("a").manifest


# --- faults in a commit --------------------------------------------------------------------------

_CALLS = [
    *((os, name) for name in ("mkdir", "replace", "rename", "link", "unlink")),
    *((os, name) for name in ("fsync", "chmod", "open")),
    (_new_file, "write_all"),
]


class Faults:
    """Lets the n-th call of the operating system fail, or what comes just after it."""

    def __init__(self, patch: pytest.MonkeyPatch, fail_at: int, error: BaseException) -> None:
        self._left = fail_at
        self._error = error
        for module, name in _CALLS:
            patch.setattr(module, name, self._wrapped(getattr(module, name)))

    @property
    def happened(self) -> bool:
        return self._left <= 0

    def _wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and isinstance(self._error, OSError):
                raise self._error
            result = function(*args, **kwargs)
            if self._left == 0:
                raise self._error
            return result

        return call


@pytest.fixture(params=["first image", "replaced image"])
def old_image(request: pytest.FixtureRequest, kind: Kind, path: Path) -> None:
    path.parent.mkdir()
    if request.param == "replaced image":
        with kind.reference(path).open_destination() as destination:
            put(destination, Image("old"))
            destination.commit()


@pytest.mark.usefixtures("old_image")
def test_a_fault_at_any_step_of_the_commit_leaves_everything_as_it_was(
    kind: Kind, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit fails at its first call of the system, at its second, … until it succeeds."""
    before = tree(path.parent)
    for fail_at in range(1, 100):
        with kind.reference(path).open_destination(kind.options) as destination:
            put(destination, Image("new"))
            with monkeypatch.context() as patch, contextlib.suppress(DestinationWriteFailed):
                faults = Faults(patch, fail_at, OSError(errno.EIO, "injected"))
                destination.commit()
        if not faults.happened:
            break
        if tree(path.parent) != before:
            # Only what tidies up after the commit may fail without consequences.
            assert image_at(kind, path) == parts(Image("new"))
            break
    assert fail_at > 3
    assert image_at(kind, path) == parts(Image("new"))


@pytest.mark.usefixtures("old_image")
def test_an_interrupt_at_any_step_of_the_commit_leaves_the_old_or_the_new_image(
    kind: Kind, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = image_at(kind, path)
    after = parts(Image("new"))
    seen = []
    for fail_at in range(1, 100):
        with kind.reference(path).open_destination(kind.options) as destination:
            put(destination, Image("new"))
            with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
                faults = Faults(patch, fail_at, KeyboardInterrupt())
                destination.commit()
        seen.append(image_at(kind, path))
        if not faults.happened:
            break
    assert seen[0] == before
    assert seen[-1] == after
    assert all(image in (before, after) for image in seen)


def parts(image: Image) -> tuple[bytes, bytes, bytes]:
    return image.manifest, image.config, image.layer


def image_at(kind: Kind, path: Path) -> tuple[bytes, bytes, bytes] | None:
    """The manifest, config and layer of the image that is at a place now, if there is one."""
    stored = files(path)
    try:
        with kind.reference(path).open_source() as source:
            raw = source.manifest().raw
    except SourceNotFound:
        return None
    manifest = json.loads(raw)
    digests = [manifest["config"]["digest"], manifest["layers"][0]["digest"]]
    config, layer = (stored[kind.blob(digest)] for digest in digests)
    return raw, config, layer


def test_flushes_to_the_disk_only_if_asked(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = []

    def fsync(descriptor: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", fsync)
    for name, wanted in (("a", False), ("b", True)):
        with kind.reference(tmp_path / name).open_destination(
            evolve(kind.options, fsync=wanted)
        ) as it:
            put(it, Image("a"))
            it.commit()
        assert bool(flushed) == wanted
    assert str(tmp_path) in flushed  # which has a new entry
    assert len(flushed) > 3


# --- what killed processes leave -----------------------------------------------------------------

_STUCK = """
import io, sys, time
from imgcopy_core_stubs.transport import BlobInfo
from imgcopy_core_stubs.transports import DirTransport, OciTransport
transport = {"oci": OciTransport, "dir": DirTransport}[sys.argv[1]]()
destination = transport.parse_reference(sys.argv[2]).open_destination()
destination.put_blob(io.BytesIO(b"data"), BlobInfo(), is_config=False)
print("ready", flush=True)
time.sleep(60)
"""


def test_leftovers_of_a_killed_process_are_removed_and_work_of_a_live_one_is_not(
    kind: Kind, path: Path
) -> None:
    path.parent.mkdir()
    reference = kind.reference(path)
    command = [sys.executable, "-c", _STUCK, kind.transport.scheme, str(reference)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        staged = set(files(path.parent))
        assert len(staged) == 1
        with reference.open_destination():
            assert set(files(path.parent)) == staged
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert set(files(path.parent)) == staged
    with reference.open_destination() as destination:
        assert files(path.parent) == {}
        put(destination, Image("a"))
        destination.commit()
    assert [entry.name for entry in path.parent.iterdir()] == ["image"]


def test_a_signal_while_leftovers_are_removed_does_not_keep_them(
    kind: Kind, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    remove = shutil.rmtree
    calls = 0

    def interrupted(*arguments: Any, **more: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyboardInterrupt
        remove(*arguments, **more)

    with kind.reference(path).open_destination() as destination:
        put(destination, Image("a"))
        monkeypatch.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            destination.close()
    assert files(path.parent) == {}


def test_a_directory_that_is_removed_before_it_is_locked_is_made_anew(
    kind: Kind, path: Path
) -> None:
    """Many destinations open and close at one place: each cleans up, none loses its directory."""
    path.parent.mkdir()
    barrier = threading.Barrier(6)

    def open_and_put(_: int) -> None:
        barrier.wait()
        for _ in range(15):
            with kind.reference(path).open_destination() as destination:
                put(destination, Image("a"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_and_put, range(6)))
    assert files(path.parent) == {}


def test_a_stream_may_give_less_than_it_is_asked_for(
    kind: Kind, path: Path, destination: ImageDestination
) -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(3, size or 0))

    stream: ByteStream = Dripping(b"a blob in pieces")
    stored = destination.put_blob(stream, BlobInfo(), is_config=False)
    assert stored == info_of(b"a blob in pieces")
