"""Hashing that two threads share: order, bounds, and what happens when both are at it."""

import hashlib
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs._deferred_hash import DeferredHash

MOST_WAITING = 4


class SlowHasher:
    """Lets nobody out of `update` before it is told to."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.entered = threading.Event()
        self.leave = threading.Event()

    def update(self, chunk: bytes) -> None:
        self.entered.set()
        assert self.leave.wait(timeout=30)
        self.chunks.append(chunk)


class Helper:
    """A thread that helps until it is told to end."""

    def __init__(self, deferred: DeferredHash) -> None:
        self._over = threading.Event()
        self._deferred = deferred
        self._thread = threading.Thread(target=self._help)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _help(self) -> None:
        while not self._over.is_set():
            self._deferred.help()


@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 3)), max_size=30))
def test_whoever_hashes_the_digest_is_that_of_the_chunks(steps: list[tuple[bytes, int]]) -> None:
    hasher = hashlib.sha256()
    deferred = DeferredHash(hasher)
    waiting = 0
    for chunk, helps in steps:
        deferred.update(chunk)
        waiting = min(waiting + 1, MOST_WAITING)
        for _ in range(helps):
            assert deferred.help() is (waiting > 0)
            waiting = max(waiting - 1, 0)
    deferred.finish()
    assert not deferred.help()
    content = b"".join(chunk for chunk, _ in steps)
    assert hasher.hexdigest() == hashlib.sha256(content).hexdigest()


def test_two_threads_keep_the_order() -> None:
    chunks = [number.to_bytes(2, "big") * 5000 for number in range(2000)]  # worth leaving the lock
    hasher = hashlib.sha256()
    deferred = DeferredHash(hasher)
    with Helper(deferred):
        for chunk in chunks:
            deferred.update(chunk)
        deferred.finish()
        assert hasher.hexdigest() == hashlib.sha256(b"".join(chunks)).hexdigest()


def test_only_a_few_chunks_wait() -> None:
    hasher = SlowHasher()
    hasher.leave.set()
    deferred = DeferredHash(hasher)  # type: ignore[arg-type]  # a hasher, as far as it is used
    for number in range(10):
        deferred.update(bytes([number]))
        assert len(hasher.chunks) == max(0, number + 1 - MOST_WAITING)
    deferred.stop()
    deferred.finish()
    assert hasher.chunks == [bytes([number]) for number in range(10 - MOST_WAITING)]


@pytest.fixture
def busy() -> Iterator[tuple[DeferredHash, SlowHasher]]:
    """Yield one of which another thread hashes the first of two chunks."""
    hasher = SlowHasher()
    deferred = DeferredHash(hasher)  # type: ignore[arg-type]  # a hasher, as far as it is used
    deferred.update(b"first")
    deferred.update(b"second")
    thread = threading.Thread(target=deferred.help)
    thread.start()
    assert hasher.entered.wait(timeout=30)
    yield deferred, hasher
    hasher.leave.set()
    thread.join()


def test_nobody_helps_who_would_have_to_wait(busy: tuple[DeferredHash, SlowHasher]) -> None:
    deferred, hasher = busy

    assert not deferred.help()
    assert hasher.chunks == []


def test_the_end_waits_for_the_thread_that_hashes(busy: tuple[DeferredHash, SlowHasher]) -> None:
    deferred, hasher = busy
    finishing = threading.Thread(target=deferred.finish)
    finishing.start()
    finishing.join(timeout=0.05)
    assert finishing.is_alive()
    assert hasher.chunks == []

    hasher.leave.set()
    finishing.join(timeout=30)

    assert hasher.chunks == [b"first", b"second"]
