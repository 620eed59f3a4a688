"""What an archive's two lists of images say, `manifest.json` and `index.json`, side by side."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from imgcopy_core_stubs import (
    INDEX_DEPTH,
    Descriptor,
    Digest,
    ImageIndex,
    SourceError,
    parse_manifest,
)
from imgcopy_core_stubs.image_layout import INDEX
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.format import MANIFEST, ManifestItem
from imgcopy_docker_archive.reading._docker_images import manifest_items
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reading._oci_images import (
    blob_member,
    oci_images,
    read_index,
    read_manifest,
)
from imgcopy_docker_archive.reading._tar_walk import TarMember


@frozen
class ListedImage:
    """An image of an archive, and where it is listed."""

    tags: tuple[str, ...]
    """Its names as they are written."""
    name: str
    """The first of them, or `@N` for an image without one."""
    item: ManifestItem | None
    """What `manifest.json` says of it; of several instances of an index, of one."""
    descriptors: Sequence[Descriptor]
    """What `index.json` says of it: one for each of its names. Images may share the sequence."""


class ArchiveContents:
    """The images of an archive, as far as the lists can be read, and the blobs that they lead to.

    Attributes:
        items: What `manifest.json` lists.
        descriptors: What `index.json` lists; None: it is missing, or cannot be read.
        blobs: What `index.json` leads to: manifests, which were verified, and all that they name.
        configs: The configs of the images' manifests that `index.json` leads to, by the manifests'
            digests.
        images: The images, as the archive's layout lists them; if that list cannot be read, as
            `manifest.json` does.

    Args:
        members: The archive's members.
        layout: The layout that it is read in.
        note: Called with every error in a list that is needed in this layout.
    """

    def __init__(
        self, members: ArchiveMembers, layout: Layout, note: Callable[[SourceError], object]
    ) -> None:
        self._members = members
        self._note = note
        self.items: Sequence[ManifestItem] = []
        self.descriptors: Sequence[Descriptor] | None = None
        self.blobs: set[Digest] = set()
        self.configs: dict[Digest, TarMember] = {}
        self._places: dict[Digest, frozenset[int]] = {}
        is_oci = layout is Layout.OCI
        if MANIFEST in members:
            with noting(self._note):
                self.items = manifest_items(members)
        if INDEX in members:
            with noting(self._note) if is_oci else contextlib.suppress(SourceError):
                self.descriptors = read_index(members).manifests
        self._same: defaultdict[Digest, list[Descriptor]] = defaultdict(list)
        for descriptor in self.descriptors or ():
            self._same[descriptor.digest].append(descriptor)
        self._by_config = self._descriptors_by_config()
        self.images = self._images_of_items()
        if is_oci:
            with noting(self._note):
                self.images = self._images_of_index()

    def descriptors_of(self, item: ManifestItem) -> Sequence[Descriptor]:
        """Return the descriptors of `index.json` that lead to an image of `manifest.json`.

        The image is known by its config, by the place that this has in the archive.
        """
        with contextlib.suppress(SourceError):
            return self._by_config.get(self._members.file(item.config).offset, ())
        return ()

    def _images_of_items(self) -> list[ListedImage]:
        return [
            ListedImage(
                item.repo_tags,
                _name(item.repo_tags, number),
                item,
                self.descriptors_of(item),
            )
            for number, item in enumerate(self.items)
        ]

    def _images_of_index(self) -> list[ListedImage]:
        items: dict[Digest, ManifestItem] = {}
        seen: set[int] = set()  # images that share their descriptors have nothing to add
        for item in self.items:
            descriptors = self.descriptors_of(item)
            if id(descriptors) not in seen:
                seen.add(id(descriptors))
                for descriptor in descriptors:
                    items.setdefault(descriptor.digest, item)
        images = []
        for number, image in enumerate(oci_images(self._members)):
            digest = image.descriptor.digest
            name = _name(image.names, number)
            images.append(ListedImage(image.names, name, items.get(digest), self._same[digest]))
        return images

    def _descriptors_by_config(self) -> dict[int, Sequence[Descriptor]]:
        """Map the places of configs to the descriptors that lead there.

        Those to which the same descriptors lead share one list: each may be very many.
        """
        digests: defaultdict[int, list[Digest]] = defaultdict(list)
        for digest, same in self._same.items():
            for config in self._configs_below(same[0]):
                digests[config].append(digest)
        lists: dict[tuple[Digest, ...], list[Descriptor]] = {}
        for leading in map(tuple, digests.values()):
            if leading not in lists:
                lists[leading] = [each for digest in leading for each in self._same[digest]]
        return {config: lists[tuple(leading)] for config, leading in digests.items()}

    def _configs_below(self, descriptor: Descriptor, depth: int = 0) -> frozenset[int]:
        """Find the places of the configs that a descriptor leads to.

        What cannot be read or is nested too deeply is left out: whoever validates the image will
        say what is wrong with it.
        """
        digest = descriptor.digest
        if digest not in self._places:
            self._places[digest] = frozenset()  # for an index that contains itself
            with contextlib.suppress(SourceError):
                parsed = parse_manifest(read_manifest(self._members, descriptor), str(digest))
                self.blobs.add(digest)
                if not isinstance(parsed, ImageIndex):
                    self.blobs.update(blob.digest for blob in (parsed.config, *parsed.layers))
                    config = blob_member(self._members, parsed.config.digest)
                    self.configs[digest] = config
                    self._places[digest] = frozenset((config.offset,))
                elif depth < INDEX_DEPTH:
                    below = (self._configs_below(each, depth + 1) for each in parsed.manifests)
                    self._places[digest] = frozenset().union(*below)
        return self._places[digest]


@contextlib.contextmanager
def noting(note: Callable[[SourceError], object]) -> Iterator[None]:
    """Have an error noted instead of raised."""
    try:
        yield
    except SourceError as error:
        note(error)


def _name(tags: Sequence[str], number: int) -> str:
    return tags[0] if tags else f"@{number}"
