"""A plugin that claims the scheme of a built-in transport."""

from collections.abc import Iterable
from typing import ClassVar, NoReturn

from imgcopy_core_stubs import InvalidReference, Transport, hookimpl


class OtherOciTransport(Transport):
    """Parses nothing: who gets to it notices."""

    scheme: ClassVar[str] = "oci"

    def parse_reference(self, text: str) -> NoReturn:
        """Refuse every text."""
        raise InvalidReference(text, "this is not the oci: that you know")


@hookimpl
def imgcopy_register_transports() -> Iterable[Transport]:
    """Return a transport that must not be used."""
    return [OtherOciTransport()]
