import io
import os
from pathlib import Path

import pytest

from imgcopy_core_stubs import CHUNK
from imgcopy_docker_archive.writing._tar_write import TarWriter
from tests.docker_archive import expected_archive as expected


def test_rewinding_cuts_off() -> None:
    file = io.BytesIO()
    tar = TarWriter(file, "out.tar", temporary_directory=None)
    tar.add("kept", b"1")
    position = tar.position
    tar.add("dropped", b"2")
    assert tar.rewind(position)
    tar.add_symlink("link", "kept")
    tar.finish()
    assert file.getvalue() == expected.archive(
        expected.member("kept", b"1"), expected.symlink("link", "kept")
    )


def test_a_layer_is_written_between_multiples_of_a_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux takes large blocks of memory for what does not lie across them."""
    written = []
    pwrite = os.pwrite

    def recording(descriptor: int, data: bytes, position: int) -> int:
        written.append((position, len(data)))
        return pwrite(descriptor, data, position)

    monkeypatch.setattr(os, "pwrite", recording)
    with (tmp_path / "out.tar").open("w+b", buffering=0) as file:
        tar = TarWriter(file, "out.tar", temporary_directory=None)
        tar.add("config", b"{}")
        size = 3 * CHUNK
        tar.add_stream(io.BytesIO(bytes(size)), size, lambda: "layer.tar")

    piece = 512 * 1024
    whole = [(n * piece, piece) for n in range(1, 6)]
    assert written[2:] == [(1536, piece - 1536), *whole, (6 * piece, 1536)]
