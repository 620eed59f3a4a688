"""Destinations that lie about the blobs that they are given, each in one way."""

from attrs import evolve

from imgcopy_core_stubs import (
    BlobInfo,
    ByteStream,
    Digest,
    DigestMismatch,
    SizeMismatch,
    SourceReadFailed,
)
from tests.core.conformance.catching import COPIES, caught_by
from tests.core.conformance.shelf import Shelf, ShelfDestination


@caught_by(
    "destination: a blob of the wrong digest is refused",
    "raised nothing",
    "copy: a damaged source leaves nothing",
)
class IgnoresTheDigest(ShelfDestination):
    """Takes a wrong digest for a detail."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        data = b""
        try:
            while chunk := stream.read(100_000):
                data += chunk
        except DigestMismatch:
            pass
        return data


@caught_by(
    "destination: a stream is read to its end",
    "it stopped before",
    "destination: a blob of the wrong digest is refused",
    "destination: a stream that breaks leaves nothing",
    "destination: an interrupted blob leaves nothing",
    *COPIES,
    "copy: a damaged source leaves nothing",
)
class StopsAtTheSize(ShelfDestination):
    """Reads as many bytes as it was told, and never learns whether they were right."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        if info.size is None:
            return super().read(stream, info)
        data = b""
        while len(data) < info.size and (chunk := stream.read(100_000)):
            data += chunk
        return data


@caught_by(
    "destination: a blob one byte too long is refused",
    "raised nothing",
    "copy: a damaged source leaves nothing",
)
class CutsOffLongBlobs(ShelfDestination):
    """Stores the first bytes of a blob that exceeds its size."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        data = b""
        try:
            while chunk := stream.read(100_000):
                data += chunk
        except SizeMismatch as error:
            if error.actual is not None:
                raise
        return data


@caught_by(
    "destination: a blob one byte too short is refused",
    "raised nothing",
    "copy: a damaged source leaves nothing",
)
class AcceptsShortBlobs(ShelfDestination):
    """Takes what comes."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        data = b""
        try:
            while chunk := stream.read(100_000):
                data += chunk
        except SizeMismatch as error:
            if error.actual is None:
                raise
        return data


@caught_by(
    "destination: a stream that breaks leaves nothing",
    "not to be reusable",
)
class KeepsHalfABlob(ShelfDestination):
    """Stores while it reads, and does not clean up when the connection breaks."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        data = b""
        try:
            while chunk := stream.read(100_000):
                data += chunk
        except SourceReadFailed:
            self.blobs[info.digest or Digest.of(data)] = data
            raise
        return data


@caught_by(
    "destination: an interrupted blob leaves nothing",
    "no blob to be stored but those of the image",
)
class ForgetsInterrupts(ShelfDestination):
    """Cleans up after exceptions, of which Ctrl-C is none."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        partial = Digest.of(b"partial blob %d" % len(self.blobs))
        data = b""
        try:
            while chunk := stream.read(100_000):
                data += chunk
                self.blobs[partial] = data
        except Exception:
            self.blobs.pop(partial, None)
            raise
        self.blobs.pop(partial, None)
        return data


@caught_by(
    "destination: an interrupted blob leaves nothing",
    "raise Interrupted",
    "copy: an interrupted copy leaves nothing",
)
class SwallowsInterrupts(ShelfDestination):
    """Takes Ctrl-C for the end of the stream."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        data = b""
        try:
            while chunk := stream.read(100_000):
                data += chunk
        except KeyboardInterrupt:
            pass
        return data


@caught_by(
    "destination: a stream that breaks leaves nothing",
    "RuntimeError: upload failed",
    "destination: a blob that fails in one of several threads leaves nothing",
    "copy: a damaged source leaves nothing",
)
class RaisesItsOwnError(ShelfDestination):
    """Hides which side failed."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        try:
            return super().read(stream, info)
        except SourceReadFailed as error:
            raise RuntimeError("upload failed") from error


