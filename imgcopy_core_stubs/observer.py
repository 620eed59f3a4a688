"""What a copy's observer is, without what it observes: most commands never make an event."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from imgcopy_core_stubs.events import Event

Observer: TypeAlias = Callable[["Event"], object]
"""Called with each event of a copy."""
