"""Places of several images that lie, each in one way."""

from collections.abc import Sequence

from attrs import evolve, frozen

from imgcopy_core_stubs import DockerReference, ImageCollection, ImageReference, StoredImages
from tests.core.conformance.catching import caught_by
from tests.core.conformance.shelf import ShelfReference


class Listed(StoredImages):
    def __init__(self, references: Sequence[ImageReference]) -> None:
        self._references = references

    def references(self) -> Sequence[ImageReference]:
        return self._references

    def close(self) -> None:
        pass


@frozen
class NamedShelf(ShelfReference):
    """One of several shelves."""

    def names(self, options: object | None = None) -> Sequence[DockerReference]:
        return [DockerReference.parse(self.name.partition("//")[2])]


def shelves_of(wall: ShelfReference, kind: type[NamedShelf]) -> StoredImages:
    """List the shelves of a wall, or the one that there is without one."""
    shelves = [name for name in wall.transport.shelves if name.startswith(f"{wall.name}//")]
    return Listed([kind(name, wall.transport) for name in shelves] or [wall])


class Wall(ImageCollection):
    """Shelves side by side, named by the place and the image's name."""

    def __init__(self, reference: ShelfReference) -> None:
        self.reference = reference

    def place(
        self, names: Sequence[DockerReference], local_names: Sequence[str] = ()
    ) -> ImageReference:
        return evolve(self.reference, name=f"{self.reference.name}//{names[0]}")

    def commit(self) -> None:
        pass

    def close(self) -> None:
        pass


class Forgetful(Wall):
    """Takes every image for the first one."""

    def place(
        self, names: Sequence[DockerReference], local_names: Sequence[str] = ()
    ) -> ImageReference:
        return super().place([DockerReference.parse("example.org/kit/one:1")])


@caught_by("source: all images of a place are given", "to give the image that is stored")
@frozen
class GivesNone(ShelfReference):
    """Holds several images, and gives none of them."""

    def open_images(self, options: object | None = None) -> StoredImages:
        return Listed([])


@caught_by("copy: several images go to one place", "images named")
@frozen
class TakesOne(ShelfReference):
    """Takes several images, and keeps the last."""

    def open_collection(self, options: object | None = None) -> ImageCollection:
        return Forgetful(self)

    def open_images(self, options: object | None = None) -> StoredImages:
        return shelves_of(self, NamedShelf)


@frozen
class LocallyNamedShelf(NamedShelf):
    """One of several shelves, with a name of its own."""

    def local_names(self, options: object | None = None) -> Sequence[str]:
        return [str(name) for name in self.names(options)]


@caught_by("copy: names that only the transport knows are kept", "images called")
@frozen
class ForgetsLocalNames(ShelfReference):
    """Tells what images are called here, and does not call others so."""

    def open_collection(self, options: object | None = None) -> ImageCollection:
        return Wall(self)

    def open_images(self, options: object | None = None) -> StoredImages:
        return shelves_of(self, LocallyNamedShelf)
