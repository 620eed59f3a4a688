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

    An image is known by its config. A tag names one image: when another one gets it, it moves, as
    `docker tag` moves it.

    Args:
        items: The images that are there already.
    """

    def __init__(self, items: Iterable[ManifestItem] = ()) -> None:
        self._items: dict[str, ManifestItem] = {}  # by config
        self._owners: dict[DockerReference, str] = {}  # the config of each tag's image
        for item in items:
            self._items[item.config] = item
            self._owners |= dict.fromkeys(tags_of(item), item.config)

    def __contains__(self, config: str) -> bool:
        return config in self._items

    def __iter__(self) -> Iterator[ManifestItem]:
        return iter(self._items.values())

    def add(self, config: str, layers: Sequence[str], tags: Sequence[DockerReference]) -> None:
        """List an image, or give one that is listed more tags.

        Args:
            config: The member name of its config.
            layers: The member names of its layers, the base first.
            tags: Its names, with tags.
        """
        item = self._items.get(config) or ManifestItem(config, (), tuple(layers))
        new = [tag for tag in tags if self._owners.get(tag) != config]
        self.untag(new)
        self._owners |= dict.fromkeys(new, config)
        texts = dict.fromkeys([*item.repo_tags, *map(str, new)])
        self._items[config] = evolve(item, repo_tags=tuple(texts))

    def untag(self, tags: Iterable[DockerReference]) -> None:
        """Take tags away from whichever images have them."""
        for tag in tags:
            item = self._items.get(self._owners.pop(tag, ""))
            if item is not None:
                kept = tuple(text for text in item.repo_tags if tag_or_none(text) != tag)
                self._items[item.config] = evolve(item, repo_tags=kept)

    def document(self, archive: str) -> bytes:
        """Return the bytes of `manifest.json`.

        Args:
            archive: The archive's name for the error message.

        Raises:
            UnsupportedByDestination: They are more than readers take.
        """
        document = manifest_document(self._items.values())
        if len(document) > MANIFEST_LIMIT:
            problem = (
                f"{MANIFEST} would list {len(self._items)} images in {len(document)} bytes, and "
                f"readers take {MANIFEST_LIMIT} (write several archives)"
            )
            raise UnsupportedByDestination(archive, problem)
        return document


def tags_of(item: ManifestItem) -> list[DockerReference]:
    """Return an item's tags, without those that are malformed."""
    return [tag for text in item.repo_tags if (tag := tag_or_none(text)) is not None]
