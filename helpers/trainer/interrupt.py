"""Ctrl-C without a torn step."""

from __future__ import annotations

import contextlib
import signal
import threading


@contextlib.contextmanager
def stops_between_steps(loop):
    """The first Ctrl-C, or the end that a scheduler announces, sets `loop.interrupted`: the step ends as it should. A
    second Ctrl-C does not wait."""

    def note(number, frame):
        if loop.interrupted:
            raise KeyboardInterrupt
        loop.interrupted = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
