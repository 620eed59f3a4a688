"""Docker archives for the tests of reading, made by hand and never by our own writer."""

import json
from collections.abc import Sequence

from .images import Image
from .tars import file


def item(
    image: Image,
    tags: Sequence[str] | None = (),
    *,
    config: str | None = None,
    layers: Sequence[str] | None = None,
) -> dict[str, object]:
    """An image's entry in `manifest.json`, with names as docker gives them, or with others."""
    names = [f"{digest}.tar" for digest in image.layer_hexes]
    return {
        "Config": f"{image.config_hex}.json" if config is None else config,
        "RepoTags": tags,
        "Layers": names if layers is None else layers,
    }


def manifest_json(*items: object) -> bytes:
    """The member `manifest.json`."""
    return file("manifest.json", json.dumps(items).encode())


def config_file(image: Image, name: str | None = None) -> bytes:
    return file(f"{image.config_hex}.json" if name is None else name, image.config)


def layer_files(image: Image, *names: str) -> bytes:
    """The members of the layers, named by their diff IDs or otherwise."""
    given = names or [f"{digest}.tar" for digest in image.layer_hexes]
    layers = zip(given, image.layers, strict=True)
    return b"".join(file(name, layer) for name, layer in layers)


def parts(image: Image) -> bytes:
    """All of an image's members, named as docker names them."""
    return layer_files(image) + config_file(image)
