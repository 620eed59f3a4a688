"""The README's recipes do what they say, and its Python runs."""

import json
import re
import shlex
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.core.cli.running import run_process
from tests.core.transports.layouts import Layout, named

README = (Path(__file__).parents[1] / "README.md").read_text()
RECIPES = [
    shlex.split(command.replace(r"\|", "|"))
    for command in re.findall(
        r"^\| [^|]+ \| `(.+)` \|$", README.split("## Transports")[0], re.MULTILINE
    )
]
PIPED = {"docker", "|"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with what the recipes start from."""
    layout = Layout(tmp_path / "layout")
    images = {name: layout.image(name) for name in ("tag", "app:1", "app:2", "other")}
    instances = [
        {**layout.image(name), "platform": {"os": "linux", "architecture": name}}
        for name in ("amd64", "arm64")
    ]
    layout.write_index(
        *(named(descriptor, name) for name, descriptor in images.items()),
        named(layout.index(*instances), "multi"),
    )
    one = Layout(tmp_path / "one")
    one.write_index(one.image("one"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python_block() -> str:
    return README.split("```python\n")[1].split("```")[0]


def test_several_images_from_python(place: Path) -> None:
    exec(compile(python_block(), "README.md", "exec"), {})  # noqa: S102  (it is what is tested)
    with tarfile.open(place / "all.tar") as archive:
        manifest = json.load(archive.extractfile("manifest.json") or pytest.fail("no manifest"))
    assert [item["RepoTags"] for item in manifest] == [
        ["docker.io/library/app:1"],
        ["docker.io/library/app:2"],
    ]


def test_the_recipes(place: Path) -> None:
    exec(compile(python_block(), "README.md", "exec"), {})  # noqa: S102  (it makes all.tar)
    shutil.copyfile(place / "all.tar", place / "two.tar")
    done = 0
    for words in RECIPES:
        if words[0] != "imgcopy" or not PIPED.isdisjoint(words) or "…" in words:
            continue
        arguments = [word.replace("/srv", str(place)) for word in words[1:]]
        if r"a\:b" in " ".join(arguments):
            (place / "a:b").mkdir()
            (place / "a:b" / "app.tar").write_bytes((place / "app.tar").read_bytes())
        if "docker-archive:app.tar:app:1" in arguments and "--overwrite" not in arguments:
            (place / "app.tar").unlink(missing_ok=True)
        result = run_process(*arguments)
        assert result.code == 0, (words, result.stderr)
        done += 1
    assert done >= 16


def test_the_image_of_the_first_command_is_there() -> None:
    command = README.split("```sh\n")[1].split("```")[0]
    assert command.count("\n") == 1
    path = re.search(r"oci:(\S+):latest", command)
    assert path is not None
    assert (Path(__file__).parents[1] / path[1] / "oci-layout").is_file()
