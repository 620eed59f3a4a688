"""The contract of a transport: small protocols that the copy engine works through.

A `Transport` parses references; an `ImageReference` opens an `ImageSource` to read an image or an
`ImageDestination` to store one. Where a place holds several images, it opens `StoredImages` to read
them all, or an `ImageCollection` to store several. Everything is synchronous. Errors are those of
`errors`: a source raises `SourceError`s, a destination `DestinationError`s, so a message says which
side failed.

It is one file, longer than others, because whoever writes a transport reads it from end to end.

To implement a protocol, subclass it: what is abstract is missing until you define it, what has a
body here is derived from the rest.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, Self, runtime_checkable

from attrs import field, frozen

from imgcopy_core_stubs.capabilities import (
    CopyDemands,
    DestinationCapabilities,
    SourceCapabilities,
)
from imgcopy_core_stubs.closing import Closing
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import UsageError
from imgcopy_core_stubs.manifest import Descriptor, ImageManifest, RawManifest
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.reference import DockerReference
from imgcopy_core_stubs.streams import ByteStream
from imgcopy_core_stubs.value import Value

if TYPE_CHECKING:  # a copy does not need it
    from imgcopy_core_stubs.examination import Examination

API_VERSION: Final = 1
"""The version of this contract; a transport names the one that it was written for."""


@frozen(eq=False, repr=False)
class BlobInfo(Value):
    """A blob, as far as it is known: `None` is unknown, where the contract allows that."""

    digest: Digest | None = None
    size: int | None = None
    media_type: str = ""
    urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(factory=dict, hash=False)
    size_hint: int | None = field(default=None, kw_only=True, eq=False)
    """What `size` probably is where it is unknown, as a compressed layer tells it of its content.
    Nobody has verified it."""

    @classmethod
    def of(cls, descriptor: Descriptor) -> Self:
        """Return the blob that a descriptor names."""
        return cls(
            descriptor.digest,
            descriptor.size,
            descriptor.media_type,
            descriptor.urls,
            descriptor.annotations,
        )


@runtime_checkable
class Transport(Protocol):
    """A kind of place that images are in, named by the scheme in front of a reference's colon."""

    api_version: ClassVar[int] = API_VERSION
    scheme: ClassVar[str]

    source_options: ClassVar[type | None] = None
    """The attrs class of the options for reading (`--src-opt`); None: there are none."""

    destination_options: ClassVar[type | None] = None
    """The attrs class of the options for writing (`--dest-opt`); None: there are none.

    Some fields have options of the command of their own: `existing`, an enumeration, is set to
    `replace` by `--overwrite` and to `append` by `--append`, `additional_tags` by
    `--additional-tag`, and `temporary_directory`, for reading too, by `--tmpdir`.
    """

    @abstractmethod
    def parse_reference(self, text: str) -> "ImageReference":
        """Parse what follows `scheme:`. Touches neither the file system nor the network.

        Raises:
            InvalidReference: The text is malformed; the error names the part.
        """


