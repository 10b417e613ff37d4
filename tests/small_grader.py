"""A grader for tests of everything around grading: it reads answers and runs none of them.

An exercise is passed where its cell is no longer as it was handed out. Words in a submission make it misbehave as a
grader or a machine could: `END THE WORKER`, `END IT ONCE`, `BREAK THE GRADER`, `TAKE SECONDS`, `WORK FOR EVER`, `WAIT
FOR EVER`, `TAKE ALL MEMORY`, `BUSY ONCE`, `BUSY ALWAYS`. It imports little, so that a worker starts quickly.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import time
from pathlib import Path

from autograde.grading.classes import workers
from autograde.grading.job import Job, Result, Review, Score
from autograde.harness.sandboxed.frames import Busy
from autograde.judge.verdict import FAILED, PASSED, Verdict

COUNT = "COURSE_TEST_COUNT"  # a file that gets a line for each grading
SHARE = "COURSE_TEST_SHARE"  # what every exercise gets, whatever the answer
_CHECK = re.compile(r'^check\("(\w+)"\)$')


def grade(job: Job) -> Result:
    data = job.notebook or job.release.encode()  # nobody has answered anything
    if os.environ.get(COUNT):
        with Path(os.environ[COUNT]).open("a") as file:
            file.write(f"{job.student}\n")
    if b"END THE WORKER" in data or (b"END IT ONCE" in data and _count(job.student) == 1):
        os._exit(1)
    if b"BREAK THE GRADER" in data:
        raise RuntimeError("a fault of the grader")
    if b"BUSY ALWAYS" in data or (b"BUSY ONCE" in data and _count(job.student) == 1):
        raise Busy("a process was not ready")
    while b"WORK FOR EVER" in data:
        pass
    if b"WAIT FOR EVER" in data:
        time.sleep(10**6)
    if b"TAKE ALL MEMORY" in data:
        mmap.mmap(-1, workers.MEMORY + 2 * job.options.limits.memory, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if b"TAKE SECONDS" in data:
        time.sleep(0.3)
    sources = {_grade_id(cell): "".join(cell["source"]) for cell in json.loads(data)["cells"]}
    scores = {}
    for cell in json.loads(job.release)["cells"]:
        check = _CHECK.match("".join(cell["source"]))
        if check:
            answer = sources[check.group(1)]
            right = 0.5 if "HALF" in answer else float("NotImplementedError" not in answer)
            share = float(os.environ.get(SHARE) or right)
            advice = "" if share == 1 else "Look at the cell again."
            verdict = Verdict(
                name=check.group(1),
                passed=share == 1,
                state=PASSED if share == 1 else FAILED,
                score=share,
                diagnosis=None,
                advice=advice,
            )
            max_score = float(cell["metadata"]["nbgrader"]["points"])
            scores[_grade_id(cell)] = Score(
                grade_id=_grade_id(cell), points=share * max_score, max_score=max_score, verdict=verdict
            )
    reviews = tuple(Review(name, "a rule") for name, mark in scores.items() if "REVIEW" in sources[mark.verdict.name])
    text = data.decode()
    return Result(
        lesson=job.lesson,
        student=job.student,
        scores=scores,
        notebook=text,
        notes=job.notes,
        reviews=reviews,
        seconds={"total": 0.01},
        assurance="none, for tests",
    )


def in_this_process(items, jobs, grade, on_current):
    """In place of `workers.processes`: starts no workers."""
    for item in items:
        yield workers.Finished(item, *workers.attempt(workers.find(grade), item)) if isinstance(item, Job) else item


def _count(student: str) -> int:
    return Path(os.environ[COUNT]).read_text().split().count(student)


def _grade_id(cell: dict) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")
