"""The grader's side of the sandbox: a warm process, and a child of it for each submission.

with Runner() as runner:
    with runner.child("03_single_head", limits, files) as child:
        reply = child.run("1 + 1", 60)
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from autograde.course.errors import CourseError
from autograde.grading.job import Limits
from autograde.grading.sandbox import cgroups, containers, isolation, rootfs, selftest, view
from autograde.grading.sandbox.child import WAIT, Child
from autograde.harness.sandboxed import frames
from autograde.harness.sandboxed.backends import ALONE, BWRAP, CONTAINERS, MEANS, NAMESPACES
from autograde.harness.sandboxed.frames import Busy, Gone

_START = 120.0  # seconds until a warm process is ready
_PREFIX, _LOCK = "grader-", "lock"  # of the folder of a warm process
_OLD = 60.0  # seconds after which it certainly holds its lock
_RUNTIME = re.compile(r"/?\w[\w./+-]*", re.ASCII)  # a name, or for Podman a path
_LAST = 2.0  # seconds in which a warm process that could not start ends


class Unsafe(CourseError):
    """This machine cannot isolate submissions; the message says what is missing and what to do."""


def possible() -> bool:
    """Whether this system has processes that fork: without, there is no warm process, isolated or not."""
    return sys.platform == "linux"


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A copy of a warm process, on its way to another process of the grader, whose `Runner(clone=...)` adopts it.

    control    its socket; None where each submission has a warm process of its own (`backends.ALONE`)
    folder     of the first one, to which it belongs
    assurance  what the self-test of the first one said
    groups     where groups for submissions can be made
    """

    control: socket.socket | None
    folder: Path
    isolated: str
    assurance: str
    breaches: dict[str, str]
    groups: Path | None


