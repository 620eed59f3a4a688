"""The images that `index.json` lists, and which of them has which tag."""

from collections.abc import Iterable, Sequence
from itertools import chain

from imgcopy_core_stubs import Descriptor, DockerReference, JsonObject
from imgcopy_docker_archive.oci_format import FULL_NAME, REF_NAME, index_document, name


class IndexList:
    """The descriptors of `index.json`: one for each tag, the images in the order of their coming.

    A tag names one image: when another one gets it, it moves, as `docker tag` moves it. An image
    without tags has one descriptor.

    Args:
        entries: The descriptors that are there already, decoded; they are kept as they are.
    """

    def __init__(self, entries: Iterable[JsonObject] = ()) -> None:
        self._images: dict[str, list[JsonObject]] = {}  # the descriptors by digest
        self._owners: dict[DockerReference, str] = {}  # the digest of each tag's image
        for entry in entries:
            digest = str(entry.get("digest"))
            self._images.setdefault(digest, []).append(entry)
            tag = name(entry)
            if tag is not None:
                self._owners[tag] = digest

    def add(self, descriptor: Descriptor, tags: Sequence[DockerReference]) -> None:
        """List an image, or give one that is listed more tags.

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
        new = [tag for tag in dict.fromkeys(tags) if self._owners.get(tag) != digest]
        for tag in new:
            self._untag(tag)
            self._owners[tag] = digest
        own = self._images.get(digest, [])
        named = [entry for entry in own if entry.get("annotations")]
        named += [
            {**described, "annotations": {FULL_NAME: str(tag), REF_NAME: tag.tag}} for tag in new
        ]
        self._images[digest] = named or own or [described]

    def document(self) -> bytes:
        """Return the bytes of `index.json`."""
        return index_document(chain.from_iterable(self._images.values()))

    def _untag(self, tag: DockerReference) -> None:
        owner = self._owners.pop(tag, None)
        if owner is not None:
            entries = self._images[owner]
            others = [entry for entry in entries if name(entry) != tag]
            self._images[owner] = others or [_without_name(entries[0])]


def _without_name(entry: JsonObject) -> JsonObject:
    annotations = entry.get("annotations")
    others = dict(annotations) if isinstance(annotations, dict) else {}
    for key in (FULL_NAME, REF_NAME):
        others.pop(key, None)
    rest = {key: value for key, value in entry.items() if key != "annotations"}
    return {**rest, "annotations": others} if others else rest
