"""The members of an archive by their names, with links followed and duplicates compared.

Links are followed inside the archive only, and nothing is ever extracted (CVE-2014-9358). Readers
differ in which of two members with one name counts, so two that differ are refused.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from imgcopy_core_stubs import CHUNK, InvalidArchive, TooLarge, quote
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._configs import Configs
from imgcopy_docker_archive.reading._tar_walk import LINKS, MemberKind, TarMember, clean_name, walk

_LINKS_LIMIT: Final = 40
"""Most links in a chain, as Linux has it."""


class ArchiveMembers:
    """All members of an archive; the archive is walked once, here.

    Names are given as a document of the archive writes them, and found by `clean_name`. The methods
    may be called from several threads at a time.

    Attributes:
        archive: The archive's plain bytes, to read the members from.
        configs: Reads those members that are configs of images.
        decompressed_sizes: The sizes in bytes of compressed layers, by offset, as far as a source
            had to learn them. Images share layers.

    Args:
        archive: The archive; whoever opened it closes it.

    Raises:
        InvalidArchive: It breaks the format of a tar.
        SourceReadFailed: The operating system reported an error.
    """

    def __init__(self, archive: ArchiveFile) -> None:
        self.archive = archive
        self.configs = Configs(archive)
        self.decompressed_sizes: dict[int, int] = {}
        self._members: dict[str, list[TarMember]] = {}
        for member in walk(archive):
            self._members.setdefault(member.name, []).append(member)
        self._contradictions: dict[str, TarMember | None] = {}  # of the names that were looked up
        self._kinds: dict[str, frozenset[MemberKind]] = {}  # likewise, of names with duplicates

    def __iter__(self) -> Iterator[str]:
        """Yield the members' names, each once, in the order of first appearance."""
        return iter(self._members)

    def __contains__(self, name: str) -> bool:
        return clean_name(name) in self._members

    def named(self, name: str) -> Sequence[TarMember]:
        """Return all members of a name as they are in the archive: links too, and duplicates.

        They are in the order of their offsets.
        """
        return self._members.get(clean_name(name), ())

    def kinds(self, name: str) -> frozenset[MemberKind]:
        """Return the kinds of all members of a name; duplicates are looked at once."""
        members = self.named(name)
        if len(members) <= 1:
            return frozenset(member.kind for member in members)
        own_name = members[0].name
        if own_name not in self._kinds:
            self._kinds[own_name] = frozenset(member.kind for member in members)
        return self._kinds[own_name]

    def file(self, name: str, *, named_by: str = "", limit: int | None = None) -> TarMember:
        """Find the file that a name stands for; links are followed.

        Args:
            name: The file's path in the archive.
            named_by: The document that names it, for error messages.
            limit: The most bytes that it may have; None: any number.

        Raises:
            InvalidArchive: It is missing, outside of the archive, not a file, or there twice and
                different; or so is a link on the way to it.
            TooLarge: It has more than `limit` bytes.
        """
        path = clean_name(name)
        member = None if leads_out(path) else self._member(path, limit)
        if member is None:
            where = "outside of" if leads_out(path) else "not in"
            problem = f"it is {where} the archive"
            if named_by:
                problem = f"{named_by} names it, but {problem}"
            raise InvalidArchive(self.archive.name, name, None, problem)
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

    def document(self, name: str, *, limit: int, named_by: str = "") -> bytes:
        """Return the bytes of a small file, found as `file` finds it.

        One that has more than `limit` bytes is refused by its size, unread.
        """
        member = self.file(name, named_by=named_by, limit=limit)
        return self.archive.read_at(member.offset, member.size)

    # --- links ------------------------------------------------------------------------------------

    def _target(self, link: TarMember, limit: int | None) -> TarMember:
        """Find what a link points to: a symbolic one from its folder, a hard one from the root."""
        path = link.link
        if link.kind is MemberKind.SYMLINK:
            path = f"{link.name.rpartition('/')[0]}/{path}"
        name = clean_name(path)
        is_absolute = link.kind is MemberKind.SYMLINK and link.link.startswith("/")
        if is_absolute or leads_out(name):
            problem = f"it is a link to {quote(link.link)}, outside of the archive"
            raise self._problem(link, problem)
        target = self._member(name, limit)
        if target is None:
            problem = f"it is a link to {quote(link.link)}, which is not in the archive"
            raise self._problem(link, problem)
        return target

    # --- duplicates -------------------------------------------------------------------------------

    def _member(self, name: str, limit: int | None) -> TarMember | None:
        """Find a member by its clean name."""
        members = self._members.get(name)
        if members is None:
            return None
        first = members[0]
        if limit is not None and first.size > limit:
            raise TooLarge(f"member {quote(name)} of {quote(self.archive.name)}", limit)
        if len(members) > 1 and (other := self._contradiction(name, members)):
            raise self._problem(other, "another member has the same name and other content")
        return first

    def _contradiction(self, name: str, members: Sequence[TarMember]) -> TarMember | None:
        """Return a member that differs from the first one of its name; they are compared once."""
        if name not in self._contradictions:
            first, *others = members
            differing = (other for other in others if not self._are_equal(first, other))
            self._contradictions[name] = next(differing, None)
        return self._contradictions[name]

    def _are_equal(self, first: TarMember, other: TarMember) -> bool:
        if (first.kind, first.size, first.link) != (other.kind, other.size, other.link):
            return False
        read = self.archive.read_at
        return all(
            read(first.offset + start, min(CHUNK, first.size - start))
            == read(other.offset + start, min(CHUNK, first.size - start))
            for start in range(0, first.size, CHUNK)
        )

    def _problem(self, member: TarMember, problem: str) -> InvalidArchive:
        return InvalidArchive(self.archive.name, member.name, member.header_offset, problem)


def leads_out(name: str) -> bool:
    """Whether a clean name leads out of the archive."""
    return name == ".." or name.startswith("../")
