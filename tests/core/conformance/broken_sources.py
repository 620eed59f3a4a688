"""Sources that lie, each in one way."""

import io
import itertools
import json
import os
from collections.abc import Sequence

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Digest,
    RawManifest,
    SourceCapabilities,
)
from tests.core.conformance.catching import caught_by
from tests.core.conformance.shelf import Shelf, ShelfSource


@caught_by(
    "source: a blob that is not there is a SourceError",
    "KeyError",
)
class RaisesKeyErrors(ShelfSource):
    """Looks a blob up, and that is that."""

    def blob(self, info: BlobInfo) -> ByteStream:
        return io.BytesIO(self.shelf.blobs[info.digest or Digest.of(b"")])


@caught_by(
    "source: a blob that is not there is a SourceError",
    "raised nothing",
)
class GivesNothing(ShelfSource):
    """Gives an empty blob where there is none."""

    def blob(self, info: BlobInfo) -> ByteStream:
        return io.BytesIO(self.shelf.blobs.get(info.digest or Digest.of(b""), b""))


@caught_by(
    "source: instances of an index have their digests",
    "raised nothing",
)
class KnowsEveryInstance(ShelfSource):
    """Gives its only manifest for any other."""

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        return self.shelf.manifest


@caught_by(
    "source: the manifest is what is stored",
    "other bytes",
    "copy: an image comes back the same",
    "copy: a copy of the copy is the same image",
)
class ReserialisesTheManifest(ShelfSource):
    """Stores the bytes that it got, and gives others."""

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        manifest = super().manifest(instance_digest)
        raw = json.dumps(json.loads(manifest.raw), sort_keys=True).encode()
        return RawManifest(raw, manifest.media_type)


@caught_by(
    "source: the manifest is what is stored",
    "different ones",
    "copy: an image comes back the same",
    "copy: a copy of the copy is the same image",
)
class DatesTheManifest(ShelfSource):
    """Makes a new manifest each time."""

    times = 0

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        manifest = super().manifest(instance_digest)
        self.times += 1
        return RawManifest(manifest.raw + b" " * self.times, manifest.media_type)


class Blocks(io.BytesIO):
    """Gives 512 bytes, whatever is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(512)


@caught_by(
    "source: small reads give the same bytes",
    "read(7) to return at most 7 bytes",
)
class ReadsInBlocks(ShelfSource):
    """Gives more than it is asked for."""

    def blob(self, info: BlobInfo) -> ByteStream:
        return Blocks(super().blob(info).read(1 << 30))


class BeginsAgain(io.BytesIO):
    """Begins again after its end."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            self.seek(0)
        return data


@caught_by(
    "source: a stream that has ended stays ended",
    "more bytes",
)
class NeverStops(ShelfSource):
    """Gives streams that end just once."""

    def blob(self, info: BlobInfo) -> ByteStream:
        return BeginsAgain(super().blob(info).read(1 << 30))


class Window:
    """A part of a file, which is read wherever the file is just now."""

    def __init__(self, file: io.BytesIO, start: int, size: int) -> None:
        self.file = file
        self.left = size
        file.seek(start)

    def read(self, size: int, /) -> bytes:
        data = self.file.read(min(size, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        pass


@caught_by(
    "source: blobs may be read in several threads",
    "the blob sha256:",
)
class SharesAFile(ShelfSource):
    """Declares that threads are welcome, and has one file with one position."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        self.file = io.BytesIO(b"".join(shelf.blobs.values()))
        ends = itertools.accumulate(map(len, shelf.blobs.values()))
        self.ends = dict(zip(shelf.blobs, ends, strict=True))

    def blob(self, info: BlobInfo) -> ByteStream:
        super().blob(info)
        assert info.digest is not None
        size = len(self.shelf.blobs[info.digest])
        return Window(self.file, self.ends[info.digest] - size, size)


@caught_by(
    "source: close may be called twice",
    "AssertionError",
)
class ClosesOnce(ShelfSource):
    """Complains about a second close."""

    is_closed = False

    def close(self) -> None:
        assert not self.is_closed
        self.is_closed = True


@caught_by(
    "source: capabilities are constant",
    "as before",
)
class ChangesItsMind(ShelfSource):
    """Declares something else once a blob was read."""

    was_read = False

    @property
    def capabilities(self) -> SourceCapabilities:  # type: ignore[override]  # as it may be
        return SourceCapabilities(parallel_blobs=not self.was_read)

    def blob(self, info: BlobInfo) -> ByteStream:
        self.was_read = True
        return super().blob(info)


@caught_by(
    "source: reading changes nothing",
    "the stored image",
)
class ForgetsWhatWasRead(ShelfSource):
    """Takes the image off its shelf."""

    def close(self) -> None:
        self.shelf.blobs.clear()


@caught_by(
    "source: blobs have their digests and sizes",
    "of 30000 bytes",
    "source: small reads give the same bytes",
    "source: blobs may be read in several threads",
    "copy: an image comes back the same",
    "copy: a copy of the copy is the same image",
)
class HasAnEnd(ShelfSource):
    """Gives the first bytes of a blob."""

    def blob(self, info: BlobInfo) -> ByteStream:
        return io.BytesIO(super().blob(info).read(1 << 30)[:30_000])


@caught_by(
    "source: it is a context manager that closes itself",
    "None",
    "copy: an image comes back the same",
    "copy: an image without layers comes back",
    "copy: a copy of the copy is the same image",
)
class EntersNothing(ShelfSource):
    """Gives a `with` block nothing."""

    def __enter__(self) -> None:  # type: ignore[override]  # that is the mistake
        return None


@caught_by("copy: an image without layers comes back", "IndexError")
class LooksAtTheFirstLayer(ShelfSource):
    """Needs a layer to look at."""

    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        manifest = super().manifest(instance_digest)
        json.loads(manifest.raw)["layers"][0]
        return manifest


@caught_by(
    "source: signatures are what is stored",
    "no signatures",
    "copy: an image comes back the same",
    "copy: an image without layers comes back",
    "copy: a copy of the copy is the same image",
)
class InventsSignatures(ShelfSource):
    """Signs what nobody has signed."""

    def signatures(self, instance_digest: Digest | None = None) -> Sequence[bytes]:
        return [b"approved"]


@caught_by("source: a closed source leaves nothing open", "reading an image")
class LeavesAFileOpen(ShelfSource):
    """Has a file for each image, and never closes it."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        os.open(os.devnull, os.O_RDONLY)
