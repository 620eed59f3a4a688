"""What is in an archive of the `docker` layout: names, and the bytes of its JSON documents.

Pure functions; nothing here touches a file. The bytes are those of the docker tar destination of
containers/image, whose JSON Go's `encoding/json` writes: no spaces, keys of maps sorted, and `<`,
`>`, `&`, U+2028, U+2029 escaped. Values that are taken over from an image's config keep the text
that they have there, white space apart.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from attrs import field, frozen

from imgcopy_core_stubs import Digest, DockerReference, JsonObject, JsonValue, encode_json

BLOCK: Final = 512
"""The size in bytes of a tar block: headers are one, bodies are padded to whole ones."""

MANIFEST: Final = "manifest.json"
MANIFEST_LIMIT: Final = 1024 * 1024
"""Most bytes of `manifest.json`, as podman and skopeo have it."""
REPOSITORIES: Final = "repositories"
V1_VERSION: Final = b"1.0"

_TAKEN_FROM_CONFIG: Final = (
    "architecture",
    "config",
    "container",
    "container_config",
    "created",
    "docker_version",
    "os",
)
_LEXEME: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_GO_ESCAPES: Final = str.maketrans(
    {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
)


def layer_path(diff_id: Digest) -> str:
    """Return the member name of a layer."""
    return f"{diff_id.hex}.tar"


def config_path(config: Digest) -> str:
    """Return the member name of an image's config."""
    return f"{config.hex}.json"


@frozen(eq=False, repr=False)
class ManifestItem:
    """One image in `manifest.json`."""

    config: str
    """The member name of its config."""
    repo_tags: tuple[str, ...]
    layers: tuple[str, ...]
    """The member names of its layers, the base first."""
    others: JsonObject = field(factory=dict)
    """What another program wrote beside these."""


class V1Folder(NamedTuple):
    """One layer's folder, as the format was before Docker 1.10."""

    id: str
    diff_id: Digest
    json: bytes

    @property
    def layer_link(self) -> str:
        """The target of its `layer.tar`, a symlink."""
        return f"../{layer_path(self.diff_id)}"


def v1_folders(
    diff_ids: Iterable[Digest], config: bytes, taken: Mapping[str, Digest]
) -> list[V1Folder]:
    """Return an image's v1 folders, the base layer's first.

    A folder's id is the hex of its layer's chain ID. Where another image of the archive has given
    that id to a folder with other content (it has another config on the same layers), the id is
    the SHA-256 of the document itself, with the chain ID in it in place of the id.

    Args:
        diff_ids: The image's diff IDs, the base first.
        config: The image's config, a JSON object; its bytes as they are.
        taken: The digests of the documents of the archive's folders, by the folders' ids.
    """
    folders: list[V1Folder] = []
    chain_id = parent = ""
    layers = list(diff_ids)
    for diff_id in layers:
        chain_id = str(Digest.of(f"{chain_id} {diff_id}".encode())) if chain_id else str(diff_id)
        fields = {"parent": json_text(parent)} if parent else {}
        if len(folders) == len(layers) - 1:
            values = raw_members(config.decode())
            fields |= {key: values.get(key, "null") for key in _TAKEN_FROM_CONFIG}
        folder_id = chain_id.partition(":")[2]
        document = json_object({**fields, "id": json_text(folder_id)})
        if folder_id in taken and taken[folder_id] != Digest.of(document):
            unnamed = json_object({**fields, "layer_id": json_text(chain_id)})
            folder_id = hashlib.sha256(unnamed).hexdigest()
            document = json_object({**fields, "id": json_text(folder_id)})
        folders.append(V1Folder(folder_id, diff_id, document))
        parent = folder_id
    return folders


def manifest_document(items: Iterable[ManifestItem]) -> bytes:
    """Return the bytes of `manifest.json`."""
    return _go_json(
        [
            {
                "Config": item.config,
                "RepoTags": list(item.repo_tags),
                "Layers": list(item.layers) or None,
                **item.others,
            }
            for item in items
        ]
    )


def repositories_document(top_layers: Mapping[DockerReference, str]) -> bytes:
    """Return the bytes of `repositories`: for each tag the id of its top layer's v1 folder."""
    repositories: dict[str, JsonObject] = {}
    for reference, folder_id in sorted(top_layers.items(), key=lambda item: str(item[0])):
        repositories.setdefault(reference.name, {})[reference.tag or ""] = folder_id
    return _go_json({name: repositories[name] for name in sorted(repositories)})


def raw_members(text: str) -> dict[str, str]:
    """Map the keys of a valid JSON object to their values' text, compacted as Go compacts it."""
    members: dict[str, str] = {}
    depth = 0
    key: str | None = None
    value: list[str] = []
    for match in _LEXEME.finditer(text):
        lexeme = match[0]
        if lexeme in "]}":
            depth -= 1
        if depth == 0 or (depth == 1 and lexeme == ","):
            if key is not None:
                members[key] = "".join(value).translate(_GO_ESCAPES)
            key, value = None, []
        elif key is None:
            key = json.loads(lexeme)
        elif value or lexeme != ":":
            value.append(lexeme)
        if lexeme in "[{":
            depth += 1
    return members


def json_object(members: Mapping[str, str]) -> bytes:
    """Return a JSON object of texts that are JSON already, keys sorted as Go sorts them."""
    pairs = (f"{json_text(key)}:{members[key]}" for key in sorted(members))
    return ("{" + ",".join(pairs) + "}").encode()


def json_text(text: str) -> str:
    """Return a JSON string as Go writes it."""
    return json.dumps(text, ensure_ascii=False).translate(_GO_ESCAPES)


def _go_json(value: JsonValue) -> bytes:
    """Write JSON, keys in their order, strings as Go writes them, number literals as they were."""
    return encode_json(value).decode().translate(_GO_ESCAPES).encode()
