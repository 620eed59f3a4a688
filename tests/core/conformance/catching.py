"""Transports that are broken on purpose, each beside the law that must catch it."""

from collections.abc import Callable
from types import ModuleType
from typing import Final, TypeVar

from attrs import frozen

from tests.core.conformance.shelf import (
    ShelfDestination,
    ShelfReference,
    ShelfSource,
    ShelfTransport,
)

Part = type[ShelfTransport] | type[ShelfReference] | type[ShelfSource] | type[ShelfDestination]
P = TypeVar("P", bound=Part)

_LIE: Final = "_lie"

COPIES: Final = (
    "copy: config bytes and diff IDs survive",
    "copy: unknown JSON survives",
    "copy: an image that fits keeps its bytes",
    "copy: a repeated layer is stored once",
    "copy: layers have the compression that is asked for",
    "copy: foreign layers stay out or are stored",
    "copy: images for other systems are stored or refused",
    "copy: indexes are copied or refused",
    "copy: an interrupted copy leaves nothing",
    "copy: an image comes back the same",
    "copy: a copy of the copy is the same image",
)
"""The laws about copies that a destination breaks which the copy engine cannot rely on."""


@frozen
class Broken:
    """A part of a transport that lies, in the way that its docstring says."""

    part: Part
    law: str
    """The law that is about this lie."""
    says: str
    """What the failure must mention."""
    also: tuple[str, ...]
    """Other laws that the lie breaks, as it must."""

    def transport(self) -> ShelfTransport:
        """Return a transport that is right but for this part."""
        return transport_with(self.part)


def caught_by(law: str, says: str, *also: str) -> Callable[[P], P]:
    """Say which law catches the part of a transport below, and what else it breaks."""

    def decorate(part: P) -> P:
        setattr(part, _LIE, Broken(part, law, says, also))
        return part

    return decorate


def broken_in(*modules: ModuleType) -> list[Broken]:
    """Return what is broken in modules, in the order in which it is there."""
    parts = [part for module in modules for part in vars(module).values()]
    return [vars(part)[_LIE] for part in parts if isinstance(part, type) and _LIE in vars(part)]


def transport_with(part: Part) -> ShelfTransport:
    """Return a transport that is right but for one part."""
    if issubclass(part, ShelfTransport):
        return part()
    transport = ShelfTransport()
    for name, cls in (
        ("reference", ShelfReference),
        ("source", ShelfSource),
        ("destination", ShelfDestination),
    ):
        if issubclass(part, cls):
            setattr(transport, name, part)
    return transport
