"""Workers that are forked from a process which has imported everything, and shares PyTorch with the warm process.

The warm process imports PyTorch, and before it enters its tree it forks a process that is the grader's own and stays
outside (`harness.sandboxed.main`). There `serve` imports the rest, and forks a worker whenever the grader wants one.
What both have in common is PyTorch: no catalogue, no secret, no variable of the grader's environment.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from multiprocessing import Pipe, connection
from typing import Any, NoReturn

_PID = struct.Struct("q")


def possible() -> bool:
    """Whether this system has descriptors of processes (Linux 5.3): a number may soon be another process's."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def order() -> dict[str, Any]:
    """What the process that is forked off needs to become `serve`."""
    return {
        "path": sys.path,
        "environment": dict(os.environ),
        "writes_bytecode": not sys.dont_write_bytecode,
        "serve": f"{__name__}:serve",
    }


class Fork:
    """A worker, used as `multiprocessing.Process` is. It runs `work(pipe, parent, *args)`.

    control  the socket to `serve`
    lives    the read end of a pipe whose other end only this process holds: it ends when this process does
    sockets  more descriptors that `work` gets, after `args`
    """

    def __init__(self, control: socket.socket, lives: int, args: tuple[Any, ...], sockets: list[socket.socket]) -> None:
        self.pipe, other = Pipe()
        try:
            socket.send_fds(control, [b"!"], [other.fileno(), lives, *(given.fileno() for given in sockets)])
            answer, descriptors, _, _ = socket.recv_fds(control, _PID.size, 1)
            if len(answer) < _PID.size or not descriptors:
                raise EOFError("the process that workers are forked from has ended")
        except (OSError, EOFError):
            self.pipe.close()
            raise
        finally:
            other.close()
        (self.pid,), (self.sentinel,) = _PID.unpack(answer), descriptors
        with contextlib.suppress(OSError):  # one that has ended is found by its sentinel
            self.pipe.send(args)

    def is_alive(self) -> bool:
        return not connection.wait([self.sentinel], 0)

    def join(self, timeout: float | None = None) -> None:
        connection.wait([self.sentinel], timeout)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.sentinel, signal.SIGKILL)

    def close(self) -> None:
        os.close(self.sentinel)


def serve(control: socket.socket) -> None:
    """Fork a worker for each message, until the grader has closed the other end."""
    importlib.import_module("autograde.grading.classes.preload")
    work = importlib.import_module("autograde.grading.classes.workers").work
    while True:
        byte, descriptors, _, _ = socket.recv_fds(control, 1, 8)
        if not byte:
            return
        _reap()
        pid = os.fork()
        if not pid:
            control.close()
            _run(work, *descriptors)
        sentinel = os.pidfd_open(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        socket.send_fds(control, [_PID.pack(pid)], [sentinel])
        os.close(sentinel)


def _reap() -> None:
    """Workers that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(work: Callable[..., None], number: int, lives: int, *sockets: int) -> NoReturn:
    status = 1
    try:
        pipe: connection.Connection[Any, Any] = connection.Connection(number)
        work(pipe, lives, *pipe.recv(), *map(_socket, sockets))
        status = 0
    except EOFError:
        pass  # the grader has ended
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _socket(number: int) -> socket.socket:
    return socket.socket(fileno=number)
