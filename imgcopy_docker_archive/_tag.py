"""The name of an image in an archive."""

from imgcopy_core_stubs import DockerReference, InvalidReference


def parse_tag(text: str) -> DockerReference:
    """Parse the name of an image in an archive; a missing tag means `latest`.

    Raises:
        InvalidReference: It is malformed, or has a digest, which an archive has no place for.
    """
    return checked_tag(DockerReference.parse(text))


def checked_tag(name: DockerReference) -> DockerReference:
    """Return the name of an image in an archive; a missing tag means `latest`.

    Raises:
        InvalidReference: It has a digest, which an archive has no place for.
    """
    if name.digest is not None:
        problem = "an image in an archive is named by a tag, not by a digest"
        raise InvalidReference(str(name), problem)
    return name.tagged()


def tag_or_none(text: str) -> DockerReference | None:
    """Parse a name as an archive has it; None for a malformed one, which names no image."""
    try:
        return parse_tag(text)
    except InvalidReference:
        return None
