"""One submission in one container, by Podman or Docker: for a machine that keeps namespaces from ordinary users.

The container's image is empty. It sees Python's installation and the stage of one lesson, read-only, and file systems
in memory; it has no network, no capability, no right of root, nothing of the host's environment, and not the engine's
socket. The process inside makes one connection to the grader, by a socket in a folder; that is gone before anything of
a submission arrives. Where the connection ends the process ends, and with it, as it is process 1 of the container, all
others: also where the grader was killed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import secrets
import select
import shutil
import socket
import subprocess
import tarfile
import time
from pathlib import Path

from autograde.grading.job import Limits
from autograde.grading.sandbox.view import COMMON, LESSON, SCRATCH, Missing
from autograde.harness.sandboxed.backends import PODMAN
from autograde.harness.sandboxed.frames import Ended, Late

IMAGE = "localhost/transformer-grader:1"
DOOR, SOCKET = "/course/door", "socket"
USER = 65533  # a number without rights, which no system gives to anybody
ROOM = 2 * 2**30  # bytes beside those of the submission: for the warm process and the file systems in memory
GVISOR = "runsc"  # the program of gVisor, which lets nobody out to a socket of the host unless it is told
_ANSWER = 30.0  # seconds in which an engine answers
_LOOK = 0.1  # seconds between two looks whether the engine's program has given up
_HELPERS = 64  # threads that a runtime with a kernel of its own may need for each process inside
_EMPTY = "ro,nosuid,nodev,noexec,size=4k,mode=755"
_ADVICE = re.compile(r"(See|Run) '")  # Docker's last line, below what was wrong


@functools.cache
def ready(engine: str, runtime: str = "") -> str:
    """The engine's program, when it answers, has the image, and knows the OCI runtime (none: its own choice); Missing,
    with the engine's own words, where not."""
    program = shutil.which(engine)
    if program is None:
        raise Missing(f"{engine} is not installed")
    if _ask(program, "image", "inspect", IMAGE).returncode:
        made = _ask(program, "import", "-", IMAGE, given=_image())
        if made.returncode:
            raise Missing(last_words(made.stderr.decode(errors="replace")) or f"{engine} does not answer")
    if runtime:
        _find_runtime(engine, program, runtime)
    return program


def _find_runtime(engine: str, program: str, runtime: str) -> None:
    if engine == PODMAN:
        asked = _ask(program, *_choose(engine, runtime), "info")
        if asked.returncode:
            raise Missing(last_words(asked.stderr.decode(errors="replace")) or f"it does not know {runtime!r}")
        return
    asked = _ask(program, "info", "--format", "{{json .Runtimes}}")
    try:
        known = sorted(json.loads(asked.stdout))
    except (ValueError, TypeError):
        raise Missing(last_words(asked.stderr.decode(errors="replace")) or f"{engine} does not answer") from None
    if runtime not in known:
        raise Missing(f"it does not know the runtime {runtime!r}, only {', '.join(known)}")


def _choose(engine: str, runtime: str) -> list[str]:
    """Podman's options, before its command, that choose an OCI runtime; Docker has one of `run`."""
    if not runtime or engine != PODMAN:
        return []
    flags = ["--runtime-flag", "host-uds=open"] if Path(runtime).name == GVISOR else []
    return ["--runtime", runtime, *flags]


def _ask(program: str, *words: str, given: bytes = b"") -> subprocess.CompletedProcess:
    try:
        return subprocess.run([program, *words], input=given, capture_output=True, timeout=_ANSWER)
    except subprocess.TimeoutExpired:
        raise Missing(f"{Path(program).name} did not answer within {_ANSWER:g} seconds") from None
    except OSError as error:
        raise Missing(f"{program} cannot be started: {error.strerror}") from None


