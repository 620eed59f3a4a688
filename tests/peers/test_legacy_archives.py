"""Archives of docker before 1.10: the image that we read is the one that docker loads."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest

from tests.peers.tools import Tool

pytestmark = pytest.mark.peers

NAME: Final = "example.org/legacy:1"
IDS: Final = ["1" * 64, "2" * 64, "3" * 64]


def layer(content: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        add(tar, "content", content.encode())
    return buffer.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def documents() -> list[dict[str, Any]]:
    """The layers' documents, as Docker 1.9 wrote them: the base first, the config in the top."""
    base: dict[str, Any] = {
        "id": IDS[0],
        "created": "2015-10-02T19:33:07.123456789Z",
        "container_config": {"Cmd": ["/bin/sh", "-c", "#(nop) ADD file:0 in /"], "Env": None},
        "comment": "the <base> & more",
        "architecture": "amd64",
        "os": "linux",
        "Size": 1024,
    }
    middle = {**base, "id": IDS[1], "parent": IDS[0], "author": "somebody", "comment": ""}
    top = {
        **middle,
        "id": IDS[2],
        "parent": IDS[1],
        "created": "2015-10-02T19:33:09.5Z",
        "container_config": {"Cmd": None},
        "docker_version": "1.9.1",
        "config": {"Cmd": ["cat", "/content"], "Env": ["A=<b>"], "Labels": {}},
    }
    return [base, middle, top]


def test_the_image_id_is_dockers(docker: Tool, imgcopy: Tool, tmp_path: Path) -> None:
    archive = tmp_path / "legacy.tar"
    with tarfile.open(archive, "w") as tar:
        for number, document in enumerate(documents()):
            add(tar, f"{document['id']}/VERSION", b"1.0")
            add(tar, f"{document['id']}/json", json.dumps(document, indent=1).encode())
            add(tar, f"{document['id']}/layer.tar", layer(f"layer {number}"))
        repository, _, tag = NAME.rpartition(":")
        add(tar, "repositories", json.dumps({repository: {tag: IDS[2]}}).encode())

    docker("load", "-i", archive)
    loaded = docker("image", "inspect", "--format", "{{.Id}}", NAME).decode().strip()

    manifest = json.loads(imgcopy("inspect", "--raw", f"docker-archive:{archive}:{NAME}"))
    assert manifest["config"]["digest"] == loaded
    saved = tmp_path / "saved.tar"
    docker("save", "-o", saved, NAME)
    new = json.loads(imgcopy("inspect", "--raw", f"docker-archive:{saved}"))
    assert new == manifest
