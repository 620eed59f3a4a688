"""The installed distributions that bring plugins, found without importing any of them.

What installers leave on the module search path is simple: for each distribution a directory
`NAME-VERSION.dist-info` with text files (PyPA, "Recording installed projects").
`importlib.metadata` knows other forms as well, but importing it takes a tenth of the time that a
small copy takes. So it is asked only where there is anything that is not as simple.
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from imgcopy_core_stubs.hookspecs import PROJECT

if TYPE_CHECKING:
    import importlib.metadata

_SECTION: Final = f"[{PROJECT}]"

Loader: TypeAlias = Callable[[], object]


class PluginDistribution(NamedTuple):
    """A distribution with entry points of the group `imgcopy`."""

    name: str
    version: str
    entry_points: Iterable[tuple[str, Loader]] = ()
    """The name of each, and what imports it."""
    error: Exception | None = None
    """Why its metadata cannot be read."""


def plugin_distributions() -> Iterator[PluginDistribution]:
    """Find the distributions that bring plugins; of two installations of one, the first counts."""
    try:
        found = list(_simple_ones())
    except (OSError, ValueError):
        found = list(_all())
    seen: set[str] = set()
    for distribution in found:
        if distribution.error is None:
            canonical = re.sub(r"[-_.]+", "-", distribution.name).lower()
            if canonical in seen:  # the first one is what gets imported
                continue
            seen.add(canonical)
        yield distribution


def _simple_ones() -> Iterator[PluginDistribution]:
    """Find them in directories of metadata, as installers leave them.

    Raises:
        OSError: Something else is on the module search path, such as a zip file.
        ValueError: As well; or a file is not of the simple form that it has mostly.
    """
    finders = [finder for finder in sys.meta_path if finder is not PathFinder]
    if any(hasattr(finder, "find_distributions") for finder in finders):
        raise ValueError("distributions are found in other ways, too")
    for directory in sys.path:
        if os.path.splitext(directory)[1].lower() == ".egg":
            raise ValueError("an egg holds its metadata itself")
        try:
            names = os.listdir(directory or ".")
        except FileNotFoundError:
            continue
        for name in names:
            if name.lower().endswith((".dist-info", ".egg-info")):
                path = os.path.join(directory, name)
                raw = _read_entry_points(path)
                if _SECTION.encode() in raw:
                    yield _parsed(path, raw.decode())


def _read_entry_points(path: str) -> bytes:
    try:
        with open(os.path.join(path, "entry_points.txt"), "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return b""


def _parsed(path: str, text: str) -> PluginDistribution:
    header: dict[str, str] = {}
    with open(os.path.join(path, "METADATA"), encoding="utf-8") as file:
        for line in file:
            if line == "\n":
                break
            key, _, value = line.partition(":")
            header[key] = value.strip()
    if not header.get("Name"):
        raise ValueError("there is no name in the usual form")
    return PluginDistribution(
        header["Name"], header.get("Version", ""), tuple(_simple_entry_points(text))
    )


def _simple_entry_points(text: str) -> Iterator[tuple[str, Loader]]:
    section = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("[") and line.endswith("]"):
            section = line
        elif section == _SECTION and not line.startswith("#"):
            name, _, module = map(str.strip, line.partition("="))
            if not all(part.isidentifier() for part in module.split(".")):
                raise ValueError("it is no name of a module")
            yield name, partial(import_module, module)


def _all() -> Iterator[PluginDistribution]:
    """Find them wherever Python finds distributions."""
    import importlib.metadata  # noqa: PLC0415  (see above)

    for distribution in importlib.metadata.distributions():
        if not _mentions_imgcopy(distribution):
            continue
        name = "unknown"
        try:
            name = distribution.metadata["Name"] or name
            version = distribution.version or ""
            entry_points = distribution.entry_points.select(group=PROJECT)
        except Exception as error:  # noqa: BLE001  (importlib.metadata promises nothing here)
            yield PluginDistribution(name, "", error=error)
        else:
            loaders = tuple((entry_point.name, entry_point.load) for entry_point in entry_points)
            yield PluginDistribution(name, version, loaders)


def _mentions_imgcopy(distribution: "importlib.metadata.Distribution") -> bool:
    with contextlib.suppress(Exception):  # unreadable metadata is no plugin's, as far as we know
        return _SECTION in (distribution.read_text("entry_points.txt") or "")
    return False