def _image() -> bytes:
    """A file system with the name of one user, and nothing else."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, text in (
            ("etc/passwd", f"learner:x:{USER}:{USER}::/private/home:/bin/sh\n"),
            ("etc/group", f"learner:x:{USER}:\n"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return tar.getvalue()


def last_words(text: str) -> str:
    """The line that says what was wrong, of what a program has written when it ended."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _ADVICE.match(line)]
    return lines[-1][:400] if lines else ""


class Container:
    """A container that will run, and the door by which the process inside reaches the grader."""

    def __init__(self, engine: str, folder: Path, runtime: str = ""):
        """In `folder`, which is the grader's own, the door is made."""
        self.program, self.name = ready(engine, runtime), f"grader-{secrets.token_hex(8)}"
        self.engine, self.runtime = engine, runtime
        shut = folder / "door"  # nobody else gets through it; the container gets what is behind
        shut.mkdir(mode=0o700)
        self._door = shut / "inner"
        self._door.mkdir()
        self._door.chmod(0o755)
        self._listener = socket.socket(socket.AF_UNIX)
        place = os.open(self._door, os.O_PATH | os.O_DIRECTORY)
        try:
            self._listener.bind(f"/proc/self/fd/{place}/{SOCKET}")  # the name of a socket has 107 bytes at most
        finally:
            os.close(place)
        (self._door / SOCKET).chmod(0o666)
        self._listener.listen(1)

    def command(self, config: dict, lesson: Path, limits: Limits, environment: dict[str, str]) -> list[str]:
        """What starts a program in the container, with the same view of the machine as `isolation` gives."""
        words = [self.program, *_choose(self.engine, self.runtime), "run", "--rm", "--name", self.name]
        words += ["--pull", "never", "--log-driver", "none"]
        words += ["--network", "none", "--ipc", "private", "--hostname", "grader", "--workdir", "/"]
        words += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--stop-signal", "KILL"]
        processes = (limits.processes + 1) * (_HELPERS if self.runtime else 1)  # and the warm process
        words += ["--user", f"{USER}:{USER}", "--pids-limit", str(processes)]
        if self.runtime and self.engine != PODMAN:
            words += ["--runtime", self.runtime]
        words += ["--memory", str(limits.memory + ROOM), "--shm-size", str(SCRATCH)]
        for path in ("/private", "/tmp"):
            words += ["--tmpfs", f"{path}:rw,exec,nosuid,nodev,size={SCRATCH},mode=1777"]
        for path in ("/run", "/var/tmp"):  # Podman makes them writable
            words += ["--tmpfs", f"{path}:{_EMPTY}"]
        shown = {path: os.path.realpath(path) for path in config["shown"] if os.path.exists(path)}
        shown |= {path: config["root"] for path in config["hidden"] if os.path.isdir(path)}  # an empty folder
        shown |= {COMMON: config["places"][COMMON], LESSON: str(lesson), DOOR: str(self._door)}
        for path, source in shown.items():
            words += ["--mount", f'type=bind,"source={source}","destination={path}",readonly']
        clean = [f"{name}={value}" for name, value in environment.items()]  # nothing of what the engine adds
        return [*words, IMAGE, "/usr/bin/env", "-i", *clean]

    def accept(self, process: subprocess.Popen, seconds: float) -> socket.socket:
        """The connection of the process inside, the only one there will be. Ended where `process`, the engine's
        program, ends before, Late where none comes in time."""
        end = time.monotonic() + seconds
        while not select.select([self._listener], [], [], min(_LOOK, seconds))[0]:
            if process.poll() is not None:
                raise Ended("the container has ended")
            if time.monotonic() >= end:
                raise Late
        connection, _ = self._listener.accept()
        self.shut()
        return connection

    def shut(self) -> None:
        """Let nobody in any more."""
        self._listener.close()
        (self._door / SOCKET).unlink(missing_ok=True)

    def remove(self) -> None:
        """End it, whatever its state."""
        with contextlib.suppress(Missing):
            _ask(self.program, *_choose(self.engine, self.runtime), "rm", "--force", self.name)
