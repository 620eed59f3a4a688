"""Blobs that are read by several threads at a time."""

import threading
from typing import Final

from imgcopy_core_stubs.conformance.capabilities import PARALLEL_READS
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.reading import blobs_of, read_blob, require_right
from imgcopy_core_stubs.conformance.subject import Subject
from imgcopy_core_stubs.conformance.trying import calling, require
from imgcopy_core_stubs.streams import CHUNK
from imgcopy_core_stubs.transport import BlobInfo, ImageSource

_THREADS: Final = 4
_PATIENCE: Final = 60
"""Seconds after which threads are taken to hang."""
_FIRST_READ: Final = 10_000
_ADVICE: Final = "give each stream a position of its own, or declare parallel_blobs=False"


def _one_blob_at_a_time(subject: Subject) -> None:
    """Where `parallel_blobs` is False, one blob is read after the other."""
    with subject.source(subject.readable_spot()) as source:
        for info in blobs_of(source):
            require_right(read_blob(source, info), info)


@law(
    About.SOURCE,
    "blobs may be read in several threads",
    capability=PARALLEL_READS,
    otherwise=_one_blob_at_a_time,
)
def parallel_reads(subject: Subject) -> None:
    """Streams that are read in turns, from several threads, do not mix."""
    with subject.source(subject.readable_spot()) as source:
        infos = (blobs_of(source) * _THREADS)[:_THREADS]
        for info, found in zip(infos, _read_in_threads(source, infos), strict=True):
            require_right(found, info)


def _read_in_threads(source: ImageSource, infos: list[BlobInfo]) -> list[bytes]:
    """Read each blob in a thread of its own: all are begun before any is read on."""
    barrier = threading.Barrier(len(infos), timeout=_PATIENCE)
    found = [b""] * len(infos)
    errors: list[BaseException] = []

    def read(number: int) -> None:
        try:
            found[number] = _read_in_step(barrier, source, infos[number])
        except BaseException as error:  # noqa: BLE001  (handed to the caller)
            errors.append(error)
            barrier.abort()  # the others need not wait for this one

    threads = [threading.Thread(target=read, args=(n,), daemon=True) for n in range(len(infos))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * _PATIENCE)
        require(not thread.is_alive(), "threads that read blobs to end", "one hangs", _ADVICE)
    with calling("reading from several threads at a time", _ADVICE):
        if errors:
            raise errors[0]
    return found


def _read_in_step(barrier: threading.Barrier, source: ImageSource, info: BlobInfo) -> bytes:
    stream = source.blob(info)
    try:
        barrier.wait()
        chunks = [stream.read(_FIRST_READ)]
        barrier.wait()
        while chunk := stream.read(CHUNK):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        stream.close()
