"""What a layout calls its images: one notion for listing, choosing and copying them.

An image has the names that its descriptors have as `org.opencontainers.image.ref.name`. containerd
annotates the full reference too (`docker save` does it likewise), and has the bare tag there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.errors import InvalidReference
from imgcopy_core_stubs.image_layout import FULL_NAME, REF_NAME
from imgcopy_core_stubs.manifest import ImageIndex
from imgcopy_core_stubs.reference import DockerReference
from imgcopy_core_stubs.transports.oci.reference_text import is_image_name


def positions_by_name(index: ImageIndex) -> Mapping[str, Sequence[int]]:
    """Map each name to the positions of the images that have it.

    A full reference counts where no image has that text as its `ref.name`, and comes last.
    """
    names: dict[str, list[int]] = {}
    for annotation in (REF_NAME, FULL_NAME):
        found: defaultdict[str, list[int]] = defaultdict(list)
        for position, descriptor in enumerate(index.manifests):
            if name := descriptor.annotations.get(annotation):
                found[name].append(position)
        names |= {name: positions for name, positions in found.items() if name not in names}
    return names


def own_names(index: ImageIndex) -> Mapping[Digest, Sequence[str]]:
    """Map each image to the names that it has, and no other image: those that a copy can keep.

    A tag is left out that is just the end of the full reference beside it.
    """
    names: defaultdict[Digest, dict[str, None]] = defaultdict(dict)
    for name, positions in positions_by_name(index).items():
        digest, *others = {index.manifests[position].digest for position in positions}
        if not others and can_be_kept(name):
            names[digest][name] = None
    for descriptor in index.manifests:
        own = names[descriptor.digest]
        full = descriptor.annotations.get(FULL_NAME, "")
        tag = descriptor.annotations.get(REF_NAME, "")
        if full in own and tag in own and full.endswith(f":{tag}"):
            del own[tag]
    return {digest: tuple(own) for digest, own in names.items()}


def can_be_kept(name: str) -> bool:
    """Whether a copy of an image can be called like that.

    A name with a digest says what the image is, which need not be true of a copy.
    """
    try:
        return DockerReference.parse(name).digest is None
    except InvalidReference:
        return is_image_name(name)


def docker_reference(name: str) -> DockerReference | None:
    """Return a full name that can be kept, with its tag; None: it is a bare tag, or no such one."""
    if "/" in name or ":" in name:
        with suppress(InvalidReference):
            reference = DockerReference.parse(name)
            if reference.digest is None:
                return reference.tagged()
    return None
