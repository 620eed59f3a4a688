"""A file that appears complete, or not at all, whatever fails and whenever."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgcopy_core_stubs import (
    AtomicFile,
    DestinationExists,
    DestinationStateError,
    DestinationWriteFailed,
    InvalidDestination,
)

MAKERS = ["without a name", "beside, O_TMPFILE refused", "beside, no O_TMPFILE"]


@pytest.fixture(params=MAKERS)
def maker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """How the file is made before it has its name: each way that there is."""
    if not hasattr(os, "O_TMPFILE") and request.param != MAKERS[2]:
        pytest.skip("this system has no O_TMPFILE")
    if request.param == MAKERS[0]:
        try:
            os.close(os.open(tmp_path, os.O_TMPFILE | os.O_RDWR))
        except OSError as error:
            pytest.skip(f"the temporary directory has no O_TMPFILE: {error}")
    elif request.param == MAKERS[1]:
        real_open = os.open

        def refusing_open(path: str, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)
            return real_open(path, flags, mode)

        monkeypatch.setattr(os, "open", refusing_open)
    else:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


pytestmark = pytest.mark.usefixtures("maker")


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open() -> Iterator[None]:
    before = len(os.listdir("/dev/fd"))
    yield
    assert len(os.listdir("/dev/fd")) == before


def content(directory: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in directory.iterdir() if entry.is_file()}


def write(path: Path, data: bytes, *, replace: bool = False, fsync: bool = False) -> None:
    with AtomicFile(str(path), replace=replace, fsync=fsync) as file:
        assert file.file.write(data) == len(data)
        file.commit()


def failing(cause: BaseException) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise cause

    return fail


# --- success -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fsync", [False, True])
@pytest.mark.parametrize("replace", [False, True])
def test_a_new_file(tmp_path: Path, replace: bool, fsync: bool) -> None:
    path = tmp_path / "out"
    with AtomicFile(str(path), replace=replace, fsync=fsync) as file:
        assert file.path == str(path)
        file.file.write(b"head, body")
        file.file.seek(0)
        file.file.write(b"HEAD")
        file.file.seek(0)
        assert file.file.read() == b"HEAD, body"
        assert not path.exists()
        file.commit()
        assert content(tmp_path) == {"out": b"HEAD, body"}
    assert content(tmp_path) == {"out": b"HEAD, body"}
    assert path.stat().st_nlink == 1


@pytest.mark.parametrize("fsync", [False, True])
def test_replacing_a_file(tmp_path: Path, fsync: bool) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with AtomicFile(str(path), replace=True, fsync=fsync) as file:
        file.file.write(b"new")
        assert path.read_bytes() == b"old"
        file.commit()
    assert content(tmp_path) == {"out": b"new"}


@pytest.mark.parametrize("replace", [False, True])
def test_filling_an_empty_file(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / "out"
    path.touch(mode=0o600)
    write(path, b"new", replace=replace)
    assert content(tmp_path) == {"out": b"new"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_path_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("out"), b"new")
    write(Path("out"), b"newer", replace=True)
    assert content(tmp_path) == {"out": b"newer"}


@pytest.mark.parametrize("name", ["a" * 255, "日" * 85, "-", " ", "a\nb", os.fsdecode(b"\xff\xfe")])
def test_names(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, b"new")
    write(tmp_path / name, b"newer", replace=True)
    assert content(tmp_path) == {name: b"newer"}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_counts(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "out", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o666, 0o755])
def test_the_permissions_of_a_replaced_file_stay(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path, b"new", replace=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


def test_hard_links_to_a_replaced_file_keep_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    os.link(tmp_path / "out", tmp_path / "other")
    write(tmp_path / "out", b"new", replace=True)
    assert content(tmp_path) == {"out": b"new", "other": b"old"}


# --- what is refused at once ---------------------------------------------------------------------


def test_an_existing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(DestinationExists) as caught:
        AtomicFile(str(path))
    assert str(caught.value) == f'"{path}" already exists (add --overwrite to replace it)'
    assert content(tmp_path) == {"out": b"old"}


@pytest.mark.parametrize("replace", [False, True])
def test_what_is_no_file_is_refused(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name, problem in {
        "directory": "it is a directory",
        "directory/": "it is a directory",
        "directory/..": "it is a directory",
        "fifo": "it is not a regular file",
        "link": f'it is a symbolic link (name its target "{tmp_path}/target")',
        "dangling": f'it is a symbolic link (name its target "{tmp_path}/nowhere")',
    }.items():
        path = f"{tmp_path}/{name}"
        with pytest.raises(InvalidDestination) as caught:
            AtomicFile(path, replace=replace)
        assert str(caught.value) == f'cannot write "{path}": {problem}'
    with pytest.raises(InvalidDestination, match="it is not a regular file"):
        AtomicFile("/dev/full", replace=replace)
    assert content(tmp_path) == {"target": b"old", "link": b"old"}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("missing/out", errno.ENOENT),
        ("missing/", errno.ENOENT),
        ("file/out", errno.ENOTDIR),
        ("file/", errno.ENOTDIR),
        ("a" * 256, errno.ENAMETOOLONG),
        ("loop/out", errno.ELOOP),
    ],
)
def test_a_path_that_leads_nowhere(tmp_path: Path, name: str, number: int) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DestinationWriteFailed) as caught:
        AtomicFile(f"{tmp_path}/{name}", replace=True)
    assert caught.value.errno == number
    assert str(caught.value) == f'cannot write "{tmp_path}/{name}": {os.strerror(number)}'
    assert content(tmp_path) == {"file": b"old"}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
def test_a_directory_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing(OSError(number, os.strerror(number), "x")))
        with pytest.raises(DestinationWriteFailed) as caught:
            AtomicFile(str(path), replace=True)
    assert caught.value.errno == number
    assert content(tmp_path) == {"out": b"old"}


def test_a_deleted_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()
    monkeypatch.chdir(directory)
    directory.rmdir()
    with pytest.raises(DestinationWriteFailed, match="No such file or directory"):
        AtomicFile("out")


def test_permissions_that_cannot_be_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fchmod", failing(PermissionError(errno.EPERM, "not permitted")))
        with pytest.raises(DestinationWriteFailed):
            AtomicFile(str(path), replace=True)
    assert content(tmp_path) == {"out": b"old"}


# --- discarding ----------------------------------------------------------------------------------


def test_without_commit_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with AtomicFile(str(path)) as file:
        file.file.write(b"new")
    assert content(tmp_path) == {}
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), AtomicFile(str(path), replace=True) as file:
        file.file.write(b"new")
        raise KeyboardInterrupt
    assert content(tmp_path) == {"out": b"old"}


def test_discarding_twice(tmp_path: Path) -> None:
    file = AtomicFile(str(tmp_path / "out"))
    file.discard()
    file.discard()
    assert file.file.closed
    assert content(tmp_path) == {}


def test_discarding_after_commit_changes_nothing(tmp_path: Path) -> None:
    file = AtomicFile(str(tmp_path / "out"))
    file.file.write(b"new")
    file.commit()
    file.discard()
    assert content(tmp_path) == {"out": b"new"}


def test_committing_twice(tmp_path: Path) -> None:
    file = AtomicFile(str(tmp_path / "out"))
    file.commit()
    with pytest.raises(DestinationStateError, match="committed or discarded already"):
        file.commit()
    assert content(tmp_path) == {"out": b""}


def test_committing_after_discarding(tmp_path: Path) -> None:
    file = AtomicFile(str(tmp_path / "out"))
    file.discard()
    with pytest.raises(DestinationStateError, match="committed or discarded already"):
        file.commit()
    assert content(tmp_path) == {}


# --- races ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rival", [b"rival", b""])
def test_a_file_that_comes_in_between_is_not_replaced(tmp_path: Path, rival: bytes) -> None:
    path = tmp_path / "out"
    with AtomicFile(str(path)) as file:
        file.file.write(b"new")
        path.write_bytes(rival)
        with pytest.raises(DestinationExists):
            file.commit()
    assert content(tmp_path) == {"out": rival}


def test_a_file_that_comes_in_between_is_replaced_where_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with AtomicFile(str(path), replace=True) as file:
        file.file.write(b"new")
        path.write_bytes(b"rival")
        file.commit()
    assert content(tmp_path) == {"out": b"new"}


def test_an_empty_file_that_is_filled_in_between_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.touch()
    with AtomicFile(str(path)) as file:
        file.file.write(b"new")
        path.write_bytes(b"rival")
        with pytest.raises(DestinationExists):
            file.commit()
    assert content(tmp_path) == {"out": b"rival"}


def test_a_file_that_goes_in_between_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with AtomicFile(str(path), replace=True) as file:
        file.file.write(b"new")
        path.unlink()
        file.commit()
    assert content(tmp_path) == {"out": b"new"}


def test_a_directory_that_comes_in_between_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with AtomicFile(str(path), replace=True) as file:
        path.mkdir()
        with pytest.raises(InvalidDestination, match="it is a directory"):
            file.commit()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_directory_that_goes_in_between(tmp_path: Path) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()
    with AtomicFile(str(directory / "out")) as file:
        for entry in directory.iterdir():
            entry.unlink()
        directory.rmdir()
        with pytest.raises(DestinationWriteFailed, match="No such file or directory"):
            file.commit()


@pytest.mark.parametrize("replace", [False, True])
def test_sixteen_writers(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / "out"
    start = threading.Barrier(16)
    outcomes: list[str] = []

    def writer(number: int) -> None:
        with AtomicFile(str(path), replace=replace) as file:
            start.wait(timeout=30)
            file.file.write(b"%02d" % number * 1000)
            try:
                file.commit()
            except DestinationExists:
                outcomes.append("exists")
            else:
                outcomes.append("done")

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("done") == (16 if replace else 1)
    assert len(outcomes) == 16
    (data,) = content(tmp_path).values()
    assert data in {b"%02d" % number * 1000 for number in range(16)}


# --- failures of the operating system ------------------------------------------------------------


def steps_of_commit(maker: str, old: bytes | None) -> list[str]:
    if old is None:
        return ["fsync", "dup", "close", "link"]
    return ["fsync", "dup", "close", *(["link"] if maker == MAKERS[0] else []), "replace"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_step_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maker: str, old: bytes | None, number: int
) -> None:
    path = tmp_path / "out"
    if old is not None:
        path.write_bytes(old)
    before = content(tmp_path)
    cause = OSError(number, os.strerror(number))
    real_close = os.close

    def failing_close(descriptor: int) -> None:
        real_close(descriptor)
        raise cause

    for step in steps_of_commit(maker, old):
        with AtomicFile(str(path), replace=old is not None, fsync=True) as file:
            file.file.write(b"new")
            with monkeypatch.context() as patch, pytest.raises(DestinationWriteFailed) as caught:
                patch.setattr(os, step, failing_close if step == "close" else failing(cause))
                file.commit()
        assert caught.value.cause is cause, step
        assert caught.value.path == str(path)
        assert content(tmp_path) == before, step


def test_a_directory_that_cannot_be_flushed_is_told_though_the_file_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real_fsync(descriptor)

    file = AtomicFile(str(tmp_path / "out"), fsync=True)
    file.file.write(b"new")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DestinationWriteFailed, match="Input/output error"):
        file.commit()
    assert content(tmp_path) == {"out": b"new"}


def test_an_interrupted_commit_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maker: str
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")

    for step in steps_of_commit(maker, b"old"):
        if step == "close":
            continue  # closing is part of cleaning up as well
        with (
            AtomicFile(str(path), replace=True, fsync=True) as file,
            monkeypatch.context() as patch,
        ):
            patch.setattr(os, step, failing(KeyboardInterrupt()))
            with pytest.raises(KeyboardInterrupt):
                file.commit()
        assert content(tmp_path) == {"out": b"old"}, step


class TestWithoutHardLinks:
    """FAT and some network file systems have none; they have no unnamed files either."""

    @pytest.fixture(autouse=True)
    def _no_links(self, monkeypatch: pytest.MonkeyPatch, maker: str) -> None:
        if maker == MAKERS[0]:
            monkeypatch.delattr(os, "O_TMPFILE")
        monkeypatch.setattr(os, "link", failing(OSError(errno.EPERM, "Operation not permitted")))

    def test_a_new_file(self, tmp_path: Path) -> None:
        write(tmp_path / "out", b"new")
        assert content(tmp_path) == {"out": b"new"}

    def test_replacing_a_file(self, tmp_path: Path) -> None:
        write(tmp_path / "out", b"old")
        write(tmp_path / "out", b"new", replace=True)
        assert content(tmp_path) == {"out": b"new"}

    def test_a_file_that_comes_in_between_is_not_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        with AtomicFile(str(path)) as file:
            path.write_bytes(b"rival")
            with pytest.raises(DestinationExists):
                file.commit()
        assert content(tmp_path) == {"out": b"rival"}

    def test_a_rename_that_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with AtomicFile(str(tmp_path / "out")) as file:
            monkeypatch.setattr(os, "replace", failing(OSError(errno.EIO, "Input/output error")))
            with pytest.raises(DestinationWriteFailed, match="Input/output error"):
                file.commit()
        assert content(tmp_path) == {}


KILLED = """
import os, sys, time
if sys.argv[2] != "without a name" and hasattr(os, "O_TMPFILE"):
    del os.O_TMPFILE
from imgcopy_core_stubs import AtomicFile
file = AtomicFile(sys.argv[1], replace=True)
file.file.write(bytes(100_000))
print("written", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("old", [{}, {"out": b"old"}])
def test_a_killed_process_leaves_no_fragment(
    tmp_path: Path, maker: str, old: dict[str, bytes]
) -> None:
    path = tmp_path / "out"
    for data in old.values():
        path.write_bytes(data)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), maker], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    left = content(tmp_path)
    if maker != MAKERS[0]:  # what has a name stays, under a name that tells what it is
        (temporary,) = left.keys() - old.keys()
        assert temporary.startswith(".imgcopy-")
        assert temporary.endswith(".partial")
        del left[temporary]
    assert left == old
