"""The streams at both ends of a blob's way."""

import hashlib
import io
import threading

import pytest

from imgcopy_core_stubs import CHUNK, Digest, DigestMismatch, VerifyingStream
from imgcopy_core_stubs._copy_streams import (
    CopyCancelled,
    HandoverStream,
    HashedApartWhenLast,
)
from imgcopy_core_stubs._parallel import Turn

DATA = bytes(range(256)) * (8 * CHUNK // 256)
DIGEST = Digest.of(DATA)


class Hasher:
    """Remembers the threads that it hashed in, and computes what hashlib does."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self._inner = hashlib.sha256()

    def update(self, chunk: bytes) -> None:
        self.threads.append(threading.current_thread().name)
        self._inner.update(chunk)

    def hexdigest(self) -> str:
        return self._inner.hexdigest()


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> Hasher:
    hasher = Hasher()
    monkeypatch.setattr(hashlib, "new", lambda _: hasher)
    return hasher


def turn_beside_others() -> tuple[Turn, threading.Event]:
    last = threading.Event()
    return Turn(threading.Event(), threading.Event(), last), last


def apart_when_last(data: bytes, turn: Turn) -> HashedApartWhenLast:
    verifying = VerifyingStream(io.BytesIO(data), "layer", digest=DIGEST)
    return HashedApartWhenLast(verifying, [verifying], turn)


def test_beside_others_a_layer_is_hashed_in_one_thread(hasher: Hasher) -> None:
    turn, _ = turn_beside_others()
    with apart_when_last(DATA, turn) as stream:
        assert b"".join(iter(lambda: stream.read(CHUNK), b"")) == DATA
    assert hasher.threads == [threading.current_thread().name] * 8


def test_the_last_layer_is_hashed_apart_from_then_on(hasher: Hasher) -> None:
    turn, last = turn_beside_others()
    with apart_when_last(DATA, turn) as stream:
        data = b"".join(stream.read(CHUNK) for _ in range(4))
        last.set()
        data += b"".join(iter(lambda: stream.read(CHUNK), b""))
    assert data == DATA
    assert hasher.threads == [threading.current_thread().name] * 4 + ["imgcopy-hash"] * 4


def test_a_small_layer_is_worth_no_thread(hasher: Hasher) -> None:
    with apart_when_last(DATA[:100], Turn.alone()) as stream:
        assert stream.read(CHUNK) == DATA[:100]
    assert hasher.threads == [threading.current_thread().name]


def test_what_is_hashed_apart_is_verified_too() -> None:
    with apart_when_last(DATA[:-1] + b"x", Turn.alone()) as stream:
        for _ in range(8):
            stream.read(CHUNK)
        with pytest.raises(DigestMismatch):
            stream.read(CHUNK)
    assert "imgcopy-hash" not in {thread.name for thread in threading.enumerate()}


def test_the_turn_is_passed_on_when_reading_begins() -> None:
    following = threading.Event()
    turn = Turn(threading.Event(), following, threading.Event())
    stream = HandoverStream(io.BytesIO(b"data"), turn, threading.Event())
    assert not following.is_set()
    stream.read(1)
    assert following.is_set()


@pytest.mark.parametrize("apart", [False, True])
def test_only_who_has_met_the_end_has_had_all(apart: bool) -> None:
    inner = apart_when_last(DATA, Turn.alone()) if apart else io.BytesIO(DATA)
    with HandoverStream(inner, Turn.alone(), threading.Event()) as stream:
        data = b"".join(stream.read(CHUNK) for _ in range(len(DATA) // CHUNK))
        assert data == DATA
        assert stream.read(0) == b""
        assert not stream.finished
        assert stream.read(CHUNK) == b""
        assert stream.finished


def test_nothing_is_handed_over_after_the_copy_is_over() -> None:
    cancelled = threading.Event()
    with HandoverStream(io.BytesIO(DATA), Turn.alone(), cancelled) as stream:
        assert stream.read(10) == DATA[:10]
        cancelled.set()
        with pytest.raises(CopyCancelled):
            stream.read(10)
        assert not stream.finished
