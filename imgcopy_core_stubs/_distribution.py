"""The distribution that this framework, its command and `docker-archive:` come in."""

from typing import Final

DISTRIBUTION: Final = "imgcopy-docker-archive"
