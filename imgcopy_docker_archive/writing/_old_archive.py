"""An archive that is there already, and that images are appended to.

The new archive takes over its members byte for byte, all but the few that list the images: these
are written anew at the end. Nothing is read but the lists, the configs and the v1 documents. What
an archive says of its blobs, by their names and sizes, is believed; `imgcopy validate` checks it.
"""

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from typing import Final

from attrs import field, frozen

from imgcopy_core_stubs import (
    DOCUMENT_LIMIT,
    Closing,
    DestinationWriteFailed,
    Digest,
    DockerReference,
    ImageIndex,
    InvalidDestination,
    JsonObject,
    Platform,
    SourceError,
    choose_instance,
    decode_json,
    locked,
    open_locked,
)
from imgcopy_core_stubs.image_layout import INDEX, MARKER, blob_path
from imgcopy_docker_archive._tag import tag_or_none
from imgcopy_docker_archive.config import Layout
from imgcopy_docker_archive.format import (
    BLOCK,
    MANIFEST,
    REPOSITORIES,
    ManifestItem,
    layer_path,
)
from imgcopy_docker_archive.oci_format import BLOBS, is_for_docker
from imgcopy_docker_archive.reading._archive_file import ArchiveFile, open_archive
from imgcopy_docker_archive.reading._docker_images import image_files, manifest_items
from imgcopy_docker_archive.reading._members import ArchiveMembers
from imgcopy_docker_archive.reading._oci_images import oci_images, read_index
from imgcopy_docker_archive.reading.oci_source import OciArchiveSource
from imgcopy_docker_archive.writing._image_list import tags_of
from imgcopy_docker_archive.writing._taken_over import TakenOver

_LISTS: Final = (MANIFEST, REPOSITORIES, MARKER, INDEX)
_NOT_TO_WRITE: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY, errno.EISDIR)
"""Errors of opening for writing what can perhaps be opened to read."""


@frozen(kw_only=True)
class Contents:
    """What an archive holds, as far as a writer that continues it has to know."""

    layout: Layout
    kept: tuple[tuple[int, int], ...]
    """Where the members that stay are: offsets and sizes in bytes, whole blocks."""
    names: frozenset[str]
    """The names of these members."""
    items: tuple[ManifestItem, ...]
    """The images that `manifest.json` lists."""
    blobs: Mapping[Digest, int]
    """The sizes of the blobs; in the `docker` layout of the layers, by diff ID."""
    entries: tuple[JsonObject, ...] = ()
    """The descriptors of `index.json`."""
    v1_folders: Mapping[str, Digest] = field(factory=dict)
    """By the ids of the v1 folders, the digests of their documents."""
    top_folders: Mapping[str, str] = field(factory=dict)
    """By config, the id of the v1 folder that `repositories` names for an image."""
    has_v1_folders: bool | None = None
    """Whether it has them, or `repositories`; None: it has neither, and no layer to have them."""


class OldArchive(Closing):
    """An archive to continue, open and locked: who appends to the same file waits for its turn.

    Attributes:
        file: Its plain bytes.
        contents: What it holds.

    Args:
        path: The file.
        temporary_directory: Where it is unpacked if it is compressed; None: the system's place.

    Raises:
        FileNotFoundError: There is no file, or an empty one.
        InvalidDestination: It is no archive that images can be appended to.
        DestinationWriteFailed: It cannot be read or locked.
    """

    def __init__(self, path: str, *, temporary_directory: str | None) -> None:
        with ExitStack() as stack:
            try:
                descriptor = _open_locked(path)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise DestinationWriteFailed(path, error) from error
            stack.callback(os.close, descriptor)
            self._path = path
            self._status = os.fstat(descriptor)
            if self._status.st_size == 0:
                raise FileNotFoundError(path)
            try:
                self.file = open_archive(path, temporary_directory=temporary_directory)
                stack.callback(self.file.close)
                self.contents = _contents(self.file)
            except SourceError as error:
                raise InvalidDestination(path, f"one cannot append to it: {error}") from error
            self._open = stack.pop_all()

    @property
    def kept(self) -> TakenOver:
        """The members that a new archive takes over; to be copied before this one is closed."""
        return TakenOver(self.file, self.contents.kept, self.contents.names)

    def was_replaced(self) -> bool:
        """Whether there is another file now at the archive's path."""
        try:
            return not os.path.samestat(os.stat(self._path), self._status)
        except OSError:  # it is gone, or out of reach, which whoever writes there will tell
            return False

    def close(self) -> None:
        """Close the archive and give up the lock. May be called twice."""
        self._open.close()


@contextlib.contextmanager
def first_lock(path: str) -> Iterator[None]:
    """Let others who append wait for an archive that does not exist yet to come.

    The lock is a hidden file beside the archive's place.

    Raises:
        DestinationWriteFailed: The file cannot be made or locked.
    """
    directory, name = os.path.split(path)
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]  # a name may be at its limit
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(os.path.join(directory, f".imgcopy-{digest}.lock")))
        except OSError as error:
            raise DestinationWriteFailed(path, error) from error
        yield