@caught_by(
    "destination: a stream may give few bytes at a time",
    "they differ from byte",
)
class TakesAShortReadForTheEnd(ShelfDestination):
    """Reads in blocks, and thinks that only the last one can be short."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        chunks = [stream.read(512)]
        while len(chunks[-1]) == 512:
            chunks.append(stream.read(512))
        return b"".join(chunks) + stream.read(512)


@caught_by(
    "destination: a blob of unknown size is stored",
    "TypeError",
    "destination: a blob of unknown digest and size is stored",
    "destination: a repeated blob is stored once",
    "destination: a stream that breaks leaves nothing",
    "destination: blobs from several threads do not mix",
    "destination: a wrong size hint does no harm",
)
class NeedsTheSize(ShelfDestination):
    """Cannot do without a size."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        buffer = bytearray(info.size)  # type: ignore[arg-type]  # that is the mistake
        data = super().read(stream, info)
        buffer[:] = data
        return bytes(buffer)


@caught_by(
    "destination: a blob of unknown size is stored",
    "to return sha256:",
    "destination: a blob of unknown digest and size is stored",
    "destination: a repeated blob is stored once",
    "destination: a wrong size hint does no harm",
)
class ReportsAnotherSize(ShelfDestination):
    """Measures a blob whose size was not known with the padding that it adds."""

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        stored = super().put_blob(stream, info, is_config=is_config)
        padding = 0 if stored.size is None or info.size is not None else -stored.size % 512
        return evolve(stored, size=(stored.size or 0) + padding)


@caught_by(
    "destination: a wrong size hint does no harm",
    "to return sha256:",
    "destination: blobs from several threads do not mix",
)
class BelievesAHint(ShelfDestination):
    """Keeps as many bytes as it was hinted at."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        return super().read(stream, info)[: info.size_hint]


@caught_by(
    "destination: a blob of unknown digest is stored",
    "None of",
    "destination: a blob of unknown size is stored",
    "destination: a blob of unknown digest and size is stored",
    "destination: a repeated blob is stored once",
    "destination: a wrong size hint does no harm",
)
class ReportsNothing(ShelfDestination):
    """Returns what it was given, whatever was known of that."""

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        super().put_blob(stream, info, is_config=is_config)
        return info


@caught_by(
    "destination: blobs from several threads do not mix",
    "byte for byte",
)
class SharesABuffer(ShelfDestination):
    """Declares that threads are welcome, and lets them use one buffer."""

    def __init__(self, name: str, shelves: dict[str, Shelf]) -> None:
        super().__init__(name, shelves)
        self.buffer = b""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        self.buffer = b""
        while chunk := stream.read(100_000):
            self.buffer += chunk
        return self.buffer


@caught_by("destination: an empty blob is stored", "no such blob")
class DropsEmptyBlobs(ShelfDestination):
    """Sees no point in storing nothing."""

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        stored = super().put_blob(stream, info, is_config=is_config)
        if not stored.size and stored.digest is not None:
            del self.blobs[stored.digest]
        return stored


@caught_by("destination: a blob of several chunks is stored", "1000000 bytes, not")
class HasAnEnd(ShelfDestination):
    """Stores the first megabyte."""

    def read(self, stream: ByteStream, info: BlobInfo) -> bytes:
        return super().read(stream, info)[: 1000 * 1000]


@caught_by(
    "destination: put_blob says what it stored",
    "to return sha256:",
    *(law for law in COPIES if "interrupted" not in law),
    "copy: an image without layers is copied",
    "copy: an image without layers comes back",
)
class MeasuresConfigsInKilobytes(ShelfDestination):
    """Returns the size in another unit."""

    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        stored = super().put_blob(stream, info, is_config=is_config)
        known = info.size is not None and info.digest is not None and is_config
        return evolve(stored, size=(stored.size or 0) // 1024) if known else stored
