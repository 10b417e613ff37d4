"""Answers of learners who did not know the catalogue: the wrong are rejected, the right pass, nothing false is said."""

from __future__ import annotations

import pytest
import torch

from tests.judge import answers

SHARE = 3  # of a changed exercise one of so many wrong answers is judged; all of them with `--full`
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
    full = pytestconfig.option.full
    if not full and answers.is_judged(name):
        pytest.skip("judged as it is by `python -m tests.judge.answers --write`")
    wrong, right = ([a for a in answers.read() if a.name == name and a.right is kind] for kind in (False, True))
    for attempt in right + (wrong if full else wrong[::SHARE]):
        verdict = answers.verdict(attempt)
        assert answers.is_right(attempt, verdict), f"{attempt.truth}: {verdict.diagnosis}: {verdict.message}"


def test_what_is_judged_is_so_until_it_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "JUDGED", tmp_path / "judged.json")
    wrong, right = (next(a for a in answers.read() if a.name == "relu" and a.right is kind) for kind in (False, True))
    passed = answers.verdict(right)
    answers.keep_judged([(right, passed)])
    assert answers.is_judged("relu") and not answers.is_judged("linear")
    answers.keep_judged([(right, passed), (wrong, passed)])
    assert not answers.is_judged("relu"), "a wrong answer passed"
    answers.keep_judged([(right, passed)])
    monkeypatch.setattr(answers, "read", lambda: (right,))
    assert not answers.is_judged("relu"), "its answers are others"


def test_most_wrong_answers_have_a_name():
    wrong = [attempt for attempt in answers.read() if not attempt.right]
    assert len(wrong) >= 300 and len(answers.read()) - len(wrong) >= 100
    assert sum(bool(attempt.names) for attempt in wrong) >= 0.85 * len(wrong)
