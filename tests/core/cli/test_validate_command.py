"""`imgcopy validate` on places of several images, and its JSON."""

import gzip
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.core.cli.running import COMMAND, Runner
from tests.core.transports.layouts import CONFIG, Image, Layout, described, sha256


def tar(path: Path, *members: tuple[str, bytes | str]) -> None:
    """Write an archive of files (bytes) and symbolic links (text)."""
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def parts(image: Image) -> list[tuple[str, bytes | str]]:
    return [(name_of(image.layer), image.layer), (name_of(image.config), image.config)]


def name_of(blob: bytes) -> str:
    return sha256(blob).removeprefix("sha256:")


def item(image: Image, *tags: str) -> dict[str, Any]:
    return {"Config": name_of(image.config), "RepoTags": tags, "Layers": [name_of(image.layer)]}


def manifest_json(*items: dict[str, Any]) -> tuple[str, bytes]:
    return ("manifest.json", json.dumps(items).encode())


ONE, TWO = Image("one"), Image("two")
SIZE = len(ONE.layer) + len(ONE.config)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive of one image."""
    path = tmp_path / "one.tar"
    tar(path, *parts(ONE), manifest_json(item(ONE, "app:1")))
    return path


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """An archive of two images: a layer of one is damaged, a layer of the other is missing."""
    path = tmp_path / "damaged.tar"
    tar(
        path,
        (name_of(ONE.layer), ONE.layer[:-1]),
        *(parts(ONE)[1], parts(TWO)[1]),
        ("dangling\x1b", "nowhere"),
        manifest_json(item(ONE, "app:1"), item(TWO, "app:2")),
    )
    return path


def test_an_archive_with_its_verdicts(run: Runner, archive: Path) -> None:
    result = run("validate", f"docker-archive:{archive}")

    assert (result.code, result.stderr) == (0, "")
    lines = result.stdout.decode().splitlines()
    assert lines[0].startswith(f"PASS: docker-archive:{archive} (1 image, 2 blobs, ")
    assert lines[1:] == [
        "  docker load (graphdriver)  loads",
        "  docker load (containerd)   loads",
        "  ctr images import          loads",
        "  podman load                loads",
        "  skopeo docker-archive:     loads",
        "  skopeo oci-archive:        refuses: there is no valid index.json",
        "  crane                      loads",
    ]


def test_all_images_of_an_archive(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "two.tar"
    items = manifest_json(item(ONE, "app:1"), item(TWO, "App:2"), item(ONE))
    tar(path, *parts(ONE), *parts(TWO), items)

    result = run("validate", f"docker-archive:{path}")

    assert result.code == 3
    assert '$[1].RepoTags[0]: "App:2"' in result.error
    lines = result.stdout.decode().splitlines()
    docker = "  docker load (graphdriver)  "
    refused = 'it does not take "App:2" as a tag (after the image was stored)'
    assert [line for line in lines if line.startswith(docker)] == [
        f'{docker}loads ("app:1")',
        f'{docker}refuses: {refused} ("App:2")',
        f'{docker}refuses: it stops at "App:2" ("@2")',
    ]
    assert "  crane                      refuses: manifest.json lists several images" in lines


def test_one_image_of_an_archive(run: Runner, damaged: Path, archive: Path) -> None:
    assert run("validate", f"docker-archive:{archive}:app:1").code == 0
    assert 'it has no image "docker.io/library/app:9"' in (
        run("validate", f"docker-archive:{archive}:app:9").error
    )
    result = run("validate", f"docker-archive:{damaged}:@0")
    assert any("does not verify" in line for line in result.stderr.splitlines())


def test_every_problem_of_every_image_is_a_line(run: Runner, damaged: Path) -> None:
    result = run("validate", f"docker-archive:{damaged}")

    assert result.code == 3
    assert b"PASS" not in result.stdout
    mismatch, missing, dangling = result.stderr.splitlines()
    assert f'of "docker-archive:{damaged}:docker.io/library/app:1" does not verify' in mismatch
    assert f'member "{name_of(TWO.layer)}": manifest.json names it, but' in missing
    assert 'member "dangling\\x1b" at byte ' in dangling
    verdicts = result.stdout.decode().splitlines()
    assert verdicts
    assert all("refuses: " in line for line in verdicts)


class TestJson:
    def test_an_archive(self, run: Runner, archive: Path) -> None:
        result = run("validate", "--json", f"docker-archive:{archive}")

        assert (result.code, result.stderr) == (0, "")
        document = json.loads(result.stdout)
        verdicts = document.pop("verdicts")
        assert document == {
            "image": f"docker-archive:{archive}",
            "valid": True,
            "images": 1,
            "blobs": 2,
            "size": SIZE,
            "problems": [],
        }
        assert len(verdicts) == 7
        assert verdicts[0] == {
            "reader": "docker load (graphdriver)",
            "image": "app:1",
            "outcome": "loads",
            "reason": "",
        }
        assert verdicts[5] == {
            "reader": "skopeo oci-archive:",
            "image": "app:1",
            "outcome": "refuses",
            "reason": "there is no valid index.json",
        }

    def test_problems_have_their_data(self, run: Runner, damaged: Path) -> None:
        result = run("validate", "--json", f"docker-archive:{damaged}")

        assert result.code == 3
        assert result.stderr.count("imgcopy: error: ") == 3
        document = json.loads(result.stdout)
        assert document["valid"] is False
        mismatch, missing, dangling = document["problems"]
        assert mismatch["error"] == "DigestMismatch"
        assert mismatch["expected"] == sha256(ONE.layer)
        assert mismatch["actual"] == sha256(ONE.layer[:-1])
        assert (missing["error"], missing["member"]) == ("InvalidArchive", name_of(TWO.layer))
        assert "offset" not in missing
        assert (dangling["member"], dangling["name"]) == ("dangling\x1b", str(damaged))
        assert isinstance(dangling["offset"], int)
        assert f"at byte {dangling['offset']}: {dangling['problem']}" in dangling["message"]
        assert {each["outcome"] for each in document["verdicts"]} == {"refuses"}

    def test_a_layout(self, run: Runner, layout: Layout) -> None:
        layout.file(described(Image("app").config, CONFIG)).unlink()

        document = json.loads(run("validate", "--json", f"oci:{layout.path}:app").stdout)

        (problem,) = document["problems"]
        assert (problem["error"], problem["problem"]) == ("SourceNotFound", "there is no such file")
        assert (document["images"], document["verdicts"]) == (1, [])

    def test_names_that_are_no_text(self, run: Runner, tmp_path: Path) -> None:
        path = tmp_path / "bytes.tar"
        tar(path, *parts(ONE), ("dangling\udcff", "x"), manifest_json(item(ONE, "app:1")))

        document = json.loads(run("validate", "--json", f"docker-archive:{path}").stdout)

        assert document["problems"][0]["member"] == "dangling\\udcff"

    def test_bad_usage_is_no_problem_of_the_image(self, run: Runner) -> None:
        result = run("validate", "--json", "nowhere:x")

        assert (result.code, result.stdout) == (2, b"")


def test_an_archive_through_a_pipe(archive: Path) -> None:
    process = subprocess.run(
        [*COMMAND, "validate", "docker-archive:-"],
        input=gzip.compress(archive.read_bytes()),
        capture_output=True,
        check=True,
    )

    assert process.stdout.startswith(b"PASS: docker-archive:- (1 image, 2 blobs")


def test_help(run: Runner) -> None:
    text = " ".join(run("validate", "--help").stdout.decode().split())

    assert "--json Print a JSON object, with problems and verdicts." in text
    assert "the exit code is 3 if there is one" in text
