"""Docker references: `[domain[:port]/]path[:tag][@digest]`, in their normalised form.

`app` means `docker.io/library/app`. Source: github.com/distribution/reference (`regexp.go`,
`normalize.go`).
"""

import re
from typing import Final, Self

from attrs import evolve, frozen

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.value import Value

DEFAULT_DOMAIN: Final = "docker.io"
DEFAULT_TAG: Final = "latest"
_OFFICIAL: Final = "library/"
_LEGACY_DEFAULT_DOMAIN: Final = "index.docker.io"
_NAME_LIMIT: Final = 255
_TAG_LIMIT: Final = 128

_COMPONENT: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH: Final = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_LABEL: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_HEX_ID: Final = r"[a-f0-9]{64}"


@frozen(eq=False, repr=False)
class DockerReference(Value):
    """A normalised docker reference. `str()` is fully qualified and parses to an equal one."""

    domain: str
    path: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse and normalise a reference as people write it.

        Raises:
            InvalidReference: It is malformed; the error names the part.
        """
        if not text:
            raise InvalidReference(text, "it is empty")
        if re.fullmatch(_HEX_ID, text):
            raise InvalidReference(text, "64 hex digits are an image ID, not a repository name")
        name, at, digest_text = text.partition("@")
        digest = _parse_digest(text, digest_text) if at else None
        tag: str | None = None
        head, colon, tail = name.rpartition(":")
        if colon and "/" not in tail:
            name, tag = head, tail
            check_tag(text, tag)
        domain, path = _split_domain(name)
        _check_name(text, domain, path)
        return cls(domain, path, tag, digest)

    @property
    def name(self) -> str:
        """The repository's full name, such as `docker.io/library/app`."""
        return f"{self.domain}/{self.path}"

    def tagged(self) -> Self:
        """Return it with a tag: its own, or `latest` where it has neither tag nor digest."""
        return self if self.tag or self.digest else evolve(self, tag=DEFAULT_TAG)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def check_tag(text: str, tag: str) -> None:
    """Raise an `InvalidReference` about `text` unless `tag` is a well-formed tag."""
    if len(tag) > _TAG_LIMIT:
        raise InvalidReference(text, f"its tag has {len(tag)} characters, {_TAG_LIMIT} are allowed")
    if not re.fullmatch(_TAG, tag):
        raise InvalidReference(text, f"the tag {quote(tag)} is malformed")


def _parse_digest(text: str, digest_text: str) -> Digest:
    try:
        return Digest.parse(digest_text)
    except ValueError as error:
        raise InvalidReference(text, f"the digest {quote(digest_text)}: {error}") from None


def _split_domain(name: str) -> tuple[str, str]:
    domain, slash, path = name.partition("/")
    is_domain = "." in domain or ":" in domain or domain == "localhost" or domain != domain.lower()
    if not slash or not is_domain:
        domain, path = DEFAULT_DOMAIN, name
    if domain == _LEGACY_DEFAULT_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = _OFFICIAL + path
    return domain, path


def _check_name(text: str, domain: str, path: str) -> None:
    if domain != DEFAULT_DOMAIN and not re.fullmatch(_DOMAIN, domain):
        raise InvalidReference(text, f"the domain {quote(domain)} is malformed")
    repository = path.removeprefix(_OFFICIAL) if domain == DEFAULT_DOMAIN else path
    if not repository:
        raise InvalidReference(text, "it has no repository name")
    if repository != repository.lower():
        raise InvalidReference(text, f"the repository {quote(repository)} must be in lower case")
    if not re.fullmatch(_PATH, path):
        raise InvalidReference(text, f"the repository {quote(repository)} is malformed")
    if len(path) > _NAME_LIMIT:
        problem = f"its repository name is longer than {_NAME_LIMIT} characters"
        raise InvalidReference(text, problem)
