import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.transports.layouts import Layout

NOBODY = 65534


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An image layout without images."""
    return Layout(tmp_path / "layout")


@pytest.fixture
def unprivileged_directory() -> Iterator[Path]:
    """An empty directory, and an ordinary user to run as, even if root started the tests."""
    path = Path(tempfile.mkdtemp())
    user = os.geteuid()
    try:
        if user == 0:
            path.chmod(0o777)
            os.seteuid(NOBODY)
        yield path
    finally:
        os.seteuid(user)
        for directory in filter(Path.is_dir, path.rglob("*")):
            directory.chmod(0o700)
        shutil.rmtree(path)
