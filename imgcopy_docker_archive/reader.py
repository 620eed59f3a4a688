"""A docker archive, read: its images by name or number, and their files with links resolved.

Sources: Docker's image specification v1.2, "Combined Image JSON + Filesystem Changeset Format";
`docker/internal/tarfile` of containers/image, where its readers and Docker's differ.
"""

from typing import Final

from attrs import field, frozen

from imgcopy_core_stubs import (
    CHUNK,
    DOCUMENT_LIMIT,
    AmbiguousImage,
    DockerReference,
    InvalidArchive,
    InvalidDocument,
    InvalidReference,
    SourceError,
    SourceNotFound,
    TooLarge,
    UnsupportedImage,
    decode_json_value,
    quote,
    structure,
)
from imgcopy_docker_archive._archive_file import ArchiveFile
from imgcopy_docker_archive._tar_walk import LINKS, MemberKind, TarMember, clean_name, walk
from imgcopy_docker_archive.format import MANIFEST

MANIFEST_LIMIT: Final = 1024 * 1024
"""Most bytes of `manifest.json`, as podman has it."""

_LINKS_LIMIT: Final = 40
"""Most links in a chain, as Linux has it."""

_TAGS_SHOWN: Final = 12


@frozen
class ImageFiles:
    """An image of an archive: where its parts are."""

    config_name: str
    """The config's name in `manifest.json`."""
    config: TarMember
    layers: tuple[TarMember, ...]
    """The base layer first; plain or compressed."""


@frozen
class _ManifestItem:
    """One image in `manifest.json`. Other keys (`Parent`, `LayerSources`) are of no importance."""

    config: str = field(metadata={"key": "Config"})
    repo_tags: tuple[str, ...] = field(default=(), metadata={"key": "RepoTags"})
    layers: tuple[str, ...] = field(default=(), metadata={"key": "Layers"})


