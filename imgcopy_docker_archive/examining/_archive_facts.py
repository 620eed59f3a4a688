"""What the rules of those who read archives need to know of one. Pure."""

from collections.abc import Iterator
from functools import cached_property

from attrs import frozen

from imgcopy_core_stubs import Compression, DockerReference, InvalidReference
from imgcopy_docker_archive.reading._tar_walk import MemberKind


@frozen(kw_only=True)
class NamedFile:
    """A file that `manifest.json` names."""

    name: str
    """Its name as it is written there."""
    is_exact: bool = True
    """Whether that is the member's name in its shortest form: without `./`, for example."""
    links: tuple[MemberKind, ...] = ()
    """The kinds of the links that lead to it, the first one first."""
    size: int | None = 0
    """In bytes; None: there is no such file."""
    compression: Compression = Compression.NONE


@frozen(kw_only=True)
class ConfigFacts:
    """What programs that decode a config find in it."""

    os: str = ""
    """The operating system that the image is for."""
    not_docker: str = ""
    """Which value is not of its type in Docker's image format; "": all are."""
    not_oci: str = ""
    """The same, of OCI's image format."""


@frozen(kw_only=True)
class Item:
    """An image as `manifest.json` lists it."""

    config: NamedFile
    layers: tuple[NamedFile, ...] = ()
    tags: tuple[str, ...] = ()
    diff_ids: tuple[str, ...] | None = ()
    """What the config says; None: it cannot be read."""
    decoded: ConfigFacts = ConfigFacts()


@frozen(kw_only=True)
class Entry:
    """An image as `index.json` lists it: its original manifest is in the archive."""

    is_named: bool = True
    """Whether one of its descriptors has an annotation with a name or a tag."""
    ref_names: tuple[str, ...] = ()
    """What skopeo can choose it by: its annotations `org.opencontainers.image.ref.name`."""
    decoded: ConfigFacts = ConfigFacts()
    """Of an index nothing: it has several configs."""


@frozen(kw_only=True)
class ImageFacts:
    """An image of the archive."""

    name: str
    item: Item | None = None
    entry: Entry | None = None


@frozen(kw_only=True, slots=False)
class ArchiveFacts:
    """What the rules need to know of an archive."""

    images: tuple[ImageFacts, ...]
    compression: Compression = Compression.NONE
    """How the whole file is compressed."""
    manifest_size: int | None = None
    """Of `manifest.json`, in bytes; None: it is missing."""
    marker_version: str | None = None
    """The version in `oci-layout`; None: that is missing."""
    descriptors: int | None = None
    """How many `index.json` lists; None: that is missing or invalid."""
    blind_symlink: str = ""
    """A symbolic link that does not lead to a file of the archive; "": there is none."""
    chained_symlink: str = ""
    """A symbolic link to a symbolic link."""
    outward_symlink: str = ""
    """A symbolic link that leads out of the archive by `..`."""
    early_hard_link: str = ""
    """A hard link that is not behind what it links to."""

    @cached_property
    def items(self) -> list[Item]:
        """The images that `manifest.json` lists."""
        return [image.item for image in self.images if image.item is not None]

    @cached_property
    def first_with_ref_name(self) -> dict[str, ImageFacts]:
        """For each tag in `index.json` the first image that has it."""
        return {
            name: image
            for image in reversed(self.images)
            for name in (image.entry.ref_names if image.entry else ())
        }

    @cached_property
    def inexact_name(self) -> str | None:
        """A name in `manifest.json` that is not a member's in its shortest form."""
        return next((file.name for file in self._named_files() if not file.is_exact), None)

    @cached_property
    def hard_linked_name(self) -> str | None:
        """A name in `manifest.json` that leads to its file by a hard link."""
        names = (file.name for file in self._named_files() if MemberKind.HARD_LINK in file.links)
        return next(names, None)

    @cached_property
    def malformed_tag(self) -> str | None:
        """A RepoTag that is no reference at all."""
        return next((tag for tag in self._tags() if parsed_tag(tag) is None), None)

    @cached_property
    def incomplete_tag(self) -> str | None:
        """A RepoTag that has no tag, or has a digest, or is malformed."""
        parsed = ((tag, parsed_tag(tag)) for tag in self._tags())
        return next((tag for tag, ref in parsed if not ref or not ref.tag or ref.digest), None)

    def _named_files(self) -> Iterator[NamedFile]:
        for item in self.items:
            yield item.config
            yield from item.layers

    def _tags(self) -> Iterator[str]:
        for item in self.items:
            yield from item.tags


def parsed_tag(text: str) -> DockerReference | None:
    """Read a RepoTag; None: it is malformed."""
    try:
        return DockerReference.parse(text)
    except InvalidReference:
        return None
