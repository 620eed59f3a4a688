"""Every error of imgcopy: one root, and below it one family per exit code.

The data of an error is on the exception (what could be acted on by a program); its text is made in
`__str__` (what is read by a person): the object in quotes, what is wrong, and the way out where
there is one. Nothing here is a bug of imgcopy: bugs are any *other* exception, and exit with 1.

    ImgcopyError
    ├── UsageError           2   a bad reference, option or platform; an unknown transport
    ├── SourceError          3   the image to copy is missing, invalid, or does not verify
    ├── RegistryError        4   a registry or the network
    ├── DestinationError     5   where the image goes: existing, unwritable, full, incapable
    └── PluginError          6   a plugin that does not load or breaks the contract
"""

from typing import ClassVar

from imgcopy_core_stubs.quoting import listing, printable, quote, strerror


class ImgcopyError(Exception):
    """The root of all errors that imgcopy raises on purpose."""

    exit_code: ClassVar[int] = 1


# --- 2: usage ------------------------------------------------------------------------------------


class UsageError(ImgcopyError):
    """What the user asked for cannot be understood, or cannot be asked for here."""

    exit_code: ClassVar[int] = 2


class InvalidReference(UsageError):
    """An image reference, or a part of one, is malformed."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(text, problem)
        self.text = text
        self.problem = problem

    def __str__(self) -> str:
        return f"invalid reference {quote(self.text)}: {self.problem}"


class UnknownTransport(UsageError):
    """No transport has the scheme that a reference names."""

    def __init__(
        self, text: str, scheme: str, known: tuple[str, ...], failed_plugins: tuple[str, ...] = ()
    ) -> None:
        super().__init__(text, scheme, known, failed_plugins)
        self.text = text
        self.scheme = scheme
        self.known = known
        self.failed_plugins = failed_plugins

    def __str__(self) -> str:
        message = f"invalid reference {quote(self.text)}: "
        if self.scheme:
            message += f"unknown transport {quote(self.scheme)}"
        else:
            message += "it has no transport (write TRANSPORT:REFERENCE)"
        message += f"; known transports: {', '.join(self.known)}"
        if self.failed_plugins:
            failed = "; ".join(printable(plugin) for plugin in self.failed_plugins)
            message += f"; plugins that failed to load: {failed}"
        return message


class InvalidOption(UsageError):
    """An option has a value that it cannot have, or does not apply to what was asked."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(option, problem)
        self.option = option
        self.problem = problem

    def __str__(self) -> str:
        return f"option {quote(self.option)}: {self.problem}"


