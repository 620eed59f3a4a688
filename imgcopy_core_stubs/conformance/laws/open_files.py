"""Files and sockets: whoever opens them closes them, or a long-running program runs out of them."""

import os
from collections.abc import Callable
from typing import Final

from imgcopy_core_stubs.conformance.images import image_for
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.reading import blobs_of, read_blob, top_manifest
from imgcopy_core_stubs.conformance.storing import commit, put_image
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import require

_DESCRIPTORS: Final = "/dev/fd"
"""Lists what this process has open, on Linux and on macOS. Elsewhere these laws see nothing."""

_TIMES: Final = 2


@law(About.SOURCE, "a closed source leaves nothing open")
def sources(subject: Subject) -> None:
    """An image that was read and closed leaves no file descriptor behind.

    Something that is opened once and kept, such as a connection, is no harm.
    """
    spots = iter([subject.readable_spot() for _ in range(1 + _TIMES)])

    def read() -> None:
        with subject.source(next(spots)) as source:
            top_manifest(source)
            for info in blobs_of(source):
                read_blob(source, info)

    _require_nothing_left_open(read, "reading an image")


@law(About.DESTINATION, "a closed destination leaves nothing open")
def destinations(subject: Subject) -> None:
    """An image that was stored, or given up before its commit, leaves no file descriptor behind."""
    image = image_for(subject.capabilities)

    def store() -> None:
        with subject.destination(subject.new_spot()) as destination:
            put_image(destination, image)
            commit(destination)

    def give_up() -> None:
        with subject.destination(subject.new_spot()) as destination:
            put_image(destination, image)

    _require_nothing_left_open(store, "storing an image")
    _require_nothing_left_open(give_up, "giving up an image")


def _require_nothing_left_open(act: Callable[[], None], what: str) -> None:
    act()  # what it opens once for all is open from now on
    before = _count_open()
    for _ in range(_TIMES):
        act()
    left = _count_open() - before
    advice = "close in close() whatever was opened, also where there was no commit"
    found = f"{left} descriptors after {_TIMES} times"
    require(left < _TIMES, f"{what} to leave nothing open", found, advice)


def _count_open() -> int:
    try:
        return len(os.listdir(_DESCRIPTORS))
    except OSError:
        return 0
