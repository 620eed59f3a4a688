"""The images that `index.json` lists, and which of them has which tag."""

from collections.abc import Iterable, Sequence
from itertools import count

from imgcopy_core_stubs import Descriptor, DockerReference, JsonObject
from imgcopy_core_stubs.image_layout import FULL_NAME, REF_NAME
from imgcopy_docker_archive.oci_format import index_document, name


class IndexList:
    """The descriptors of `index.json`: one for each tag, the images in the order of their coming.

    A tag names one image: when another one gets it, it moves, as `docker tag` moves it. An image
    without tags has one descriptor.

    Args:
        entries: The descriptors that are there already, decoded; they are kept as they are.
    """

    def __init__(self, entries: Iterable[JsonObject] = ()) -> None:
        self._images: dict[str, dict[int, JsonObject]] = {}  # numbered descriptors by digest
        self._places: dict[DockerReference, list[tuple[str, int]]] = {}  # each tag's in _images
        self._numbers = count()
        for entry in entries:
            self._list(self._images.setdefault(str(entry.get("digest")), {}), entry)

    def add(self, descriptor: Descriptor, tags: Sequence[DockerReference]) -> None:
        """List an image, or give one that is listed more tags.

        What its descriptors say of it beside their annotations, the new ones say as well.

        Args:
            descriptor: Its manifest or index: its media type, digest and size count.
            tags: Its names, with tags.
        """
        digest = str(descriptor.digest)
        described: JsonObject = {
            "mediaType": descriptor.media_type,
            "digest": digest,
            "size": descriptor.size,
        }
        new = [tag for tag in dict.fromkeys(tags) if self._owners(tag) != {digest}]
        self._untag(new)
        own = self._images.get(digest, {})
        first: JsonObject = next(iter(own.values()), {})
        described = {**_without_annotations(first), **described}
        named = {number: entry for number, entry in own.items() if entry.get("annotations")}
        for tag in new:
            self._list(
                named, {**described, "annotations": {FULL_NAME: str(tag), REF_NAME: tag.tag}}
            )
        self._images[digest] = named or own or {next(self._numbers): described}

    def document(self) -> bytes:
        """Return the bytes of `index.json`."""
        return index_document(
            entry for entries in self._images.values() for entry in entries.values()
        )

    def _list(self, entries: dict[int, JsonObject], entry: JsonObject) -> None:
        """Add a descriptor to those of its image."""
        number = next(self._numbers)
        entries[number] = entry
        tag = name(entry)
        if tag is not None:
            self._places.setdefault(tag, []).append((str(entry.get("digest")), number))

    def _untag(self, tags: Iterable[DockerReference]) -> None:
        for tag in tags:
            for digest, number in self._places.pop(tag, ()):
                entries = self._images[digest]
                entry = entries.pop(number)
                if not entries:  # the image stays, without a name
                    entries[number] = _without_name(entry)

    def _owners(self, tag: DockerReference) -> set[str]:
        return {digest for digest, _ in self._places.get(tag, ())}


def _without_name(entry: JsonObject) -> JsonObject:
    annotations = entry.get("annotations")
    others = dict(annotations) if isinstance(annotations, dict) else {}
    for key in (FULL_NAME, REF_NAME):
        others.pop(key, None)
    rest = _without_annotations(entry)
    return {**rest, "annotations": others} if others else rest


def _without_annotations(entry: JsonObject) -> JsonObject:
    return {key: value for key, value in entry.items() if key != "annotations"}