@runtime_checkable
class ImageReference(Protocol):
    """One image's place. Immutable; `str()` gives the text that parses to an equal reference."""

    scheme: ClassVar[str]

    @abstractmethod
    def __str__(self) -> str:
        """Return the reference without its scheme."""

    @property
    def docker_reference(self) -> DockerReference | None:
        """The name that the image has at this place, where the transport knows such names."""
        return None

    @property
    def path(self) -> str | None:
        """The file or directory that is written, where there is one.

        A copy from a regular file to itself is refused, and so is a digest file in such a place. A
        transport that can copy from one image to another in the same file has None here.
        """
        return None

    def tags(self, options: object | None = None) -> Sequence[str] | None:
        """List the images at this place, as text that `imgcopy list-tags` prints.

        An image without a tag is listed as `@N`, N counting all images there from 0. None: the
        transport knows no tags.

        Raises:
            SourceError: The place cannot be read.
        """
        del options
        return None

    def names(self, options: object | None = None) -> Sequence[DockerReference]:
        """Return the names that the image has at this place, which a copy of it can inherit.

        Raises:
            SourceError: The place has to be read, and cannot be.
        """
        del options
        return [] if self.docker_reference is None else [self.docker_reference]

    def local_names(self, options: object | None = None) -> Sequence[str]:
        """Return what the image is called at this place, in the transport's own words.

        A copy at another place of the transport can inherit these names, such as the tags of a
        layout, that mean nothing elsewhere. A name that another image there has too is none.

        Raises:
            SourceError: The place has to be read, and cannot be.
        """
        del options
        return ()

    def open_images(self, options: object | None = None) -> "StoredImages":
        """Open all images at this place, for reading; the caller closes what is returned.

        A reference that names one of several images gives just that one.

        Raises:
            SourceError: The place cannot be read.
        """
        del options
        return OnlyImage(self)

    def open_collection(self, options: object | None = None) -> "ImageCollection":
        """Prepare to store several images at this place; the caller closes what is returned.

        Args:
            options: An instance of the transport's `destination_options`; None: the defaults. They
                are for all images: what opens a destination at a place of the collection gives
                none.

        Raises:
            UsageError: A place of this transport holds one image, or the reference names one.
            DestinationError: Nothing can be stored there.
        """
        del options
        problem = f"a place of {quote(self.scheme)} holds one image, and several are to go there"
        raise UsageError(problem)

    def fitted_options(self, options: object | None, demands: CopyDemands) -> object | None:
        """Return the options for writing, fitted to what a copy demands.

        The engine asks before it opens the destination. What the user chose stays as it is: if it
        does not do, the destination's capabilities will say so.

        Args:
            options: An instance of the transport's `destination_options`; None: the defaults.
            demands: What the copy needs.
        """
        del demands
        return options

    @abstractmethod
    def open_source(self, options: object | None = None) -> "ImageSource":
        """Open the image for reading; the caller closes what is returned.

        Args:
            options: An instance of the transport's `source_options`; None: the defaults.

        Raises:
            SourceError: It is not there, or cannot be read.
        """

    @abstractmethod
    def open_destination(self, options: object | None = None) -> "ImageDestination":
        """Prepare to store an image; the caller closes what is returned.

        What can be known before any byte is read from a source (the place exists already, is not
        writable) is refused here.

        Args:
            options: An instance of the transport's `destination_options`; None: the defaults.

        Raises:
            DestinationError: Nothing can be stored there.
        """


@runtime_checkable
class StoredImages(Closing, Protocol):
    """All images at a place, opened once. A context manager that closes itself."""

    @abstractmethod
    def references(self) -> Sequence[ImageReference]:
        """Return the images in their order. They can be opened for as long as this object is.

        Raises:
            SourceError: The place does not tell which images there are.
        """

    def examine(self) -> "Examination":
        """Look for what is wrong with the place as a whole, and who would read it.

        This is what the images' own validation does not see: how they are put together there. A
        place that does not even tell which images there are may be examined.

        Raises:
            SourceError: The place cannot be read at all.
        """
        from imgcopy_core_stubs.examination import Examination  # noqa: PLC0415  (see above)

        return Examination()


class OnlyImage(StoredImages):
    """The one image of a place that holds no more."""

    def __init__(self, reference: ImageReference) -> None:
        self._reference = reference

    def references(self) -> Sequence[ImageReference]:
        """Return the image."""
        return [self._reference]

    def close(self) -> None:
        """Do nothing: a source opens what it reads."""


@runtime_checkable
class ImageCollection(Closing, Protocol):
    """Several images on their way to one place. A context manager that closes itself."""

    @abstractmethod
    def place(
        self, names: Sequence[DockerReference], local_names: Sequence[str] = ()
    ) -> ImageReference:
        """Return the place of the next image; a destination is opened there, one at a time.

        If an earlier image of the collection has one of the names, this one has it then.

        Args:
            names: The image's names, each with a tag; none: it has none.
            local_names: What it is called at a place of the same transport, which is to be kept
                rather than `names`; none: it comes from elsewhere, or is called nothing there.

        Raises:
            UnsupportedByDestination: The image cannot be told from the others there.
        """

    @abstractmethod
    def commit(self) -> None:
        """Make all images visible, as far as each one's own `commit` has not done that.

        Raises:
            DestinationError: That failed.
        """


