"""Why programs refuse an image: the reasons that several of them have. Pure."""

from collections.abc import Iterator

from imgcopy_core_stubs import DOCUMENT_LIMIT, Compression, quote
from imgcopy_core_stubs.image_layout import INDEX
from imgcopy_docker_archive.examining._archive_facts import ArchiveFacts, Entry, ImageFacts, Item
from imgcopy_docker_archive.format import MANIFEST, MANIFEST_LIMIT
from imgcopy_docker_archive.reading._tar_walk import MemberKind


def containers_image_refusals(archive: ArchiveFacts, item: Item) -> Iterator[str]:
    """Yield why `docker-archive:` of containers/image, which podman and skopeo use, refuses."""
    if (archive.manifest_size or 0) > MANIFEST_LIMIT:
        yield f"{MANIFEST} has more than {MANIFEST_LIMIT} bytes"
    yield from unreadable(item)
    yield from undecodable(item.decoded.not_docker)
    if (item.config.size or 0) > DOCUMENT_LIMIT:
        yield f"the config has more than {DOCUMENT_LIMIT} bytes"
    if item.config.links not in ((), (MemberKind.SYMLINK,)):
        yield f"the config {quote(item.config.name)} is a hard link, or a link to a link"
    read: set[str] = set()
    for diff_id, layer in zip(item.diff_ids or (), item.layers, strict=False):
        if layer.links and diff_id not in read:  # of a repeated layer only the first one is read
            yield f"the layer {quote(layer.name)} is a link"
        read.add(diff_id)


def note_on_gzip(archive: ArchiveFacts, version: str) -> str:
    """Return which version it takes; older ones lose the beginning of the tar (podman#15944)."""
    is_gzip = archive.compression is Compression.GZIP
    return f"a whole archive in gzip needs {version} or later" if is_gzip else ""


def unreadable(item: Item) -> Iterator[str]:
    """Yield why nobody could read an item."""
    for file in (item.config, *item.layers):
        if file.size is None:
            yield f"there is no file {quote(file.name)}"
    if item.diff_ids is None:
        yield f"the config {quote(item.config.name)} is invalid"
    elif len(item.diff_ids) != len(item.layers):
        counts = f"{len(item.layers)}, and not {len(item.diff_ids)} as its config says"
        yield f"the number of its layers is {counts}"


def undecodable(*mistyped: str) -> Iterator[str]:
    """Yield why a program that decodes all of a config would not read it; see `ConfigFacts`."""
    yield from (f"in its config, {each}" for each in mistyped if each)


def not_chosen(archive: ArchiveFacts, image: ImageFacts, entry: Entry) -> Iterator[str]:
    """Yield why an image cannot be chosen among several: the first that has a tag is taken."""
    if not entry.ref_names:
        yield f"{INDEX} lists several, and no tag to choose it by"
    elif all(archive.first_with_ref_name[name] is not image for name in entry.ref_names):
        yield f"{quote(entry.ref_names[0])} chooses another image"


def early_hard_link(archive: ArchiveFacts) -> str:
    """Return why those refuse who unpack an archive member by member."""
    link = quote(archive.early_hard_link)
    return f"the hard link {link} does not follow a file that it links to"


def bad_tag(tag: str) -> str:
    """Return why a RepoTag is refused."""
    return f"it does not take {quote(tag)} as a tag"
