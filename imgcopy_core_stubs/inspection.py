"""What an image is, in the terms of `skopeo inspect`."""

from collections.abc import Mapping

from attrs import field, frozen

from imgcopy_core_stubs.image_config import read_config
from imgcopy_core_stubs.instances import choose_instance
from imgcopy_core_stubs.json_values import JsonObject
from imgcopy_core_stubs.manifest import Descriptor
from imgcopy_core_stubs.platforms import Platform
from imgcopy_core_stubs.quoting import quote
from imgcopy_core_stubs.reference import DockerReference
from imgcopy_core_stubs.structuring import structure
from imgcopy_core_stubs.transport import ImageSource


@frozen
class _RunConfig:
    labels: Mapping[str, str] | None = field(default=None, metadata={"key": "Labels"})
    env: tuple[str, ...] | None = field(default=None, metadata={"key": "Env"})


@frozen
class _ConfigFields:
    created: str | None = None
    docker_version: str = ""
    config: _RunConfig = field(factory=_RunConfig)


def describe_image(
    source: ImageSource, name: DockerReference | None, platform: Platform, what: str
) -> JsonObject:
    """Describe an image, or of an index the image for a platform.

    Args:
        source: The image.
        name: The docker reference that the image's place knows it by, if any.
        platform: What to choose from an index.
        what: The image's name for error messages.

    Returns:
        The keys of `skopeo inspect`. `Digest` is the top-level manifest's. `RepoTags` is what a
        registry lists, and empty for other places.

    Raises:
        SourceError: The manifest or the config is missing, invalid, or does not verify.
    """
    manifest = choose_instance(source, platform, what)
    config = read_config(source, manifest, what)
    fields = structure(config.document, _ConfigFields, f"config of {quote(what)}")
    description: JsonObject = {}
    if name is not None:
        description["Name"] = name.name
        if name.tag is not None:
            description["Tag"] = name.tag
    description |= {
        "Digest": str(source.manifest().digest),
        "RepoTags": [],
        "Created": fields.created,
        "DockerVersion": fields.docker_version,
        "Labels": None if fields.config.labels is None else dict(fields.config.labels),
        "Architecture": config.platform.architecture,
        "Os": config.platform.os,
        "Layers": [str(layer.digest) for layer in manifest.layers],
    }
    if manifest.layers:
        description["LayersData"] = [_layer_data(layer) for layer in manifest.layers]
    description["Env"] = None if fields.config.env is None else list(fields.config.env)
    return description


def _layer_data(layer: Descriptor) -> JsonObject:
    return {
        "MIMEType": layer.media_type,
        "Digest": str(layer.digest),
        "Size": layer.size,
        "Annotations": dict(layer.annotations) or None,
    }