@runtime_checkable
class ImageSource(Closing, Protocol):
    """An image, or an index of images, to read. A context manager that closes itself."""

    @property
    @abstractmethod
    def capabilities(self) -> SourceCapabilities:
        """What this source can do."""

    @abstractmethod
    def manifest(self, instance_digest: Digest | None = None) -> RawManifest:
        """Return the manifest or index as it is stored.

        Args:
            instance_digest: A manifest that the index names; None: the top-level one.

        Raises:
            SourceError: It is missing, too large, or does not have its digest.
        """

    @abstractmethod
    def blob(self, info: BlobInfo) -> ByteStream:
        """Open a blob, as it is stored; the caller closes the stream.

        The stream need not verify anything: the engine does.

        Raises:
            SourceError: It is missing or cannot be read.
        """

    def signatures(self, instance_digest: Digest | None = None) -> Sequence[bytes]:
        """Return the image's simple signatures; most transports have none."""
        del instance_digest
        return ()

    def layer_infos_for_copy(self, manifest: ImageManifest) -> Sequence[BlobInfo] | None:
        """Return other blobs to read in place of the manifest's layers, one for each.

        For sources that hold a layer in another form than the manifest says. None: as it says.
        """
        del manifest
        return None


@runtime_checkable
class ImageDestination(Closing, Protocol):
    """A place to store one image in, or an index of images. A context manager that closes itself.

    The order of calls: any number of blobs, then the manifests that name them (an index last), then
    signatures, then `commit`. Nothing is visible before `commit`; `close` without `commit` leaves
    everything as it was before.
    """

    @property
    @abstractmethod
    def capabilities(self) -> DestinationCapabilities:
        """What this destination can do: the same answers for as long as it lives."""

    @abstractmethod
    def put_blob(self, stream: ByteStream, info: BlobInfo, *, is_config: bool) -> BlobInfo:
        """Store a blob.

        Reads the stream to its end, where it raises if what it gave does not have the digest or
        size that `info` names; such a blob must not stay. A blob without a digest is stored under
        the one that its bytes turn out to have.

        Any `BaseException` may come out of the stream, for the engine stops a copy by one that is
        no `Exception`. So clean up in `finally` or `except BaseException`.

        Args:
            stream: The bytes; the caller closes it.
            info: What is known of the blob. Digest and size may be unknown; a size that is only
                hinted at may turn out wrong.
            is_config: It is an image's config.

        Returns:
            The blob with its digest and size.

        Raises:
            DestinationError: It cannot be stored.
            SourceError: Passed on from the stream.
        """

    @abstractmethod
    def try_reusing_blob(self, info: BlobInfo, *, can_substitute: bool) -> BlobInfo | None:
        """Return a blob that is here already and need not be put, or None.

        The answer has the size that the blob has here, whatever `info` says: that comes from a
        manifest, and the engine holds one against the other.

        Args:
            info: The blob that is wanted; its digest must be known.
            can_substitute: A blob of the same content in another form would do as well. The engine
                always says False yet.

        Raises:
            DestinationStateError: The digest is unknown, which is a bug of the caller.
        """

    @abstractmethod
    def put_manifest(self, manifest: RawManifest, *, instance_digest: Digest | None = None) -> None:
        """Store a manifest, byte for byte, whose blobs have all been put or reused.

        Args:
            manifest: The bytes and their media type.
            instance_digest: Its digest, when an index that names it follows; None: the top level.

        Raises:
            UnsupportedByDestination: Its type is none of `capabilities.manifest_types`.
        """

    @abstractmethod
    def put_signatures(
        self, signatures: Sequence[bytes], *, instance_digest: Digest | None = None
    ) -> None:
        """Store simple signatures of a manifest. An empty sequence is always accepted.

        Raises:
            UnsupportedByDestination: `capabilities.signatures_refusal` says why.
        """

    @abstractmethod
    def commit(self) -> None:
        """Make the image visible, all at once. Called once, after everything was put.

        Raises:
            DestinationError: That failed, and nothing is visible.
            DestinationStateError: It was committed already, is closed, or no manifest was put.
        """
