"""The isolation backends behind one interface: how a warm process is started, and how the grader reaches it.

link = open_link(backend, folder, runtime)
process = Popen([*link.command(config, lesson, limits), python, "-c", f"... main({link.address})"], ...)
link.begun(config)
control = link.accept(process, seconds)
link.close(process)
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograde.grading.job import Limits
from autograde.grading.sandbox import containers, view
from autograde.harness.sandboxed import frames
from autograde.harness.sandboxed.backends import BWRAP, CONTAINERS

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# huge pages: a fork of the warm process copies one entry for 2 MiB of its memory, and not 512
ENVIRONMENT = {"PYTHONHASHSEED": "0", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", **dict.fromkeys(_THREADS, "1")}


class Link(ABC):
    """The way to one warm process.

    address      where the process finds the grader: the arguments of its `main`, as source
    descriptors  what it inherits
    environment  its variables; None: those of the grader
    patience     seconds in which it ends by itself
    """

    address: str
    descriptors: Sequence[int] = ()
    environment: dict[str, str] | None = ENVIRONMENT
    patience = 2.0

    @abstractmethod
    def command(self, config: dict[str, Any], lesson: Path, limits: Limits) -> list[str]:
        """What starts a program in the isolation; empty where the warm process isolates itself."""

    @abstractmethod
    def begun(self, config: dict[str, Any]) -> None:
        """The process has been started."""

    @abstractmethod
    def accept(self, process: subprocess.Popen[bytes], seconds: float) -> socket.socket:
        """The connection to the process. Ended or Late where none comes."""

    @abstractmethod
    def hang_up(self) -> None:
        """Close what the process may still wait for, so that it ends."""

    @abstractmethod
    def close(self, process: subprocess.Popen[bytes]) -> None:
        """The process has ended: remove what is left of it."""


class Pair(Link):
    """Two connected sockets: for namespaces, for bubblewrap, and without isolation."""

    def __init__(self, backend: str):
        self.backend = backend
        self._ours, self._theirs = socket.socketpair()
        self.address, self.descriptors = str(self._theirs.fileno()), (self._theirs.fileno(),)

    def command(self, config: dict[str, Any], lesson: Path, limits: Limits) -> list[str]:
        return view.bubblewrap(config, lesson) if self.backend == BWRAP else []

    def begun(self, config: dict[str, Any]) -> None:
        self._theirs.close()
        with contextlib.suppress(frames.Ended):  # it could not start: whoever waits for it learns why
            frames.send(self._ours, config)

    def accept(self, process: subprocess.Popen[bytes], seconds: float) -> socket.socket:
        return self._ours

    def hang_up(self) -> None:
        self._ours.close()
        self._theirs.close()

    def close(self, process: subprocess.Popen[bytes]) -> None:
        self._ours.close()


class Door(Link):
    """A socket in a folder that a container sees."""

    environment = None  # an engine's program needs what is set for it
    patience = 20.0  # an engine removes the container before its program ends
    address = f"connect({containers.DOOR!r} + '/' + {containers.SOCKET!r})"

    def __init__(self, backend: str, folder: Path, runtime: str):
        self.container = containers.Container(backend, folder, runtime)

    def command(self, config: dict[str, Any], lesson: Path, limits: Limits) -> list[str]:
        return self.container.command(config, lesson, limits, ENVIRONMENT)

    def begun(self, config: dict[str, Any]) -> None:
        self._config = config

    def accept(self, process: subprocess.Popen[bytes], seconds: float) -> socket.socket:
        control = self.container.accept(process, seconds)
        frames.send(control, self._config)
        return control

    def hang_up(self) -> None:
        self.container.shut()

    def close(self, process: subprocess.Popen[bytes]) -> None:
        if process.returncode < 0:  # the engine's program was killed: the container may be there
            self.container.remove()


def check(backend: str, runtime: str) -> None:
    """Missing, with the reason, where a container engine does not answer, or does not know the OCI runtime."""
    if backend in CONTAINERS:
        containers.ready(backend, runtime)


def open_link(backend: str, folder: Path, runtime: str) -> Link:
    """`backend` is one of `backends.MEANS`, or "" to run without isolation; `folder` is the grader's own; `runtime` is
    a container engine's."""
    return Door(backend, folder, runtime) if backend in CONTAINERS else Pair(backend)
