"""Destinations that lie about the blobs that they have, each in one way."""

from typing import ClassVar

from attrs import evolve

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Digest,
    required_digest,
)
from tests.core.conformance.catching import COPIES, caught_by
from tests.core.conformance.shelf import Shelf, ShelfDestination


class Pile(dict[Digest, bytes]):
    """Blobs, each as often as it was added."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[tuple[Digest, bytes]] = []

    def __setitem__(self, digest: Digest, data: bytes) -> None:
        self.added.append((digest, data))
        super().__setitem__(digest, data)

    def items(self) -> list[tuple[Digest, bytes]]:  # type: ignore[override]  # no view is needed
        return self.added


@caught_by(
    "destination: a repeated blob is stored once",
    "2 times",
)
class StoresRepeatedBlobsTwice(ShelfDestination):
    """Appends every blob that it gets."""

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        super().__init__(name, shelves)
        self.blobs = Pile()


@caught_by(
    "destination: a blob of the wrong digest is refused",
    "not to be reusable",
    "destination: a blob one byte too short is refused",
    "destination: a blob one byte too long is refused",
    "destination: a stream that breaks leaves nothing",
    "destination: an interrupted blob leaves nothing",
)
class ReusesWhatFailed(ShelfDestination):
    """Remembers a blob when it begins to store it."""

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        super().__init__(name, shelves)
        self.begun: dict[Digest, BlobInfo] = {}

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        if info.digest is not None:
            self.begun[info.digest] = info
        return super().put_blob(stream, info, is_config=is_config)

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        return self.begun.get(required_digest(info, self.name))


@caught_by(
    "destination: what is reused is part of the image",
    "to be stored under sha256:",
    *COPIES,
)
class ReusesWhatIsElsewhere(ShelfDestination):
    """Remembers every blob that any destination stored, wherever that was."""

    seen: ClassVar[list[tuple[object, Digest, int]]] = []

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        stored = super().put_blob(stream, info, is_config=is_config)
        if stored.digest is not None and stored.size is not None:
            self.seen.append((self.shelves, stored.digest, stored.size))
        return stored

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        digest = required_digest(info, self.name)
        for shelves, seen, size in self.seen:
            if shelves is self.shelves and seen == digest:
                return evolve(info, size=size)
        return None


@caught_by(
    "destination: what is not there is not reused",
    "None for a blob that is not there",
    "destination: what is reused is part of the image",
)
class ReusesAnything(ShelfDestination):
    """Says yes if nobody knows the size."""

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        found = super().try_reusing_blob(info, can_substitute=can_substitute)
        return evolve(info, size=0) if found is None and info.size is None else found


@caught_by(
    "destination: reuse without a digest is an error",
    "raised nothing",
)
class LooksForNothing(ShelfDestination):
    """Answers a question without a digest."""

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        if info.digest is None:
            return None
        return super().try_reusing_blob(info, can_substitute=can_substitute)


@caught_by(
    "destination: what was put is known by its digest and size",
    "of None",
    "destination: a blob has its own size, whatever size is asked for",
)
class ForgetsSizes(ShelfDestination):
    """Offers a blob again without its size, where that is not asked for."""

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        found = super().try_reusing_blob(info, can_substitute=can_substitute)
        return info if found is not None else None


@caught_by(
    "destination: a blob has its own size, whatever size is asked for",
    "try_reusing_blob to return sha256:",
)
class EchoesSizes(ShelfDestination):
    """Offers a blob again with the size that is asked for."""

    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        found = super().try_reusing_blob(info, can_substitute=can_substitute)
        return found and evolve(found, size=info.size or found.size)


@caught_by("destination: several images at a time do not mix", "no blob to be stored but those")
class SharesAStage(ShelfDestination):
    """Stages what it gets where the other destinations stage what they get."""

    stages: ClassVar[dict[int, dict[Digest, bytes]]] = {}

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        super().__init__(name, shelves)
        self.blobs = self.stages.setdefault(id(shelves), {})

    def close(self) -> None:
        super().close()
        self.stages.pop(id(self.shelves), None)
