"""The progress bar on a terminal: the whole copy, and each blob that is on its way."""

import contextlib
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from imgcopy_core_stubs.cli._tally import Tally
from imgcopy_core_stubs.digest import Digest
from imgcopy_core_stubs.events import BlobDone, BlobProgress, BlobStarted, CopyStarted, Event


class Bar:
    """An observer that draws bars on standard error while its context lasts, and then removes them.

    That they cannot be drawn is no reason to fail. rich looks at `NO_COLOR` itself.
    """

    def __init__(self) -> None:
        self._tally = Tally()
        self._tasks: dict[Digest, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._total = self._progress.add_task("image", total=None)

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Draw what the event says."""
        self._tally(event)
        with contextlib.suppress(OSError):
            self._draw(event)

    def _draw(self, event: Event) -> None:
        match event:
            case CopyStarted():
                self._progress.update(self._total, total=self._tally.size)
            case BlobStarted():
                name = f"{event.kind.value} {event.digest.hex[:12]}"
                self._tasks[event.digest] = self._progress.add_task(name, total=event.size)
            case BlobProgress() if event.digest in self._tasks:
                self._progress.update(self._tasks[event.digest], completed=event.bytes_read)
            case BlobDone() if event.digest in self._tasks:
                self._progress.remove_task(self._tasks.pop(event.digest))
        self._progress.update(self._total, completed=self._tally.bytes_done)
