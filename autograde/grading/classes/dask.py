"""Dask on many machines in place of worker processes on this one: the same pure function on the same jobs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from autograde.course.errors import CourseError
from autograde.grading.classes.workers import (
    GRADE,
    LOST,
    MARGIN,
    OVERDUE,
    RETRIES,
    Finished,
    Task,
    attempt,
    cores,
    find,
)
from autograde.grading.job import Job, Result

LOOK = 0.02  # seconds between two looks whether something has come back
DASHBOARD = "127.0.0.1:0"  # any free port, for this machine only; Dask's own choice is in use as soon as two run
T = TypeVar("T")


def dask(
    items: Iterable[Job | T],
    scheduler: str,
    jobs: int | None = None,
    grade: str = GRADE,
    on_current: Callable[[list[str]], None] = lambda students: None,
) -> Iterator[Finished | T]:
    """Grade as `workers.processes` does, with the workers of a Dask scheduler.

    scheduler  its address ("tcp://…"), or "local" for a cluster of `jobs` workers on this machine

    Raises CourseError where Dask is not installed or there is no scheduler at that address.
    """
    try:
        import dask as settings
        from distributed import Client, LocalCluster
    except ImportError:
        raise CourseError("`--scheduler` needs Dask. Run `pip install -e '.[cluster]' -c constraints.txt`.") from None

    # Lost workers are counted here. A cluster stops a worker that is not there 15 seconds after it was lost, and then
    # waits for one that never comes: on a busy machine it may start again for longer, or be lost once more by then.
    with settings.config.set(
        {"distributed.scheduler.allowed-failures": 0, "distributed.deploy.lost-worker-timeout": "365 days"}
    ):
        cluster = None
        if scheduler == "local":
            cluster = LocalCluster(
                n_workers=jobs or cores(), threads_per_worker=1, dashboard_address=DASHBOARD, silence_logs=50
            )
        try:
            client = Client(cluster or scheduler, timeout="10s")
        except OSError:
            raise CourseError(
                f"There is no Dask scheduler at {scheduler}. Start one, or leave `--scheduler` out."
            ) from None
        try:
            yield from _flow(client, iter(items), find(grade), on_current)
        finally:
            client.close()
            if cluster is not None:
                cluster.close()


def _flow(
    client, items: Iterator[Job | T], grade: Callable[[Job], Result], on_current: Callable[[list[str]], None]
) -> Iterator[Finished | T]:
    """Keep two jobs open for each thread of the cluster, and give what comes back.

    A lost worker takes with it what it ran and what waited for it, and Dask does not tell which of them ended it. Each
    of these is graded again at the end with nothing beside it.
    """
    from distributed import as_completed

    tasks: dict[str, Task] = {}
    suspects: list[Task] = []
    flow = as_completed()
    more = True
    while True:
        while more and len(tasks) < 2 * max(1, sum(client.nthreads().values())):
            item = next(items, None)
            if isinstance(item, Job):
                future = _submit(client, grade, item)
                tasks[future.key] = Task(item)
                flow.add(future)
            elif item is None:
                more = False
            else:
                yield item
        if not tasks:
            break
        on_current([task.job.student for task in tasks.values()])
        future = _next(flow, tasks)
        if future is None:
            _restart(client, set(tasks))
            for task in tasks.values():
                yield Finished(task.job, None, OVERDUE.format(margin=MARGIN))
            tasks, flow = {}, as_completed()
            continue
        answer = _take(future, tasks.pop(future.key))
        if isinstance(answer, Finished):
            yield answer
        else:
            suspects.append(answer)
    for task in suspects:
        answer = _take(_submit(client, grade, task.job), task)
        while isinstance(answer, Task) and answer.tries <= RETRIES:
            answer = _take(_submit(client, grade, task.job), answer)
        yield answer if isinstance(answer, Finished) else Finished(task.job, None, LOST.format(tries=answer.tries))


def _restart(client, keys: set[str]) -> None:
    """End the workers that have these tasks, and so whatever does not end by itself; the cluster starts others."""
    holders = [worker for worker, held in client.processing().items() if keys & set(held)]
    from distributed import Future

    client.cancel([Future(key, client) for key in keys], force=True)
    with contextlib.suppress(ValueError, TimeoutError):  # a worker that nothing can start again goes on as it is
        client.restart_workers(holders, timeout=60, raise_for_error=False)


def _next(flow, tasks: dict[str, Task]):
    """The next one that comes back; None where nothing does in the time that two submissions may have: what a thread
    has in work and what it has begun before."""
    limit = max(task.job.options.limits.total for task in tasks.values())
    end = time.monotonic() + 2 * (limit + MARGIN)
    while not flow.has_ready():
        if time.monotonic() > end:
            return None
        time.sleep(LOOK)
    return next(flow)


def _submit(client, grade: Callable[[Job], Result], job: Job):
    return client.submit(attempt, grade, job, pure=False, retries=0)


def _take(future, task: Task) -> Finished | Task:
    """Wait for what comes back; the task with the workers that it has lost by now, where nothing came."""
    from distributed.scheduler import KilledWorker

    try:
        return Finished(task.job, *future.result(task.job.options.limits.total + MARGIN))
    except KilledWorker as error:
        return Task(task.job, task.tries + 1 + error.allowed_failures)
    except Exception as error:  # the cluster failed: this one is not graded, the others go on
        return Finished(task.job, None, f"the cluster failed: {type(error).__name__}: {error}")
    finally:
        future.release()
