"""Signals that end the program: raised as exceptions, so that everything is cleaned up."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
_SECONDS_UNTIL_AGAIN: Final = 0.01


class Terminated(KeyboardInterrupt):
    """A signal asked the program to end. What lets Ctrl-C through lets this through."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Raise `Terminated` in the main thread on the first signal, and ignore later ones.

    So nothing interrupts the clean-up that the first one started. A signal that the parent has
    set to be ignored (`nohup` does that) stays so.

    Python discards what is raised in a callback or a finaliser, and the program would go on. A
    signal that arrives there is sent again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        del frame
        if not received:
            received = True
            raise Terminated(number)

    def send_again(unraisable: "sys.UnraisableHookArgs") -> None:
        nonlocal received
        if not isinstance(unraisable.exc_value, Terminated):
            old_hook(unraisable)
            return
        received = False
        again = (os.getpid(), unraisable.exc_value.signal)
        timer = threading.Timer(_SECONDS_UNTIL_AGAIN, os.kill, again)
        timer.daemon = True
        timer.start()

    old_hook = sys.unraisablehook
    sys.unraisablehook = send_again
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    old = {number: signal.getsignal(number) for number in numbers}
    for number, handler in old.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        sys.unraisablehook = old_hook
        if not received:
            for number, handler in old.items():
                signal.signal(number, handler)