def _open_locked(path: str) -> int:
    """Open and lock an archive: for writing if it can be, because NFS locks nothing else."""
    try:
        return open_locked(path, os.O_RDWR)
    except OSError as error:
        if error.errno not in _NOT_TO_WRITE:
            raise
    return open_locked(path, os.O_RDONLY)


def _contents(file: ArchiveFile) -> Contents:
    members = ArchiveMembers(file)
    kept = tuple(_kept(members))
    names = frozenset(members) - frozenset(_LISTS)
    if MARKER in members:
        return Contents(
            layout=Layout.OCI,
            kept=kept,
            names=names,
            items=tuple(manifest_items(members) if MANIFEST in members else _unlisted(members)),
            blobs=dict(_blobs(members)),
            entries=tuple(_entries(read_index(members))),
        )
    items = tuple(manifest_items(members))
    repositories = _repositories(members)
    v1_folders = dict(_v1_folders(members))
    has_v1_folders = bool(v1_folders) or REPOSITORIES in members
    has_layers = any(item.layers for item in items)
    return Contents(
        layout=Layout.DOCKER,
        kept=kept,
        names=names,
        items=items,
        blobs=dict(chain.from_iterable(_layers(members, item) for item in items)),
        v1_folders=v1_folders,
        has_v1_folders=has_v1_folders if has_v1_folders or has_layers else None,
        top_folders={
            item.config: repositories[tag]
            for item in items
            for tag in tags_of(item)
            if tag in repositories
        },
    )


def _kept(members: ArchiveMembers) -> Iterator[tuple[int, int]]:
    """Yield where the members are that stay, each with the headers in front of it."""
    every = [member for name in members for member in members.named(name)]
    start = end = 0
    for member in sorted(every, key=lambda member: member.offset):
        if member.name in _LISTS:
            if start < end:
                yield start, end - start
            start = member.offset + _whole_blocks(member.size)
        end = member.offset + _whole_blocks(member.size)
    if start < end:
        yield start, end - start


def _layers(members: ArchiveMembers, item: ManifestItem) -> Iterator[tuple[Digest, int]]:
    """Yield the diff IDs and sizes of those layers of an image that are named by diff IDs."""
    files = image_files(members, item)
    diff_ids = files.read_config().diff_ids or ()  # none where one cannot tell whose they are
    for diff_id, name, file in zip(diff_ids, item.layers, files.layers, strict=False):
        if name == layer_path(diff_id):
            yield diff_id, file.size


def _v1_folders(members: ArchiveMembers) -> Iterator[tuple[str, Digest]]:
    for name in members:
        if re.fullmatch("[0-9a-f]{64}/json", name):
            document = members.document(name, limit=DOCUMENT_LIMIT)
            yield name.partition("/")[0], Digest.of(document)


def _repositories(members: ArchiveMembers) -> dict[DockerReference, str]:
    if REPOSITORIES not in members:
        return {}
    names = decode_json(members.document(REPOSITORIES, limit=DOCUMENT_LIMIT), REPOSITORIES)
    folders: dict[DockerReference, str] = {}
    for name, tags in names.items():
        for tag, folder in tags.items() if isinstance(tags, dict) else ():
            parsed = tag_or_none(f"{name}:{tag}")
            if parsed is not None:  # or no image can have it
                folders[parsed] = str(folder)
    return folders


def _blobs(members: ArchiveMembers) -> Iterator[tuple[Digest, int]]:
    for name in members:
        digest = name.removeprefix(BLOBS)
        if name.startswith(BLOBS) and re.fullmatch("[0-9a-f]{64}", digest):
            yield Digest("sha256", digest), members.file(name).size


def _unlisted(members: ArchiveMembers) -> Iterator[ManifestItem]:
    """Yield the images that `manifest.json` would list in an OCI archive that has none.

    Without them podman and skopeo, for which that file comes first, would see the new images only.
    """
    for image in oci_images(members):
        with contextlib.suppress(SourceError):  # what is missing or damaged cannot be loaded
            source = OciArchiveSource(members, image.descriptor, owned=False)
            found = choose_instance(source, Platform.of_this_machine(), members.archive.name)
            parts = [blob_path(part.digest) for part in (found.config, *found.layers)]
            if is_for_docker(found) and all(part in members for part in parts):
                yield ManifestItem(parts[0], image.names, tuple(parts[1:]))


def _entries(index: ImageIndex) -> list[JsonObject]:
    entries = index.document.get("manifests") or []  # may be missing, or null
    assert isinstance(entries, list)  # noqa: S101  (the index was structured)
    return [entry for entry in entries if isinstance(entry, dict)]


def _whole_blocks(size: int) -> int:
    return size + -size % BLOCK
