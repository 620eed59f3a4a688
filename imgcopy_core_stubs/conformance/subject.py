"""A transport under trial: its places, what it declares, and what is really stored there."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from attrs import frozen

from imgcopy_core_stubs.capabilities import (
    CopyDemands,
    DestinationCapabilities,
    SourceCapabilities,
)
from imgcopy_core_stubs.conformance.errors import (
    BrokenKit,
    Damaged,
    LawBroken,
    described,
)
from imgcopy_core_stubs.conformance.images import Image, image_for
from imgcopy_core_stubs.conformance.place import Place, StoredImage
from imgcopy_core_stubs.conformance.storing import commit, put_image
from imgcopy_core_stubs.conformance.trying import (
    calling,
    require,
    require_equal_names,
    require_instance,
)
from imgcopy_core_stubs.errors import DestinationError
from imgcopy_core_stubs.transport import (
    ImageDestination,
    ImageReference,
    ImageSource,
)


@frozen
class Spot:
    """One place that an image can be in."""

    text: str
    reference: ImageReference
    directory: Path
    """The directory that belongs to it, whether the transport uses it or not."""
    names: frozenset[str]
    """The files that the directory held when the spot was new."""


class Subject:
    """A transport under trial.

    Args:
        place: What its author supplied.
        directory: An empty directory for this trial.
    """

    def __init__(self, place: Place, directory: Path) -> None:
        self.place = place
        self._directory = directory
        self._spots = 0

    @cached_property
    def capabilities(self) -> DestinationCapabilities:
        """What destinations declare: the object that the copy engine reads."""
        with self.destination(self.new_spot()) as destination:
            return destination_capabilities(destination)

    def fitted_capabilities(self, demands: CopyDemands) -> DestinationCapabilities:
        """What a destination declares that is opened for a copy with these demands."""
        spot = self.new_spot()
        with calling("fitted_options"):
            options = spot.reference.fitted_options(self.place.destination_options, demands)
        with calling("open_destination with the options of fitted_options"):
            destination = spot.reference.open_destination(options)
        with _closing(destination):
            return destination_capabilities(destination)

    @cached_property
    def source_capabilities(self) -> SourceCapabilities:
        """What sources declare."""
        with self.source(self.readable_spot()) as source:
            return source_capabilities(source)

    def new_spot(self) -> Spot:
        """Return a spot that is empty."""
        return self._supplied_spot(self.place.new_reference, "new_reference")

    def collection_spot(self) -> Spot:
        """Return a spot that is empty, for several images if the author supplies such ones."""
        if self.place.new_collection is not None:
            return self._supplied_spot(self.place.new_collection, "new_collection")
        return self.new_spot()

    def readable_spot(self) -> Spot:
        """Return a spot that holds an image: the author's, or one that the transport stores."""
        if self.place.existing is not None:
            return self._supplied_spot(self.place.existing, "existing")
        return self.store(image_for(self.capabilities, count=3, size=40_000))

    def store(self, image: Image) -> Spot:
        """Return a new spot that the transport stored an image in."""
        spot = self.new_spot()
        with self.destination(spot) as destination:
            put_image(destination, image)
            commit(destination)
        return spot

    @contextmanager
    def destination(self, spot: Spot) -> Iterator[ImageDestination]:
        """Open a destination, and close it in the end."""
        with calling("open_destination"):
            destination = spot.reference.open_destination(self.place.destination_options)
        require_instance(destination, ImageDestination, "open_destination")
        with _closing(destination):
            yield destination

    @contextmanager
    def second_destination(self, spot: Spot) -> Iterator[ImageDestination | None]:
        """Open a destination where an image is already, and close it; None if that is refused."""
        with calling("open_destination where an image is", "open it, or raise a DestinationError"):
            try:
                destination = spot.reference.open_destination(self.place.destination_options)
            except DestinationError:
                destination = None
        if destination is None:
            yield None
            return
        with _closing(destination):
            yield destination

    @contextmanager
    def source(self, spot: Spot) -> Iterator[ImageSource]:
        """Open a source, and close it in the end."""
        with calling("open_source", "make an image that was committed readable"):
            source = spot.reference.open_source(self.place.source_options)
        require_instance(source, ImageSource, "open_source")
        with _closing(source):
            yield source

    def stored(self, spot: Spot) -> StoredImage | None:
        """Return what is stored at a spot, as the author's read-back finds it."""
        if self.place.stored is None:
            raise BrokenKit("this law needs an independent read-back: give the Place a stored")
        try:
            return self.place.stored(spot.text)
        except (Damaged, LawBroken):
            raise
        except Exception as error:
            raise BrokenKit(f"stored raised {described(error)}") from error

    def require_untouched(self, spot: Spot, when: str) -> None:
        """Raise a `LawBroken` unless a spot is as empty as it was when it was new.

        Args:
            spot: The spot, whose destination has been closed without a commit.
            when: The circumstances, for messages ("after …").
        """
        require(
            self.stored(spot) is None,
            f"nothing to be stored {when}",
            "an image",
            "let nothing be visible before commit(), and drop what was put in close()",
        )
        require_equal_names(spot.names, names_below(spot.directory), when)

    def _supplied_spot(self, reference_in: Callable[[Path], str], what: str) -> Spot:
        self._spots += 1
        directory = self._directory / str(self._spots)
        directory.mkdir()
        try:
            text = reference_in(directory)
        except Exception as error:
            raise BrokenKit(f"{what} raised {described(error)}") from error
        names = names_below(directory)
        with calling(f"parse_reference({text!r})", "parse what your own Place supplies"):
            reference = self.place.transport.parse_reference(text)
        require_instance(reference, ImageReference, "parse_reference")
        return Spot(text, reference, directory, names)


def destination_capabilities(destination: ImageDestination) -> DestinationCapabilities:
    """Return what a destination declares."""
    with calling("capabilities"):
        capabilities = destination.capabilities
    require_instance(capabilities, DestinationCapabilities, "capabilities")
    return capabilities


def source_capabilities(source: ImageSource) -> SourceCapabilities:
    """Return what a source declares."""
    with calling("capabilities"):
        capabilities = source.capabilities
    require_instance(capabilities, SourceCapabilities, "capabilities")
    return capabilities


@contextmanager
def _closing(opened: ImageSource | ImageDestination) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the first thing that went wrong is the one to tell
            opened.close()
        raise
    with calling("close"):
        opened.close()


def names_below(directory: Path) -> frozenset[str]:
    """Return the names of everything below a directory, relative to it."""
    return frozenset(
        os.path.relpath(os.path.join(parent, name), directory)
        for parent, directories, files in os.walk(directory)
        for name in directories + files
    )
