"""What the readers' rules need to know of an archive, found out from its members."""

import contextlib
from collections.abc import Sequence

from imgcopy_core_stubs import (
    DOCUMENT_LIMIT,
    Compression,
    Descriptor,
    SourceError,
    decode_json,
    sniff,
)
from imgcopy_core_stubs.image_layout import FULL_NAME, MARKER, REF_NAME
from imgcopy_docker_archive.examining._archive_facts import (
    ArchiveFacts,
    ConfigFacts,
    Entry,
    ImageFacts,
    Item,
    NamedFile,
)
from imgcopy_docker_archive.examining._config_types import not_docker, not_oci
from imgcopy_docker_archive.examining._contents import ArchiveContents, ListedImage
from imgcopy_docker_archive.format import BLOCK, MANIFEST, ManifestItem
from imgcopy_docker_archive.reading._members import ArchiveMembers, leads_out
from imgcopy_docker_archive.reading._tar_walk import LINKS, MemberKind, TarMember, clean_name


def archive_facts(
    members: ArchiveMembers, contents: ArchiveContents, compression: Compression
) -> ArchiveFacts:
    """Find out what the rules need to know.

    Args:
        members: The archive's members, all of them.
        contents: Its images.
        compression: How the whole file is compressed.
    """
    gathering = _Gathering(members, contents)
    manifest = members.named(MANIFEST)
    return ArchiveFacts(
        images=tuple(gathering.image(image) for image in contents.images),
        compression=compression,
        manifest_size=manifest[0].size if manifest else None,
        marker_version=_marker_version(members),
        descriptors=None if contents.descriptors is None else len(contents.descriptors),
        **_links(members),
    )


class _Gathering:
    """The facts about images; these share files, each of which is looked at once."""

    def __init__(self, members: ArchiveMembers, contents: ArchiveContents) -> None:
        self._members = members
        self._contents = contents
        self._files: dict[str, NamedFile] = {}
        self._entries: dict[int, Entry] = {}
        self._nameless: dict[int, tuple[str, ...]] = {}
        self._configs: dict[int, ConfigFacts] = {}  # by their offsets

    def image(self, image: ListedImage) -> ImageFacts:
        return ImageFacts(
            name=image.name,
            item=None if image.item is None else self._item(image.item),
            entry=self._entry(image.descriptors) if image.descriptors else None,
        )

    def _entry(self, descriptors: Sequence[Descriptor]) -> Entry:
        key = id(descriptors)  # which the images share, and keep
        if key not in self._entries:
            annotations = [descriptor.annotations for descriptor in descriptors]
            self._entries[key] = Entry(
                is_named=any(FULL_NAME in each or REF_NAME in each for each in annotations),
                ref_names=tuple(
                    dict.fromkeys(each[REF_NAME] for each in annotations if REF_NAME in each)
                ),
                decoded=self._decoded(self._contents.configs.get(descriptors[0].digest)),
            )
        return self._entries[key]

    def _item(self, item: ManifestItem) -> Item:
        return Item(
            config=self._file(item.config),
            layers=tuple(self._file(name) for name in item.layers),
            tags=item.repo_tags,
            diff_ids=self._diff_ids(item),
            decoded=self._decoded_named(item.config),
        )

    def _diff_ids(self, item: ManifestItem) -> tuple[str, ...] | None:
        with contextlib.suppress(SourceError):
            file = self._members.file(item.config, limit=DOCUMENT_LIMIT)
            config = self._members.configs.read(file, item.config, layer_count=len(item.layers))
            if config.diff_ids is None:
                return self._as_many(config.layer_count)
            return tuple(map(str, config.diff_ids))
        return None

    def _as_many(self, count: int) -> tuple[str, ...]:
        """Return what stands for diff IDs of which the number is wrong, and all that counts."""
        if count not in self._nameless:
            self._nameless[count] = ("",) * count
        return self._nameless[count]

    def _decoded_named(self, name: str) -> ConfigFacts:
        with contextlib.suppress(SourceError):
            return self._decoded(self._members.file(name, limit=DOCUMENT_LIMIT))
        return ConfigFacts()

    def _decoded(self, config: TarMember | None) -> ConfigFacts:
        if config is None or config.size > DOCUMENT_LIMIT:
            return ConfigFacts()
        if config.offset not in self._configs:
            raw = self._members.archive.read_at(config.offset, config.size)
            self._configs[config.offset] = _config_facts(raw)
        return self._configs[config.offset]

    def _file(self, name: str) -> NamedFile:
        if name not in self._files:
            self._files[name] = self._named_file(name)
        return self._files[name]

    def _named_file(self, name: str) -> NamedFile:
        is_exact = name == clean_name(name)
        try:
            member = self._members.file(name)
        except SourceError:
            return NamedFile(name=name, is_exact=is_exact, size=None)
        beginning = self._members.archive.read_at(member.offset, min(BLOCK, member.size))
        return NamedFile(
            name=name,
            is_exact=is_exact,
            links=self._links_to(name),
            size=member.size,
            compression=sniff(beginning),
        )

    def _links_to(self, name: str) -> tuple[MemberKind, ...]:
        """Return the kinds of the links that lead from a name to its file; these are sound."""
        kinds = []
        while (member := self._members.named(name)[0]).kind in LINKS:
            kinds.append(member.kind)
            name = _target(member)
        return tuple(kinds)


def _config_facts(raw: bytes) -> ConfigFacts:
    with contextlib.suppress(SourceError):
        config = decode_json(raw, "config")
        os = config.get("os")
        return ConfigFacts(
            os=os if isinstance(os, str) else "",
            not_docker=not_docker(config),
            not_oci=not_oci(config),
        )
    return ConfigFacts()


def _links(members: ArchiveMembers) -> dict[str, str]:
    """Find the links that some readers stumble over, of each kind the first one."""
    found: dict[str, str] = {}
    for name in members:
        for member in members.named(name):
            if member.kind not in LINKS:
                continue
            target = _target(member)
            if member.kind is MemberKind.HARD_LINK:
                there = members.named(target)
                if not there or there[0].offset >= member.offset:
                    found.setdefault("early_hard_link", name)
                continue
            if leads_out(target):
                found.setdefault("outward_symlink", name)
            kinds = members.kinds(target)
            if MemberKind.FILE not in kinds:
                is_chained = MemberKind.SYMLINK in kinds
                found.setdefault("chained_symlink" if is_chained else "blind_symlink", name)
    return found


def _target(link: TarMember) -> str:
    """Return the name that a link leads to. Readers take an absolute one from its folder, too."""
    if link.kind is MemberKind.HARD_LINK:
        return clean_name(link.link)
    return clean_name(f"{link.name.rpartition('/')[0]}/{link.link}")


def _marker_version(members: ArchiveMembers) -> str | None:
    if MARKER not in members:
        return None
    with contextlib.suppress(SourceError):
        raw = members.document(MARKER, limit=DOCUMENT_LIMIT)
        version = decode_json(raw, MARKER).get("imageLayoutVersion")
        return version if isinstance(version, str) else ""
    return ""
