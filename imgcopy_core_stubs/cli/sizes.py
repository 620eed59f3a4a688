"""Sizes in bytes, as people write and read them."""

import re
from typing import Final

_SIZE: Final = r"(?i)([0-9]+)(?:\.([0-9]+))? ?(?:([kmgt])(i?))?b?"
_EXPONENTS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LARGEST: Final = 2**63 - 1


def parse_size(text: str) -> int:
    """Parse a size such as `1000`, `512MiB`, `2GB` or `1.5 GiB` into bytes.

    Raises:
        ValueError: It is no size, is 0, or has more than 63 bits.
    """
    match = re.fullmatch(_SIZE, text) if text.isascii() and len(text) <= 40 else None  # noqa: PLR2004  (so int() is quick)
    if match is None:
        raise ValueError("not a size (write one such as 512MiB or 2GB)")
    whole, fraction, prefix, binary = match.groups(default="")
    unit = (1024 if binary else 1000) ** _EXPONENTS[prefix.lower()]
    size: int = int(whole + fraction) * unit // 10 ** len(fraction)
    if not 0 < size <= _LARGEST:
        raise ValueError(f"no size from 1 to {_LARGEST} bytes")
    return size


def format_size(size: float) -> str:
    """Return a size in bytes for people, such as `12.3 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  (the units are decimal)
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
