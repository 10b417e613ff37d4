"""The Validate button: what its dialog shows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from autograde.course.errors import CourseError
from autograde.course.lessons import find_lesson
from autograde.exercises import of_lesson
from autograde.judge.verdict import FAILED, MISCONCEPTION, NOT_STARTED, PASSED, Verdict
from autograde.learner import validate, workspace

LESSON = find_lesson("3")


def verdicts(**states: str) -> list[Verdict]:
    """Those of a notebook in which all but these exercises are passed."""
    found = []
    for exercise in of_lesson(LESSON.name):
        state = states.get(exercise.name, PASSED)
        passed = state == PASSED
        told = {"diagnosis": "no <b>", "evidence": MISCONCEPTION} if state == FAILED else {}
        found.append(
            Verdict(name=exercise.name, passed=passed, state=state, score=float(passed), points=exercise.points, **told)
        )
    return found


def answer(monkeypatch, result: list[Verdict] | Exception) -> dict:
    def check(lesson, file, echo):
        echo("It runs <in> a kernel.")
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(workspace, "check", check)
    return json.loads(json.dumps(validate.answer(Path("03_single_head.ipynb"), LESSON)))


def test_one_summary_says_points_what_is_left_and_what_is_next(monkeypatch):
    shown = answer(monkeypatch, verdicts(softmax=NOT_STARTED, project=FAILED, attention_scores=FAILED))
    (entry,) = shown["value"]["failed"]
    assert shown["success"] and entry["source"] == 'check("project")', "what was begun comes before what was not"
    total = sum(exercise.points for exercise in of_lesson(LESSON.name))
    assert f"6 of 9 exercises passed, {total - 8} of {total} points." in entry["error"]
    assert "Not right yet: 3.2 <code>project</code>, 3.3 <code>attention_scores</code>." in entry["error"]
    assert "Not started: 3.1 <code>softmax</code>." in entry["error"]
    assert entry["error"].count("Probably") == 1
    assert "no &lt;b&gt;" in entry["error"] and "It runs &lt;in&gt; a kernel." in entry["error"]


def test_a_notebook_that_passes_and_one_that_cannot_be_read(monkeypatch):
    assert answer(monkeypatch, verdicts()) == {"success": True, "value": {}}
    assert answer(monkeypatch, CourseError("It cannot be read.")) == {"success": False, "value": "It cannot be read."}


@pytest.mark.parametrize(
    ("name", "known"),
    [("03_single_head", True), ("03_single_head.backup-2026-01-01-100000", False), ("00_start", False), ("own", False)],
)
def test_only_the_notebook_of_a_lesson_is_checked_here(name, known):
    assert bool(validate.lesson_of(Path("any") / f"{name}.ipynb")) == known


def test_a_check_that_ends_without_a_result_says_why(monkeypatch):
    monkeypatch.setattr(validate.sys, "executable", "/bin/false")
    assert asyncio.run(validate.run(Path("03_single_head.ipynb"))) == {
        "success": False,
        "value": "The check has ended without a result.",
    }
