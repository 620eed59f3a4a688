"""The images that `manifest.json` lists, and which of them has which tag."""

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve

from imgcopy_core_stubs import DockerReference, UnsupportedByDestination
from imgcopy_docker_archive._tag import tag_or_none
from imgcopy_docker_archive.format import (
    MANIFEST,
    MANIFEST_LIMIT,
    ManifestItem,
    manifest_document,
)


class ImageList:
    """The items of `manifest.json`, in the order in which the images came.

    An image is known by its config; of several items with one config the first counts, with the
    tags of all. A tag names one image: when another one gets it, it moves, as `docker tag` does.

    Args:
        items: The images that are there already.
    """

    def __init__(self, items: Iterable[ManifestItem] = ()) -> None:
        self._items: dict[str, ManifestItem] = {}  # by config; their tags are in _texts
        self._texts: dict[str, dict[str, None]] = {}  # by config, its tags as they are written
        self._places: dict[DockerReference, list[tuple[str, str]]] = {}  # each tag's in _texts
        for item in items:
            self._list(item)

    def __contains__(self, config: str) -> bool:
        return config in self._items

    def __iter__(self) -> Iterator[ManifestItem]:
        for config, item in self._items.items():
            yield evolve(item, repo_tags=tuple(self._texts[config]))

    def add(self, config: str, layers: Sequence[str], tags: Sequence[DockerReference]) -> None:
        """List an image, or give one that is listed more tags.

        Args:
            config: The member name of its config.
            layers: The member names of its layers, the base first.
            tags: Its names, with tags.
        """
        new = [tag for tag in tags if self._owners(tag) != {config}]
        self.untag(new)
        self._list(ManifestItem(config, tuple(map(str, new)), tuple(layers)))

    def untag(self, tags: Iterable[DockerReference]) -> None:
        """Take tags away from whichever images have them."""
        for tag in tags:
            for config, text in self._places.pop(tag, ()):
                del self._texts[config][text]

    def document(self, archive: str) -> bytes:
        """Return the bytes of `manifest.json`.

        Args:
            archive: The archive's name for the error message.

        Raises:
            UnsupportedByDestination: They are more than readers take.
        """
        document = manifest_document(self)
        if len(document) > MANIFEST_LIMIT:
            problem = (
                f"{MANIFEST} would list {len(self._items)} images in {len(document)} bytes, and "
                f"readers take {MANIFEST_LIMIT} (write several archives)"
            )
            raise UnsupportedByDestination(archive, problem)
        return document

    def _list(self, item: ManifestItem) -> None:
        """List an image, or give one that is listed an item's tags."""
        self._items.setdefault(item.config, item)
        texts = self._texts.setdefault(item.config, {})
        for text in item.repo_tags:
            tag = tag_or_none(text)
            if tag is not None and text not in texts:
                self._places.setdefault(tag, []).append((item.config, text))
            texts[text] = None

    def _owners(self, tag: DockerReference) -> set[str]:
        return {config for config, _ in self._places.get(tag, ())}


def tags_of(item: ManifestItem) -> list[DockerReference]:
    """Return an item's tags, without those that are malformed."""
    return [tag for text in item.repo_tags if (tag := tag_or_none(text)) is not None]
