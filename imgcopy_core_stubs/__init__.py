"""imgcopy's framework: the contract of a transport, and the engine that copies through it.

What is listed here is public; a transport needs nothing else. A name is loaded when it is used for
the first time, so that a command that needs little starts fast. (`__init__.pyi` tells type checkers
the same.)
"""

from importlib import import_module
from typing import Final

_CONTENTS: Final = {
    "atomic_file": ("AtomicFile",),
    "capabilities": (
        "CopyDemands",
        "DestinationCapabilities",
        "LayerCompression",
        "SourceCapabilities",
    ),
    "closing": ("Closing",),
    "compressed_writer": ("CompressedWriter",),
    "compression": (
        "CompressedStream",
        "Compression",
        "DecompressedStream",
        "sniff",
        "sniff_stream",
    ),
    "copy": ("CopyResult", "copy_image"),
    "copy_many": ("copy_images", "plan_images"),
    "copy_options": ("CopyOptions", "CopySource", "Instances"),
    "digest": ("Digest",),
    "dry_run": (
        "CopyPlan",
        "ImagePlan",
        "LayerAction",
        "LayerPlan",
        "plan_copy",
    ),
    "errors": (
        "AmbiguousImage",
        "CorruptBlob",
        "DestinationError",
        "DestinationExists",
        "DestinationStateError",
        "DestinationWriteFailed",
        "DigestMismatch",
        "ImgcopyError",
        "InvalidArchive",
        "InvalidDestination",
        "InvalidDocument",
        "InvalidOption",
        "InvalidReference",
        "NoMatchingPlatform",
        "PluginError",
        "RegistryError",
        "SameFile",
        "SizeMismatch",
        "SourceError",
        "SourceNotFound",
        "SourceReadFailed",
        "TooLarge",
        "UnknownTransport",
        "UnsupportedByDestination",
        "UnsupportedImage",
        "UsageError",
        "VerificationError",
    ),
    "events": (
        "BlobDone",
        "BlobKind",
        "BlobProgress",
        "BlobStarted",
        "Committed",
        "CopyFailed",
        "CopyStarted",
        "Event",
    ),
    "examination": (
        "Examination",
        "Outcome",
        "Verdict",
    ),
    "file_lock": ("locked", "open_locked"),
    "hookspecs": ("hookimpl",),
    "instances": ("INDEX_DEPTH", "choose_instance"),
    "json_documents": (
        "DOCUMENT_LIMIT",
        "decode_json",
        "decode_json_value",
        "encode_json",
    ),
    "json_values": ("JsonObject", "JsonValue"),
    "manifest": (
        "Descriptor",
        "ImageConfig",
        "ImageIndex",
        "ImageManifest",
        "RawManifest",
        "parse_config",
        "parse_manifest",
    ),
    "observer": ("Observer",),
    "options": ("options_or_default",),
    "platforms": ("Platform",),
    "quoting": ("listing", "quote"),
    "reference": ("DockerReference",),
    "refusals": (
        "NoReuse",
        "NoSignatures",
        "checked_manifest_digest",
        "required_digest",
    ),
    "standard_output": ("STANDARD_OUTPUT_PATHS", "is_pipe_or_device", "open_standard_output"),
    "streams": (
        "ByteStream",
        "CHUNK",
        "PrefixedStream",
        "VerifyingStream",
    ),
    "structuring": ("structure",),
    "transport": (
        "API_VERSION",
        "BlobInfo",
        "ImageCollection",
        "ImageDestination",
        "ImageReference",
        "ImageSource",
        "StoredImages",
        "Transport",
    ),
    "value": ("Value",),
    "waiting": ("WaitingReader", "flush_all", "write_all"),
}
_HOMES: Final = {name: module for module, names in _CONTENTS.items() for name in names}
_MODULES: Final = ("image_layout", "media_types")

__all__ = sorted([*_HOMES, *_MODULES])  # noqa: PLE0605  (a list, as it should be)


def __getattr__(name: str) -> object:
    """Load a public name from the module that is its home."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
