"""Archives of `docker save` before Docker 1.10: a folder for each layer, and no `manifest.json`.

`repositories` names the folder of each tag's top layer. A folder has the layer, `layer.tar`, and a
document, `json`, which names its parent. There is no config: it is made of the documents as Docker
makes it when it loads such an archive. (For a document of Docker before 1.8.3, Docker leaves out
the keys that it does not know. They are kept here.)

Sources: Docker's image specification v1; moby, `image/tarexport/load.go` (`legacyLoadImage`) and
`image/v1/imagev1.go` (`MakeConfigFromV1Config`, `HistoryFromConfig`).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import field, frozen

from imgcopy_core_stubs import (
    CHUNK,
    DOCUMENT_LIMIT,
    Digest,
    InvalidArchive,
    InvalidDocument,
    TooLarge,
    VerifyingStream,
    decode_json_value,
    quote,
    structure,
)
from imgcopy_docker_archive.format import (
    MANIFEST_LIMIT,
    REPOSITORIES,
    json_object,
    json_text,
    raw_members,
)
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reading._tar_walk import TarMember
from imgcopy_docker_archive.reading.source import layer_stream

_LAYERS_LIMIT: Final = 1000
"""Most layers of an image. Docker never made more than 127."""
_DROPPED: Final = ("id", "parent", "Size", "parent_id", "layer_id", "throwaway")
"""What a layer's document says that is not for the config."""


@frozen
class LegacyImage:
    """An image of such an archive."""

    id: str
    """The name of its top layer's folder."""
    tags: tuple[str, ...]
    """Its names as they are written."""
    archive: "LegacyArchive" = field(eq=False, repr=False)


@frozen
class LegacyParts:
    """What such an image is made of; the base layer comes first."""

    document: bytes
    """The top layer's, which has the image's config in it."""
    layers: tuple[TarMember, ...]
    history: tuple[str, ...]
    """What the config's history says of each layer: JSON."""


@frozen(eq=False, repr=False)
class _ContainerConfig:
    cmd: tuple[str, ...] = field(default=(), metadata={"key": "Cmd"})


@frozen(eq=False, repr=False)
class _Document:
    parent: str = ""
    created: str = ""
    author: str = ""
    comment: str = ""
    container_config: _ContainerConfig = _ContainerConfig()


class LegacyArchive:
    """Such an archive.

    Attributes:
        members: Its members.
    """

    def __init__(self, members: ArchiveMembers) -> None:
        self.members = members
        self._measured: dict[int, tuple[Digest, int]] = {}  # by offset: images share layers

    def images(self) -> list[LegacyImage]:
        """Return the images that `repositories` names, in the order of first appearance.

        Raises:
            InvalidArchive: `repositories` is no file, or there twice and different.
            InvalidDocument: It breaks its format.
            TooLarge: It has more than 1 MiB.
        """
        what = f"{REPOSITORIES} of {quote(self.members.archive.name)}"
        raw = self.members.document(REPOSITORIES, limit=MANIFEST_LIMIT)
        decoded = decode_json_value(raw, what, limit=MANIFEST_LIMIT)
        repositories = structure(decoded, dict[str, dict[str, str]], what)
        tags: dict[str, list[str]] = {}
        for name, ids in repositories.items():
            for tag, layer_id in ids.items():
                if not layer_id:
                    raise InvalidDocument(what, "$", f"{quote(f'{name}:{tag}')} has no layer")
                tags.setdefault(layer_id, []).append(f"{name}:{tag}")
        return [LegacyImage(layer_id, tuple(own), self) for layer_id, own in tags.items()]

    def parts(self, image: LegacyImage) -> LegacyParts:
        """Find an image's layers and their documents.

        Raises:
            InvalidArchive: A folder lacks one of its files, or the chain of parents is a circle or
                has more than 1,000 layers.
            InvalidDocument: A document breaks its format.
            TooLarge: A document, or all that goes into the config's history, has more than 4 MiB.
        """
        top = b""
        layers: list[TarMember] = []
        history: list[str] = []
        size = 0
        for raw, document, layer in self._upwards(image.id):
            top = top or raw
            layers.append(layer)
            history.append(_history(document))
            size += len(history[-1])
            if size > DOCUMENT_LIMIT:
                raise TooLarge(f"the history of image {quote(image.id)}", DOCUMENT_LIMIT)
        return LegacyParts(top, tuple(reversed(layers)), tuple(reversed(history)))

    def measure(self, layer: TarMember) -> tuple[Digest, int]:
        """Read a layer, and return its diff ID and its decompressed size in bytes.

        Raises:
            CorruptBlob: It is compressed, and damaged.
            SourceReadFailed: The operating system reported an error.
        """
        if layer.offset not in self._measured:
            what = f"layer {quote(layer.name)}"
            with VerifyingStream(layer_stream(self.members.archive, layer, what), what) as content:
                while content.read(CHUNK):
                    pass
                self._measured[layer.offset] = content.digest, content.bytes_read
        return self._measured[layer.offset]

    def _upwards(self, layer_id: str) -> Iterator[tuple[bytes, _Document, TarMember]]:
        """Yield the layers from the top one on, each with its document, raw and read."""
        archive = self.members.archive.name
        seen: set[str] = set()
        while layer_id:
            path = f"{layer_id}/json"
            if layer_id in seen or len(seen) == _LAYERS_LIMIT:
                problem = f"its parents are a circle, or more than {_LAYERS_LIMIT}"
                raise InvalidArchive(archive, path, None, problem)
            seen.add(layer_id)
            raw = self.members.document(path, limit=DOCUMENT_LIMIT, named_by=REPOSITORIES)
            what = f"{path} of {quote(archive)}"
            document = structure(decode_json_value(raw, what), _Document, what)
            layer = self.members.file(f"{layer_id}/layer.tar", named_by=REPOSITORIES)
            yield raw, document, layer
            layer_id = document.parent


def legacy_config(parts: LegacyParts, diff_ids: Iterable[Digest]) -> bytes:
    """Return the config that Docker makes for an image of these parts and diff IDs."""
    values = raw_members(parts.document.decode())
    for key in _DROPPED:
        values.pop(key, None)
    ids = ",".join(json_text(str(diff_id)) for diff_id in diff_ids)
    values["rootfs"] = f'{{"type":"layers","diff_ids":[{ids}]}}'
    values["history"] = f"[{','.join(parts.history)}]"
    return json_object(values)


def _history(document: _Document) -> str:
    command = " ".join(document.container_config.cmd)
    said = {"author": document.author, "created_by": command, "comment": document.comment}
    created = json_text(document.created or "0001-01-01T00:00:00Z")
    rest = (f",{json_text(key)}:{json_text(value)}" for key, value in said.items() if value)
    return f'{{"created":{created}{"".join(rest)}}}'
