"""Content digests: `algorithm:hex`, as the OCI image specification's descriptors have them.

A digest is used as a file name by several transports, so nothing that is not exactly one is ever
accepted here (CVE-2024-3727).
"""

import hashlib
import re
from typing import Final, Self

from attrs import frozen

from imgcopy_core_stubs.value import Value

_HEX_LENGTH: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_PATTERN: Final = re.compile(r"([a-z0-9]{1,32}):([0-9a-f]+)")


@frozen(eq=False, repr=False)
class Digest(Value):
    """A validated digest. `str()` gives `sha256:…` back; equality and hash are by value."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `algorithm:hex`.

        Raises:
            ValueError: It is not a digest, or its algorithm is not one of sha256, sha384, sha512.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ValueError("not a digest (expected ALGORITHM:HEX in lower case)")
        algorithm, hex_digits = match.groups()
        length = _HEX_LENGTH.get(algorithm)
        if length is None:
            known = ", ".join(_HEX_LENGTH)
            raise ValueError(f"digest algorithm {algorithm} is unsupported (known: {known})")
        if len(hex_digits) != length:
            raise ValueError(f"a {algorithm} digest has {length} hex digits, not {len(hex_digits)}")
        return cls(algorithm, hex_digits)

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Self:
        """Return the digest of `data`."""
        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    def __hash__(self) -> int:  # as `Value` has it, and several times as fast
        return hash((self.algorithm, self.hex))

    def _compared(self) -> tuple[object, ...]:  # likewise
        return self.algorithm, self.hex
