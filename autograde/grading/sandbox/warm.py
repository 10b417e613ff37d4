"""The grader's side of the sandbox: a warm process, and a child of it for each submission.

with Runner() as runner:
    with runner.child("03_single_head", limits, files) as child:
        reply = child.run("1 + 1", 60)
"""

from __future__ import annotations

import contextlib
import inspect
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from autograde import makers
from autograde.answering import pack_calls, unpack_answers
from autograde.errors import CourseError
from autograde.exercise import Call, Made
from autograde.grading.bundle import Limits
from autograde.grading.sandbox import frames, selftest, staging, view
from autograde.grading.sandbox.frames import Gone

_START = 120.0  # seconds until a warm process is ready
_CHILD = 20.0  # seconds until a child is ready
_GRACE = 3.0  # seconds beyond a cell's own time-out, until its process is ended
_PREFIX, _LOCK = "grader-", "lock"  # of the folder of a warm process
_OLD = 60.0  # seconds after which it certainly holds its lock
NAMESPACES, BWRAP = "namespaces", "bubblewrap"
MEANS = (NAMESPACES, BWRAP)
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# huge pages: a fork of the warm process copies one entry for 2 MiB of its memory, and not 512
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", **dict.fromkeys(_THREADS, "1")}
_MOST_DATA = 128 * 2**20  # bytes of the files of a submission


class Unsafe(CourseError):
    """This machine cannot isolate submissions; the message says what is missing and what to do."""


def possible() -> bool:
    """Whether this system has processes that fork: without, there is no warm process, isolated or not."""
    return sys.platform == "linux"


