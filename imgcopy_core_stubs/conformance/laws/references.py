"""References: text to read, and text to print."""

from typing import Final

import attrs

from imgcopy_core_stubs.conformance.errors import LawBroken
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.subject import Subject, names_below
from imgcopy_core_stubs.conformance.trying import calling, expecting, require
from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.options import parse_options
from imgcopy_core_stubs.plugins._checks import (
    BrokenContractError,
    check_reference,
    check_transport,
)
from imgcopy_core_stubs.transport import ImageReference

_ODD_TEXTS: Final = (
    "",
    " ",
    ":",
    "::",
    "@",
    ":@",
    ":@-1",
    ":@\N{ARABIC-INDIC DIGIT THREE}",
    ":@99999999999999999999",
    "a\0b",
    "a\nb",
    "a:tag\n",
    "//",
    "-",
    "..",
    "a\\",
    "a\\:b",
    "a\\\\:b",
    "a:UPPER",
    "a:" + 129 * "t",
    "a@sha256:abc",
    "a@sha256:" + 64 * "0",
    "a:t@sha256:" + 64 * "0",
    "\N{SNOWMAN}:\N{SNOWMAN}",
    "a\udc80",
    "x" * 5000,
)


@law(About.TRANSPORT, "it can be registered")
def can_be_registered(subject: Subject) -> None:
    """The transport and its references have all members of the contract, with fitting values."""
    transport = subject.place.transport
    reference = _parse(subject, _texts(subject)[0])
    advice = "subclass Transport and ImageReference, and see transport.py for their members"
    with calling("registering it", advice):
        try:
            check_transport(transport)
            check_reference(reference, transport.scheme)
        except BrokenContractError as error:
            raise LawBroken("a transport that imgcopy accepts", str(error), advice) from error


@law(About.TRANSPORT, "options have defaults and a help text")
def options_explain_themselves(subject: Subject) -> None:
    """An options class can be made from nothing, and each of its fields has the metadata `help`."""
    transport = subject.place.transport
    for name in ("source_options", "destination_options"):
        cls = getattr(transport, name)
        if cls is None:
            continue
        with calling(f"making {name} of nothing", "give every option a default"):
            parse_options(cls, (), flag="--opt", scheme=transport.scheme)
        for option in attrs.fields(cls):
            require(
                option.metadata.get("help"),
                f"the option {option.name} of {name} to have a help text",
                "none",
                'declare it with field(default=…, metadata={"help": "…"})',
            )


@law(About.TRANSPORT, "parsing and printing are inverse")
def print_and_parse_are_inverse(subject: Subject) -> None:
    """`str()` of a reference parses to an equal one, whatever text it was parsed from."""
    for text in _texts(subject):
        _require_inverse(subject, _parse(subject, text), text)
    for text in _ODD_TEXTS:
        try:
            reference = subject.place.transport.parse_reference(text)
        except Exception:  # noqa: BLE001, S112  (which one it may be is the law after this one)
            continue
        _require_inverse(subject, reference, text)


@law(About.TRANSPORT, "text that is no reference is an InvalidReference")
def malformed_text_is_refused(subject: Subject) -> None:
    """`parse_reference` returns a reference or raises `InvalidReference`, and nothing else."""
    advice = "raise InvalidReference(text, problem) for whatever you do not understand"
    for text in subject.place.malformed:
        with expecting(f"parse_reference({text!r})", InvalidReference, advice=advice):
            subject.place.transport.parse_reference(text)
    for text in _ODD_TEXTS:
        with calling(f"parse_reference({_shortened(text)})", advice):
            try:
                subject.place.transport.parse_reference(text)
            except InvalidReference as error:
                str(error)


@law(About.TRANSPORT, "references to different places differ")
def different_places_differ(subject: Subject) -> None:
    """References are equal if, and only if, they name the same place."""
    texts = _texts(subject)
    for first in texts:
        for second in texts:
            if first == second:
                continue
            a, b = _parse(subject, first), _parse(subject, second)
            with calling("comparing and printing references"):
                are_equal, print_alike = a == b, str(a) == str(b)
            require(
                are_equal == print_alike,
                f"{_shortened(first)} and {_shortened(second)} to be equal if they print alike, "
                "and different if not",
                f"equal: {are_equal}; they print alike: {print_alike}",
                "compare all that str() prints; @attrs.frozen does that",
            )


@law(About.TRANSPORT, "parsing touches nothing")
def parsing_touches_nothing(subject: Subject) -> None:
    """`parse_reference` makes no file, and does not need what it names to be there."""
    spot = subject.new_spot()
    for _ in range(2):
        _parse(subject, spot.text)
    found = names_below(spot.directory) ^ spot.names
    advice = "do nothing but look at the text; open things in open_source and open_destination"
    require(not found, "no file to come or go", sorted(found)[:3], advice)


def _texts(subject: Subject) -> list[str]:
    return [subject.new_spot().text, subject.new_spot().text, *subject.place.references]


def _parse(subject: Subject, text: str) -> ImageReference:
    with calling(f"parse_reference({_shortened(text)})", "parse what your own Place supplies"):
        return subject.place.transport.parse_reference(text)


def _require_inverse(subject: Subject, reference: ImageReference, text: str) -> None:
    advice = "let str() give text that parse_reference turns into an equal reference (with __eq__)"
    with calling(f"printing the reference {_shortened(text)}", advice):
        printed = str(reference)
    with calling(f"parse_reference({_shortened(printed)}), which is a printed reference", advice):
        again = subject.place.transport.parse_reference(printed)
        printed_again, are_equal = str(again), again == reference
    require(
        are_equal and printed_again == printed,
        f"{_shortened(text)}, printed as {_shortened(printed)}, to parse to an equal reference",
        f"one that prints as {_shortened(printed_again)}, equal: {are_equal}",
        advice,
    )


def _shortened(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:60] + "…")  # noqa: PLR2004  (for a message)
