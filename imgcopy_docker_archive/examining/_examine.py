"""What is wrong with an archive as a whole, and what other programs would make of it.

This is what the validation of its images does not see: members that no image uses, all files that
are missing and not just the first, lists that contradict each other. Where an archive is damaged,
what is in front of the damage is examined as far as it goes.
"""

import contextlib
import re
from typing import Final

from imgcopy_core_stubs import (
    CHUNK,
    DOCUMENT_LIMIT,
    Digest,
    DockerReference,
    Examination,
    InvalidArchive,
    InvalidDocument,
    InvalidReference,
    SourceError,
    TooLarge,
    VerifyingStream,
    quote,
)
from imgcopy_core_stubs.image_layout import INDEX, MARKER
from imgcopy_docker_archive._tag import parse_tag, tag_or_none
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.examining._contents import ArchiveContents, ListedImage, noting
from imgcopy_docker_archive.examining._fact_finding import archive_facts
from imgcopy_docker_archive.examining._readers import CONTAINERD_MANIFEST_LIMIT, verdicts
from imgcopy_docker_archive.format import BLOCK, MANIFEST, REPOSITORIES, ManifestItem
from imgcopy_docker_archive.oci_format import BLOBS
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reading._tar_walk import LINKS, MemberKind, TarMember, walk

_PROBLEMS_LIMIT: Final = 1000
"""How many problems are told of, against archives that are made to have very many."""
_MISSING: Final = "not in the archive"
"""How every problem ends that is about a member which is missing."""
_BLOB: Final = re.compile(re.escape(BLOBS) + "([0-9a-f]{64})")


def examine(
    archive: ArchiveFile,
    tag: DockerReference | None,
    number: int | None,
    layout: Layout | None,
) -> Examination:
    """Examine an archive.

    Args:
        archive: The archive, open; whoever opened it closes it.
        tag: The image that there are to be verdicts on, by its name; None: all.
        number: The image that there are to be verdicts on, by its place; None: all.
        layout: The layout to read it in; None: the one that it has.

    Raises:
        SourceReadFailed: The operating system reported an error.
    """
    examiner = _Examiner(archive, layout)
    with contextlib.suppress(_TooManyProblemsError):
        examiner.look()
    problems = tuple(examiner.problems.values())
    if examiner.damage is not None:
        return Examination(problems)
    facts = archive_facts(examiner.members, examiner.contents, archive.compression)
    chosen = {
        image.name
        for position, image in enumerate(examiner.contents.images)
        if number in (None, position) and (tag is None or _has_tag(image, tag))
    }
    found = (verdict for verdict in verdicts(facts) if verdict.image in chosen)
    return Examination(problems, tuple(found))


class _TooManyProblemsError(Exception):
    """Ends an examination."""


class _Beginning(ArchiveFile):
    """The beginning of an archive that is damaged, as if the archive ended there.

    Args:
        archive: The archive; whoever opened it closes it.
        end: Where the last member that is sound ends.
    """

    def __init__(self, archive: ArchiveFile, end: int) -> None:
        self._archive = archive
        self._end = end
        self.name = archive.name
        self.compression = archive.compression
        self.size = end + 2 * BLOCK

    def read_some_at(self, offset: int, size: int, /) -> bytes:
        """Return bytes of the archive, or of the two zero blocks behind its end."""
        if offset >= self._end:
            return bytes(size)
        return self._archive.read_some_at(offset, min(size, self._end - offset))


def _sound_members(archive: ArchiveFile) -> tuple[ArchiveMembers, SourceError | None]:
    """Return the members in front of the first damage, and the damage."""
    try:
        return ArchiveMembers(archive), None
    except InvalidArchive as damage:
        end = 0
        with contextlib.suppress(InvalidArchive):
            for member in walk(archive):
                end = member.offset + member.size + -member.size % BLOCK
        return ArchiveMembers(_Beginning(archive, end)), damage


