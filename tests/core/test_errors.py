"""Errors: their families and exit codes, and that nothing they show can act on a terminal."""

import errno
import inspect
import os
from collections.abc import Iterator

import pytest

from imgcopy_core_stubs import errors
from imgcopy_core_stubs.errors import ImgcopyError
from imgcopy_core_stubs.quoting import quote

# An escape sequence, line breaks, NUL, a C1 control, a direction override, a line separator, a lone
# surrogate, and a byte of a file name that is no UTF-8.
HOSTILE = "evil\x1b[31m\n\r\x00\x9b\u202e\u2028\ud800\udcff"
HARMLESS = r'"evil\x1b[31m\n\r\x00\x9b\u202e\u2028\ud800\xff"'

EXAMPLES: list[ImgcopyError] = [
    errors.InvalidReference(HOSTILE, "it is empty"),
    errors.UnknownTransport(HOSTILE, HOSTILE, ("oci", "dir"), (f"{HOSTILE}: raised",)),
    errors.UnknownTransport(HOSTILE, "", ("oci",)),
    errors.InvalidOption(HOSTILE, "given twice"),
    errors.SameFile(HOSTILE),
    errors.SourceNotFound(HOSTILE),
    errors.SourceReadFailed(HOSTILE, OSError(errno.EIO, os.strerror(errno.EIO))),
    errors.SourceReadFailed(HOSTILE, OSError(HOSTILE)),
    errors.AmbiguousImage(HOSTILE, (HOSTILE, "b"), "write PATH:NAME"),
    errors.InvalidDocument(f"manifest of {quote(HOSTILE)}", "$.layers", "is missing"),
    errors.InvalidArchive(HOSTILE, HOSTILE, 512, "its checksum is wrong"),
    errors.InvalidArchive(HOSTILE, "", None, "it is empty"),
    errors.DigestMismatch(f"blob of {quote(HOSTILE)}", "sha256:aa", "sha256:bb"),
    errors.SizeMismatch(f"blob of {quote(HOSTILE)}", 7, 6),
    errors.CorruptBlob(f"blob of {quote(HOSTILE)}", "it ends too early"),
    errors.TooLarge(f"manifest of {quote(HOSTILE)}", 4, "set --limit"),
    errors.UnsupportedImage(f"blob of {quote(HOSTILE)}", "it is encrypted"),
    errors.NoMatchingPlatform("the index", HOSTILE, (HOSTILE,)),
    errors.DestinationExists(HOSTILE),
    errors.InvalidDestination(HOSTILE, "it is a directory"),
    errors.DestinationWriteFailed(HOSTILE, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
    errors.UnsupportedByDestination(HOSTILE, "it stores no indexes"),
    errors.DestinationStateError(HOSTILE, "committed twice"),
    errors.PluginError(HOSTILE, HOSTILE, "details"),
]

EXIT_CODES = {
    "UsageError": 2,
    "SourceError": 3,
    "RegistryError": 4,
    "DestinationError": 5,
    "PluginError": 6,
}

FAMILIES = {
    "UsageError": {"InvalidReference", "UnknownTransport", "InvalidOption", "SameFile"},
    "SourceError": {
        "SourceNotFound",
        "SourceReadFailed",
        "AmbiguousImage",
        "InvalidDocument",
        "InvalidArchive",
        "VerificationError",
        "DigestMismatch",
        "SizeMismatch",
        "CorruptBlob",
        "TooLarge",
        "UnsupportedImage",
        "NoMatchingPlatform",
    },
    "RegistryError": set(),
    "DestinationError": {
        "DestinationExists",
        "InvalidDestination",
        "DestinationWriteFailed",
        "UnsupportedByDestination",
        "DestinationStateError",
    },
    "PluginError": set(),
}


def error_classes() -> Iterator[type[ImgcopyError]]:
    for _, item in inspect.getmembers(errors, inspect.isclass):
        if issubclass(item, ImgcopyError):
            yield item


def test_every_class_has_the_exit_code_of_its_family() -> None:
    expected = {"ImgcopyError": 1}
    for family, members in FAMILIES.items():
        expected |= dict.fromkeys({family, *members}, EXIT_CODES[family])
    assert {cls.__name__: cls.exit_code for cls in error_classes()} == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_every_class_can_be_caught_by_its_family(family: str) -> None:
    base = getattr(errors, family)
    found = {cls.__name__ for cls in error_classes() if issubclass(cls, base)}
    assert found == {family, *FAMILIES[family]}


def test_there_is_an_example_of_every_class_with_a_text() -> None:
    with_text = {cls for cls in error_classes() if "__str__" in vars(cls)}
    assert with_text == {type(example) for example in EXAMPLES}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_a_message_is_one_printable_line_that_names_the_object(error: ImgcopyError) -> None:
    message = str(error)
    assert message.isprintable()
    assert HARMLESS in message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.InvalidReference("a b", "bad"), 'invalid reference "a b": bad'),
        (
            errors.UnknownTransport("x:y", "x", ("dir", "oci"), ("p: ImportError",)),
            (
                'invalid reference "x:y": unknown transport "x"; known transports: dir, oci; '
                "plugins that failed to load: p: ImportError"
            ),
        ),
        (
            errors.UnknownTransport("y", "", ("dir",)),
            (
                'invalid reference "y": it has no transport (write TRANSPORT:REFERENCE); '
                "known transports: dir"
            ),
        ),
        (errors.InvalidOption("--dest-opt a", "given twice"), 'option "--dest-opt a": given twice'),
        (errors.SourceNotFound("x"), '"x": there is no such file'),
        (
            errors.SourceReadFailed("x", OSError(errno.EIO, "Input/output error", "secret/path")),
            'cannot read "x": Input/output error',
        ),
        (
            errors.AmbiguousImage("x", ("a:1", "b:2"), "write x:NAME"),
            '"x" holds 2 images, choose one of them (write x:NAME): "a:1", "b:2"',
        ),
        (errors.InvalidDocument("manifest of x", "$", "bad"), "invalid manifest of x: bad"),
        (
            errors.InvalidDocument("manifest of x", "$.a[1]", "bad"),
            "invalid manifest of x: $.a[1]: bad",
        ),
        (
            errors.InvalidArchive("x", "m", 0, "bad"),
            'invalid archive "x", member "m" at byte 0: bad',
        ),
        (errors.InvalidArchive("x", "", None, "bad"), 'invalid archive "x": bad'),
        (
            errors.SizeMismatch("blob x", 7, 0),
            "blob x does not verify: expected 7 bytes, got 0",
        ),
        (
            errors.SizeMismatch("blob x", 7, None),
            "blob x does not verify: expected 7 bytes, got more",
        ),
        (
            errors.DigestMismatch("blob x", "sha256:aa", "sha256:bb"),
            "blob x does not verify: expected sha256:aa, got sha256:bb",
        ),
        (errors.TooLarge("x", 4), "x exceeds the limit of 4 bytes"),
        (errors.TooLarge("x", 4, "raise it"), "x exceeds the limit of 4 bytes (raise it)"),
        (
            errors.NoMatchingPlatform("x", "linux/s390x", ()),
            'x has no image for platform "linux/s390x"; it has none (choose with --platform)',
        ),
        (errors.DestinationExists("x"), '"x" already exists (add --overwrite to replace it)'),
        (
            errors.DestinationWriteFailed("x", OSError(errno.ENOSPC, "No space left on device")),
            'cannot write "x": No space left on device',
        ),
        (errors.PluginError("p", "does not load", "Traceback…"), 'plugin "p": does not load'),
    ],
    ids=str,
)
def test_messages(error: ImgcopyError, message: str) -> None:
    assert str(error) == message


@pytest.mark.parametrize("kind", [errors.SourceReadFailed, errors.DestinationWriteFailed])
def test_the_error_number_of_the_operating_system_is_kept(
    kind: type[errors.SourceReadFailed | errors.DestinationWriteFailed],
) -> None:
    assert kind("x", OSError(errno.EDQUOT, "Quota")).errno == errno.EDQUOT
    assert kind("x", OSError("no number")).errno is None
