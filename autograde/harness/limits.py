"""Borders around a learner's code when it runs in this process: time, random state, output, settings."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import math
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import numpy as np

SECONDS = 4.0  # for one call
BUSY = 5.0  # times the limit that a call may have waited for a processor
_HARNESS = str(Path(__file__).parent)


class TimeIsUp(BaseException):
    """A call took too long. Not an `Exception`, so that `except Exception` in a learner's code lets it through."""

    def __init__(self, when_swallowed: Callable[[FrameType], None] | None = None):
        self.when_swallowed = when_swallowed

    def __del__(self) -> None:
        if self.when_swallowed:
            self.when_swallowed(sys._getframe(1))


class Exited(BaseException):
    """The code asked the process to end."""


@contextlib.contextmanager
def time_limit(seconds: float, busy: float = BUSY, again: float = 0.05) -> Iterator[None]:
    """Raise `TimeIsUp` inside the block after `seconds`, and again every `again` seconds if the block swallows it.
    A limit inside a limit interrupts the outer one, which then goes on with the time that it has left.

    On Linux the time in which this thread was ready and had no processor does not count, up to `busy` times the limit:
    a busy machine makes nobody late. A signal stops the block in the main thread on POSIX systems, also where a loop
    has a bare `except`. Elsewhere a watchdog thread does, which cannot interrupt a call into C that does not return.
    """
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        yield from _by_signal(seconds, busy, again)
    else:
        yield from _by_thread(seconds, busy, again)


def _by_signal(seconds: float, busy: float = BUSY, again: float = 0.05) -> Iterator[None]:
    more, raised, over = _More(seconds, busy), False, False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal raised
        if wait := more.seconds():
            signal.setitimer(signal.ITIMER_REAL, wait, again)
            return
        if raised:  # and swallowed
            raise_in_handlers(frame)
        raised = True
        raise TimeIsUp

    def raise_in_handlers(frame: FrameType | None) -> None:
        if not over:
            _raise_in_next_line(frame, raise_in_handlers)

    begun = time.monotonic()
    before, tracing = signal.signal(signal.SIGALRM, stop), sys.gettrace()
    outer, outer_again = signal.setitimer(signal.ITIMER_REAL, seconds, again)
    try:
        yield
    finally:
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.settrace(tracing)
        signal.signal(signal.SIGALRM, before)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, outer - (time.monotonic() - begun)), outer_again)


def _raise_in_next_line(frame: FrameType | None, when_swallowed: Callable[[FrameType], None]) -> None:
    """Raise `TimeIsUp` also in the next line that runs, which is in the `except` block that swallows the coming one:
    what is raised there leaves a loop around it. If another `except` swallows that too, it is raised in the line after,
    and so on through as many blocks as there are: an exception that a block has swallowed is deleted at its end."""

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            raise TimeIsUp(when_swallowed)  # which ends the tracing
        return trace

    while frame is not None and not frame.f_code.co_filename.startswith(_HARNESS):
        frame.f_trace = trace
        frame = frame.f_back
    sys.settrace(lambda *_: None)  # frames are traced only while there is a tracer


def _by_thread(seconds: float, busy: float = BUSY, again: float = 0.05) -> Iterator[None]:
    thread, done, more = threading.get_ident(), threading.Event(), _More(seconds, busy)

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            if wait := more.seconds():
                continue
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TimeIsUp))
            wait = again

    watchdog = threading.Thread(target=watch, daemon=True)
    watchdog.start()
    try:
        yield
    finally:
        done.set()
        watchdog.join()


class _More:
    """Time that a block gets beyond its limit: as much as its thread waited for a processor."""

    def __init__(self, limit: float, busy: float = BUSY):
        self.thread, self.left, self.before = threading.get_native_id(), busy * limit, 0.0
        self.before = self._waited()

    def seconds(self) -> float:
        """What to give now; 0.0 where the block is late."""
        waited = self._waited()
        given = min(waited - self.before, self.left)
        if given < 0.01:
            return 0.0
        self.before, self.left = waited, self.left - given
        return given

    def _waited(self) -> float:
        """Seconds that the thread was ready to run and did not; the kernel counts them (Linux)."""
        try:
            with open(f"/proc/self/task/{self.thread}/schedstat") as file:
                return int(file.read().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return self.before


class _Capped(io.StringIO):
    """Keeps the first few thousand characters of what is written."""

    def write(self, text: str) -> int:
        if self.tell() < 4000:
            super().write(text[:4000])
        return len(text)


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Take up what is printed, and ignore warnings."""
    out = _Capped()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(_Capped()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield out


@contextlib.contextmanager
def no_exit() -> Iterator[None]:
    """`os._exit` and `os.abort` would end the kernel without a word: inside the block they raise `Exited`."""

    def refuse(*args: object) -> NoReturn:
        raise Exited

    before = os._exit, os.abort
    vars(os).update(_exit=refuse, abort=refuse)
    try:
        yield
    finally:
        os._exit, os.abort = before


@contextlib.contextmanager
def no_leftovers() -> Iterator[None]:
    """New memory holds whatever lay there before, and that may be a right result of an earlier call: inside the block,
    `empty` and `empty_like` of NumPy and PyTorch fill it: real numbers with NaN, whole ones with -1 (255), truth values
    with True. What is never written is the same in every run then, and no earlier result."""
    with contextlib.ExitStack() as after:
        for library in (np, sys.modules.get("torch")):
            for name in ("empty", "empty_like") if library else ():
                after.callback(setattr, library, name, getattr(library, name))
                setattr(library, name, _filled(getattr(library, name)))
        yield


def _filled(make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:
        new = make(*args, **kwargs)
        if isinstance(new, np.ndarray):
            by_kind = {"f": np.nan, "c": np.nan, "b": True, "i": -1, "u": 255}
            if new.dtype.kind in by_kind:
                new.fill(by_kind[new.dtype.kind])
        elif new.is_floating_point() or new.is_complex():
            new.detach().fill_(math.nan)
        else:
            new.fill_(-1)  # of truth values: True
        return new

    return made


@contextlib.contextmanager
def fixed_state(seed: int = 0) -> Iterator[None]:
    """The same random state and settings for every call, whatever the learner's code has set; all put back after."""
    python, numpy, recursion = random.getstate(), np.random.get_state(), sys.getrecursionlimit()
    torch = sys.modules.get("torch")
    random.seed(seed)
    np.random.seed(seed)
    try:
        if torch is None:
            yield
            return
        dtype, state, threads = torch.get_default_dtype(), torch.random.get_rng_state(), torch.get_num_threads()
        torch.set_default_dtype(torch.float32)
        torch.random.default_generator.manual_seed(seed)
        torch.set_num_threads(1)  # for sizes as small as these, a second thread costs more than it gives
        # a device context slows every operation down, so it is entered only where it changes something
        elsewhere = torch.get_default_device().type != "cpu"
        try:
            with torch.enable_grad(), torch.device("cpu") if elsewhere else contextlib.nullcontext():
                yield
        finally:
            torch.set_num_threads(threads)
            torch.set_default_dtype(dtype)
            torch.random.set_rng_state(state)
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        sys.setrecursionlimit(recursion)