class Runner:
    """A warm process for submissions. Not for several threads at once: make one Runner in each.

    unsafe  True runs submissions also where the isolation is incomplete
    """

    def __init__(self, unsafe: bool = False):
        self.unsafe = unsafe
        self.means = list(MEANS) if sys.platform == "linux" else []  # of isolation, the first that holds is taken
        self.isolated = ""
        self.assurance = ""
        self.breaches: dict[str, str] = {}  # what the self-test could do and should not
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Runner:
        self.start()
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def start(self) -> None:
        """Start the warm process, unless it runs, and try out its isolation. Unsafe where something essential is
        missing and `unsafe` is False."""
        if self._process is not None and self._process.poll() is None:
            return
        if self.isolated == BWRAP and self.assurance:  # a process for each submission, and the self-test has passed
            return
        self.close()
        if not possible() and not self.unsafe:
            raise Unsafe(f"Submissions cannot be isolated on this machine (that needs Linux). {REMEDY}")
        reasons = [] if self.means else ["no means of isolation is left"]
        for means in self.means:
            self.isolated, self.breaches, self.assurance = means, {}, ""
            try:
                self._start(staging.OWN)
                self.breaches = selftest.breaches(self)
            except (_Failed, Gone, view.Missing) as error:
                reasons.append(f"{means}: {error}")
                continue
            essential = sorted(self.breaches.keys() & selftest.ESSENTIAL)
            if not essential:
                break
            reasons.append(f"{means}: one could {', '.join(essential)}")
        else:
            self.close()
            if not self.unsafe:
                raise Unsafe(f"Submissions cannot be isolated on this machine ({'; '.join(reasons)}). {REMEDY}")
            self.isolated, self.assurance = "", "unsafe: no isolation"
            self._start(staging.OWN)
            return
        self.means = [self.isolated]
        lacks = ", ".join(sorted(self.breaches))
        self.assurance = f"a submission could {lacks}" if lacks else "full"

    def _start(self, for_stage: str) -> None:
        """Start the warm process; with bubblewrap it is for one submission alone, and sees the stage of that one."""
        self.close()
        _clean_up()
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._folder.chmod(0o755)
        self._held = FileLock(self._folder / _LOCK)
        self._held.acquire(timeout=0)
        stage = self._folder / "stage"
        staging.stage(stage)
        (self._folder / "root").mkdir()
        ours, theirs = socket.socketpair()
        config = view.config(self._folder, bool(self.isolated))
        common = config["places"]["/course/common"] if self.isolated != BWRAP else "/course/common"
        boot = f"import sys; sys.path.insert(0, {common!r})\n"
        boot += "from autograde.grading.sandbox.main import main"
        python = [sys.executable, "-s", "-S", "-P", "-B", "-c", f"{boot}; main({theirs.fileno()})"]
        self._errors = (self._folder / "errors").open("wb")
        self._process = subprocess.Popen(
            [*(view.bubblewrap(config, stage / "stages" / for_stage) if self.isolated == BWRAP else ()), *python],
            env=_ENVIRONMENT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            cwd="/",
            start_new_session=True,
        )
        theirs.close()
        self._control = ours
        frames.send(ours, {**config, "isolated": self.isolated})
        try:
            reply, _ = frames.receive(ours, _START)
        except frames.Ended:
            words = self._last_words()
            self.close()
            raise _Failed(f"the warm process did not start: {words}") from None
        except frames.Late:
            self.close()
            raise _Failed(f"the warm process was not ready after {_START:g} seconds; is the machine busy?") from None
        if "failed" in reply:
            self.close()
            raise _Failed(str(reply["failed"]))
        self._places = view.places(self._folder, bool(self.isolated))

    def _last_words(self) -> str:
        lines = (self._folder / "errors").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it gave no reason"

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """End the warm process and everything that it started."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            self._errors.close()
            self._held.release()
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def child(self, stage: str, limits: Limits, files: dict[str, bytes] | None = None) -> Iterator[Child]:
        """A fresh process for one submission; nothing of it is left afterwards."""
        self.start()
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("A Runner runs one submission at a time; make one for each thread.")
        try:
            if self.isolated == BWRAP:
                self._start(stage)
            connection = self._fork(stage, limits)
            child = Child(self, connection)
            try:
                child._begin(stage, limits, files or {})
                yield child
            finally:
                child._close()
                self._end()
        finally:
            self._lock.release()

    def _fork(self, stage: str, limits: Limits) -> socket.socket:
        ours, theirs = socket.socketpair()
        message = {
            "do": "child",
            "stage": stage,
            "lesson": self._places["lesson"].format(stage=stage),
            "work": self._places["work"] if self.isolated else tempfile.mkdtemp(dir=self._folder),
            "limits": asdict(limits),
            "home": 4 * limits.file_size,
        }
        socket.send_fds(self._control, [b"!"], [theirs.fileno()])
        frames.send(self._control, message)
        theirs.close()
        frames.receive(self._control, _CHILD)
        try:
            held, _ = frames.receive(ours, _CHILD)
        except (frames.Ended, frames.Late):
            held = {"failed": "the process of the submission did not start"}
        if "failed" in held:
            ours.close()
            self._end()
            raise _Failed(str(held["failed"]))
        return ours

    def _over(self) -> bool:
        """Whether the child was ended because it used too much memory."""
        try:
            self._control.sendall(b"!")
            frames.send(self._control, {"do": "why"})
            return bool(frames.receive(self._control, _CHILD)[0].get("memory"))
        except (OSError, frames.Ended, frames.Late):
            self.close()
            return False

    def _end(self) -> None:
        if self.isolated == BWRAP:
            self.close()
            return
        if self._control is None:
            return
        try:
            self._control.sendall(b"!")
            frames.send(self._control, {"do": "end"})
            frames.receive(self._control, _CHILD)
        except (OSError, frames.Ended, frames.Late):
            self.close()


REMEDY = (
    "Grade on a Linux machine that allows user namespaces, or pass --unsafe if you trust every submission: "
    "it then runs with your own rights."
)


def _clean_up() -> None:
    """Remove the folders of graders that were killed: old ones of this user, whose lock nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = folder / _LOCK
        with contextlib.suppress(OSError, Timeout):
            if lock.is_file() and time.time() - lock.stat().st_mtime > _OLD:
                with FileLock(lock, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


class _Failed(Exception):
    """The isolation could not be set up; the message says where."""


class Child:
    """The process of one submission, as a stack of states: the newest runs, older ones wait to be taken up again."""

    def __init__(self, runner: Runner, connection: socket.socket):
        self._runner = runner
        self._stack = [connection]
        self.threads = 1
        self._memory = 0
        self.seconds = 0.0  # that cells and calls have taken, as the child says

    def _begin(self, stage: str, limits: Limits, files: dict[str, bytes]) -> None:
        sizes, data, total = {}, [], 0
        for name, content in files.items():
            total += len(content)
            if total <= _MOST_DATA:
                sizes[name] = len(content)
                data.append(content)
        released = self._runner._folder / "stage" / "stages" / stage / "release"
        lesson = self._runner._places["lesson"].format(stage=stage)
        links = {path.name: f"{lesson}/release/{path.name}" for path in released.glob("*")}
        self._memory = limits.memory
        message = {"do": "begin", "files": sizes, "links": links, "output": limits.output, "memory": limits.memory}
        self._exchange(message, b"".join(data), _CHILD)

    def run(self, source: str, seconds: float) -> dict:
        """Run a cell: {"outputs": [...], "missing": whether a name was missing, ...}; Gone if its process is."""
        reply, _ = self._exchange({"do": "run", "source": source, "seconds": seconds}, b"", seconds + _GRACE)
        if type(reply.get("outputs")) is not list:
            raise Gone
        return reply

    def ask(self, name: str, calls: list[Call], seconds: float, total: float):
        """Put the calls to the object of that name; None if there is none, else its answers.

        ValueError if what came back is no answer; Gone if the process is.
        """
        message = {"do": "ask", "name": name, "seconds": seconds, "makers": _makers(calls)}
        reply, data = self._exchange(message, pack_calls(calls), total)
        if reply.get("there") is not True:
            return None
        if "broken" in reply:
            raise ValueError(str(reply["broken"])[:300])
        return unpack_answers(data, len(calls))

    def checkpoint(self) -> bool:
        """Keep the state of now, to come back to it with `back`; False if that is not possible (threads)."""
        if self.threads != 1:
            return False
        ours, theirs = socket.socketpair()
        try:
            frames.send(self._stack[-1], {"do": "checkpoint"})
            socket.send_fds(self._stack[-1], [b"!"], [theirs.fileno()])
            theirs.close()
            frames.receive(ours, _CHILD)
        except (OSError, frames.Ended, frames.Late):
            theirs.close()
            ours.close()
            return False
        self._stack.append(ours)
        return True

    def back(self) -> bool:
        """Give up the newest state and take up the one before it; False if there is none that lives."""
        self._stack.pop().close()
        if not self._stack:
            return False
        try:
            frames.send(self._stack[-1], {"do": "resume"})
            frames.receive(self._stack[-1], _CHILD)
        except (frames.Ended, frames.Late):
            return False
        return True

    def _exchange(self, message: dict, data: bytes, seconds: float) -> tuple[dict, bytes]:
        try:
            frames.send(self._stack[-1], message, data)
            reply, more = frames.receive(self._stack[-1], seconds)
        except frames.Late:
            raise Gone(late=True) from None
        except frames.Ended:
            raise Gone(memory=self._memory if self._runner._over() else 0) from None
        threads = reply.get("threads")
        self.threads = threads if type(threads) is int else 0
        taken = reply.get("seconds")
        self.seconds += taken if type(taken) is float and 0 <= taken < 1e6 else 0.0
        return reply, more

    def _close(self) -> None:
        for connection in self._stack:
            connection.close()


def _makers(calls: list[Call]) -> list[str]:
    """The source of the makers that the calls name, and of those that these use: no other exercise's."""
    wanted: set[str] = set()

    def look(value) -> None:
        if isinstance(value, Made):
            wanted.add(value.maker)
            look(value.args)
        elif isinstance(value, list | tuple):
            for item in value:
                look(item)
        elif isinstance(value, dict):
            look(tuple(value.values()))

    for call in calls:
        look((call.args, call.kwargs, call.new, call.new_kwargs, call.then))
    sources, queue = {}, sorted(wanted)
    while queue:
        name = queue.pop()
        if name in sources or name not in makers.MAKERS:
            continue
        sources[name] = inspect.getsource(makers.MAKERS[name])
        queue += [other for other in makers.MAKERS if re.search(rf"\b{other}\(", sources[name])]
    return [sources[name] for name in sorted(sources)]