class SameFile(UsageError):
    """Source and destination are one and the same file (by inode)."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{quote(self.path)} is both the source and the destination; name another file"


# --- 3: source -----------------------------------------------------------------------------------


class SourceError(ImgcopyError):
    """The source image is missing, invalid, unsupported, or does not verify."""

    exit_code: ClassVar[int] = 3


class SourceNotFound(SourceError):
    """The source, or an image in it, does not exist."""

    def __init__(self, name: str, problem: str = "there is no such file") -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{quote(self.name)}: {self.problem}"


class SourceReadFailed(SourceError):
    """The operating system reported an error while the source was read."""

    def __init__(self, name: str, cause: OSError) -> None:
        super().__init__(name, cause)
        self.name = name
        self.cause = cause

    @property
    def errno(self) -> int | None:
        """The error number of the operating system."""
        return self.cause.errno

    def __str__(self) -> str:
        return f"cannot read {quote(self.name)}: {strerror(self.cause)}"


class AmbiguousImage(SourceError):
    """The source holds several images and the reference does not say which one is meant."""

    def __init__(self, name: str, choices: tuple[str, ...], hint: str) -> None:
        super().__init__(name, choices, hint)
        self.name = name
        self.choices = choices
        self.hint = hint

    def __str__(self) -> str:
        return (
            f"{quote(self.name)} holds {len(self.choices)} images, choose one of them "
            f"({self.hint}): {listing(self.choices)}"
        )


class InvalidDocument(SourceError):
    """A JSON document (manifest, index, config, …) breaks its format.

    Args:
        what: The document, as a person would call it ("the manifest of …").
        path: Where in it: a JSON path such as `$.layers[2].size`; `$` is the whole document.
        problem: What is wrong there.
    """

    def __init__(self, what: str, path: str, problem: str) -> None:
        super().__init__(what, path, problem)
        self.what = what
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        where = "" if self.path == "$" else f"{self.path}: "
        return f"invalid {self.what}: {where}{self.problem}"


class InvalidArchive(SourceError):
    """A tar file breaks its format. `offset` counts bytes from the start of the (plain) archive."""

    def __init__(self, name: str, member: str, offset: int | None, problem: str) -> None:
        super().__init__(name, member, offset, problem)
        self.name = name
        self.member = member
        self.offset = offset
        self.problem = problem

    def __str__(self) -> str:
        where = f" at byte {self.offset}" if self.offset is not None else ""
        member = f", member {quote(self.member)}" if self.member else ""
        return f"invalid archive {quote(self.name)}{member}{where}: {self.problem}"


class VerificationError(SourceError):
    """Bytes are not what their digest, size or compression format says."""


class DigestMismatch(VerificationError):
    """Bytes do not have the digest that names them."""

    def __init__(self, what: str, expected: str, actual: str) -> None:
        super().__init__(what, expected, actual)
        self.what = what
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        return f"{self.what} does not verify: expected {self.expected}, got {self.actual}"


class SizeMismatch(VerificationError):
    """A blob is longer or shorter than its descriptor says. `actual` None: it is longer."""

    def __init__(self, what: str, expected: int, actual: int | None) -> None:
        super().__init__(what, expected, actual)
        self.what = what
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        got = "more" if self.actual is None else f"{self.actual}"
        return f"{self.what} does not verify: expected {self.expected} bytes, got {got}"


class CorruptBlob(VerificationError):
    """A compressed blob cannot be decompressed."""

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(what, problem)
        self.what = what
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.what} is corrupt: {self.problem}"


class TooLarge(SourceError):
    """Something exceeds a limit that protects the machine, or one that the user set."""

    def __init__(self, what: str, limit: int, hint: str = "") -> None:
        super().__init__(what, limit, hint)
        self.what = what
        self.limit = limit
        self.hint = hint

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.what} exceeds the limit of {self.limit} bytes{hint}"


class UnsupportedImage(SourceError):
    """The source is well-formed, but of a kind that imgcopy, or this destination, cannot copy."""

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(what, problem)
        self.what = what
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.what} is unsupported: {self.problem}"


class NoMatchingPlatform(SourceError):
    """A multi-platform image has no instance for the platform that is wanted."""

    def __init__(self, what: str, wanted: str, available: tuple[str, ...]) -> None:
        super().__init__(what, wanted, available)
        self.what = what
        self.wanted = wanted
        self.available = available

    def __str__(self) -> str:
        return (
            f"{self.what} has no image for platform {quote(self.wanted)}; "
            f"it has {listing(self.available)} (choose with --platform)"
        )


# --- 4: registry ---------------------------------------------------------------------------------


class RegistryError(ImgcopyError):
    """A registry, or the network on the way to it, failed."""

    exit_code: ClassVar[int] = 4


# --- 5: destination ------------------------------------------------------------------------------


class DestinationError(ImgcopyError):
    """The image cannot be stored where it should go."""

    exit_code: ClassVar[int] = 5


class DestinationExists(DestinationError):
    """The destination exists, and replacing it was not asked for."""

    def __init__(self, path: str, hint: str = "add --overwrite to replace it") -> None:
        super().__init__(path, hint)
        self.path = path
        self.hint = hint

    def __str__(self) -> str:
        return f"{quote(self.path)} already exists ({self.hint})"


class InvalidDestination(DestinationError):
    """The destination is something that an image cannot be written to."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot write {quote(self.path)}: {self.problem}"


class DestinationWriteFailed(DestinationError):
    """The operating system reported an error while the destination was written."""

    def __init__(self, path: str, cause: OSError) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    @property
    def errno(self) -> int | None:
        """The error number of the operating system."""
        return self.cause.errno

    def __str__(self) -> str:
        return f"cannot write {quote(self.path)}: {strerror(self.cause)}"


class UnsupportedByDestination(DestinationError):
    """The destination has declared that it cannot store this (see its capabilities)."""

    def __init__(self, destination: str, problem: str) -> None:
        super().__init__(destination, problem)
        self.destination = destination
        self.problem = problem

    def __str__(self) -> str:
        return f"{quote(self.destination)}: {self.problem}"


class DestinationStateError(DestinationError):
    """The destination was used against its contract: after close, or committed twice."""

    def __init__(self, destination: str, problem: str) -> None:
        super().__init__(destination, problem)
        self.destination = destination
        self.problem = problem

    def __str__(self) -> str:
        return f"{quote(self.destination)}: {self.problem}"


# --- 6: plugins ----------------------------------------------------------------------------------


class PluginError(ImgcopyError):
    """A plugin does not load, or what it registers breaks the contract."""

    exit_code: ClassVar[int] = 6

    def __init__(self, plugin: str, problem: str, details: str = "") -> None:
        super().__init__(plugin, problem, details)
        self.plugin = plugin
        self.problem = problem
        self.details = details

    def __str__(self) -> str:
        return f"plugin {quote(self.plugin)}: {printable(self.problem)}"
