"""Who grades: worker processes on this machine, or Dask on many. Both run the same pure function on the same bundles.

A crew takes bundles one by one and gives results as they come. Only the loss of a worker is tried again; what a
submission does is part of its result.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from typing import TypeVar

from autograde.errors import CourseError
from autograde.grading.bundle import Bundle, Result

RETRIES = 2  # after the loss of a worker
LOST = "its worker process ended {tries} times while it was graded"
MARGIN = 60.0  # seconds beyond a submission's own limit after which a worker counts as lost
GRADE = "autograde.grading.grade:grade"
T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """A bundle that came back: with its result, or with the reason why there is none.

    hopeless  no submission can be graded here, for that same reason
    """

    bundle: Bundle
    result: Result | None
    problem: str = ""
    hopeless: bool = False


def find(name: str) -> Callable[[Bundle], Result]:
    """The function that `module:function` names."""
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes(items: Iterable[Bundle | T], jobs: int | None = None, grade: str = GRADE) -> Iterator[Done | T]:
    """Grade with worker processes of this machine, one per core unless `jobs` says how many.

    At most `jobs` bundles are open at a time; the next one is taken when a worker is free. An item that is no bundle
    comes out as it went in.
    """
    items = iter(items)
    crew: list[_Worker] = []
    again: list[tuple[Bundle, int]] = []  # with the number of workers that it has lost
    more = True
    try:
        while True:
            while (again or more) and not (crew and all(worker.bundle for worker in crew)):
                if again:
                    bundle, tries = again.pop()
                else:
                    bundle, tries = next(items, None), 0
                    if not isinstance(bundle, Bundle):
                        more = bundle is not None
                        if more:
                            yield bundle
                        continue
                if not crew:  # all at once, so that they get ready side by side
                    crew += [_Worker(grade) for _ in range(jobs or cores())]
                next(worker for worker in crew if worker.bundle is None).start(bundle, tries)
            busy = [worker for worker in crew if worker.bundle is not None]
            if not busy:
                return
            for worker in _ready(busy):
                bundle, tries = worker.bundle, worker.tries
                done = worker.take()
                if done is not None:
                    yield done
                elif tries < RETRIES:
                    again.append((bundle, tries + 1))
                else:
                    yield Done(bundle, None, LOST.format(tries=tries + 1))
    finally:
        for worker in crew:
            worker.stop()


class _Worker:
    """A process that grades one bundle at a time; started again where it was lost."""

    def __init__(self, grade: str) -> None:
        self.grade = grade
        self.bundle: Bundle | None = None
        self.tries = 0
        self.process: multiprocessing.process.BaseProcess | None = None
        self._begin()

    def start(self, bundle: Bundle, tries: int) -> None:
        self.bundle, self.tries = bundle, tries
        if self.process is None:
            self._begin()
        with contextlib.suppress(OSError):  # a worker that has ended is found by its sentinel
            self.pipe.send(bundle)
        self.deadline = time.monotonic() + bundle.options.limits.total + MARGIN

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other, self.grade), name="grader")
        self.process.start()
        other.close()

    def take(self) -> Done | None:
        """What came back; None where the worker is lost."""
        bundle, self.bundle = self.bundle, None
        try:
            if self.pipe.poll():
                return Done(bundle, *self.pipe.recv())
        except (EOFError, OSError):
            pass
        self.stop()
        return None

    def stop(self) -> None:
        if self.process is not None:
            self.pipe.close()
            if self.bundle is None:
                self.process.join(5)  # it ends by itself when its pipe is closed, and so do its children
            if self.process.is_alive():
                self.process.kill()
            self.process.join()
            self.process.close()
            self.process = None


def _ready(busy: list[_Worker]) -> list[_Worker]:
    """Workers that have an answer, have ended, or are over their time."""
    wait = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
    signs = connection.wait([one for worker in busy for one in (worker.pipe, worker.process.sentinel)], wait)
    now = time.monotonic()
    return [
        worker for worker in busy if worker.pipe in signs or worker.process.sentinel in signs or worker.deadline <= now
    ]


def _work(pipe: connection.Connection, name: str) -> None:
    """The life of a worker: bundles in, results out, until the pipe is closed or the parent is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    grade = find(name)
    while True:
        try:
            bundle = pipe.recv()
        except (EOFError, OSError):
            return
        answer = attempt(grade, bundle)
        try:
            pipe.send(answer)
        except OSError:
            return


def _end_with_parent() -> None:
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def attempt(grade: Callable[[Bundle], Result], bundle: Bundle) -> tuple[Result | None, str, bool]:
    """What `Done` tells of a bundle. A fault of the grader never costs a learner a point."""
    try:
        return grade(bundle), "", False
    except CourseError as error:  # this machine cannot grade at all
        return None, str(error), True
    except Exception as error:
        return None, f"the grader failed: {type(error).__name__}: {error}", False


# --- many machines --------------------------------------------------------------------------------------------------


def dask(
    items: Iterable[Bundle | T], scheduler: str, jobs: int | None = None, grade: str = GRADE
) -> Iterator[Done | T]:
    """The same on the workers of a Dask scheduler ("tcp://…"), or of a cluster on this machine ("local")."""
    try:
        import dask as settings
        from distributed import Client, LocalCluster
    except ImportError:
        raise CourseError("`--scheduler` needs Dask. Run `pip install 'transformer-by-hand[cluster]'`.") from None

    with settings.config.set({"distributed.scheduler.allowed-failures": RETRIES}):
        cluster = None
        if scheduler == "local":
            cluster = LocalCluster(
                n_workers=jobs or cores(), threads_per_worker=1, dashboard_address=None, silence_logs=50
            )
        try:
            client = Client(cluster or scheduler, timeout="10s")
        except OSError:
            raise CourseError(
                f"There is no Dask scheduler at {scheduler}. Start one, or leave `--scheduler` out."
            ) from None
        try:
            yield from _flow(client, iter(items), find(grade))
        finally:
            client.close()
            if cluster is not None:
                cluster.close()


def _flow(client, items: Iterator[Bundle | T], grade: Callable[[Bundle], Result]) -> Iterator[Done | T]:
    """Keep two bundles open for each thread of the cluster, and give what comes back."""
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    bundles: dict[str, Bundle] = {}
    flow = as_completed()
    more = True
    while True:
        while more and len(bundles) < 2 * max(1, sum(client.nthreads().values())):
            item = next(items, None)
            if isinstance(item, Bundle):
                future = client.submit(attempt, grade, item, pure=False, retries=0)
                bundles[future.key] = item
                flow.add(future)
            elif item is None:
                more = False
            else:
                yield item
        if not bundles:
            return
        future = next(flow)
        bundle = bundles.pop(future.key)
        try:
            yield Done(bundle, *future.result())
        except KilledWorker:
            yield Done(bundle, None, LOST.format(tries=RETRIES + 1))
        except Exception as error:  # the cluster failed: this one is not graded, the others go on
            yield Done(bundle, None, f"the cluster failed: {type(error).__name__}: {error}")
        future.release()
