"""Sources: what is read is what is there, however it is read."""

from contextlib import closing
from typing import Final

from attrs import evolve

from imgcopy_core_stubs.conformance.capabilities import INDEXES_TO_READ
from imgcopy_core_stubs.conformance.checking import stored_image
from imgcopy_core_stubs.conformance.law import About, law
from imgcopy_core_stubs.conformance.laws.indexes import store_index
from imgcopy_core_stubs.conformance.reading import blobs_of, read_blob, require_right, top_manifest
from imgcopy_core_stubs.conformance.subject import Subject, names_below
from imgcopy_core_stubs.conformance.trying import (
    calling,
    expecting,
    require,
    require_equal_names,
)
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import SourceError
from imgcopy_core_stubs.streams import CHUNK
from imgcopy_core_stubs.transport import BlobInfo, ImageSource

_ABSENT: Final = Digest.of(b"what no image has")
_SMALL: Final = 20_000
"""Up to how many bytes a blob is read seven at a time."""


@law(About.SOURCE, "an empty place is a SourceError")
def an_empty_place(subject: Subject) -> None:
    """Where nothing is, `open_source` or `manifest` raises a `SourceError`, and makes nothing."""
    spot = subject.new_spot()
    advice = "raise SourceNotFound(name) where there is no image"
    with (
        expecting("reading from an empty place", SourceError, advice=advice),
        spot.reference.open_source(subject.place.source_options) as source,
    ):
        source.manifest()
    require_equal_names(spot.names, names_below(spot.directory), "after looking for an image")


@law(About.SOURCE, "the manifest is what is stored")
def the_manifest(subject: Subject) -> None:
    """`manifest` gives the stored bytes, the same ones each time."""
    spot = subject.readable_spot()
    with subject.source(spot) as source:
        first, second = top_manifest(source), top_manifest(source)
        blobs_of(source)
    advice = "return the bytes as they are stored; where a format has none, make them just once"
    require(first == second, "the same manifest each time", "different ones", advice)
    if subject.place.stored is not None:
        expected = stored_image(subject, spot).manifest or first.raw
        require(first.raw == expected, "the stored manifest", "other bytes", advice)


@law(About.SOURCE, "blobs have their digests and sizes")
def blobs_are_what_they_should_be(subject: Subject) -> None:
    """Config and layers have the digest and size that the manifest says, each time."""
    with subject.source(subject.readable_spot()) as source:
        for info in blobs_of(source):
            for known in (info, evolve(info, size=None)):
                require_right(read_blob(source, known), info)


@law(About.SOURCE, "small reads give the same bytes")
def small_reads(subject: Subject) -> None:
    """A blob is the same whether it is read in large pieces or in small ones."""
    with subject.source(subject.readable_spot()) as source:
        for info in blobs_of(source):
            for piece in (7, 4096) if (info.size or 0) < _SMALL else (4096,):
                require_right(read_blob(source, info, piece=piece), info)


@law(About.SOURCE, "a stream that has ended stays ended")
def the_end_of_a_stream(subject: Subject) -> None:
    """After a read that gave `b""` every other one does."""
    with subject.source(subject.readable_spot()) as source:
        for info in blobs_of(source):
            with calling("reading a blob"), closing(source.blob(info)) as stream:
                while stream.read(CHUNK):
                    pass
                advice = "return b'' at the end and ever after"
                require(not stream.read(CHUNK), "b'' after the end", "more bytes", advice)


@law(About.SOURCE, "a blob that is not there is a SourceError")
def a_missing_blob(subject: Subject) -> None:
    """`blob`, or the first read, raises a `SourceError` for a digest that the image has not."""
    advice = "raise SourceNotFound for a digest that is unknown"
    with subject.source(subject.readable_spot()) as source:
        for info in (BlobInfo(_ABSENT), BlobInfo(_ABSENT, 1)):
            with expecting("reading a blob that is not there", SourceError, advice=advice):
                source.blob(info).read(1)


def _no_instances(subject: Subject) -> None:
    """A manifest that no index names is a `SourceError`."""
    with subject.source(subject.readable_spot()) as source:
        _require_no_instance(source)


@law(
    About.SOURCE,
    "instances of an index have their digests",
    capability=INDEXES_TO_READ,
    otherwise=_no_instances,
)
def instances(subject: Subject) -> None:
    """`manifest` gives an index, and each manifest that it names by digest."""
    spot, index, images = store_index(subject)
    advice = "return the stored bytes of the manifest with that digest"
    with subject.source(spot) as source:
        require(top_manifest(source).raw == index.raw, "the index", "other bytes", advice)
        for image in images:
            digest = image.manifest.digest
            with calling(f"manifest({digest})"):
                found = source.manifest(digest)
            require(found.raw == image.manifest.raw, f"manifest {digest}", "other bytes", advice)
        _require_no_instance(source)


@law(About.SOURCE, "close may be called twice")
def close_twice(subject: Subject) -> None:
    """A second `close` does nothing, that of a stream included."""
    with subject.source(subject.readable_spot()) as source:
        info = blobs_of(source)[0]
        with calling("closing a stream twice"):
            stream = source.blob(info)
            stream.read(1)
            stream.close()
            stream.close()
        with calling("closing a source twice"):
            source.close()
            source.close()


@law(About.SOURCE, "it is a context manager that closes itself")
def a_context_manager(subject: Subject) -> None:
    """`with` gives the source itself, and closes it."""
    advice = "inherit __enter__ and __exit__ from ImageSource"
    with calling("open_source"):
        source = subject.readable_spot().reference.open_source(subject.place.source_options)
    with calling("a with block", advice), source as entered:
        require(entered is source, "with … as to give the source", entered, advice)


@law(About.SOURCE, "reading changes nothing")
def reading_changes_nothing(subject: Subject) -> None:
    """A place is the same after its image was read, and has no other files."""
    spot = subject.readable_spot()
    stored = None if subject.place.stored is None else subject.stored(spot)
    names = names_below(spot.directory)
    with subject.source(spot) as source:
        for info in blobs_of(source):
            read_blob(source, info)
    require_equal_names(names, names_below(spot.directory), "after reading")
    if subject.place.stored is not None:
        now = subject.stored(spot)
        require(now == stored, "the stored image to be the same", "another", "only read")


@law(About.SOURCE, "an image that is there is listed")
def the_listing(subject: Subject) -> None:
    """`tags` lists every image of a place, or is None for a transport that knows no tags."""
    spot = subject.readable_spot()
    advice = "list each image by its tag, and as @N where it has none"
    with calling("tags", advice):
        tags = spot.reference.tags(subject.place.source_options)
        if tags is None:
            return
        found = list(tags)
        require(found, "the image that is there to be listed", "nothing is", advice)
        require(all(map(str.strip, found)), "tags to be texts, not empty", found, advice)
    stored = None if subject.place.stored is None else stored_image(subject, spot).tags
    if stored is not None:
        require(sorted(found) == sorted(stored), f"the tags {stored}", found, advice)


def _require_no_instance(source: ImageSource) -> None:
    advice = "raise SourceNotFound for a manifest that is unknown"
    with expecting("manifest() of a digest that is not there", SourceError, advice=advice):
        source.manifest(_ABSENT)
