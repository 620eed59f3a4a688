"""The real tools: found on the machine or named as missing, and run."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, NoReturn

import pytest
from attrs import field, frozen

REQUIRED: Final = os.environ.get("IMGCOPY_REQUIRE_PEERS") == "1"

# Debian's own programs first: another docker client on PATH need not speak to Debian's daemon.
SEARCH_PATH: Final = os.pathsep.join(
    ("/usr/sbin", "/usr/bin", "/sbin", "/bin", os.environ.get("PATH", os.defpath))
)

PACKAGES: Final = {
    "apt-get": "apt",
    "bsdtar": "libarchive-tools",
    "bzip2": "bzip2",
    "containerd": "containerd",
    "ctr": "containerd",
    "debootstrap": "debootstrap",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "dockerd": "docker.io",
    "gzip": "gzip",
    "pigz": "pigz",
    "podman": "podman",
    "skopeo": "skopeo",
    "tar": "tar",
    "time": "time",
    "umoci": "umoci",
    "xz": "xz-utils",
    "zstd": "zstd",
}


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where ``IMGCOPY_REQUIRE_PEERS=1`` says that no peer may lack."""
    if REQUIRED:
        pytest.fail(f"IMGCOPY_REQUIRE_PEERS=1, but {reason}")
    pytest.skip(reason)


def need_root() -> None:
    """Leave the test if it does not run as root, whom daemons and mounts need."""
    if os.geteuid() != 0:
        unavailable("this peer runs as root only")


def program(name: str) -> str:
    """Path of an installed program, one of `PACKAGES`; without it the test is left."""
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        unavailable(f"{name} is not installed: apt-get install {PACKAGES[name]}")
    return found


@frozen
class Tool:
    """A program with the arguments and the environment that every call of it has."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(factory=dict)

    @property
    def name(self) -> str:
        """Name of the program."""
        return Path(self.command[0]).name

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> bytes:
        """Run it to its end and return its standard output; another exit status fails the test."""
        command = [*self.command, *map(str, arguments)]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            check=False,
            env=os.environ | self.environment,
        )
        if done.returncode:
            errors = done.stderr.decode(errors="replace")
            pytest.fail(f"exit status {done.returncode}: {' '.join(command)}\n{errors}")
        return done.stdout
