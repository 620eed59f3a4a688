"""What is in an archive of `docker save`, as it was before it had OCI layouts, and as it is."""

import json
import tarfile
from pathlib import Path

from imgcopy_core_stubs.conformance.errors import Damaged
from imgcopy_core_stubs.conformance.place import StoredImage


def new_reference(directory: Path) -> str:
    """Name an image of an archive that does not exist yet."""
    return f"{directory}/archive.tar:example.org/app:1"


def new_collection(directory: Path) -> str:
    """Name an archive that does not exist yet."""
    return f"{directory}/archive.tar"


def stored(reference: str) -> StoredImage | None:
    """Return the only image of the archive `PATH:NAME:TAG`, named like that.

    Without an OCI layout the archive keeps no manifest: config and layers are named by digests in
    their members' names.
    """
    path, _, name = reference.partition(":")
    if not Path(path).exists():
        return None
    try:
        with tarfile.open(path, "r:") as archive:
            members = [
                (member.name, _content(archive, member))
                for member in archive.getmembers()
                if member.isfile()
            ]
    except tarfile.TarError as error:
        raise Damaged(f"the archive cannot be read: {error}") from error
    manifests = [content for member, content in members if member == "manifest.json"]
    if len(manifests) != 1:
        raise Damaged(f"the archive has {len(manifests)} members manifest.json")
    if dict(members).get("oci-layout") is not None:
        return _stored_in_layout(members, name)
    images = json.loads(manifests[0])
    if len(images) != 1 or images[0]["RepoTags"] != [name]:
        raise Damaged(f"manifest.json lists {images}, not {name}")
    blobs = [
        (_digest(member), content)
        for member, content in members
        if "/" not in member and member.endswith((".tar", ".json")) and member != "manifest.json"
    ]
    return StoredImage(
        manifest=None,
        blobs=blobs,
        config=_digest(images[0]["Config"]),
        layers=tuple(_digest(layer) for layer in images[0]["Layers"] or ()),
        tags=(name,),
    )


def _stored_in_layout(members: list[tuple[str, bytes]], name: str) -> StoredImage:
    blobs = [
        (f"sha256:{Path(member).name}", content)
        for member, content in members
        if member.startswith("blobs/sha256/")
    ]
    entries = json.loads(dict(members)["index.json"])["manifests"]
    names = [entry["annotations"]["io.containerd.image.name"] for entry in entries]
    if names != [name]:
        raise Damaged(f"index.json names {names}, not {name}")
    manifest = dict(blobs).get(entries[0]["digest"])
    if manifest is None or len(manifest) != entries[0]["size"]:
        raise Damaged(f"the manifest {entries[0]['digest']} is missing, or has another size")
    return StoredImage(manifest=manifest, blobs=blobs, tags=(name,))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read()


def _digest(member: str) -> str:
    """Return the digest that the name `<hex>.tar` or `<hex>.json` stands for."""
    return f"sha256:{member.partition('.')[0]}"
