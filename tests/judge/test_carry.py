"""Which earlier exercises an answer uses, and what is said where it passes with these mended."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import autograde
from autograde.exercises import exercise
from autograde.judge import carry
from autograde.judge.verdict import ERROR, MISCONCEPTION, NOT_STARTED, PASSED, Verdict
from autograde.learner.check import CheckFailed
from helpers import feed_forward
from helpers.single_head import attention_weights, softmax

NOTEBOOK = """
import numpy as np

def softmax(x, axis=-1):
    return x

def attention_scores(query, key):
    return query @ key.T

def show(x):
    return softmax(x)

def attention_weights(scores, mask=None):
    "Uses attention_scores, says this text only."
    return show(scores) if mask is None else [show(row) for row in scores]

class SelfAttentionHead:
    @staticmethod
    def shares(x):
        return attention_weights(x)

    @property
    def project(self):
        return None

    def forward(self, x):
        return self.project, self.shares(x)
"""
PARTS = ("softmax", "project", "attention_scores", "attention_weights", "scaled_dot_product_attention")


def _both():
    namespace = {"__name__": "__main__"}
    exec(NOTEBOOK, namespace)
    return [carry.code_in(namespace), carry.code_from([NOTEBOOK, "%%time\nthis is no Python"])]


@pytest.mark.parametrize("code_of", _both(), ids=["namespace", "sources"])
def test_what_an_answer_uses(code_of):
    wrong = dict.fromkeys(PARTS, False)
    assert carry.to_mend(exercise("softmax"), code_of, wrong) == ()
    assert carry.to_mend(exercise("attention_weights"), code_of, wrong) == ("softmax",)
    # an attribute `project` is no use of the exercise, and a text about `attention_scores` neither
    assert carry.to_mend(exercise("SelfAttentionHead"), code_of, wrong) == ("softmax", "attention_weights")
    assert carry.to_mend(exercise("SelfAttentionHead"), code_of, {**wrong, "softmax": True}) == ("attention_weights",)
    assert carry.to_mend(exercise("SelfAttentionHead"), code_of, dict.fromkeys(PARTS, True)) == ()
    assert carry.to_mend(exercise("SelfAttentionHead"), code_of, {"project": False}) == ()


def test_a_later_exercise_is_never_mended():
    code_of = carry.code_from(["def softmax(x, axis=-1):\n    return attention_weights(x)"])
    assert carry.to_mend(exercise("softmax"), code_of, {"attention_weights": False}) == ()


def test_only_verdicts_that_are_final_count():
    verdicts = [
        Verdict(name="softmax", passed=False, state="failed", score=0.0),
        Verdict(name="project", passed=True, state=PASSED, score=1.0),
    ]
    assert carry.settled(verdicts, []) == {"softmax": False, "project": True}
    assert carry.settled(verdicts, ["softmax"]) == {"project": True}
    assert carry.settled([*verdicts, Verdict(name="softmax", passed=True, state=PASSED, score=1.0)], []) == {
        "softmax": False,
        "project": True,
    }


def test_the_sentence():
    wrong = Verdict(name="SelfAttentionHead", passed=False, state="failed", score=0.0)
    right = replace(wrong, passed=True, state=PASSED, score=1.0)
    advice = carry.carried(wrong, right, ["softmax"]).advice
    assert advice == "Right; it uses your `softmax`, which is not right yet."
    advice = carry.carried(wrong, right, ["softmax", "project"]).advice
    assert advice == "Right; it uses your `softmax` and `project`, which are not right yet."
    advice = carry.carried(wrong, right, ["a", "b", "c"]).advice
    assert advice == "Right; it uses your `a`, `b` and `c`, which are not right yet."


def test_an_answer_that_is_wrong_as_well_is_told_its_own_mistake():
    wrong = Verdict(name="SelfAttentionHead", passed=False, state="failed", score=0.2, advice="5 of 6 values differ.")
    own = replace(wrong, score=0.4, advice="There is no root.")
    told = carry.carried(wrong, own, ["softmax"])
    assert told == replace(own, advice="There is no root. (Asked with a right `softmax`; yours is not right yet.)")
    assert not told.carried, "it has not passed"
    worse = carry.carried(wrong, replace(own, score=0.1), ["softmax"])
    assert worse.score == 0.2, "it costs no points"
    assert worse.advice == "5 of 6 values differ. (It uses your `softmax`, which is not right yet: mend that first.)"


def test_what_is_answered_beside_a_reference_is_not_shown_by_a_grader():
    (known,) = (one for one in exercise("attention_weights").misconceptions if one.name == "mask ignored")
    wrong = Verdict(name="attention_weights", passed=False, state="failed", score=0.2, advice="Wrong.")
    seen = replace(wrong, score=0.4, advice="The source of the reference.", facts=(("Got", "the reference"),))
    told = carry.carried(wrong, seen, ["softmax"], private=True)
    advice = "Wrong. (It uses your `softmax`, which is not right yet: mend that first.)"
    assert told == replace(wrong, score=0.4, advice=advice), "the points are as in the learner's check"
    named = replace(seen, diagnosis=known.name, evidence=MISCONCEPTION, advice=f"{known.sentence} On top: a secret.")
    told = carry.carried(wrong, named, ["softmax"], private=True)
    assert (told.misconception, told.facts, told.score) == ("mask ignored", (), 0.4)
    assert told.advice == f"{known.sentence} (Asked with a right `softmax`; yours is not right yet.)"


def test_an_error_that_is_raised_beside_a_reference_only_is_not_the_learners():
    wrong = Verdict(name="SelfAttentionHead", passed=False, state="failed", score=0.0, advice="Wrong.")
    raised = replace(wrong, state=ERROR, advice="TypeError: 3 arguments")
    assert carry.carried(wrong, raised, ["softmax"]).advice.startswith("Wrong. (It uses your `softmax`")
    assert carry.carried(raised, raised, ["softmax"]).advice.startswith("TypeError: 3 arguments (Asked with")
    stub = replace(wrong, state=NOT_STARTED)
    assert carry.carried(stub, wrong, ["softmax"]) is stub and carry.carried(wrong, stub, ["softmax"]) is wrong


# --- in a learner's notebook ----------------------------------------------------------------------------------------

CELLS = """
def attention_scores(query, key):
    return query @ np.swapaxes(key, -1, -2)

