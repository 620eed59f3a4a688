"""The guide: it shows the example's files as they are, and whoever follows it gets somewhere."""

import os
import re
import tarfile

import pytest

from tests.plugins.conftest import Followed
from tests.plugins.guide import EXAMPLE, GUIDE, blocks

SHOWN = {block.file: block.text for block in blocks() if block.file is not None}
NOT_SHOWN = {"README.md", "GUIDE.md", "imgcopy_memory/py.typed"}
"""The guide itself, and what its first commands make."""


def files_of_the_example() -> set[str]:
    files = {os.path.relpath(file, EXAMPLE) for file in EXAMPLE.rglob("*") if file.is_file()}
    return {file for file in files if not re.search(r"(^|/)(\.|__pycache__|dist/)", file)}


def test_it_shows_every_file_of_the_example() -> None:
    assert set(SHOWN) == files_of_the_example() - NOT_SHOWN


@pytest.mark.parametrize("file", SHOWN)
def test_a_file_is_shown_as_it_is(file: str) -> None:
    assert SHOWN[file] == (EXAMPLE / file).read_text(encoding="utf-8")


def test_every_other_block_is_one_of_commands() -> None:
    assert GUIDE.read_text(encoding="utf-8").count("\n```") == 2 * len(blocks())
    assert {block.language for block in blocks() if block.file is None} == {"sh"}


@pytest.mark.distributions
class TestFollowed:
    """What a new user has in the end."""

    def test_the_plugin_is_listed_and_explained(self, followed: Followed) -> None:
        output = followed.outputs[1]

        assert re.search(
            r"^memory +imgcopy-memory +1\.0\.0 +memory +loaded +-$", output, re.MULTILINE
        )
        assert "existing=refuse|replace" in output

    def test_the_plugins_tests_pass(self, followed: Followed) -> None:
        summary = followed.outputs[2].splitlines()[-1]

        assert re.search(r"= \d{3} passed in .*s", summary), followed.outputs[2]

    def test_the_kit_finds_nothing(self, followed: Followed) -> None:
        counts = followed.outputs[3].splitlines()[-1]

        assert re.fullmatch(r"memory: \d+ laws, \d+ held, \d+ refused as declared", counts)

    def test_there_is_something_to_publish(self, followed: Followed) -> None:
        dist = followed.directory / "dist"
        assert sorted(os.listdir(dist)) == [
            "imgcopy_memory-1.0.0-py3-none-any.whl",
            "imgcopy_memory-1.0.0.tar.gz",
        ]
        with tarfile.open(dist / "imgcopy_memory-1.0.0.tar.gz") as archive:
            packed = {name.partition("/")[2] for name in archive.getnames()}
        assert packed == (files_of_the_example() - {"GUIDE.md"}) | {"PKG-INFO"}