class ArchiveReader:
    """The images of an archive.

    Args:
        archive: The archive's plain bytes; whoever opened it closes it.

    Raises:
        InvalidArchive: It is no docker archive, or breaks the format of a tar.
        InvalidDocument: `manifest.json` breaks its format.
        TooLarge: `manifest.json` has more than 1 MiB.
        UnsupportedImage: It is an archive of another kind.
    """

    def __init__(self, archive: ArchiveFile) -> None:
        self._archive = archive
        self._members: dict[str, list[TarMember]] = {}
        for member in walk(archive):
            self._members.setdefault(member.name, []).append(member)
        self._items = self._manifest_items()

    @property
    def tags(self) -> list[str]:
        """Every image's tags as they are written, or `@N` for an image that has none."""
        return [
            tag
            for index, item in enumerate(self._items)
            for tag in item.repo_tags or (f"@{index}",)
        ]

    def image(self, tag: DockerReference | None = None, index: int | None = None) -> ImageFiles:
        """Find an image: the one with a tag, or the one at an index, or else the only one.

        Raises:
            SourceNotFound: There is no such image.
            AmbiguousImage: There are several.
            InvalidArchive: One of its files is missing, no file, or there twice and different.
        """
        item = self._items[self._choose(tag, index)]
        config = self._file(item.config, limit=DOCUMENT_LIMIT)
        return ImageFiles(item.config, config, tuple(self._file(name) for name in item.layers))

    # --- manifest.json ----------------------------------------------------------------------------

    def _manifest_items(self) -> list[_ManifestItem]:
        if MANIFEST not in self._members:
            raise self._not_a_docker_archive()
        what = f"{MANIFEST} of {quote(self._archive.name)}"
        member = self._file(MANIFEST, limit=MANIFEST_LIMIT)
        raw = self._archive.read_at(member.offset, member.size)
        document = decode_json_value(raw, what, limit=MANIFEST_LIMIT)
        if not isinstance(document, list) or not document:
            raise InvalidDocument(what, "$", "must be a list of at least one image")
        return [
            structure(item, _ManifestItem, what, f"$[{index}]")
            for index, item in enumerate(document)
        ]

    def _not_a_docker_archive(self) -> SourceError:
        what = f"archive {quote(self._archive.name)}"
        if "oci-layout" in self._members:
            problem = "it is an OCI archive without manifest.json (unpack it and use oci:DIRECTORY)"
            return UnsupportedImage(what, problem)
        if "repositories" in self._members:
            problem = (
                "it comes from docker save before 1.10 and has no manifest.json "
                "(load it into docker or podman, and save it again)"
            )
            return UnsupportedImage(what, problem)
        problem = "it is no docker archive: it has no manifest.json"
        return InvalidArchive(self._archive.name, MANIFEST, None, problem)

    def _choose(self, tag: DockerReference | None, index: int | None) -> int:
        name = self._archive.name
        if index is not None:
            if index >= len(self._items):
                problem = f"it has no image @{index}, only {len(self._items)} (the first is @0)"
                raise SourceNotFound(name, problem)
            return index
        if tag is None:
            found = list(range(len(self._items)))
            choices = [(item.repo_tags or (f"@{i}",))[0] for i, item in enumerate(self._items)]
        else:
            found = [i for i, item in enumerate(self._items) if _has_tag(item, tag)]
            choices = [f"@{i}" for i in found]
        if not found:
            tags = ", ".join(quote(other) for other in self.tags[:_TAGS_SHOWN])
            more = ", ..." if len(self.tags) > _TAGS_SHOWN else ""
            raise SourceNotFound(name, f"it has no image {quote(tag)}; it has {tags}{more}")
        if len({(self._items[i].config, self._items[i].layers) for i in found}) > 1:
            hint = "append :NAME:TAG, or :@N, where N counts from 0"
            raise AmbiguousImage(name, tuple(choices), hint)
        return found[0]

    # --- files ------------------------------------------------------------------------------------

    def _file(self, name: str, *, limit: int | None = None) -> TarMember:
        """Find the file that a name in `manifest.json` stands for; links are followed."""
        path = clean_name(name)
        member = None if _leads_out(path) else self._member(path, limit)
        if member is None:
            where = "outside of" if _leads_out(path) else "not in"
            problem = f"{MANIFEST} names it, but it is {where} the archive"
            raise InvalidArchive(self._archive.name, name, None, problem)
        followed = {member.name}
        while member.kind in LINKS:
            target = self._target(member, limit)
            if target.name in followed:
                raise self._problem(member, "it is part of a cycle of links")
            followed.add(target.name)
            if len(followed) > _LINKS_LIMIT:
                raise self._problem(member, f"a chain of more than {_LINKS_LIMIT} links")
            member = target
        if member.kind is not MemberKind.FILE:
            raise self._problem(member, f"a file is needed, and it is {member.kind.value}")
        return member

    def _target(self, link: TarMember, limit: int | None) -> TarMember:
        """Find what a link points to: a symbolic one from its folder, a hard one from the root."""
        path = link.link
        if link.kind is MemberKind.SYMLINK:
            path = f"{link.name.rpartition('/')[0]}/{path}"
        name = clean_name(path)
        is_absolute = link.kind is MemberKind.SYMLINK and link.link.startswith("/")
        if is_absolute or _leads_out(name):
            problem = f"it is a link to {quote(link.link)}, outside of the archive"
            raise self._problem(link, problem)
        target = self._member(name, limit)
        if target is None:
            problem = f"it is a link to {quote(link.link)}, which is not in the archive"
            raise self._problem(link, problem)
        return target

    def _member(self, name: str, limit: int | None) -> TarMember | None:
        """Find a member. Readers differ in which of several with one name counts."""
        members = self._members.get(name)
        if members is None:
            return None
        first = members[0]
        if limit is not None and any(member.size > limit for member in members):
            raise TooLarge(f"member {quote(name)} of {quote(self._archive.name)}", limit)
        for other in members[1:]:
            if not self._are_equal(first, other):
                raise self._problem(other, "another member has the same name and other content")
        del members[1:]
        return first

    def _are_equal(self, first: TarMember, other: TarMember) -> bool:
        if (first.kind, first.size, first.link) != (other.kind, other.size, other.link):
            return False
        read = self._archive.read_at
        return all(
            read(first.offset + start, min(CHUNK, first.size - start))
            == read(other.offset + start, min(CHUNK, first.size - start))
            for start in range(0, first.size, CHUNK)
        )

    def _problem(self, member: TarMember, problem: str) -> InvalidArchive:
        return InvalidArchive(self._archive.name, member.name, member.header_offset, problem)


def _has_tag(item: _ManifestItem, tag: DockerReference) -> bool:
    return any(_normalised(text) == tag for text in item.repo_tags)


def _normalised(tag: str) -> DockerReference | None:
    """Read a tag as it is written; a malformed one is none, and names no image."""
    try:
        return DockerReference.parse(tag).tagged()
    except InvalidReference:
        return None


def _leads_out(name: str) -> bool:
    return name == ".." or name.startswith("../")
