"""All laws, in the order in which they are tried: one module for each idea."""

from types import ModuleType
from typing import Final

from imgcopy_core_stubs.conformance.law import Law
from imgcopy_core_stubs.conformance.laws import (
    any_order,
    atomicity,
    blobs,
    copies,
    copy_failures,
    copy_forms,
    declarations,
    indexes,
    lifetime,
    manifests,
    many_images,
    open_files,
    parallel_puts,
    parallel_reads,
    references,
    reuse,
    round_trip,
    signatures,
    sources,
    verification,
)

_MODULES: Final[tuple[ModuleType, ...]] = (
    references,
    declarations,
    blobs,
    manifests,
    indexes,
    signatures,
    verification,
    atomicity,
    reuse,
    lifetime,
    parallel_puts,
    any_order,
    sources,
    open_files,
    parallel_reads,
    copies,
    copy_forms,
    copy_failures,
    round_trip,
    many_images,
)

LAWS: Final = tuple(
    value for module in _MODULES for value in vars(module).values() if isinstance(value, Law)
)
"""Every law there is."""
