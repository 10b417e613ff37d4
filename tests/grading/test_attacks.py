"""The attack collection in its quick form: nothing hostile earns, reads, changes or stops, nothing honest loses."""

from __future__ import annotations

import json

import pytest

from attacks.canaries import Canaries
from attacks.collecting import attempt_collecting
from attacks.collection import load, make
from attacks.trying import CONTROL, attempt, attempt_control
from autograde.grading.grade import grade
from autograde.grading.job import Result, Score

attacks = load()
GRADED = [case for case in attacks if not case.source]
BATCH = 8
BATCHES = [GRADED[start : start + BATCH] for start in range(0, len(GRADED), BATCH)]


def test_the_collection_is_large_enough():
    hostile = [case for case in attacks if not case.honest]
    assert len(hostile) >= 80 and len(attacks) - len(hostile) >= 30
    assert all(case.tries.endswith(".") for case in attacks)
    assert all(case.deserved == "all" for case in attacks if case.honest and not case.source)
    assert len({case.name for case in attacks}) == len(attacks)


def test_the_quick_form_leaves_the_experiments_out(graded_lesson):
    short, long = (make(CONTROL, {}, graded_lesson.name, short) for short in (True, False))
    cells = [
        [cell for cell in json.loads(case.notebook)["cells"] if cell["cell_type"] == "code"] for case in (short, long)
    ]
    assert len(cells[0]) < 0.6 * len(cells[1]) and short.deserved == long.deserved


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"{batch[0].name}-{batch[-1].name}")
def test_attacks(batch, runner):
    with Canaries() as canaries:
        outcomes = attempt(batch, grade, canaries, short=True)
        attempt_control(outcomes, grade, canaries, short=True)
    assert {outcome.attack.name: outcome.problems for outcome in outcomes if outcome.problems} == {}


@pytest.mark.parametrize("attack", [case for case in attacks if case.source], ids=lambda case: case.name)
def test_attacks_by_folder_and_archive(attack):
    assert attempt_collecting(attack).problems == []


def test_a_grader_that_can_be_fooled_is_found_out():
    """Each kind of problem is seen where it is there."""
    attack = next(case for case in attacks if case.name == "displayhook_ok")
    with Canaries() as canaries:
        case = make(attack, canaries.words, short=True)
        secret, token = canaries.tokens["secret"], canaries.course / "owned"

        def fooled(job):
            token.write_text("owned")
            scores = {name: Score(grade_id=name, points=1.0, max_score=3.0, comment=secret) for name in case.deserved}
            return Result(lesson=job.lesson, student=job.student, scores=scores, notebook='{"cells": []}')

        def stopped(job):
            raise RuntimeError("the class stops")

        (outcome,) = attempt([attack], fooled, canaries, short=True)
        assert outcome.got == len(case.deserved) and "shows secret" in outcome.problems
        attempt_control([outcome], fooled, canaries, short=True)
        assert any(problem.startswith("changed") and problem.endswith("owned") for problem in outcome.problems)
        assert any(problem.startswith("the next student") for problem in outcome.problems)
        (outcome,) = attempt([attack], stopped, canaries, short=True)
        assert outcome.problems == ["stopped the class: RuntimeError: the class stops"]
