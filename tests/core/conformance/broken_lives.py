"""Destinations that lie about when they do what, each in one way."""

import os

from attrs import evolve

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    DestinationCapabilities,
    DestinationStateError,
    Digest,
    RawManifest,
    SourceReadFailed,
)
from tests.core.conformance.catching import caught_by
from tests.core.conformance.shelf import Shelf, ShelfDestination


@caught_by(
    "destination: nothing is visible before commit",
    "after put_manifest",
    "destination: closing without commit leaves everything as it was",
    "destination: an image that was there before survives a copy that is given up",
)
class PublishesBeforeCommit(ShelfDestination):
    """Shows the image as soon as it has a manifest."""

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        super().put_manifest(manifest, instance_digest=instance_digest)
        self.shelves[self.name] = Shelf(manifest, self.blobs)


@caught_by(
    "destination: an image that was there before survives a copy that is given up",
    "the old image",
)
class EmptiesTheShelfFirst(ShelfDestination):
    """Makes room for the new image when it is opened."""

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        super().__init__(name, shelves)
        shelves.pop(name, None)


@caught_by(
    "destination: closing without commit leaves everything as it was",
    "after close() without commit()",
    "destination: an image that was there before survives a copy that is given up",
)
class CommitsInClose(ShelfDestination):
    """Thinks that whoever closes is done."""

    def close(self) -> None:
        if self.is_open and self.image is not None:
            self.commit()
        super().close()


@caught_by(
    "destination: committing twice is an error",
    "raised nothing",
)
class CommitsTwice(ShelfDestination):
    """Lets itself be committed again."""

    def commit(self) -> None:
        super().commit()
        self.is_open = True
        self.blobs = dict(self.blobs)


@caught_by(
    "destination: writing after close is an error",
    "commit after close",
    "destination: it is a context manager that closes itself",
)
class WritesAfterClose(ShelfDestination):
    """Does not notice that it was closed."""

    def close(self) -> None:
        pass


@caught_by(
    "destination: what is put after commit changes nothing",
    "put after commit",
)
class WritesAfterCommit(ShelfDestination):
    """Takes a later manifest for a correction."""

    is_committed = False

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        super().put_manifest(manifest, instance_digest=instance_digest)
        if self.is_committed:
            self.shelves[self.name] = Shelf(manifest, self.blobs)

    def commit(self) -> None:
        if self.is_committed:
            raise DestinationStateError(self.name, "it is committed")
        super().commit()
        self.is_open = self.is_committed = True


@caught_by(
    "destination: close may be called twice",
    "a second close",
)
class ClosesOnce(ShelfDestination):
    """Complains about a second close."""

    is_closed = False

    def close(self) -> None:
        if self.is_closed:
            raise DestinationStateError(self.name, "it is closed already")
        self.is_closed = True
        super().close()


@caught_by(
    "destination: it is a context manager that closes itself",
    "raised nothing",
    "copy: foreign layers stay out or are stored",
    "copy: indexes are copied or refused",
    "copy: a damaged source leaves nothing",
    "copy: an interrupted copy leaves nothing",
)
class HidesExceptions(ShelfDestination):
    """Leaves a `with` block in silence."""

    def __exit__(self, *exception: object) -> bool:  # type: ignore[override]  # the mistake
        self.close()
        return True


@caught_by(
    "destination: capabilities are constant",
    "after put_blob",
)
class ChangesItsMind(ShelfDestination):
    """Declares something else once there is a blob."""

    @property
    def capabilities(self) -> DestinationCapabilities:  # type: ignore[override]  # as it may be
        return evolve(
            ShelfDestination.capabilities, ignores_embedded_docker_reference=bool(self.blobs)
        )


@caught_by(
    "destination: closing without commit leaves everything as it was",
    "left behind",
)
class LeavesTemporaryFiles(ShelfDestination):
    """Removes its temporary file when it is committed, and only then."""

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        super().__init__(name, shelves)
        self.temporary = f"{name}.partial"

    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        super().put_manifest(manifest, instance_digest=instance_digest)
        os.close(os.open(self.temporary, os.O_CREAT))

    def commit(self) -> None:
        super().commit()
        os.remove(self.temporary)


@caught_by(
    "destination: an image replaces the old one, or is refused",
    "FileExistsError",
    "destination: what is reused is part of the image",
)
class RaisesWhereAnImageIs(ShelfDestination):
    """Lets another error than its own out."""

    def commit(self) -> None:
        if self.is_open and self.name in self.shelves:
            raise FileExistsError(self.name)
        super().commit()


@caught_by(
    "destination: a blob that fails in one of several threads leaves nothing",
    "after a blob failed in one of several threads",
)
class PublishesWhatWasLeft(ShelfDestination):
    """Tries to save what can be saved when one of several blobs fails."""

    has_failed = False

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        try:
            return super().read(stream, info)
        except SourceReadFailed:
            self.has_failed = True
            raise

    def close(self) -> None:
        if self.is_open and self.has_failed and len(self.blobs) > 2:
            self.shelves[self.name] = Shelf(RawManifest(b"{}"), self.blobs)
        super().close()


@caught_by("destination: a closed destination leaves nothing open", "storing an image")
class LeavesAFileOpen(ShelfDestination):
    """Has a file for each image, and never closes it."""

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        super().__init__(name, shelves)
        os.open(os.devnull, os.O_RDONLY)


@caught_by("destination: a closed destination leaves nothing open", "giving up an image")
class LeavesAFileOpenWithoutCommit(ShelfDestination):
    """Closes its file when the image is complete, and only then."""

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        super().__init__(name, shelves)
        self.file = os.open(os.devnull, os.O_RDONLY)

    def commit(self) -> None:
        super().commit()
        os.close(self.file)
