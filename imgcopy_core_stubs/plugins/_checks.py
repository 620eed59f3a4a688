"""What plugins return, held against the contract before anything relies on it."""

import re
from typing import Final, cast

import attrs

from imgcopy_core_stubs.option_fields import option_fields
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.transport import API_VERSION, ImageReference, Transport

_SCHEME: Final = r"[a-z][a-z0-9+.-]*"
_TRANSPORT_MEMBERS: Final = (
    "api_version",
    "scheme",
    "source_options",
    "destination_options",
    "parse_reference",
)
_REFERENCE_METHODS: Final = (
    "tags",
    "names",
    "local_names",
    "open_source",
    "open_images",
    "open_destination",
    "open_collection",
    "fitted_options",
)
_REFERENCE_MEMBERS: Final = ("scheme", "docker_reference", "path", *_REFERENCE_METHODS)


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
    require_members(candidate, _TRANSPORT_MEMBERS, what)
    transport = cast("Transport", candidate)
    # A plugin need not be type-checked, so nothing is taken for granted.
    version: object = transport.api_version
    if type(version) is not int or version != API_VERSION:
        problem = (
            f"{what} was written for version {version!r} of the contract, this is version "
            f"{API_VERSION}; install versions of imgcopy and of the plugin that fit"
        )
        raise BrokenContractError(problem)
    scheme: object = transport.scheme
    if not isinstance(scheme, str) or not re.fullmatch(_SCHEME, scheme):
        problem = f'has the scheme {quote(scheme)}; schemes are lower-case words such as "oci"'
        raise BrokenContractError(f"{what} {problem}")
    require_callable(transport, ("parse_reference",), what)
    for name in ("source_options", "destination_options"):
        _check_options_class(getattr(transport, name), f"{name} of {what}")
    return transport


def check_reference(
    candidate: object, scheme: str, origin: str = "parse_reference"
) -> ImageReference:
    """Return what `parse_reference` gave, if it is a reference of the transport `scheme`.

    Raises:
        BrokenContractError: It is not.
    """
    what = f"the reference that {origin} of {quote(scheme)} returned"
    require_members(candidate, _REFERENCE_MEMBERS, what)
    require_callable(candidate, _REFERENCE_METHODS, what)
    reference = cast("ImageReference", candidate)
    if reference.scheme != scheme:
        raise BrokenContractError(f"{what} has the scheme {quote(reference.scheme)}")
    return reference


def require_members(candidate: object, members: tuple[str, ...], what: str) -> None:
    """Raise `BrokenContractError` if an object lacks one of these attributes."""
    missing = [name for name in members if not hasattr(candidate, name)]
    if missing:
        raise BrokenContractError(f"{what} lacks {', '.join(missing)}")


def require_callable(candidate: object, members: tuple[str, ...], what: str) -> None:
    """Raise `BrokenContractError` if one of an object's attributes cannot be called."""
    for name in members:
        if not callable(getattr(candidate, name)):
            raise BrokenContractError(f"{name} of {what} cannot be called")


def described(value: object) -> str:
    """Name a value in a message by what it is an instance of."""
    return "None" if value is None else f"an instance of {quote(type(value).__qualname__)}"


def _check_options_class(cls: object, what: str) -> None:
    if cls is None:
        return
    if not isinstance(cls, type) or not attrs.has(cls):
        raise BrokenContractError(f"{what} is not an attrs class")
    try:
        option_fields(cls)
    except TypeError as error:
        raise BrokenContractError(f"{what} {error}") from error
    except Exception as error:
        problem = f"{what} cannot be used: {type(error).__name__} {quote(error)}"
        raise BrokenContractError(problem) from error
