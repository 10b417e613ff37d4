"""Who grades: worker processes on this machine. `dask` has those of many machines. Both run the same pure function on
the same jobs.

A pool takes jobs one by one and gives results as they come. Only the loss of a worker, and a machine that is too
busy, are tried again; what a submission does is part of its result.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import multiprocessing
import os
import queue
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from autograde.course.errors import CourseError
from autograde.grading.classes import forks
from autograde.grading.job import Job, Result
from autograde.grading.records.seeds import SETS
from autograde.grading.sandbox.warm import Clone, Runner, possible
from autograde.harness.sandboxed import frames

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

RETRIES = 2  # after the loss of a worker, or where the machine was too busy
PAUSE = 2.0  # seconds before the machine is asked again
LOST = "its worker process ended {tries} times while it was graded"
OVERDUE = "the grader ended it: it was not done {margin:g} seconds after its own limit"
BUSY = (
    "this machine could not run it, {tries} times: {reason}. Grade again when it is less busy, or with fewer `--jobs`"
)
MARGIN = 60.0  # seconds beyond a submission's own limit after which a worker counts as lost
MEMORY = 4 * 2**30  # bytes of data that a worker may have above what it starts with, and a submission's own limit
WORKING = 0.25  # of this time a processor was used, where a worker works and does not wait
GRADE = "autograde.grading.grade:grade"
AHEAD = 2 * SETS  # jobs that wait for a worker: enough to choose the one that suits it
EACH = 2  # jobs that a worker has: one in work, and one to go on with while the result of the first is written
T = TypeVar("T")
_begun: list[Runner] = []


@dataclass(frozen=True)
class Finished:
    """A job that came back: with its result, or with the reason why there is none.

    fatal  no submission can be graded here, for that same reason
    """

    job: Job
    result: Result | None
    problem: str = ""
    fatal: bool = False


def find(name: str) -> Callable[[Job], Result]:
    """The function that `module:function` names."""
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes(
    items: Iterable[Job | T],
    jobs: int | None = None,
    grade: str = GRADE,
    on_current: Callable[[list[str]], None] = lambda students: None,
) -> Iterator[Finished | T]:
    """Grade with worker processes of this machine, one per core unless `jobs` says how many.

    Jobs are taken when a worker is free, and a few ahead. An item that is no job comes out as it went in.
    `on_current` is told who is being graded, each time that this changes.
    """
    items = iter(items)
    pool: list[_Worker] = []
    waiting: list[Task] = []
    more = True
    with _first(grade) as first:
        try:
            while True:
                idle = [worker for worker in pool if not worker.tasks]
                free = idle or [worker for worker in pool if len(worker.tasks) < EACH]
                if waiting and not pool:
                    if first is not None and waiting[0].job.options.runtime:
                        first.close()  # each worker starts its own, in that runtime
                        first = None
                    if first is None or first.order is None:
                        _context()  # the workers' imports, while the warm process still has its own
                    first = _started(first)
                    pool += [_Worker(grade, first) for _ in range(jobs or cores())]
                elif waiting and free:
                    free[0].start(waiting.pop(_choice(waiting, free[0], pool)))
                elif more and len(waiting) < AHEAD and (free or not pool or not _ready(pool, 0.0)):
                    item = next(items, None)
                    more = item is not None
                    if isinstance(item, Job):
                        waiting.append(Task(item))
                    elif item is not None:
                        yield item
                elif len(idle) < len(pool):
                    on_current([worker.tasks[0].job.student for worker in pool if worker.tasks])
                    for worker in _ready(pool):
                        task, *others = worker.tasks
                        done = worker.take()
                        if not worker.tasks:
                            waiting[:0] = others  # which a worker that is lost has not begun
                        if done is None and task.tries < RETRIES:
                            waiting.insert(0, Task(task.job, task.tries + 1))
                            continue
                        if waiting:
                            worker.start(waiting.pop(_choice(waiting, worker, pool)))
                        yield done or Finished(task.job, None, LOST.format(tries=task.tries + 1))
                else:
                    return
        finally:
            for worker in pool:
                worker.stop()


@contextlib.contextmanager
def _first(grade: str) -> Iterator[Runner | None]:
    """The warm process of which each worker gets a copy; None where each starts its own, and says why it cannot."""
    runner = _begun.pop() if _begun else Runner(order=_order())
    try:
        yield runner if grade == GRADE and possible() else None
    finally:
        runner.close()


def _order() -> dict[str, Any] | None:
    return forks.order() if forks.possible() else None


def _started(runner: Runner | None) -> Runner | None:
    """The same, started; None where it cannot be."""
    try:
        if runner is not None:
            runner.start()
        return runner
    except (CourseError, frames.Busy):
        return None


def _clone(first: Runner | None) -> Clone | None:
    """A copy for one worker; None where none can be made."""
    try:
        return None if first is None else first.clone()
    except (CourseError, OSError, frames.Busy, frames.Ended, frames.Late):
        return None


def begin(release: Path) -> None:
    """Start what `processes` will need for the released notebook, and come back before it is ready: it gets ready while
    the caller goes on."""
    if possible() and not _begun:
        optimizers = not release.is_file() or "torch.optim" in release.read_text(encoding="utf-8")
        _begun.append(Runner(optimizers=optimizers, order=_order()))
        atexit.register(_begun[0].close)
        _begun[0].begin()


def _context() -> SpawnContext | ForkServerContext:
    """Workers are forked from a process that has imported everything; without fork, each imports by itself."""
    if not possible():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["autograde.grading.classes.preload"])
    with _short_names():
        forkserver.ensure_running()
    return context


@contextlib.contextmanager
def _short_names() -> Iterator[None]:
    """The fork server's socket lies below the temporary folder, and its whole name may have 107 characters."""
    before = tempfile.gettempdir()
    if len(before) > 107 - len("/pymp-12345678/listener-12345678") and os.access("/tmp", os.W_OK):
        tempfile.tempdir = "/tmp"
    try:
        yield
    finally:
        tempfile.tempdir = before


