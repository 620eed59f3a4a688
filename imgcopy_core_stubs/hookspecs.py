"""The hooks that a plugin implements to extend imgcopy.

A plugin is a module, named by an entry point of the group `imgcopy` in its distribution's
pyproject.toml:

    [project.entry-points.imgcopy]
    example = "imgcopy_example.plugin"

Its hooks are functions of the names below, marked with `hookimpl`; it implements any of them:

    @hookimpl
    def imgcopy_register_transports() -> Iterable[Transport]:
        return [ExampleTransport()]

Whatever a plugin prints goes to standard error while the command runs: standard output is for data.
A transport whose reference says so writes there through `open_standard_output`.
"""

from collections.abc import Iterable
from typing import Final

from pluggy import HookimplMarker, HookspecMarker

from imgcopy_core_stubs.observer import Observer
from imgcopy_core_stubs.transport import Transport

PROJECT: Final = "imgcopy"
"""pluggy's name for the project whose hooks these are; the entry point group has the same name."""

hookspec: Final = HookspecMarker(PROJECT)
hookimpl: Final = HookimplMarker(PROJECT)
"""Marks a plugin's function as the implementation of the hook of its name."""


@hookspec
def imgcopy_register_transports() -> Iterable[Transport]:
    """Return the plugin's transports, one instance of each.

    Called once, when plugins are loaded, which happens for every command that takes a reference.
    So it should import and do little; a transport can import what it needs when it is used.
    """
    return ()


@hookspec
def imgcopy_observe_copy(source: str, destination: str) -> Observer | None:
    """Return an observer of a copy that is about to start, or None.

    Called once for each copy. The observer is any callable. It is called with the copy's events
    (see `events`) in their order: `CopyStarted` (once for each image), then for each blob
    `BlobStarted`, any number of `BlobProgress` and `BlobDone` (a blob that is there already has
    only the last), and at the end either `Committed` or `CopyFailed`. Blobs may overlap, so the
    calls come from several threads, but one at a time. The copy waits for each, so it should
    return at once.

    An observer that raises is not called again; that costs the user one warning, and the copy
    nothing.

    Args:
        source: The source's reference, with its scheme: `oci:layout:app`.
        destination: The destination's reference.
    """
    del source, destination
    return None
