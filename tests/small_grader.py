"""A grader for tests of everything around grading: it reads answers and runs none of them.

An exercise is passed where its cell is no longer as it was handed out. Words in a submission make it misbehave as a
grader or a machine could: `END THE WORKER`, `BREAK THE GRADER`, `TAKE SECONDS`.
"""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import nbformat

from autograde import notebooks
from autograde.grading.bundle import Bundle, Mark, Result, Review
from autograde.grading.normalising import normalise, note_cell
from autograde.grading.reading import Submitted, parse_submission
from autograde.grading.running import checked_exercise
from autograde.verdict import FAILED, PASSED, Verdict

COUNT = "COURSE_TEST_COUNT"  # a file that gets a line for each grading
SHARE = "COURSE_TEST_SHARE"  # what every exercise gets, whatever the answer


def grade(bundle: Bundle) -> Result:
    data = bundle.notebook or b""
    if os.environ.get(COUNT):
        with Path(os.environ[COUNT]).open("a") as file:
            file.write(f"{bundle.student}\n")
    if b"END THE WORKER" in data:
        os._exit(1)
    if b"BREAK THE GRADER" in data:
        raise RuntimeError("a fault of the grader")
    if b"TAKE SECONDS" in data:
        time.sleep(0.3)
    release = nbformat.read(io.StringIO(bundle.release), as_version=4)
    submitted = parse_submission(data) if data else Submitted([])
    notebook, notes = normalise(release, submitted, bundle.locked)
    notes = [*bundle.notes, *(notes if data else ())]
    sources = {notebooks.grade_id(cell): cell.source for cell in notebook.cells}
    marks = {}
    for cell in notebook.cells:
        exercise = checked_exercise(cell)
        if exercise is not None:
            source = sources[exercise.name]
            passed = bool(data) and "NotImplementedError" not in source
            half = "HALF" in source
            share = float(os.environ.get(SHARE) or (0.5 if half else passed))
            state = PASSED if passed and not half else FAILED
            advice = "" if state == PASSED else "Look at the cell again."
            verdict = Verdict(exercise.name, state == PASSED, state, share, None, advice, points=exercise.points)
            most = float(cell.metadata["nbgrader"]["points"])
            name = notebooks.grade_id(cell)
            marks[name] = Mark(name, share * most, most, verdict=verdict)
    if notes:
        notebook.cells.insert(0, note_cell(notes))
    reviews = tuple(Review(name, "a rule", "line 1") for name in marks if "REVIEW" in sources[marks[name].verdict.name])
    text = notebooks.to_text(notebook)
    return Result(bundle.lesson, bundle.student, marks, text, tuple(notes), reviews, {"total": 0.01}, "none, for tests")