@dataclass(frozen=True)
class Task:
    """A job, and the number of workers that it has lost."""

    job: Job
    tries: int = 0


def _choice(waiting: list[Task], worker: _Worker, pool: list[_Worker]) -> int:
    """Which of those that wait suits a worker: one whose inputs it has met, so that it knows what the reference
    answers to them; else one whose inputs nobody has met."""
    others = {key for other in pool for key in other.keys}
    for suits in (lambda key: key in worker.keys, lambda key: key not in others):
        for index, task in enumerate(waiting):
            if suits(task.job.key):
                return index
    return 0


class _Worker:
    """A process that grades one job after the other; started again where it was lost."""

    def __init__(self, grade: str, first: Runner | None) -> None:
        self.grade, self.first = grade, first
        self.tasks: list[Task] = []  # the first is in work
        self.keys: set[bytes] = set()  # of the inputs that it has met
        self.process: multiprocessing.process.BaseProcess | forks.Fork | None = None
        self._begin()

    def start(self, task: Task) -> None:
        self.tasks.append(task)
        self.keys.add(task.job.key)
        if self.process is None:
            self._begin()
        with contextlib.suppress(OSError):  # a worker that has ended is found by its sentinel
            self.pipe.send(task.job)
        if len(self.tasks) == 1:
            self._set_deadline()

    def _set_deadline(self) -> None:
        """From now on the first task has its time."""
        self.deadline = time.monotonic() + self.tasks[0].job.options.limits.total + MARGIN
        self.worked = self._processor_time()

    def _processor_time(self) -> float:
        """Seconds that the process has worked; 0 where the system does not say."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            assert self.process is not None, "it has a task"
            words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def _begin(self) -> None:
        clone = _clone(self.first)
        args = self.grade, clone, dict(os.environ)
        started = _forked(self.first, clone, args)
        if started is not None:
            self.process, self.pipe = started, started.pipe
        else:
            context = _context()
            self.pipe, other = context.Pipe()
            self.process = context.Process(target=_work, args=(other, *args), name="grader")
            self.process.start()
            other.close()
        if clone is not None and clone.control is not None:
            clone.control.close()

    def take(self) -> Finished | None:
        """What became of the first task; None where the worker is lost, and with it all that it had. A worker that is
        over its time is ended: where it has worked all the while, that is the submission's fault."""
        task = self.tasks[0]
        try:
            if self.pipe.poll():
                done = Finished(task.job, *self.pipe.recv())
                self.tasks.pop(0)
                if self.tasks:
                    self._set_deadline()
                return done
        except (EOFError, OSError):
            pass
        ended: Finished | None = None
        if self.process is not None and self.process.is_alive() and self.deadline <= time.monotonic():
            reason = OVERDUE.format(margin=MARGIN)
            working = self._processor_time() - self.worked > WORKING * MARGIN
            ended = Finished(task.job, _refused(task.job, reason) if working else None, reason)
        self.stop()
        self.tasks = []
        return ended

    def stop(self) -> None:
        if self.process is not None:
            self.pipe.close()
            if not self.tasks:
                self.process.join(5)  # it ends by itself when its pipe is closed, and so do its children
            if self.process.is_alive():
                self.process.kill()
            self.process.join()
            self.process.close()
            self.process = None
            self.keys = set()


