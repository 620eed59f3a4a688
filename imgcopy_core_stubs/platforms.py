"""Platforms: `os/architecture[/variant]`, and which instance of an index fits one.

Source: OCI image-spec `image-index.md`; the variants' order is containerd's and containers/image's.
"""

import os
import re
import sys
from collections.abc import Iterable
from typing import Final, Self

from attrs import evolve, field, frozen

from imgcopy_core_stubs.value import Value

_MACHINES: Final = {
    "x86_64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", "v8"),
    "armv8l": ("arm", "v7"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "mips64": ("mips64le", ""),
    "loongarch64": ("loong64", ""),
}
_PART: Final = r"[a-z0-9][a-z0-9._-]*"

# What a processor runs besides its own variant, best first. Where no variant is asked for: what to
# prefer, which for amd64 is what runs on most machines.
_COMPATIBLE_VARIANTS: Final = {
    ("arm", ""): ("", "v8", "v7", "v6", "v5"),
    ("arm", "v8"): ("v8", "v7", "v6", "v5", ""),
    ("arm", "v7"): ("v7", "v6", "v5", ""),
    ("arm", "v6"): ("v6", "v5", ""),
    ("arm64", ""): ("", "v8"),
    ("arm64", "v8"): ("v8", ""),
    ("amd64", ""): ("", "v1", "v2", "v3", "v4"),
    ("amd64", "v4"): ("v4", "v3", "v2", "v1", ""),
    ("amd64", "v3"): ("v3", "v2", "v1", ""),
    ("amd64", "v2"): ("v2", "v1", ""),
}


@frozen(eq=False, repr=False)
class Platform(Value):
    """What an image runs on, in the terms of Go's GOOS and GOARCH."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = field(default="", metadata={"key": "os.version"})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `os/architecture[/variant]`.

        Raises:
            ValueError: It is not of that form.
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(re.fullmatch(_PART, part) for part in parts):
            raise ValueError("must be OS/ARCHITECTURE[/VARIANT], such as linux/arm64/v8")
        return cls(*parts)

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return the platform that container images run on here (Linux, unless this is Windows)."""
        machine = os.uname().machine if hasattr(os, "uname") else "x86_64"
        architecture, variant = _MACHINES.get(machine, (machine, ""))
        return cls("windows" if sys.platform == "win32" else "linux", architecture, variant)

    def best(self, candidates: Iterable[Self]) -> int | None:
        """Return the position of the one that fits best, the first of equals; None: none fits."""
        ranked = [
            (rank, position)
            for position, candidate in enumerate(candidates)
            if (rank := self.rank(candidate)) is not None
        ]
        return min(ranked)[1] if ranked else None

    def rank(self, offered: "Platform") -> int | None:
        """Say how well an offered platform fits this one: 0 is best, None is not at all."""
        if (offered.os, offered.architecture) != (self.os, self.architecture):
            return None
        if self.os_version and offered.os_version != self.os_version:
            return None
        key = (self.architecture, self.variant)
        variants = _COMPATIBLE_VARIANTS.get(key, (self.variant, ""))
        if offered.variant in variants:
            return variants.index(offered.variant)
        # Asked for no variant, one that is not known here comes last.
        return None if self.variant else len(variants)

    def override(self, *, os: str = "", architecture: str = "", variant: str | None = None) -> Self:
        """Return this platform with some parts replaced; another architecture drops the variant."""
        if architecture and architecture != self.architecture and variant is None:
            variant = ""
        return evolve(
            self,
            os=os or self.os,
            architecture=architecture or self.architecture,
            variant=self.variant if variant is None else variant,
        )

    def __str__(self) -> str:
        parts = [self.os or "unknown", self.architecture or "unknown"]
        return "/".join([*parts, self.variant] if self.variant else parts)
