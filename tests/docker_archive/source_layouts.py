"""OCI layouts to copy from, written with the standard library."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Json = dict[str, Any]


class SourceLayout:
    """A layout in a new directory; `add` puts an image into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: list[Json] = []
        (path / "blobs" / "sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data: bytes, media_type: str, **more: Any) -> Json:
        """Store a blob, and return its descriptor."""
        hexadecimal = hashlib.sha256(data).hexdigest()
        (self.path / "blobs" / "sha256" / hexadecimal).write_bytes(data)
        return {
            "mediaType": media_type,
            "digest": f"sha256:{hexadecimal}",
            "size": len(data),
            **more,
        }

    def manifest(self, *layers: bytes, **config: Any) -> Json:
        """Store an image with gzip layers of this content, and return its descriptor."""
        fields = {"architecture": "amd64", "os": "linux", **config}
        diff_ids = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
        fields["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.blob(json.dumps(fields).encode(), OCI_CONFIG),
            "layers": [self.blob(gzip.compress(each, mtime=0), OCI_GZIP_LAYER) for each in layers],
        }
        return self.blob(json.dumps(document, indent=1).encode(), OCI_MANIFEST)

    def index(self, *descriptors: Json) -> Json:
        """Store an index, and return its descriptor."""
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors}
        return self.blob(json.dumps(document).encode(), OCI_INDEX)

    def add(self, descriptor: Json, name: str) -> str:
        """Name what a descriptor is of, and return the text of a reference to it."""
        annotations = {"org.opencontainers.image.ref.name": name}
        self._entries.append({**descriptor, "annotations": annotations})
        document = {"schemaVersion": 2, "manifests": self._entries}
        (self.path / "index.json").write_text(json.dumps(document))
        return f"{self.path}:{name}"
