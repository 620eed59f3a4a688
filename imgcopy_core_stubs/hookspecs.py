"""The hooks that a plugin implements to extend imgcopy.

A plugin is a module, named by an entry point of the group `imgcopy` in its distribution's
pyproject.toml:

    [project.entry-points.imgcopy]
    example = "imgcopy_example.plugin"

Its hooks are functions of the names below, marked with `hookimpl`:

    @hookimpl
    def imgcopy_register_transports() -> Iterable[Transport]:
        return [ExampleTransport()]
"""

from collections.abc import Iterable
from typing import Final

from pluggy import HookimplMarker, HookspecMarker

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
