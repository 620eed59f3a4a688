"""One blob's way from a source to a destination.

A layer that the destination wants decompressed takes this way, each arrow a stream around the one
before, and each `|` a thread boundary with a few chunks of room:

    source -> verify digest and size | -> decompress | -> verify diff ID -> destination

So decompressing and all else run at the same time, and memory does not grow with the layer. One
thread does what stands on the left and on the right, if the source has the layer stored here, and
whichever of the two would wait hashes what was read. Where reading may mean waiting for a network,
another one does what stands on the left.

A layer that stays as it is passes through one thread if the source has it stored here: its bytes
stay in the processor's cache. It is hashed in another one when it is the last. It is hashed once:
if it is not compressed, its digest is its diff ID.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from attrs import evolve

from imgcopy_core_stubs import media_types
from imgcopy_core_stubs._copy_streams import (
    CancellableReadAhead,
    Cancellation,
    HandoverStream,
    HashedApartWhenLast,
    LimitedStream,
    SourceStream,
)
from imgcopy_core_stubs._decompressed_apart import DecompressedApart
from imgcopy_core_stubs._parallel import Turn
from imgcopy_core_stubs._size_hint import unpacked_size_hint
from imgcopy_core_stubs.compression import (
    CompressedStream,
    Compression,
    sniff_stream,
)
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import (
    DestinationStateError,
    DestinationWriteFailed,
    SizeMismatch,
    SourceNotFound,
    TooLarge,
)
from imgcopy_core_stubs.json_documents import DOCUMENT_LIMIT
from imgcopy_core_stubs.manifest import Descriptor
from imgcopy_core_stubs.quoting import listing
from imgcopy_core_stubs.streams import ByteStream, StoredStream, VerifyingStream
from imgcopy_core_stubs.transport import BlobInfo, ImageDestination, ImageSource

LayerKey: TypeAlias = tuple[Digest, Digest | None]


class LayerTask(NamedTuple):
    """A layer to copy, and what is to be done to it."""

    blob: BlobInfo
    """The layer as the source has it; its digest is known."""
    diff_id: Digest | None
    """The digest of its decompressed bytes, where the image is one that has diff IDs."""
    accepted: frozenset[Compression]
    """How it may be compressed and be stored as it comes."""
    otherwise: Compression
    """How it is to be compressed if it comes in another way."""
    limit: int | None
    """The most bytes that it may decompress to."""
    what: str
    """Its name for error messages."""
    is_repetition: bool = False
    """Another blob of the image has the same diff ID. This one is read all the same: that its
    content is the same has to be seen."""

    @property
    def key(self) -> LayerKey:
        """What makes two tasks of an image one and the same."""
        return self.source_digest, self.diff_id

    @property
    def source_digest(self) -> Digest:
        """The digest of the layer as the source has it."""
        assert self.blob.digest is not None  # noqa: S101  (a manifest's layers have one)
        return self.blob.digest

    @property
    def wanted(self) -> BlobInfo | None:
        """The blob that would make copying needless; None: its digest is not known before."""
        if self.accepted != {Compression.NONE}:
            return self.blob
        if self.diff_id is None or self.is_repetition:
            return None
        return evolve(self.blob, digest=self.diff_id, size=None)

    def stored_compression(self, compression: Compression) -> Compression:
        """Return how the layer is stored if the source has it compressed in this way."""
        if compression in self.accepted:
            return compression
        return Compression.NONE if Compression.NONE in self.accepted else self.otherwise


class StoredLayer(NamedTuple):
    """A layer as the destination has it."""

    digest: Digest
    size: int
    compression: Compression | None
    """How it is compressed, where that was looked at."""


def read_document(source: ImageSource, descriptor: Descriptor, what: str) -> bytes:
    """Read a small blob, such as a config, and verify it.

    Raises:
        SourceError: It is missing, has more than 4 MiB, or does not verify.
    """
    if descriptor.size > DOCUMENT_LIMIT:
        raise TooLarge(what, DOCUMENT_LIMIT)
    stream = SourceStream(source.blob(BlobInfo.of(descriptor)), what)
    with VerifyingStream(stream, what, digest=descriptor.digest, size=descriptor.size) as verifying:
        return b"".join(iter(lambda: verifying.read(DOCUMENT_LIMIT), b""))


def put_document(
    destination: ImageDestination, raw: bytes, descriptor: Descriptor, name: str
) -> None:
    """Store an image's config, which was read and verified before."""
    stream = VerifyingStream(io.BytesIO(raw), name, digest=descriptor.digest, size=len(raw))
    _put(destination, stream, BlobInfo.of(descriptor), name, is_config=True)


def reuse_layer(destination: ImageDestination, task: LayerTask) -> StoredLayer | None:
    """Return the layer if the destination has it already, in the form that is wanted there.

    Raises:
        SizeMismatch: It has another size than the manifest says: another manifest named the same
            layer with its true size.
    """
    if task.wanted is None:
        return None
    reused = destination.try_reusing_blob(task.wanted, can_substitute=False)
    if reused is None or reused.digest is None or reused.size is None:
        return None
    if task.wanted.size not in (None, reused.size):
        raise SizeMismatch(task.what, task.wanted.size, reused.size)
    compression = Compression.NONE if task.accepted == {Compression.NONE} else None
    return StoredLayer(reused.digest, reused.size, compression)


