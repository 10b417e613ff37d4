"""Answers of learners who did not know the catalogue: the wrong are rejected, the right pass, nothing false is said."""

from __future__ import annotations

import pytest
import torch

from autograde.judge.verdict import MISCONCEPTION
from tests.judge import answers

NAMES = sorted({one.name for one in answers.read()})


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.filterwarnings("ignore")  # what wrong code warns about is its own affair
@pytest.mark.parametrize("name", NAMES)
def test_wrong_answers_are_rejected_and_right_ones_pass(name):
    for one in answers.read():
        if one.name != name:
            continue
        verdict = answers.verdict(one)
        assert verdict.passed == one.right, f"{one.truth}: {verdict.message}"
        if verdict.diagnosis is not None and (one.names or verdict.evidence == MISCONCEPTION):
            assert verdict.diagnosis in one.names, f"{one.truth}: {verdict.diagnosis}: {verdict.advice}"


def test_most_wrong_answers_have_a_name():
    wrong = [one for one in answers.read() if not one.right]
    assert len(wrong) >= 300 and len(answers.read()) - len(wrong) >= 100
    assert sum(bool(one.names) for one in wrong) >= 0.85 * len(wrong)