def scaled_dot_product_attention(query, key, value, mask=None):
    weights = attention_weights(attention_scores(query, key), mask)
    return weights @ value, weights

class SelfAttentionHead(nn.Module):
    def __init__(self, d_model, d_head):
        super().__init__()
        self.query = nn.Linear(d_model, d_head, bias=False)
        self.key = nn.Linear(d_model, d_head, bias=False)
        self.value = nn.Linear(d_model, d_head, bias=False)
"""


@pytest.fixture
def notebook():
    names = {"np": np, "nn": nn, "torch": torch, "softmax": softmax, "attention_weights": attention_weights}
    namespace = {"__name__": "__main__", "check": autograde.check, **names}
    exec(CELLS, namespace)
    return namespace


def test_check_passes_what_is_right_and_says_what_is_not(notebook, capsys):
    own = notebook["attention_scores"]
    with pytest.raises(CheckFailed):
        exec('check("attention_scores")', notebook)
    exec('check("scaled_dot_product_attention")', notebook)
    shown = capsys.readouterr().out
    assert "✓ scaled_dot_product_attention: passed" in shown
    assert "Right; it uses your `attention_scores`, which is not right yet." in shown
    assert notebook["attention_scores"] is own


def test_check_mends_what_is_missing(notebook, capsys):
    del notebook["attention_scores"]
    exec('check("scaled_dot_product_attention")', notebook)
    assert "it uses your `attention_scores`" in capsys.readouterr().out
    assert "attention_scores" not in notebook


def test_what_is_right_between_the_two_is_not_called_wrong(capsys):
    """Encoder uses EncoderLayer, which is right, apart from FeedForward."""
    references = [feed_forward.EncoderLayer, feed_forward.Encoder]
    namespace = {**vars(feed_forward), "__name__": "__main__", "check": autograde.check}
    for definition in references:
        exec(inspect.getsource(definition), namespace)
    exec(inspect.getsource(feed_forward.FeedForward).replace("torch.relu", "torch.tanh"), namespace)
    exec('check("Encoder")', namespace)
    assert "Right; it uses your `FeedForward`, which is not right yet." in capsys.readouterr().out


def test_check_does_not_forgive_a_mistake_of_its_own(notebook):
    exec(
        "def scaled_dot_product_attention(query, key, value, mask=None):\n"
        "    return attention_scores(query, key) @ value",
        notebook,
    )
    own = notebook["attention_scores"]
    with pytest.raises(CheckFailed) as caught:
        exec('check("scaled_dot_product_attention")', notebook)
    assert caught.value.verdict.carried == () and notebook["attention_scores"] is own
    assert "(Asked with a right `attention_scores`; yours is not right yet.)" in caught.value.verdict.advice


def test_check_names_a_mistake_beside_that_of_an_earlier_exercise(notebook):
    exec(
        "def scaled_dot_product_attention(query, key, value, mask=None):\n"
        "    weights = attention_weights(attention_scores(query, key), mask)\n"
        "    return weights, weights @ value",
        notebook,
    )
    with pytest.raises(CheckFailed) as caught:
        exec('check("scaled_dot_product_attention")', notebook)
    assert caught.value.verdict.diagnosis == "weights before the output", caught.value.verdict.message
