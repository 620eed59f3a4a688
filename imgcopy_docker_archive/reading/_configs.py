"""The images' configs in an archive, each parsed once, however many images have it."""

from typing import Final

from attrs import evolve, frozen

from imgcopy_core_stubs import Digest, DigestMismatch, InvalidDocument, parse_config
from imgcopy_docker_archive.reading._archive_file import ArchiveFile
from imgcopy_docker_archive.reading._tar_walk import TarMember


@frozen
class StoredConfig:
    """What has to be known of a config."""

    digest: Digest
    layer_count: int
    """How many diff IDs it has."""
    diff_ids: tuple[Digest, ...] | None
    """None: they are not as many as the image has layers."""


@frozen
class _Invalid:
    """A config that is none: its digest, and what an `InvalidDocument` says of it."""

    digest: Digest
    path: str
    problem: str


class Configs:
    """Reads the configs of an archive.

    Thousands of images may have one config of megabytes, so what one says is kept. That is little:
    diff IDs are kept only for images that have as many layers, and so in all are no more than there
    are names of layers in `manifest.json`.

    Args:
        archive: The archive's plain bytes.
    """

    def __init__(self, archive: ArchiveFile) -> None:
        self._archive: Final = archive
        self._known: dict[int, StoredConfig | _Invalid] = {}  # by their offsets

    def read(
        self, member: TarMember, what: str, *, layer_count: int, digest: str | None = None
    ) -> StoredConfig:
        """Return what a config says.

        Args:
            member: Its file, of at most 4 MiB.
            what: Its name for error messages.
            layer_count: How many layers the image has.
            digest: The digest that it must have, 64 hexadecimal digits; None: any.

        Raises:
            DigestMismatch: It has another digest.
            InvalidDocument: It breaks its format.
        """
        config = self._known.get(member.offset)
        if config is None or _lacks_diff_ids(config, layer_count):
            config = self._known[member.offset] = self._parsed(member, what, layer_count)
        if digest not in (None, config.digest.hex):
            raise DigestMismatch(what, f"sha256:{digest}", str(config.digest))
        if isinstance(config, _Invalid):
            raise InvalidDocument(what, config.path, config.problem)
        return config if config.layer_count == layer_count else evolve(config, diff_ids=None)

    def _parsed(self, member: TarMember, what: str, layer_count: int) -> StoredConfig | _Invalid:
        raw = self._archive.read_at(member.offset, member.size)
        digest = Digest.of(raw)
        try:
            diff_ids = parse_config(raw, what).diff_ids
        except InvalidDocument as error:
            return _Invalid(digest, error.path, error.problem)
        is_needed = len(diff_ids) == layer_count
        return StoredConfig(digest, len(diff_ids), diff_ids if is_needed else None)


def _lacks_diff_ids(config: StoredConfig | _Invalid, layer_count: int) -> bool:
    return (
        isinstance(config, StoredConfig)
        and config.diff_ids is None
        and config.layer_count == layer_count
    )
