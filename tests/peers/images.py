"""Images that the tools make, so that no expectation comes from the code under test."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.peers.tools import Tool, need_root, program, unavailable

SMALL_TAG = "small"
DEBIAN_TAG = "debian"
NAME_IN = {
    "docker_saved": "example.org/built/by-docker:1",
    "podman_saved": "example.org/kept/by-podman:1",
    "skopeo_copied": "example.org/copied/by-skopeo:1",
}
"""The name of the one image in each of the archives that other tools write."""

DEBOOTSTRAP_SECONDS = 600


def make_small_image(layout: Path, umoci: Tool, scratch: Path) -> None:
    """An image of some 200 kB with six layers, one of them repeated and one a whiteout.

    Its config holds what writers of JSON treat differently: HTML characters, letters beyond ASCII
    and a line separator.
    """
    programs, texts = scratch / "programs", scratch / "texts"
    programs.mkdir(parents=True)
    shutil.copy2(program("gzip"), programs / "gzip")
    (programs / "gunzip").symlink_to("gzip")
    texts.mkdir()
    (texts / "größe").write_text("größer\n" * 1000)
    (texts / "linked").hardlink_to(texts / "größe")
    (texts / "empty").touch()
    (texts / ("long-" + "x" * 200)).write_bytes(os.urandom(1000))

    image = f"{layout}:{SMALL_TAG}"
    umoci("init", "--layout", layout)
    umoci("new", "--image", image)
    umoci("insert", "--image", image, programs, "/usr/bin")
    umoci("insert", "--image", image, texts, "/usr/share/texts")
    umoci("insert", "--image", image, texts, "/usr/share/texts")
    umoci("insert", "--image", image, texts / "empty", "/etc/empty")
    umoci("insert", "--image", image, "--whiteout", "/usr/share/texts/linked")
    umoci("insert", "--image", image, "--opaque", texts, "/srv")
    umoci(
        *("config", "--image", image, "--author", "Łukasz <l@example.org>"),
        *("--config.env", "GREETING=hello & <good bye>\u2028", "--config.cmd", "/usr/bin/gzip"),
        *("--config.label", "org.example.größe=klein", "--config.exposedports", "80/tcp"),
    )


def make_debian_image(layout: Path, umoci: Tool, scratch: Path) -> None:
    """A real Debian upon three other layers, more than 200 MB when unpacked.

    The base system comes last, for docker's and podman's vfs driver stores each layer together
    with a copy of all that is below it.
    """
    root = scratch / "root"
    _debootstrap(root)
    image = f"{layout}:{DEBIAN_TAG}"
    umoci("init", "--layout", layout)
    umoci("new", "--image", image)
    umoci("insert", "--image", image, root / "usr/lib", "/opt/lib")
    umoci("insert", "--image", image, "--whiteout", "/opt/lib/os-release")
    umoci("insert", "--image", image, root / "usr/bin", "/opt/bin")
    umoci("insert", "--image", image, root, "/")
    umoci("config", "--image", image, "--config.cmd", "/bin/bash", "--config.env", "LANG=C.UTF-8")


def make_docker_image(docker: Tool, name: str, scratch: Path) -> None:
    """Have ``docker build`` make a small image with a history, no network and no base image."""
    scratch.mkdir()
    (scratch / "hello").write_text("hello\n")
    (scratch / "data").write_bytes(os.urandom(50_000))
    Tool((program("tar"),))("-C", scratch, "-cf", scratch / "root.tar", "data")
    (scratch / "Dockerfile").write_text(
        "FROM scratch\n"
        "ADD root.tar /srv/\n"
        "COPY hello /hello\n"
        'LABEL org.example.note="<a> & b"\n'
        'CMD ["/hello"]\n'
    )
    docker("build", "--quiet", "--tag", name, scratch)


def _debootstrap(root: Path) -> None:
    need_root()
    mirror, suite = _debian_mirror()
    done = subprocess.run(
        [program("debootstrap"), "--variant=minbase", suite, root, mirror],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEBOOTSTRAP_SECONDS,
    )
    if done.returncode:
        last_words = done.stdout.decode(errors="replace")[-2000:]
        unavailable(f"debootstrap cannot make a Debian from this machine's mirror:\n{last_words}")


def _debian_mirror() -> tuple[str, str]:
    """The mirror that apt uses on this machine, and the suite to take from it."""
    fields = "$(ORIGIN) $(COMPONENT) $(CODENAME) $(SITE)"
    apt = Tool((program("apt-get"),))
    for line in apt("indextargets", "--format", fields, "Identifier: Packages").splitlines():
        origin, component, suite, site = line.decode().split(" ", 3)
        if (origin, component) == ("Debian", "main") and "-" not in suite:
            return site, suite
    return unavailable("apt knows no Debian mirror on this machine: apt-get update")
