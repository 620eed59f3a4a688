"""What is in an OCI image layout. Source: OCI image-spec `image-layout.md`."""

import json
from pathlib import Path
from typing import Any

from imgcopy_core_stubs.conformance.errors import Damaged
from imgcopy_core_stubs.conformance.place import StoredImage

_REF_NAME = "org.opencontainers.image.ref.name"


def new_reference(directory: Path) -> str:
    """Name an image of a layout that does not exist yet."""
    return f"{directory}/layout:image"


def new_collection(directory: Path) -> str:
    """Name a layout that does not exist yet."""
    return f"{directory}/layout"


def stored(reference: str) -> StoredImage | None:
    """Return the image that `PATH:NAME` names, with all blobs of the layout."""
    path, _, name = reference.rpartition(":")
    layout = Path(path)
    if not (layout / "index.json").exists():
        return None
    version = json.loads((layout / "oci-layout").read_bytes())["imageLayoutVersion"]
    if version != "1.0.0":
        raise Damaged(f"the layout has the version {version}")
    blobs = {
        f"{file.parent.name}:{file.name}": file.read_bytes()
        for file in sorted((layout / "blobs").glob("*/*"))
    }
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    named = [entry for entry in entries if entry.get("annotations", {}).get(_REF_NAME) == name]
    if not named:
        return None
    if len(named) > 1:
        raise Damaged(f"the index names {len(named)} images {name!r}")
    manifest = _manifest(named[0], blobs)
    tags = tuple(entry.get("annotations", {}).get(_REF_NAME, "") for entry in entries)
    return StoredImage(manifest=manifest, blobs=blobs, tags=tags if all(tags) else None)


def _manifest(entry: dict[str, Any], blobs: dict[str, bytes]) -> bytes:
    manifest = blobs.get(entry["digest"])
    if manifest is None:
        raise Damaged(f"the manifest {entry['digest']}, which the index names, is missing")
    if len(manifest) != entry["size"]:
        raise Damaged(f"the manifest has {len(manifest)} bytes, the index says {entry['size']}")
    return manifest
