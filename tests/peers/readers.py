"""What the programs make of an archive, and what `imgcopy validate` says that they do."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from attrs import frozen

from tests.peers.made_archives import Image, hexdigest
from tests.peers.tools import Tool

LOADS, LOSES, REFUSES = "loads", "loads, loses the digest", "refuses"


@frozen
class Readers:
    """The programs; each returns an outcome, in the words of a verdict."""

    docker: Tool
    ctr: Tool
    podman: Tool
    skopeo: Tool
    scratch: Path

    def outcomes(self, archive: Path, image: Image, ref: str) -> dict[str, str]:
        return {
            "docker load (graphdriver)": self._docker(archive),
            "ctr images import": self._ctr(archive, image),
            "podman load": self._podman(archive, image),
            "skopeo docker-archive:": self._skopeo(f"docker-archive:{archive}", image),
            "skopeo oci-archive:": self._skopeo(f"oci-archive:{archive}{ref}", image),
        }

    def _docker(self, archive: Path) -> str:
        return LOSES if runs(self.docker, "load", "-q", "-i", archive) is not None else REFUSES

    def _ctr(self, archive: Path, image: Image) -> str:
        arguments = ("images", "import", "--snapshotter", "native", archive)
        if not runs(self.ctr, *arguments):  # it says nothing where it keeps nothing
            return REFUSES
        return LOADS if image.digest in self.ctr("images", "list").decode() else LOSES

    def _podman(self, archive: Path, image: Image) -> str:
        loaded = runs(self.podman, "load", "-q", "-i", archive)
        if loaded is None:
            return REFUSES
        name = loaded.decode().splitlines()[0].removeprefix("Loaded image: ")
        inspected = runs(self.podman, "image", "inspect", name)
        if inspected is None:  # nor can it list its images any more
            self.podman("image", "rm", "--force", name)
            return REFUSES
        (found,) = json.loads(inspected)
        return LOADS if found["Digest"] == image.digest else LOSES

    def _skopeo(self, source: str, image: Image) -> str:
        copied = self.scratch / "copied"
        shutil.rmtree(copied, ignore_errors=True)
        if runs(self.skopeo, "copy", "-q", source, f"dir:{copied}") is None:
            return REFUSES
        kept = hexdigest((copied / "manifest.json").read_bytes()) == hexdigest(image.manifest)
        return LOADS if kept else LOSES


def runs(tool: Tool, *arguments: str | Path) -> bytes | None:
    """Run a program, and return what it prints; None if it fails."""
    try:
        return tool(*arguments)
    except pytest.fail.Exception:
        return None


def verdicts_of(imgcopy: Tool, archive: Path) -> dict[str, str]:
    """The verdicts of `imgcopy validate`, whether it finds problems or not."""
    command = [*imgcopy.command, "validate", "--json", f"docker-archive:{archive}"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr.decode()
    verdicts = json.loads(done.stdout)["verdicts"]
    return {verdict["reader"]: verdict["outcome"] for verdict in verdicts}


def version_of(docker: Tool) -> int:
    version = docker("version", "--format", "{{.Server.Version}}").decode()
    return int(version.partition(".")[0])