class Runner:
    """A warm process for submissions. Not for several threads at once: make one Runner in each.

    unsafe      True runs submissions also where the isolation is incomplete
    clone       a copy of another Runner's process, in place of one that is started here
    optimizers  whether submissions will use optimizers: these are then ready too, which takes a second. Where they are
                not, the first in each submission takes that second
    order       makes the warm process fork off another process of the grader, before it enters its tree, and says what
                that becomes (`classes.forks`); only with namespaces
    forks       the socket to that process; None where there is none
    runtime     the OCI runtime of a container engine ("runsc"); then nothing but a container will do. CourseError where
                no runtime can have that name
    """

    def __init__(
        self,
        unsafe: bool = False,
        clone: Clone | None = None,
        optimizers: bool = True,
        order: dict[str, Any] | None = None,
        runtime: str = "",
    ):
        if runtime and not _RUNTIME.fullmatch(runtime):
            raise CourseError(f"{runtime!r} is not a runtime. Write a name that Podman or Docker knows, like `runsc`.")
        self.unsafe, self.optimizers, self.order, self.runtime = unsafe, optimizers, order, runtime
        self.forks: socket.socket | None = None
        means = CONTAINERS if runtime else MEANS
        self.means = list(means) if sys.platform == "linux" else []  # of isolation, the first that holds is taken
        self.isolated = ""
        self.assurance = ""
        self.breaches: dict[str, str] = {}  # what the self-test could do and should not
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()
        self._starting = False  # a warm process has been started, and is not yet ready
        self._unused: tuple[str, Limits] | None = None  # the stage and limits of a process that nothing has used yet
        self._link: isolation.Link | None = None
        self._proved = clone is not None  # the isolation holds on this machine: what fails later is something else
        self._kills = 0  # by the kernel, for want of memory, before the child began
        self.groups: Path | None = None  # where control groups for submissions can be made
        self._group: cgroups.Group | None = None  # of the submission that runs
        self._counts = False  # the warm process can count the memory of all processes of a submission
        if clone is not None:
            self.means, self.isolated = [clone.isolated], clone.isolated
            self.assurance, self.breaches, self.groups = clone.assurance, clone.breaches, clone.groups
            self._control, self._folder = clone.control, clone.folder
            self._places = view.places(clone.folder, bool(clone.isolated))

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
                self._launch(rootfs.OWN, selftest.LIMITS)
                self._starting = True

    def start(self) -> None:
        """Start the warm process, unless it runs, and try out its isolation. Unsafe where something essential is
        missing and `unsafe` is False; Busy where the machine does not get that far, or no longer does."""
        launched, self._starting = self._starting and self._lives(), False
        if not launched and self._lives():
            return
        if self.isolated in ALONE and self.assurance:  # a process for each submission, and the self-test has passed
            return
        if not launched:
            self.close()
        refuse = not self.unsafe or bool(self.runtime)  # who names a runtime wants that one
        if not possible() and refuse:
            raise Unsafe(f"Submissions cannot be isolated on this machine (that needs Linux). {REMEDY}")
        reasons = [] if self.means else ["no means of isolation is left"]
        for means in self.means:
            self.isolated, self.breaches, self.assurance = means, {}, ""
            try:
                if not launched:
                    self._launch(rootfs.OWN, selftest.LIMITS)
                launched = False
                self._wait()
                self.breaches = selftest.breaches(self)
            except Busy:
                self.close()
                raise
            except (_Failed, Gone, view.Missing) as error:
                if self._proved:
                    self.close()
                    raise Busy(f"the process that runs submissions could not be started again: {error}") from None
                reasons.append(f"{means}: {error}")
                continue
            essential = sorted(self.breaches.keys() & selftest.ESSENTIAL)
            if not essential:
                break
            reasons.append(f"{means}: one could {', '.join(essential)}")
        else:
            self.close()
            if refuse:
                how, remedy = (f" by {self.runtime}", _NO_RUNTIME) if self.runtime else ("", REMEDY)
                raise Unsafe(f"Submissions cannot be isolated{how} on this machine ({'; '.join(reasons)}). {remedy}")
            self.isolated, self.assurance = "", "unsafe: no isolation"
            self._start(rootfs.OWN, selftest.LIMITS)
            return
        self.means = [self.isolated]
        lacks = ", ".join(sorted(self.breaches))
        level = f"a submission could {lacks}" if lacks else "full"
        self.assurance = f"{level}{f' in {self.runtime}' if self.runtime else ''}, memory by {self._memory()}"
        self._proved = True

    def _memory(self) -> str:
        """What holds the memory of all processes of a submission together."""
        if self.groups is not None:
            return "cgroup v2"
        return "accounting" if self._counts else self.isolated if self.isolated in CONTAINERS else "process"

    def _lives(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._control is not None and _open(self._control)

    def _start(self, for_stage: str, limits: Limits) -> None:
        self._launch(for_stage, limits)
        self._wait()

    def _launch(self, for_stage: str, limits: Limits) -> None:
        """Start the warm process. Where it is for one submission (`backends.ALONE`), it sees the stage of that
        one, and a container has its limits."""
        self.close()
        _clean_up()
        isolation.check(self.isolated, self.runtime)
        self.groups = cgroups.delegated() if self.isolated in (NAMESPACES, BWRAP) else None  # an engine makes its own
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._folder.chmod(0o755)
        self._held = FileLock(self._folder / _LOCK)
        self._held.acquire(timeout=0)
        stage = self._folder / "stage"
        rootfs.stage(stage)
        (self._folder / "root").mkdir()
        seen = view.config(self._folder, bool(self.isolated))
        self._config = {**seen, "isolated": self.isolated, "optimizers": self.optimizers}
        lesson = stage / "stages" / for_stage
        link = isolation.open_link(self.isolated, self._folder, self.runtime)
        try:
            command = link.command(self._config, lesson, limits)
        except view.Missing:
            link.hang_up()
            self._held.release()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        common = view.COMMON if self.isolated in ALONE else self._config["places"][view.COMMON]
        boot = f"import sys; sys.path.insert(0, {common!r})\n"
        boot += f"from autograde.harness.sandboxed.main import connect, main; main({link.address})"
        self._errors = (self._folder / "errors").open("wb")
        descriptors, theirs = link.descriptors, None
        if self.order is not None and self.isolated == NAMESPACES:
            self.forks, theirs = socket.socketpair()
            descriptors, self._config["forks"] = (*descriptors, theirs.fileno()), theirs.fileno()
        self._process = subprocess.Popen(
            [*command, sys.executable, "-s", "-S", "-P", "-B", "-c", boot],
            env=link.environment,
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            cwd="/",
            start_new_session=True,
        )
        self._link, self._unused = link, (for_stage, limits)
        link.begun(self._config)
        if theirs is not None and self.forks is not None:
            theirs.close()
            with contextlib.suppress(frames.Ended):  # it could not start: whoever waits for it learns why
                frames.send(self.forks, self.order or {})

    def _wait(self) -> None:
        """Until the warm process is ready."""
        assert self._process is not None and self._link is not None, "it has been launched"
        try:
            self._control = self._link.accept(self._process, _START)
            reply, _ = frames.receive(self._control, _START)
        except frames.Ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST)
            words = self._last_words()
            self.close()
            if not words:  # Python always says why it ends
                raise Busy("the process that runs submissions was killed when it started") from None
            raise _Failed(f"the warm process did not start: {words}") from None
        except frames.Late:
            self.close()
            raise Busy(f"the process that runs submissions was not ready after {_START:g} seconds") from None
        if "failed" in reply:
            self.close()
            raise _Failed(str(reply["failed"]))
        self._places = view.places(self._folder, bool(self.isolated))
        self._counts = reply.get("counts") is True

    def _last_words(self) -> str:
        return containers.last_words((self._folder / "errors").read_text(errors="replace"))

    def clone(self) -> Clone:
        """A copy of the warm process, for another process of the grader. OSError or frames.Ended where none is made."""
        self.start()
        ours = None
        if self.isolated not in ALONE:
            ours, theirs = socket.socketpair()
            self._command({"do": "clone"}, theirs)
            theirs.close()
            frames.receive(ours, WAIT)
        return Clone(
            control=ours,
            folder=self._folder,
            isolated=self.isolated,
            assurance=self.assurance,
            breaches=self.breaches,
            groups=self.groups,
        )

    @property
    def pid(self) -> int | None:
        """The number of the warm process, if it was started here."""
        return self._process.pid if self._process is not None else None

    def _connection(self) -> socket.socket:
        if self._control is None:
            raise Busy("the process that runs submissions has ended")
        return self._control

    def _command(self, message: dict[str, Any], given: socket.socket | None = None) -> dict[str, Any]:
        """Put a command to the warm process, with a socket where it needs one; its answer. OSError, frames.Ended or
        frames.Late where there is none."""
        control = self._connection()
        if given is None:
            control.sendall(b"!")
        else:
            socket.send_fds(control, [b"!"], [given.fileno()])
        frames.send(control, message)
        return frames.receive(control, WAIT)[0]

    def close(self) -> None:
        """End the warm process and everything that it started."""
        if self.forks is not None:
            self.forks.close()
            self.forks = None
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None and self._link is not None:
            self._link.hang_up()
            try:  # one that still imports looks at nothing else
                self._process.wait(0 if self._starting else self._link.patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._link.close(self._process)
            self._process = self._link = self._unused = None
            self._errors.close()
            self._held.release()
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def child(self, stage: str, limits: Limits, files: dict[str, bytes] | None = None) -> Iterator[Child]:
        """A fresh process for one submission; nothing of it is left afterwards. Busy where the machine gives none, and
        where the machine's memory ends while the process runs."""
        self.start()
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("A Runner runs one submission at a time; make one for each thread.")
        try:
            try:
                if self.isolated in ALONE and self._unused != (stage, limits):
                    self._start(stage, limits)
                self._unused = None
                connection = self._fork(stage, limits)
            except _Failed as error:
                if not self.assurance:
                    raise
                raise Busy(f"the process of the submission did not start: {error}") from None
            child = Child(connection, self._over)
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
            "home": limits.home,
        }
        self._kills = _kills()
        if self.groups is not None:
            cgroups.name_senders(ours)
        try:
            self._command(message, theirs)
            theirs.close()
        except (OSError, frames.Ended, frames.Late):
            theirs.close()
            ours.close()
            self.close()
            raise Busy("the process that runs submissions did not answer") from None
        try:
            self._hold(ours, limits)
            held, _ = frames.receive(ours, WAIT)
        except frames.Late:
            ours.close()
            self._end()
            raise Busy(f"the process of the submission was not ready after {WAIT:g} seconds") from None
        except frames.Ended:
            held = {"failed": "the process of the submission did not start"}
        if "failed" in held:
            ours.close()
            self._end()
            raise _Failed(str(held["failed"]))
        return ours

    def _hold(self, connection: socket.socket, limits: Limits) -> None:
        """Put the process at the other end into a group of its own, where there are groups. If none can be made, there
        are none; later, once that was promised, this is a fault of the moment."""
        if self.groups is None:
            return
        try:
            self._group = cgroups.Group(self.groups, limits)
            self._group.take_sender(connection, WAIT)
        except TimeoutError:
            raise frames.Late from None
        except OSError as error:
            self._leave_group()
            if self.assurance:
                connection.close()
                self._end()
                raise Busy(f"no control group could be made for the submission: {error}") from None
            self.groups = None

    def _leave_group(self) -> None:
        if self._group is not None:
            self._group.close()
            self._group = None

    def _over(self) -> bool:
        """Whether the child, which has ended, was ended because it used too much memory. Busy where the machine had too
        little for all."""
        over = self._group is not None and self._group.is_over()
        if over:
            return True
        try:
            over = self._command({"do": "why"}).get("memory") is True
        except (OSError, frames.Ended, frames.Late):
            self.close()
        if not over and _kills() > self._kills:
            raise Busy("the machine had no memory left")
        return over

    def _end(self) -> None:
        try:
            if self.isolated in ALONE:
                self.close()
                return
            if self._control is None:
                return
            self._command({"do": "end"})
        except (OSError, frames.Ended, frames.Late):
            self.close()
        finally:
            self._leave_group()


def _open(connection: socket.socket) -> bool:
    """Whether the other end of a connection, from which nothing is awaited, is still there."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _kills() -> int:
    """How many processes the kernel has ended on this machine because memory ran out."""
    try:
        found = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


REMEDY = (
    "Grade on a Linux machine that allows user namespaces or has Podman or Docker, or pass --unsafe if you trust every "
    "submission: it then runs with your own rights."
)
_NO_RUNTIME = "Install the runtime and enter it where the engine looks for it (docs/promises.md), or grade without one."


def _clean_up() -> None:
    """Remove the folders of graders that were killed: old ones of this user, whose lock nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = folder / _LOCK
        with contextlib.suppress(OSError, Timeout):
            place, file = folder.lstat(), lock.lstat()
            mine = place.st_uid == file.st_uid == os.geteuid() and stat.S_ISDIR(place.st_mode)
            if mine and stat.S_ISREG(file.st_mode) and time.time() - file.st_mtime > _OLD:
                with FileLock(lock, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


class _Failed(Exception):
    """The isolation could not be set up; the message says where."""
