"""What a compressed layer says of its content's size."""

import gzip
import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcopy_core_stubs import ByteStream, SourceNotFound
from imgcopy_core_stubs._size_hint import unpacked_size_hint
from imgcopy_core_stubs.compression import Compression
from imgcopy_core_stubs.transports._files import RegularFile

GIB = 1024**3


class Stored(io.BytesIO):
    """Bytes whose end can be seen; `size` may be another one than theirs."""

    def read_end(self, size: int, /) -> bytes:
        return self.getvalue()[-size:]


def hint_of(data: bytes, *, size: int | None = None) -> int | None:
    stream = cast("ByteStream", Stored(data))
    return unpacked_size_hint(stream, Compression.GZIP, len(data) if size is None else size)


@given(st.binary(max_size=5000), st.integers(0, 9))
def test_a_single_member_tells_its_size(content: bytes, level: int) -> None:
    assert hint_of(gzip.compress(content, level)) == len(content)


@pytest.mark.parametrize("size", [100_000, 1_000_000])
@pytest.mark.parametrize("content", [bytes, os.urandom], ids=["zeros", "noise"])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_contents_that_compress_best_and_worst(
    size: int, content: Callable[[int], bytes], level: int
) -> None:
    assert hint_of(gzip.compress(content(size), level)) == size


def test_a_file_name_in_the_header_does_not_matter() -> None:
    content = os.urandom(1000)
    file = io.BytesIO()
    with gzip.GzipFile("a-name-of-thirty-characters.tar", "wb", fileobj=file) as compressing:
        compressing.write(content)
    assert hint_of(file.getvalue()) == 1000


def test_a_footer_or_an_empty_last_member_is_no_hint() -> None:
    layer = gzip.compress(os.urandom(10_000))
    assert hint_of(layer + gzip.compress(b"")) is None  # as bgzip ends
    assert hint_of(layer + gzip.compress(b"footer" * 8, 0)) is None  # as eStargz ends


def test_what_deflate_cannot_reach_is_no_hint() -> None:
    whole = gzip.compress(bytes(1000))
    assert hint_of(whole[:-4] + (1033 * len(whole)).to_bytes(4, "little")) is None


@pytest.mark.parametrize(("size", "expected"), [(GIB // 4, GIB), (GIB // 4 + 1, None)])
def test_a_layer_that_may_unpack_to_over_four_gib_is_not_asked(
    size: int, expected: int | None
) -> None:
    assert hint_of(GIB.to_bytes(4, "little"), size=size) == expected


@pytest.mark.parametrize("compression", [c for c in Compression if c is not Compression.GZIP])
def test_others_are_not_asked(compression: Compression) -> None:
    stream = cast("ByteStream", Stored(gzip.compress(b"content")))
    assert unpacked_size_hint(stream, compression, 27) is None


def test_an_end_that_cannot_be_seen_or_a_size_that_is_unknown() -> None:
    data = gzip.compress(b"content")
    unseen = cast("ByteStream", io.BytesIO(data))
    assert unpacked_size_hint(unseen, Compression.GZIP, len(data)) is None
    stored = cast("ByteStream", Stored(data))
    assert unpacked_size_hint(stored, Compression.GZIP, None) is None


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), SourceNotFound("layer")])
def test_an_end_that_cannot_be_read_is_no_hint(error: Exception) -> None:
    class Failing(Stored):
        def read_end(self, size: int, /) -> bytes:
            raise error

    data = gzip.compress(b"content")
    stream = cast("ByteStream", Failing(data))
    assert unpacked_size_hint(stream, Compression.GZIP, len(data)) is None


@pytest.mark.parametrize("size", [0, 1, 3, 4, 100])
def test_the_end_of_a_file_is_seen_and_reading_goes_on(tmp_path: Path, size: int) -> None:
    data = bytes(range(size))
    (tmp_path / "blob").write_bytes(data)
    with RegularFile(str(tmp_path), "blob") as file:
        first = file.read(2)
        assert file.read_end(4) == data[-4:]
        assert first + file.read(1000) == data


def test_the_hint_is_the_trailers_and_not_measured() -> None:
    data = bytearray(gzip.compress(b"content" * 100))
    data[-4:] = (701).to_bytes(4, "little")
    assert hint_of(bytes(data)) == 701
    with pytest.raises(zlib.error):
        zlib.decompress(bytes(data), 31)