class _Examiner:
    def __init__(self, archive: ArchiveFile, layout: Layout | None) -> None:
        self._archive = archive
        self.problems: dict[str, SourceError] = {}  # by their texts, each once
        self.members, self.damage = _sound_members(archive)
        if self.damage is not None:
            self._note(self.damage)
        is_oci = MARKER in self.members
        self._layout = layout or (Layout.OCI if is_oci else Layout.DOCKER)
        self.contents = ArchiveContents(self.members, self._layout, self._note)

    def look(self) -> None:
        """Look for all problems."""
        self._check_links_and_duplicates()
        self._check_lists()
        self._check_items()
        self._check_blobs()

    def _check_links_and_duplicates(self) -> None:
        for name in self.members:
            members = self.members.named(name)
            if len(members) > 1 or members[0].kind in LINKS:
                try:
                    self.members.file(name)
                except InvalidArchive as error:
                    if not self._is_sound(error.member):
                        self._note(error)

    def _is_sound(self, name: str) -> bool:
        """Whether a name is refused only because what is there is no file: a directory, say."""
        return self.members.kinds(name).isdisjoint((MemberKind.FILE, *LINKS))

    def _check_lists(self) -> None:
        name = self._archive.name
        if self.damage is None and not any(
            list_name in self.members for list_name in (MANIFEST, MARKER, REPOSITORIES)
        ):
            problem = "it is no docker archive: it has no manifest.json"
            self._note(InvalidArchive(name, MANIFEST, None, problem))
        if any(member.size > CONTAINERD_MANIFEST_LIMIT for member in self.members.named(MANIFEST)):
            what = f"member {quote(MANIFEST)} of {quote(name)}"
            self._note(TooLarge(what, CONTAINERD_MANIFEST_LIMIT, "containerd reads no more"))

    def _check_items(self) -> None:
        for number, item in enumerate(self.contents.items):
            with noting(self._note):
                self.members.file(item.config, named_by=MANIFEST, limit=DOCUMENT_LIMIT)
                if self._is_unlisted(item):
                    problem = f"{MANIFEST} lists an image with this config, {INDEX} does not"
                    self._note(self._problem(self.members.named(item.config)[0], problem))
            for layer in item.layers:
                with noting(self._note):
                    self.members.file(layer, named_by=MANIFEST)
            for position, tag in enumerate(item.repo_tags):
                try:
                    parse_tag(tag)
                except InvalidReference as error:
                    what = f"{MANIFEST} of {quote(self._archive.name)}"
                    path = f"$[{number}].RepoTags[{position}]"
                    self._note(InvalidDocument(what, path, f"{quote(tag)}: {error.problem}"))

    def _is_unlisted(self, item: ManifestItem) -> bool:
        """Whether readers that go by `index.json` would not see an image of `manifest.json`."""
        is_known = self.damage is None and self.contents.descriptors is not None
        return is_known and self._layout is Layout.OCI and not self.contents.descriptors_of(item)

    def _check_blobs(self) -> None:
        """Verify the blobs that are named by their digests, but for those that images verify."""
        verified = self.contents.blobs if self._layout is Layout.OCI else ()
        digests: dict[int, Digest] = {}
        for name in self.members:
            match = _BLOB.fullmatch(name)
            if match is None or Digest("sha256", match[1]) in verified:
                continue
            with contextlib.suppress(InvalidArchive):  # of links and duplicates, which were checked
                file = self.members.file(name)
                with noting(self._note):
                    if file.offset not in digests:
                        digests[file.offset] = self._digest(file)
                    if digests[file.offset].hex != match[1]:
                        problem = f"it is named by its digest, which is {digests[file.offset]}"
                        self._note(self._problem(self.members.named(name)[0], problem))

    def _digest(self, file: TarMember) -> Digest:
        with VerifyingStream(self._archive.stream(file.offset, file.size), file.name) as stream:
            while stream.read(CHUNK):
                pass
            return stream.digest

    def _problem(self, member: TarMember, problem: str) -> InvalidArchive:
        return InvalidArchive(self._archive.name, member.name, member.header_offset, problem)

    def _note(self, problem: SourceError) -> None:
        if self._may_be_behind_the_damage(problem):
            return
        if len(self.problems) == _PROBLEMS_LIMIT:
            text = f"it has more problems than these {_PROBLEMS_LIMIT}"
            self.problems[""] = InvalidArchive(self._archive.name, "", None, text)
            raise _TooManyProblemsError
        self.problems.setdefault(str(problem), problem)

    def _may_be_behind_the_damage(self, problem: SourceError) -> bool:
        """Whether a problem is that something is missing, of which nobody can tell."""
        is_missing = isinstance(problem, InvalidArchive) and problem.problem.endswith(_MISSING)
        return self.damage is not None and is_missing


def _has_tag(image: ListedImage, tag: DockerReference) -> bool:
    return any(tag_or_none(text) == tag for text in image.tags)
