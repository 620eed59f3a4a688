"""Several layers at a time, begun in their order."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Self, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Turn:
    """When a task may begin with what has to be begun in order: after the task before it has."""

    def __init__(self, mine: threading.Event, following: threading.Event) -> None:
        self._mine = mine
        self._following = following

    @classmethod
    def alone(cls) -> Self:
        """Return the turn of a task that has no others beside it."""
        mine = threading.Event()
        mine.set()
        return cls(mine, threading.Event())

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

    Args:
        work: Called with a task and its turn, in a thread of its own where there are several.
        tasks: The tasks.
        at_a_time: How many are worked on at a time.
        cancelled: Set when one of them fails or the caller is interrupted; work ends on it.

    Raises:
        BaseException: What the first task to fail raised.
    """
    if min(at_a_time, len(tasks)) < 2:  # noqa: PLR2004  (a single one needs no threads)
        return [work(task, Turn.alone()) for task in tasks]
    events = [threading.Event() for _ in range(len(tasks) + 1)]
    events[0].set()

    def work_in_turn(number: int) -> Result:
        turn = Turn(events[number], events[number + 1])
        try:
            result = work(tasks[number], turn)
            turn.wait()  # whoever needed no turn keeps the order all the same
            return result
        finally:
            turn.pass_on()

    with ThreadPoolExecutor(at_a_time, thread_name_prefix="imgcopy-layer") as pool:
        futures = [pool.submit(work_in_turn, number) for number in range(len(tasks))]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()  # raises what the task raised
        except BaseException:  # Ctrl-C arrives in this thread: the others must be told
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]
