"""Answers of learners who did not know the catalogue: the wrong are rejected, the right pass, nothing false is said."""

from __future__ import annotations

import pytest
import torch

from autograde.judge.verdict import MISCONCEPTION
from tests.judge import answers

SHARE = 3  # one of so many wrong answers is judged; all of them in the long form, with `--full`
NAMES = sorted({attempt.name for attempt in answers.read()})


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.filterwarnings("ignore")  # what wrong code warns about is its own affair
@pytest.mark.parametrize("name", NAMES)
def test_wrong_answers_are_rejected_and_right_ones_pass(name, pytestconfig):
    wrong, right = ([a for a in answers.read() if a.name == name and a.right is kind] for kind in (False, True))
    for attempt in right + (wrong if pytestconfig.option.full else wrong[::SHARE]):
        verdict = answers.verdict(attempt)
        assert verdict.passed == attempt.right, f"{attempt.truth}: {verdict.message}"
        if verdict.diagnosis is not None and (attempt.names or verdict.evidence == MISCONCEPTION):
            assert verdict.diagnosis in attempt.names, f"{attempt.truth}: {verdict.diagnosis}: {verdict.advice}"


def test_most_wrong_answers_have_a_name():
    wrong = [attempt for attempt in answers.read() if not attempt.right]
    assert len(wrong) >= 300 and len(answers.read()) - len(wrong) >= 100
    assert sum(bool(attempt.names) for attempt in wrong) >= 0.85 * len(wrong)
