import threading
import time

import pytest

from imgcopy_core_stubs._parallel import Turn, run_in_parallel


def run(work: object, number: int, at_a_time: int) -> list[int]:
    return run_in_parallel(
        work,  # type: ignore[arg-type]  # each test's own function
        range(number),
        at_a_time=at_a_time,
        cancelled=threading.Event(),
    )


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 16])
def test_results_come_in_the_order_of_the_tasks(at_a_time: int) -> None:
    def work(task: int, turn: Turn) -> int:
        time.sleep(0.002 * (5 - task % 5))
        return task * task

    assert run(work, 12, at_a_time) == [task * task for task in range(12)]


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 16])
def test_what_waits_for_its_turn_begins_in_order(at_a_time: int) -> None:
    begun: list[int] = []

    def work(task: int, turn: Turn) -> int:
        time.sleep(0.002 * (5 - task % 5))
        if task % 4 == 3:
            return task  # this one needs no turn
        turn.wait()
        begun.append(task)
        turn.pass_on()
        time.sleep(0.002)
        return task

    run(work, 24, at_a_time)
    assert begun == [task for task in range(24) if task % 4 != 3]


def test_several_are_worked_on_at_a_time() -> None:
    together = threading.Barrier(3)

    def work(task: int, turn: Turn) -> int:
        turn.wait()
        turn.pass_on()
        return together.wait(timeout=30)

    assert sorted(run(work, 3, 3)) == [0, 1, 2]


def test_the_first_failure_is_raised_and_the_rest_is_not_begun() -> None:
    begun: list[int] = []

    def work(task: int, turn: Turn) -> int:
        turn.wait()
        begun.append(task)
        turn.pass_on()
        if task == 2:
            raise ValueError(task)
        time.sleep(0.2)
        return task

    with pytest.raises(ValueError, match="2"):
        run(work, 100, 2)
    assert len(begun) < 10


def test_what_another_ones_failure_caused_is_not_raised_before_it() -> None:
    cause = ValueError("the source is gone")
    began = threading.Event()

    def work(task: int, turn: Turn) -> int:
        turn.pass_on()
        if task == 0:
            assert began.wait(30)
            raise RuntimeError("it cannot go on") from cause
        began.set()
        time.sleep(0.1)  # the other one is the first
        raise cause

    with pytest.raises(ValueError, match="the source is gone"):
        run(work, 2, 2)


def test_a_failure_leaves_nobody_waiting_for_a_turn() -> None:
    """A thread has taken a task when it finds out that all is over; another one waits behind it."""
    delayed: list[threading.Thread] = []

    class Cancelled(threading.Event):
        def is_set(self) -> bool:
            if threading.current_thread() in delayed:
                assert self.wait(timeout=30)
            return super().is_set()

    all_work, another_waits = threading.Barrier(3), threading.Event()

    def work(task: int, turn: Turn) -> int:
        if task < 3:
            all_work.wait(timeout=30)
        if task == 4:
            another_waits.set()
            turn.wait()
        turn.pass_on()
        if task == 0:
            assert another_waits.wait(timeout=30)
            raise ValueError(task)
        if task == 1:
            delayed.append(threading.current_thread())  # as soon as it has taken task 3
        if task == 2:
            time.sleep(0.1)
        return task

    with pytest.raises(ValueError, match="0"):
        run_in_parallel(work, range(6), at_a_time=3, cancelled=Cancelled())


def test_a_thread_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def start_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    cancelled = threading.Event()

    def work(task: int, turn: Turn) -> int:
        assert cancelled.wait(timeout=30)
        return task

    monkeypatch.setattr(threading.Thread, "start", start_one)
    with pytest.raises(RuntimeError, match="new thread"):
        run_in_parallel(work, range(4), at_a_time=2, cancelled=cancelled)
    assert not started[0].is_alive()


def test_a_task_that_fails_before_its_turn_does_not_block_the_others() -> None:
    def work(task: int, turn: Turn) -> int:
        if task == 1:
            raise ValueError(task)
        time.sleep(0.01)
        turn.wait()
        return task

    with pytest.raises(ValueError, match="1"):
        run(work, 8, 4)


@pytest.mark.parametrize("at_a_time", [2, 3])
def test_a_task_knows_when_it_is_the_last(at_a_time: int) -> None:
    began_as_last: dict[int, bool] = {}

    def work(task: int, turn: Turn) -> int:
        began_as_last[task] = turn.is_last
        turn.pass_on()
        deadline = time.monotonic() + 30
        while task == 0 and not turn.is_last:  # the others take the other threads
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return task

    assert run(work, 8, at_a_time) == list(range(8))
    assert began_as_last == dict.fromkeys(range(8), False)


def test_what_is_alone_is_the_last() -> None:
    assert run(lambda _, turn: turn.is_last, 1, 4) == [True]
