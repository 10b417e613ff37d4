"""The grader's side of the sandbox: a warm process, and a child of it for each submission.

with Runner() as runner:
    with runner.child("03_single_head", limits, files) as child:
        reply = child.run("1 + 1", 60)
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from autograde.errors import CourseError
from autograde.grading.bundle import Limits
from autograde.grading.sandbox import frames, selftest, staging, view
from autograde.grading.sandbox.child import WAIT, Child
from autograde.grading.sandbox.frames import Gone

_START = 120.0  # seconds until a warm process is ready
_PREFIX, _LOCK = "grader-", "lock"  # of the folder of a warm process
_OLD = 60.0  # seconds after which it certainly holds its lock
NAMESPACES, BWRAP = "namespaces", "bubblewrap"
MEANS = (NAMESPACES, BWRAP)
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# huge pages: a fork of the warm process copies one entry for 2 MiB of its memory, and not 512
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", **dict.fromkeys(_THREADS, "1")}


class Unsafe(CourseError):
    """This machine cannot isolate submissions; the message says what is missing and what to do."""


def possible() -> bool:
    """Whether this system has processes that fork: without, there is no warm process, isolated or not."""
    return sys.platform == "linux"


@dataclass(frozen=True)
class Twin:
    """A copy of a warm process, on its way to another process of the grader, whose `Runner(twin=...)` takes it up.

    control    its socket; None where each submission has a warm process of its own (bubblewrap)
    folder     of the first one, to which it belongs
    assurance  what the self-test of the first one said
    """

    control: socket.socket | None
    folder: Path
    isolated: str
    assurance: str
    breaches: dict[str, str]


class Runner:
    """A warm process for submissions. Not for several threads at once: make one Runner in each.

    unsafe  True runs submissions also where the isolation is incomplete
    twin    a copy of another Runner's process, in place of one that is started here
    """

    def __init__(self, unsafe: bool = False, twin: Twin | None = None):
        self.unsafe = unsafe
        self.means = list(MEANS) if sys.platform == "linux" else []  # of isolation, the first that holds is taken
        self.isolated = ""
        self.assurance = ""
        self.breaches: dict[str, str] = {}  # what the self-test could do and should not
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()
        self._launched = False  # and not yet ready
        if twin is not None:
            self.means, self.isolated = [twin.isolated], twin.isolated
            self.assurance, self.breaches = twin.assurance, twin.breaches
            self._control, self._folder = twin.control, twin.folder
            self._places = view.places(twin.folder, bool(twin.isolated))

    def __enter__(self) -> Runner:
        self.start()
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def begin(self) -> None:
        """Start the warm process and come back before it is ready: `start` waits for it. What cannot begin here,
        `start` says."""
        if self.means and not self._lives():
            self.isolated = self.means[0]
            with contextlib.suppress(view.Missing):
                self._launch(staging.OWN)
                self._launched = True

    def start(self) -> None:
        """Start the warm process, unless it runs, and try out its isolation. Unsafe where something essential is
        missing and `unsafe` is False."""
        launched, self._launched = self._launched and self._lives(), False
        if not launched and self._lives():
            return
        if self.isolated == BWRAP and self.assurance:  # a process for each submission, and the self-test has passed
            return
        if not launched:
            self.close()
        if not possible() and not self.unsafe:
            raise Unsafe(f"Submissions cannot be isolated on this machine (that needs Linux). {REMEDY}")
        reasons = [] if self.means else ["no means of isolation is left"]
        for means in self.means:
            self.isolated, self.breaches, self.assurance = means, {}, ""
            try:
                if not launched:
                    self._launch(staging.OWN)
                launched = False
                self._wait()
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

    def _lives(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._control is not None and _open(self._control)

    def _start(self, for_stage: str) -> None:
        self._launch(for_stage)
        self._wait()

    def _launch(self, for_stage: str) -> None:
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

    def _wait(self) -> None:
        """Until the warm process is ready."""
        try:
            reply, _ = frames.receive(self._control, _START)
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

    def twin(self) -> Twin:
        """A copy of the warm process, for another process of the grader. OSError or frames.Ended where none is made."""
        self.start()
        ours = None
        if self.isolated != BWRAP:
            ours, theirs = socket.socketpair()
            socket.send_fds(self._control, [b"!"], [theirs.fileno()])
            frames.send(self._control, {"do": "twin"})
            theirs.close()
            for connection in (self._control, ours):
                frames.receive(connection, WAIT)
        return Twin(ours, self._folder, self.isolated, self.assurance, self.breaches)

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
                self._process.wait(0 if self._launched else 2)  # one that still imports looks at nothing else
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
            child = Child(connection)
            try:
                released = self._folder / "stage" / "stages" / stage / "release"
                child.begin(released, self._places["lesson"].format(stage=stage), limits, files or {})
                yield child
            finally:
                child.close()
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
        frames.receive(self._control, WAIT)
        try:
            held, _ = frames.receive(ours, WAIT)
        except (frames.Ended, frames.Late):
            held = {"failed": "the process of the submission did not start"}
        if "failed" in held:
            ours.close()
            self._end()
            raise _Failed(str(held["failed"]))
        return ours

    def _end(self) -> None:
        if self.isolated == BWRAP:
            self.close()
            return
        if self._control is None:
            return
        try:
            self._control.sendall(b"!")
            frames.send(self._control, {"do": "end"})
            frames.receive(self._control, WAIT)
        except (OSError, frames.Ended, frames.Late):
            self.close()


def _open(connection: socket.socket) -> bool:
    """Whether the other end of a connection, from which nothing is awaited, is still there."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


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