def copy_layer(
    source: ImageSource,
    destination: ImageDestination,
    task: LayerTask,
    name: str,
    *,
    turn: Turn,
    progress: Callable[[int], None] | None,
    cancelled: Cancellation,
) -> StoredLayer:
    """Copy one layer, verifying all that is known of it.

    Args:
        source: Where it is read.
        destination: Where it is put.
        task: What to copy, and how.
        name: The destination's name for error messages.
        turn: When it may be put; passed on as soon as the destination begins to read.
        progress: Called with the number of bytes read so far, in the thread that reads; None:
            nobody wants to know.
        cancelled: Ends the copy when set, at its next chunk or where it waits for one.

    Raises:
        SourceError: The layer cannot be read or does not verify; the destination has been told.
        DestinationError: The layer cannot be stored.
    """
    blob, what = task.blob, task.what
    stored_stream = _open_layer(source, blob)
    stream: ByteStream = SourceStream(stored_stream, what, progress, cancelled)

    def ahead(stream: ByteStream) -> ByteStream:
        return CancellableReadAhead(stream, cancelled)

    try:
        # 1. Verify what is read.
        stream = VerifyingStream(stream, what, digest=blob.digest, size=blob.size)
        verifying = [stream]
        compression, stream = sniff_stream(stream)
        stored_compression = task.stored_compression(compression)
        wanted = blob
        if compression is Compression.NONE:
            stream = _plain_layer(task, stream)
            if task.diff_id not in (None, blob.digest):  # of another algorithm, or it is damaged
                stream = VerifyingStream(stream, f"the content of {what}", digest=task.diff_id)
                verifying.append(stream)
                if task.accepted == {Compression.NONE}:
                    wanted = evolve(blob, digest=task.diff_id)
        is_stored_here = isinstance(stored_stream, StoredStream)  # or reading may mean waiting
        if compression is stored_compression:
            stream = (
                HashedApartWhenLast(stream, verifying, turn) if is_stored_here else ahead(stream)
            )

        # 2. Decompress what cannot stay as it is, and verify the diff ID.
        elif compression is not Compression.NONE:
            size_hint = unpacked_size_hint(stored_stream, compression, blob.size)
            if is_stored_here:
                meanwhile = verifying[0].hash_later()
                stream = DecompressedApart(stream, compression, what, meanwhile=meanwhile)
            else:
                stream = DecompressedApart(ahead(stream), compression, what)
            stream = VerifyingStream(
                stream, f"the content of {what}", digest=task.diff_id, limit=task.limit
            )
            compression = Compression.NONE
            wanted = evolve(blob, digest=task.diff_id, size=None, size_hint=size_hint)

        # 3. Compress.
        if compression is not stored_compression:
            stream = ahead(CompressedStream(ahead(stream), stored_compression))
            wanted = evolve(blob, digest=None, size=None)

        # 4. Store.
        turn.wait()
        stream = handover = HandoverStream(stream, turn, cancelled)
        stored = _put(destination, stream, wanted, name, is_config=False)
        if not handover.finished:
            raise DestinationStateError(name, "put_blob did not read the blob to its end")
        return StoredLayer(*stored, stored_compression)
    finally:
        stream.close()


def _open_layer(source: ImageSource, blob: BlobInfo) -> ByteStream:
    try:
        return source.blob(blob)
    except SourceNotFound as error:
        if not media_types.is_foreign_layer(blob.media_type):
            raise
        problem = (
            f"{error.problem}; it is a foreign layer, to be fetched from {_hosts(blob.urls)} "
            '("skopeo copy" from a registry to dir: does that, and what it stores can be copied)'
        )
        raise SourceNotFound(error.name, problem) from error


def _hosts(urls: Sequence[str]) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415  (not needed unless something is wrong)

    hosts = {}
    for url in urls:
        with contextlib.suppress(ValueError):
            hosts[urlsplit(url).hostname or url] = True
    return listing(hosts) if hosts else "a URL"


def _plain_layer(task: LayerTask, stream: ByteStream) -> ByteStream:
    """Return the stream of a layer that is not compressed, held against the limit."""
    name = f"the content of {task.what}"
    if task.limit is None:
        return stream
    if task.blob.size is None:
        return LimitedStream(stream, name, task.limit)
    if task.blob.size > task.limit:
        raise TooLarge(name, task.limit)
    return stream


def _put(
    destination: ImageDestination,
    stream: ByteStream,
    wanted: BlobInfo,
    name: str,
    *,
    is_config: bool,
) -> tuple[Digest, int]:
    """Put a blob, and hold what the destination says of it against what was asked for."""
    try:
        stored = destination.put_blob(stream, wanted, is_config=is_config)
    except OSError as error:  # the stream's own errors are SourceErrors
        raise DestinationWriteFailed(name, error) from error
    if stored.digest is None or stored.size is None:
        raise DestinationStateError(name, "put_blob did not say which digest and size it stored")
    if wanted.digest not in (None, stored.digest) or wanted.size not in (None, stored.size):
        problem = (
            f"put_blob says that it stored {stored.digest} of {stored.size} bytes, "
            f"not {wanted.digest} of {wanted.size}"
        )
        raise DestinationStateError(name, problem)
    return stored.digest, stored.size
