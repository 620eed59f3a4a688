"""The guide's code blocks: the files that it shows, and the commands that it types.

`python -m tests.plugins.guide` brings the example's files into the guide as they are now.
"""

import re
from pathlib import Path
from typing import Final

from attrs import frozen

PLUGINS: Final = Path(__file__).parent
ROOT: Final = PLUGINS.parent.parent
EXAMPLE: Final = PLUGINS / "imgcopy-memory"
GUIDE: Final = EXAMPLE / "GUIDE.md"

_BLOCK: Final = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@frozen
class Block:
    """A fenced block."""

    language: str
    text: str
    file: str | None
    """The file that it shows, named in the line above it."""


def blocks() -> list[Block]:
    """Return the guide's blocks, in their order."""
    found = _BLOCK.finditer(GUIDE.read_text(encoding="utf-8"))
    return [Block(block["language"], block["text"], block["file"]) for block in found]


def refreshed(guide: str) -> str:
    """Return the guide's text with the example's files as they are now."""

    def block(found: re.Match[str]) -> str:
        if found["file"] is None:
            return found[0]
        text = (EXAMPLE / found["file"]).read_text(encoding="utf-8")
        return f"`{found['file']}`\n\n```{found['language']}\n{text}```"

    return _BLOCK.sub(block, guide)


if __name__ == "__main__":
    GUIDE.write_text(refreshed(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
