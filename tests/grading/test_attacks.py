"""The attack collection in its quick form: nothing hostile earns, reads, changes or stops, nothing honest loses."""

from __future__ import annotations

import pytest

from attacks.canaries import Canaries
from attacks.collecting import attempt_collecting
from attacks.collection import load, make
from attacks.trying import attempt, attempt_control
from autograde.grading.grade import grade, warm_runner
from autograde.grading.job import Result, Score
from autograde.grading.sandbox.warm import Unsafe
from conftest import no_isolation

attacks = load()
GRADED = [one for one in attacks if not one.source]
BATCH = 8
BATCHES = [GRADED[start : start + BATCH] for start in range(0, len(GRADED), BATCH)]


@pytest.fixture(scope="module")
def isolated():
    try:
        warm_runner()
    except Unsafe as error:
        no_isolation(error)


def test_the_collection_is_large_enough():
    hostile = [one for one in attacks if not one.honest]
    assert len(hostile) >= 80 and len(attacks) - len(hostile) >= 30
    assert all(one.tries.endswith(".") for one in attacks)
    assert all(one.deserved == "all" for one in attacks if one.honest and not one.source)
    assert len({one.name for one in attacks}) == len(attacks)


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"{batch[0].name}-{batch[-1].name}")
def test_attacks(batch, isolated):
    with Canaries() as canaries:
        outcomes = attempt(batch, grade, canaries, short=True)
        attempt_control(outcomes, grade, canaries, short=True)
    assert {one.attack.name: one.problems for one in outcomes if one.problems} == {}


@pytest.mark.parametrize("attack", [one for one in attacks if one.source], ids=lambda one: one.name)
def test_attacks_by_folder_and_archive(attack):
    assert attempt_collecting(attack).problems == []


def test_a_grader_that_can_be_fooled_is_found_out():
    """Each kind of problem is seen where it is there."""
    attack = next(one for one in attacks if one.name == "displayhook_ok")
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
        assert any(one.startswith("changed") and one.endswith("owned") for one in outcome.problems)
        assert any(one.startswith("the next student") for one in outcome.problems)
        (outcome,) = attempt([attack], stopped, canaries, short=True)
        assert outcome.problems == ["stopped the class: RuntimeError: the class stops"]
