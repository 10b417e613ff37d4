"""Workers are forked beside the warm process and share PyTorch with it; a submission finds nothing of the grader."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from autograde.course import notebooks
from autograde.course.lessons import find_lesson
from autograde.grading.classes import forks, workers
from autograde.grading.job import Job, Limits
from autograde.grading.sandbox import selftest
from autograde.grading.sandbox.warm import Runner, Unsafe
from conftest import filled, no_isolation

LESSON = find_lesson("3")
HANGS = 300  # seconds after which something hangs, also on a machine that is very busy
TOKEN = "a-token-of-the-instructor"
SMALL = "small_grader:grade"
SEARCH = """
import re

def found(pattern):
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
        for line in maps:
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            if line.split()[1].startswith("rw"):
                memory.seek(start)
                if re.search(pattern, memory.read(end - start)):
                    return True
    return False
"""


@pytest.fixture(scope="module")
def runner():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", TOKEN)
        try:
            with Runner(optimizers=False, order=forks.order()) as made:
                if made.forks is None:
                    pytest.skip("workers are forked where namespaces isolate submissions")
                yield made
        except Unsafe as error:
            no_isolation(error)


@pytest.fixture
def parent():
    """Both ends of the pipe that ends with the grader."""
    lives, other = os.pipe()
    yield lives, other
    os.close(lives)


def job(answer: str = "", student: str = "ada") -> Job:
    return Job(
        lesson=LESSON.name,
        student=student,
        notebook=f"{answer}{notebook()}".encode(),
        release=notebook(),
        key=b"k" * 32,
    )


def notebook() -> str:
    return notebooks.to_text(filled(LESSON, None))


def started(runner: Runner, parent: tuple[int, int]) -> forks.Fork:
    return forks.Fork(runner.forks, parent[0], (SMALL, None, dict(os.environ)), [])


def spelled(text: str) -> bytes:
    """A pattern that finds a text and does not contain it, so that no search finds itself."""
    return b"".join(b"[%s]" % character.encode() for character in text)


def search(runner: Runner, *texts: str) -> list[str]:
    with runner.child(LESSON.name, Limits()) as child:
        child.run(SEARCH, 60)
        reply = child.run(f"print([number for number, text in enumerate({[*map(spelled, texts)]}) if found(text)])", 60)
    numbers = re.findall(r"\d+", "".join(row.get("text", "") for row in reply["outputs"]))
    assert not [row for row in reply["outputs"] if row["output_type"] == "error"], reply
    return [texts[int(number)] for number in numbers]


def test_a_submission_finds_nothing_of_the_grader_in_its_memory(runner):
    there = "torch.nn.functional"
    secrets = [TOKEN, "autograde.exercises", "autograde.judge", "autograde.grading.classes", "tests/grading"]
    assert search(runner, there, *secrets) == [there]


def test_the_isolation_is_that_of_a_warm_process_by_itself(runner):
    assert runner.assurance.startswith("full") and selftest.breaches(runner) == {}


def test_a_worker_grades_until_its_pipe_is_closed(runner, parent):
    worker = started(runner, parent)
    for student in ("ada", "bob"):
        worker.pipe.send(job(student=student))
        result, problem, _ = worker.pipe.recv()
        assert result.student == student and not problem
    assert worker.is_alive()
    maps = Path(f"/proc/{worker.pid}/maps").read_text()
    assert "libtorch" in maps and psutil.Process(worker.pid).ppid() == psutil.Process(runner.pid).children()[0].pid
    worker.pipe.close()
    worker.join(HANGS)
    assert not worker.is_alive()
    worker.close()


@pytest.mark.parametrize("end", ["kill", "parent"])
def test_a_worker_ends_in_the_middle_of_its_work(runner, parent, end):
    worker = started(runner, parent)
    worker.pipe.send(job("WORK FOR EVER"))
    assert worker.is_alive()
    if end == "kill":
        worker.kill()
    os.close(parent[1])
    worker.join(HANGS)
    assert not worker.is_alive()
    with pytest.raises((EOFError, ConnectionResetError)):
        worker.pipe.recv()
    worker.kill()  # which has ended: nobody else has its number
    worker.close()


def test_a_class_is_graded_by_such_workers_and_all_end_with_it(runner, monkeypatch):
    first = Runner(optimizers=False, order=forks.order())
    monkeypatch.setattr(workers, "_begun", [first])
    monkeypatch.setattr(workers, "_context", lambda: pytest.fail("workers came from another process"))
    below: list[psutil.Process] = []
    done = {}
    for finished in workers.processes([job(student=name) for name in ("ada", "bob")], jobs=2):
        done[finished.job.student] = finished
        below = below or psutil.Process(first.pid).children(recursive=True)
    assert {name: finished.problem for name, finished in done.items()} == {"ada": "", "bob": ""}
    assert all(finished.result.assurance.startswith("full") for finished in done.values())
    assert len(below) >= 4 and not psutil.wait_procs(below, HANGS)[1]


def test_without_the_process_workers_come_from_another_one():
    ours, theirs = socket.socketpair()
    theirs.close()
    first = SimpleNamespace(forks=ours)
    assert workers._forked(first, None, (SMALL, None, {})) is None and first.forks is None
