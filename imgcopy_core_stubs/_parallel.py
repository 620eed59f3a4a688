"""Several layers at a time, begun in their order."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Self, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_SECONDS_TO_END: Final = 1
"""How long an interrupted caller waits for its threads: the whole program is to end within two."""


class Turn:
    """When a task may begin with what has to be begun in order: after the task before it has.

    It knows too whether other tasks still need the cores.
    """

    def __init__(
        self, mine: threading.Event, following: threading.Event, last: threading.Event
    ) -> None:
        self._mine = mine
        self._following = following
        self._last = last

    @classmethod
    def alone(cls) -> Self:
        """Return the turn of a task that has no others beside it."""
        now = threading.Event()
        now.set()
        return cls(now, threading.Event(), now)

    @property
    def is_last(self) -> bool:
        """Whether no other task is being worked on any more, or will be."""
        return self._last.is_set()

    def wait(self) -> None:
        """Wait for the turn."""
        self._mine.wait()

    def pass_on(self) -> None:
        """Let the next task have its turn. May be called twice."""
        self._following.set()


def run_in_parallel(
    work: Callable[[Task, Turn], Result],
    tasks: Sequence[Task],
    *,
    at_a_time: int,
    cancelled: threading.Event,
) -> list[Result]:
    """Do work for every task, and return the results in the tasks' order.

    If the caller is interrupted, threads that are stuck in the operating system for over a second
    are left behind: they end when they get free, or with the process. What they raise is dropped.

    Args:
        work: Called with a task and its turn, in a thread of its own where there are several.
        tasks: The tasks.
        at_a_time: How many are worked on at a time.
        cancelled: Set when one of them fails or the caller is interrupted; work ends on it.

    Raises:
        BaseException: What the first task to fail raised; where another task's failure is its
            cause, that one.
    """
    if min(at_a_time, len(tasks)) < 2:  # noqa: PLR2004  (a single one needs no threads)
        return [work(task, Turn.alone()) for task in tasks]
    # Threads of our own: importing `concurrent.futures` takes longer than many a copy.
    events = [threading.Event() for _ in range(len(tasks) + 1)]
    events[0].set()
    last = threading.Event()

    waiting = iter(range(len(tasks)))
    leaving = itertools.count(1)
    results: dict[int, Result] = {}
    failures: list[BaseException] = []

    def work_on() -> None:
        for number in waiting:
            turn = Turn(events[number], events[number + 1], last)
            try:
                if cancelled.is_set():
                    break  # whoever waits behind this one must get its turn, and end too
                results[number] = work(tasks[number], turn)
                turn.wait()  # whoever needed no turn keeps the order all the same
            except BaseException as error:  # noqa: BLE001  (raised below)
                failures.append(error)
                cancelled.set()
            finally:
                turn.pass_on()
        if next(leaving) == len(threads) - 1:
            last.set()

    threads = [
        threading.Thread(target=work_on, name=f"imgcopy-layer-{number}", daemon=True)
        for number in range(min(at_a_time, len(tasks)))
    ]
    try:
        for thread in threads:
            thread.start()
        _join(threads)
    except BaseException:  # Ctrl-C arrives in this thread: the others must be told
        cancelled.set()
        _join([thread for thread in threads if thread.ident is not None], _SECONDS_TO_END)
        raise
    if failures:
        raise next(failure for failure in failures if failure.__cause__ not in failures)
    return [results[number] for number in range(len(tasks))]


def _join(threads: Sequence[threading.Thread], seconds: float | None = None) -> None:
    """Wait until all threads have ended, or for so many seconds in all."""
    end = None if seconds is None else time.monotonic() + seconds
    for thread in threads:
        thread.join(None if end is None else max(0, end - time.monotonic()))