def _refused(job: Job, reason: str) -> Result:
    return importlib.import_module("autograde.grading.grade").refused_result(job, f"{reason[0].upper()}{reason[1:]}.")


def _ready(pool: list[_Worker], wait: float | None = None) -> list[_Worker]:
    """Workers that have an answer, have ended, or are over their time; waits for one, `wait` seconds at most."""
    busy = [worker for worker in pool if worker.tasks]
    if wait is None:
        wait = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
    ends = {worker.process.sentinel: worker for worker in busy if worker.process is not None}
    signs = connection.wait([*(worker.pipe for worker in busy), *ends], wait)
    ended = [worker for sentinel, worker in ends.items() if sentinel in signs]
    now = time.monotonic()
    return [worker for worker in busy if worker.pipe in signs or worker in ended or worker.deadline <= now]


def _forked(first: Runner | None, clone: Clone | None, args: tuple[Any, ...]) -> forks.Fork | None:
    """A worker that shares PyTorch with the warm process; None where there is nothing to fork it from."""
    if first is None or first.forks is None:
        return None
    grade, _, environment = args
    given = [clone.control] if clone is not None and clone.control is not None else []
    unbound = replace(clone, control=None) if clone is not None else None
    try:
        return forks.Fork(first.forks, _lives(), (grade, unbound, environment), given)
    except (OSError, EOFError):
        first.forks.close()
        first.forks = None
        return None


@functools.cache
def _lives() -> int:
    """The read end of a pipe whose other end is in no other process: it ends with this one."""
    return os.pipe()[0]


def _work(pipe: connection.Connection, name: str, clone: Clone | None, environment: dict[str, str]) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a worker"
    work(pipe, parent.sentinel, name, clone, environment)


def work(
    pipe: connection.Connection,
    parent: int,
    name: str,
    clone: Clone | None,
    environment: dict[str, str],
    control: socket.socket | None = None,
) -> None:
    """The life of a worker: jobs in, results out, until the pipe is closed or the parent is gone.

    parent   a descriptor that is ready when the parent has ended
    control  the clone's, where it comes by itself
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all; the parent ends its workers
    os.environ.clear()  # that of the process it was forked from may be an older one
    os.environ.update(environment)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    grade = find(name)
    if clone is not None:
        clone = replace(clone, control=control) if control is not None else clone
        importlib.import_module("autograde.grading.grade").adopt(clone)
    jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(pipe, jobs), daemon=True).start()
    own = _data_size()
    while (job := jobs.get()) is not None:
        _limit_memory(own + MEMORY + job.options.limits.memory)
        answer = attempt(grade, job)
        try:
            pipe.send(answer)
        except OSError:
            return


def _data_size() -> int:
    """Bytes of data that this process has mapped; 0 where the system does not say."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), 0)
    return 0


def _limit_memory(size: int) -> None:
    """From here on memory beyond `size` is a MemoryError, which concerns one submission. Its sandbox, which is started
    again where it was lost, inherits the limit: so `size` includes what a submission may use."""
    if sys.platform != "linux":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def _read(pipe: connection.Connection, jobs: queue.SimpleQueue) -> None:
    """Take in what comes at once: a sender that had to wait could not read the result that this process sends."""
    try:
        while True:
            jobs.put(pipe.recv())
    except (EOFError, OSError):
        jobs.put(None)


def _end_with(parent: int) -> None:
    connection.wait([parent])
    os._exit(1)


def attempt(grade: Callable[[Job], Result], job: Job) -> tuple[Result | None, str, bool]:
    """The result of a job, or why there is none, and whether no job can be graded here (`Finished`). A fault of the
    grader never costs a learner a point."""
    reason = ""
    for tries in range(1 + RETRIES):
        time.sleep(tries * PAUSE)
        try:
            return grade(job), "", False
        except frames.Busy as error:
            reason = str(error)
        except CourseError as error:  # this machine cannot grade at all
            return None, str(error), True
        except Exception as error:
            return None, f"the grader failed: {type(error).__name__}: {error}", False
    return None, BUSY.format(tries=1 + RETRIES, reason=reason), False
