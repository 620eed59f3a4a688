"""Signals that end the program: raised as exceptions, so that everything is cleaned up."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
_SECONDS_UNTIL_AGAIN: Final = 0.01


class Terminated(KeyboardInterrupt):
    """A signal asked the program to end. What lets Ctrl-C through lets this through."""

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(f"interrupted by {self.signal.name}")


@contextlib.contextmanager
def signals_raise() -> Iterator[Callable[[], None]]:
    """Raise `Terminated` in the main thread on the first signal, and ignore later ones.

    So nothing interrupts the clean-up that the first one started. A signal that the parent has
    set to be ignored (`nohup` does that) stays so.

    Gives a function that has all signals ignored from then on.
    """
    handler = _Handler()
    if threading.current_thread() is not threading.main_thread():
        yield handler.raise_no_more
        return
    old_hook = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: handler.send_again(unraisable, old_hook)
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    old = {number: signal.getsignal(number) for number in numbers}
    for number, old_handler in old.items():
        if old_handler is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield handler.raise_no_more
    finally:
        handler.raise_no_more()
        sys.unraisablehook = old_hook
        if not handler.received:
            for number, old_handler in old.items():
                signal.signal(number, old_handler)


class _Handler:
    """Raises `Terminated` on the first signal, until it is to raise no more."""

    def __init__(self) -> None:
        self.received = False
        self._over = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del frame
        if not self.received and not self._over:
            self.received = True
            raise Terminated(number)

    def raise_no_more(self) -> None:
        """Ignore all signals from now on."""
        self._over = True

    def send_again(
        self,
        unraisable: "sys.UnraisableHookArgs",
        old_hook: "Callable[[sys.UnraisableHookArgs], object]",
    ) -> None:
        """Send a signal again that arrived in a callback or a finaliser.

        Python discards what is raised there, and the program would go on.
        """
        if not isinstance(unraisable.exc_value, Terminated):
            old_hook(unraisable)
            return
        self.received = False
        again = (os.getpid(), unraisable.exc_value.signal)
        timer = threading.Timer(_SECONDS_UNTIL_AGAIN, os.kill, again)
        timer.daemon = True
        timer.start()
