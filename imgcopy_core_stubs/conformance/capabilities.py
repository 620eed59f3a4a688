"""The capabilities that choose between the two forms of a law."""

from typing import Final

from imgcopy_core_stubs.conformance.law import Capability

MANIFEST_TYPES: Final = Capability(
    "manifest_types", lambda subject: not subject.capabilities.manifest_types
)
"""Declared: none are listed, so any may be tried."""

SIGNATURES: Final = Capability(
    "signatures_refusal", lambda subject: subject.capabilities.signatures_refusal is None
)
FOREIGN_LAYERS: Final = Capability(
    "accepts_foreign_layer_urls", lambda subject: subject.capabilities.accepts_foreign_layer_urls
)
ANY_OS: Final = Capability(
    "must_match_runtime_os", lambda subject: not subject.capabilities.must_match_runtime_os
)
"""Declared: an image need not be for this machine's operating system."""

PARALLEL_PUTS: Final = Capability(
    "parallel_put_blob", lambda subject: subject.capabilities.parallel_put_blob
)
INDEXES: Final = Capability("stores_indexes", lambda subject: subject.capabilities.stores_indexes)

INDEXES_TO_READ: Final = Capability(
    "stores_indexes",
    lambda subject: subject.place.existing is None and subject.capabilities.stores_indexes,
)
SIGNATURES_TO_READ: Final = Capability(
    "signatures_refusal",
    lambda subject: (
        subject.place.existing is None and subject.capabilities.signatures_refusal is None
    ),
)
PARALLEL_READS: Final = Capability(
    "parallel_blobs", lambda subject: subject.source_capabilities.parallel_blobs
)
