"""A transport of some sixty lines keeps every law."""

import ast
from pathlib import Path

import pytest

from imgcopy_core_stubs.conformance import ConformanceSuite, Place, StoredImage

from . import sixty_lines


def read_back(name: str) -> StoredImage | None:
    if name not in sixty_lines.IMAGES:
        return None
    manifest, blobs = sixty_lines.IMAGES[name]
    return StoredImage(manifest=manifest.raw, blobs={str(key): data for key, data in blobs.items()})


class TestTinyTransport(ConformanceSuite):
    @pytest.fixture
    def place(self) -> Place:
        return Place(sixty_lines.TinyTransport(), lambda directory: f"{directory}/image", read_back)


def test_its_size() -> None:
    source = Path(sixty_lines.__file__).read_text()
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    code = {
        line
        for node in classes
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
        if source.splitlines()[line - 1].strip()
    }
    assert len(code) <= 60
