r"""The text of an `oci:` reference: `PATH`, `PATH:IMAGE` or `PATH:@N`.

In the path `\:` is a colon and `\\` is a backslash; any other backslash stands for itself.
"""

import re
from typing import Final

from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.quoting import quote

_ALPHANUMERIC: Final = "[A-Za-z0-9]+"
_COMPONENT: Final = f"{_ALPHANUMERIC}(?:(?:--|[-._:@+]){_ALPHANUMERIC})*"
_IMAGE: Final = f"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG_LIMIT: Final = 128
_POSITION: Final = "@([0-9]{1,9})"
_PATH_AND_REST: Final = r"(?s)((?:\\[\\:]|[^:])*)(?::(.*))?"


def parse(text: str) -> tuple[str, str | None, int | None]:
    """Split a reference into the path, the image's name and its position in the index.

    At most one of the latter two is there.

    Raises:
        InvalidReference: It is malformed; the error names the part.
    """
    if not text:
        raise InvalidReference(text, "it is empty")
    if "\0" in text:
        raise InvalidReference(text, "its path has a NUL character")
    match = re.fullmatch(_PATH_AND_REST, text)
    escaped, rest = match.groups() if match else ("", None)
    path = re.sub(r"\\([\\:])", r"\1", escaped)
    if not path:
        raise InvalidReference(text, "its path is empty")
    if rest is None:
        return path, None, None
    if rest.startswith("@"):
        return path, None, _parse_position(text, rest)
    _check_image(text, rest)
    return path, rest, None


def unparse(path: str, image: str | None, position: int | None) -> str:
    """Return the text that `parse` splits into these parts."""
    escaped = re.sub(r"([\\:])", r"\\\1", path)
    if position is not None:
        return f"{escaped}:@{position}"
    return escaped if image is None else f"{escaped}:{image}"


def is_image_name(text: str) -> bool:
    """Whether `text` is a name as `org.opencontainers.image.ref.name` shall have.

    Source: OCI image-spec `annotations.md`, the grammar of `ref`; and, for a tag, its length.
    """
    return re.fullmatch(_IMAGE, text) is not None and len(_tag(text)) <= _TAG_LIMIT


def _tag(image: str) -> str:
    tag = image.rpartition(":")[2]
    return "" if "/" in tag else tag


def _parse_position(text: str, rest: str) -> int:
    match = re.fullmatch(_POSITION, rest)
    if match is None:
        problem = f"{quote(rest)} is no position in the index (@0 is the first image, @1 the next)"
        raise InvalidReference(text, problem)
    return int(match[1])


def _check_image(text: str, image: str) -> None:
    escape = r"a colon that belongs to the path is written \:"
    if not image:
        raise InvalidReference(text, f"its image name, after the colon, is empty ({escape})")
    if is_image_name(image):
        return
    if re.fullmatch(_IMAGE, image):
        length = len(_tag(image))
        raise InvalidReference(text, f"its tag has {length} characters, {_TAG_LIMIT} are allowed")
    raise InvalidReference(text, f"the image name {quote(image)} is malformed ({escape})")
