"""The bytes of the reference implementation.

`tests/data/golden/expected.json` holds facts: the SHA-256 of the archive that the docker tar
destination of containers/image wrote for each of the images beside it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from imgcopy_core_stubs import copy_image
from imgcopy_core_stubs.plugins import load_plugins

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
EXPECTED: dict[str, dict[str, Any]] = json.loads((GOLDEN / "expected.json").read_text())


@pytest.mark.parametrize("case", EXPECTED)
def test_the_archive_is_the_reference_implementations(case: str, tmp_path: Path) -> None:
    expected = EXPECTED[case]
    scheme, _, rest = expected["source"].partition(":")
    path = tmp_path / "OUT.tar"
    destination = expected["destination"].replace("OUT.tar", str(path))
    registry = load_plugins()
    copied = copy_image(
        registry.parse_reference(f"{scheme}:{GOLDEN / rest}"), registry.parse_reference(destination)
    )
    archive = path.read_bytes()
    assert len(archive) == expected["size"]
    assert hashlib.sha256(archive).hexdigest() == expected["sha256"]
    with registry.parse_reference(destination).open_source() as source:  # which has none stored
        assert source.manifest() == copied.manifest
