"""What plugins return, held against the contract before anything relies on it."""

import re
from typing import Final

import attrs

from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import API_VERSION, ImageReference, Transport

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_TRANSPORT_MEMBERS: Final = (
    "api_version",
    "scheme",
    "source_options",
    "destination_options",
    "parse_reference",
)
_REFERENCE_MEMBERS: Final = (
    "scheme",
    "docker_reference",
    "path",
    "tags",
    "open_source",
    "open_destination",
)


class BrokenContractError(Exception):
    """Something that a plugin returned is not what the contract says. The message says what."""


def check_transport(candidate: object) -> Transport:
    """Return what a hook gave as a transport, if it is one that can be used.

    Raises:
        BrokenContractError: It is not a transport, was written for another version of the
            contract, or describes itself wrongly.
    """
    if isinstance(candidate, type):
        name = quote(candidate.__qualname__)
        raise BrokenContractError(f"registered the class {name}, not an instance of it")
    what = f"the transport {quote(type(candidate).__qualname__)}"
    _require_members(candidate, _TRANSPORT_MEMBERS, what)
    assert isinstance(candidate, Transport)  # noqa: S101  (it has all members)
    # A plugin need not be type-checked, so nothing is taken for granted.
    version: object = candidate.api_version
    if type(version) is not int or version != API_VERSION:
        problem = (
            f"{what} was written for version {version!r} of the contract, this is version "
            f"{API_VERSION}; install versions of imgcopy and of the plugin that fit"
        )
        raise BrokenContractError(problem)
    scheme: object = candidate.scheme
    if not isinstance(scheme, str) or not _SCHEME.fullmatch(scheme):
        problem = f'has the scheme {quote(scheme)}; schemes are lower-case words such as "oci"'
        raise BrokenContractError(f"{what} {problem}")
    if not callable(candidate.parse_reference):
        raise BrokenContractError(f"parse_reference of {what} cannot be called")
    for name in ("source_options", "destination_options"):
        _check_options_class(getattr(candidate, name), f"{name} of {what}")
    return candidate


def check_reference(candidate: object, scheme: str) -> ImageReference:
    """Return what `parse_reference` gave, if it is a reference of the transport `scheme`.

    Raises:
        BrokenContractError: It is not.
    """
    what = f"the reference that {quote(scheme)} parsed"
    _require_members(candidate, _REFERENCE_MEMBERS, what)
    assert isinstance(candidate, ImageReference)  # noqa: S101  (it has all members)
    if candidate.scheme != scheme:
        raise BrokenContractError(f"{what} has the scheme {quote(candidate.scheme)}")
    return candidate


def _require_members(candidate: object, members: tuple[str, ...], what: str) -> None:
    missing = [name for name in members if not hasattr(candidate, name)]
    if missing:
        raise BrokenContractError(f"{what} lacks {', '.join(missing)}")


def _check_options_class(cls: object, what: str) -> None:
    if cls is None:
        return
    if not isinstance(cls, type) or not attrs.has(cls):
        raise BrokenContractError(f"{what} is not an attrs class")
    required = [field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING]
    if required:
        raise BrokenContractError(f"{what} has no default for {', '.join(required)}")
