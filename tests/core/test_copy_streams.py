"""The streams at both ends of a blob's way."""

import io
import threading

import pytest

from imgcopy_core_stubs._copy_streams import AheadWhenLast, HandoverStream
from imgcopy_core_stubs._parallel import Turn
from imgcopy_core_stubs.streams import CHUNK

DATA = bytes(range(256)) * (8 * CHUNK // 256)


class Threads(io.BytesIO):
    """Remembers the threads that it was read in."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.names: list[str] = []

    def read(self, size: int | None = -1, /) -> bytes:
        self.names.append(threading.current_thread().name)
        return super().read(size)


def turn_beside_others() -> tuple[Turn, threading.Event]:
    last = threading.Event()
    return Turn(threading.Event(), threading.Event(), last), last


def test_beside_others_a_layer_is_read_in_one_thread() -> None:
    inner = Threads(DATA)
    turn, _ = turn_beside_others()
    with AheadWhenLast(inner, turn) as stream:
        assert b"".join(iter(lambda: stream.read(CHUNK), b"")) == DATA
    assert set(inner.names) == {threading.current_thread().name}
    assert inner.closed


def test_the_last_layer_is_read_ahead_from_then_on() -> None:
    inner = Threads(DATA)
    turn, last = turn_beside_others()
    with AheadWhenLast(inner, turn) as stream:
        data = b"".join(stream.read(CHUNK) for _ in range(4))
        last.set()
        data += b"".join(iter(lambda: stream.read(CHUNK), b""))
    assert data == DATA
    mine = threading.current_thread().name
    assert inner.names == [mine] * 4 + ["imgcopy-read-ahead"] * 5
    assert inner.closed


def test_a_small_layer_is_worth_no_thread() -> None:
    inner = Threads(b"small")
    with AheadWhenLast(inner, Turn.alone()) as stream:
        assert (stream.read(CHUNK), stream.read(CHUNK)) == (b"small", b"")
    assert inner.names == [threading.current_thread().name] * 2


def test_the_turn_is_passed_on_when_reading_begins() -> None:
    following = threading.Event()
    turn = Turn(threading.Event(), following, threading.Event())
    stream = HandoverStream(io.BytesIO(b"data"), turn)
    assert not following.is_set()
    stream.read(1)
    assert following.is_set()


@pytest.mark.parametrize("read_ahead", [False, True])
def test_only_who_has_met_the_end_has_had_all(read_ahead: bool) -> None:
    inner: io.BytesIO | AheadWhenLast = io.BytesIO(DATA)
    if read_ahead:
        inner = AheadWhenLast(io.BytesIO(DATA), Turn.alone())
    with HandoverStream(inner, Turn.alone()) as stream:
        data = b"".join(stream.read(CHUNK) for _ in range(len(DATA) // CHUNK))
        assert data == DATA
        assert stream.read(0) == b""
        assert not stream.finished
        assert stream.read(CHUNK) == b""
        assert stream.finished
