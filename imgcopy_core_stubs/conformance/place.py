"""What an author supplies: the transport, fresh places for it, and an independent read-back."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from imgcopy_core_stubs.conformance.errors import Damaged, described
from imgcopy_core_stubs.transport import Transport


def _as_pairs(
    blobs: Mapping[str, bytes] | Iterable[tuple[str, bytes]],
) -> tuple[tuple[str, bytes], ...]:
    return tuple(blobs.items() if isinstance(blobs, Mapping) else blobs)


@frozen(kw_only=True)
class StoredImage:
    """What is at a place, found out without the transport. Digests are text (`sha256:…`)."""

    manifest: bytes | None
    """The top-level manifest or index as it is stored. None: the format keeps no manifest, so
    `config` and `layers` say what the image consists of."""

    blobs: tuple[tuple[str, bytes], ...] = field(converter=_as_pairs)
    """Every blob of the place with the digest that it is stored under, those of no image included.
    A mapping will do; give pairs where the format could hold a blob twice."""

    config: str | None = None
    """The digest of the config, where there is no manifest that names it."""

    layers: tuple[str, ...] | None = None
    """The digests of the layers in order, where there is no manifest that names them."""

    instances: Mapping[str, bytes] = field(factory=dict)
    """The manifests below an index by digest, where they are not among the blobs."""

    signatures: tuple[bytes, ...] = ()
    """The signatures of the top-level manifest, in order."""

    tags: tuple[str, ...] | None = None
    """What `ImageReference.tags` must list, where the format has tags. None: it is not checked."""

    @property
    def config_digest(self) -> str:
        """The digest of the image's config.

        Raises:
            Damaged: The manifest is none.
        """
        if self.manifest is None:
            return self.config or ""
        return self._digest(self._key("config"))

    @property
    def layer_digests(self) -> list[str]:
        """The digests of the image's layers, in order.

        Raises:
            Damaged: The manifest is none.
        """
        if self.manifest is None:
            return list(self.layers or ())
        return [self._digest(layer) for layer in self._key("layers")]

    @property
    def instance_digests(self) -> list[str]:
        """The digests of the manifests that an index names, in order.

        Raises:
            Damaged: It is no index.
        """
        return [self._digest(instance) for instance in self._key("manifests")]

    def _key(self, key: str) -> Any:
        try:
            return json.loads(self.manifest or b"")[key]
        except (ValueError, LookupError, TypeError) as error:
            raise Damaged(f"the stored manifest has no {key}: {described(error)}") from error

    def _digest(self, descriptor: Any) -> str:
        try:
            return str(descriptor["digest"])
        except (LookupError, TypeError) as error:
            raise Damaged(f"the stored manifest has {descriptor!r:.60} for a descriptor") from error

    def __attrs_post_init__(self) -> None:
        if self.manifest is None and (self.config is None or self.layers is None):
            raise TypeError("a StoredImage without a manifest needs its config and its layers")


@frozen
class Place:
    """A transport to try, and where.

    The first three are all that most transports need:

        Place(ExampleTransport(), lambda directory: f"{directory}/image", stored=read_back)
    """

    transport: Transport

    new_reference: Callable[[Path], str]
    """Returns the text of a reference, without the scheme, to a place where nothing is. Called with
    a new, empty directory each time; a transport that needs none makes up a new name."""

    stored: Callable[[str], StoredImage | None] | None = None
    """Reads back what is at a place, given the text of its reference, without any code of the
    transport; None if no image is there. Raises `Damaged` if what is there is no whole image. All
    laws about destinations and copies need it."""

    existing: Callable[[Path], str] | None = field(default=None, kw_only=True)
    """Returns the text of a reference to an image that is there; called like `new_reference`. For a
    transport that only reads: where it is None, the transport stores the images to read."""

    new_collection: Callable[[Path], str] | None = field(default=None, kw_only=True)
    """Returns the text of a reference to a place for several images, where nothing is; called like
    `new_reference`. For a transport that has such places, if `new_reference` names one image."""

    references: Sequence[str] = field(default=(), kw_only=True)
    """More texts that the transport parses: spellings, tags, escapes. They need not exist."""

    malformed: Sequence[str] = field(default=("",), kw_only=True)
    """Texts that the transport must refuse to parse."""

    source_options: object | None = field(default=None, kw_only=True)
    """The options that sources are opened with."""

    destination_options: object | None = field(default=None, kw_only=True)
    """The options that destinations are opened with."""

    known_failures: Mapping[str, str] = field(factory=dict, kw_only=True)
    """The laws that the transport is known to break, by name, each with the reason. One that holds
    after all is a failure: the entry is out of date."""
