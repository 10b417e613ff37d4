"""Ctrl+C while a command begins. An import of PyTorch takes seconds, and can make another error of it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


class _End:
    def __init__(self, program: str):
        self.program = program

    def __call__(self, number: int, frame: FrameType | None) -> None:
        os.write(2, f"{self.program}: stopped.\n".encode())
        os._exit(130)


def end_at_once(program: str) -> None:
    """Until `as_usual`, Ctrl+C ends this process with one line. For a time in which it starts and writes nothing."""
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _End(program))


def as_usual() -> None:
    """Ctrl+C raises KeyboardInterrupt again."""
    if isinstance(signal.getsignal(signal.SIGINT), _End):
        signal.signal(signal.SIGINT, signal.default_int_handler)
