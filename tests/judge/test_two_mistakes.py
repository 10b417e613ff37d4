"""Two known mistakes at once, and an answer that changes from call to call."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from autograde import assess
from autograde.exercises import exercise
from autograde.judge import explain
from autograde.judge.verdict import MISCONCEPTION
from helpers import clinic
from helpers.single_head import softmax


def wrong_of(name: str, misconception: str):
    return next(known.wrong for known in exercise(name).misconceptions if known.name == misconception)


def sentence_of(name: str, misconception: str) -> str:
    return next(known.sentence for known in exercise(name).misconceptions if known.name == misconception)


def test_a_known_mistake_and_a_changed_input():
    def scores(query, key):
        result = wrong_of("attention_scores", "no scaling")(query, key)
        query[...] = 0
        return result

    verdict = assess("attention_scores", scores)
    assert (verdict.diagnosis, verdict.evidence) == ("no scaling", MISCONCEPTION)
    assert verdict.advice.startswith(sentence_of("attention_scores", "no scaling"))
    assert verdict.advice.endswith("On top of it, the call changes its input `query`. Work on a copy.")


def test_a_known_mistake_and_a_relation_on_top_of_it():
    def scores(query, key):
        return np.swapaxes(wrong_of("attention_scores", "no scaling")(query, key), -1, -2)

    verdict = assess("attention_scores", scores)
    assert verdict.diagnosis == "no scaling"
    assert verdict.advice.endswith("There is a second difference on top of it: transposed.")


def test_two_rearrangements_are_not_told_as_two_mistakes():
    def merged(x):
        batch, heads, length, width = x.shape
        return x.reshape(batch, heads * length, width)

    assert "second difference" not in assess("merge_heads", merged).advice


def test_two_known_mistakes_in_different_results():
    class TokenEmbedding(nn.Module):
        """Standard deviation 1 at the start, and no factor."""

        def __init__(self, vocab_size, d_model, pad=0):
            super().__init__()
            weight = torch.randn(vocab_size, d_model)
            weight[pad] = 0
            self.pad = pad
            self.weight = nn.Parameter(weight)

        def forward(self, ids):
            return torch.nn.functional.embedding(ids, self.weight, padding_idx=self.pad)

    verdict = assess("TokenEmbedding", TokenEmbedding)
    assert verdict.evidence == MISCONCEPTION and "There is a second mistake" in verdict.advice, verdict.message
    both = {known.name for known in exercise("TokenEmbedding").misconceptions if known.sentence in verdict.advice}
    assert len(both) == 2 and verdict.diagnosis in both


def test_one_known_mistake_is_no_two():
    for name in ("attention_scores", "TokenEmbedding", "pad_batch"):
        for known in exercise(name).misconceptions:
            verdict = assess(name, known.wrong)
            assert "second" not in verdict.advice.replace(known.sentence, ""), (name, known.name, verdict.advice)


def test_an_answer_that_changes_from_call_to_call():
    kept = []

    def keeps(x, axis=-1):
        kept.append(len(kept))
        return softmax(x, axis) + len(kept)

    def guesses(x, axis=-1):
        return np.random.default_rng().random(x.shape)

    for function in (keeps, guesses):
        verdict = assess("softmax", function)
        assert verdict.diagnosis == "another result each time", verdict.message
    assert assess("softmax", lambda x, axis=-1: np.random.rand(*x.shape)).diagnosis != "another result each time"


def test_a_misconception_that_raises_or_never_ends_is_not_asked_on_every_call():
    from autograde.harness.call import Answer, Problem
    from autograde.judge.answer_key import AnswerKey
    from autograde.judge.case import Case
    from autograde.judge.findings import find
    from autograde.judge.misconceptions import two_mistakes

    asked = exercise("attention_scores")
    key = AnswerKey(asked, asked.calls(0))
    asked_for = []

    def wrong(number, at):
        asked_for.append((number, at))
        return Answer(problem=Problem(kind="TimeIsUp", text="no result"))

    key.wrong = wrong
    got = [dataclasses.replace(answer, value=answer.value + 1) for answer in key.expected]
    findings = [find(asked, *each) for each in zip(key.calls, key.expected, got, key.tolerances, strict=True)]
    assert two_mistakes(Case(key, got, findings)) is None
    assert len(asked_for) <= 2 * len(asked.misconceptions)


def test_of_two_mistakes_that_look_alike_the_one_that_agrees_more_often_is_named():
    class Unbiased(wrong_of("LayerNormalization", "unbiased variance")):
        def __init__(self, embed_dim, eps=1e-6):
            super().__init__(embed_dim, eps)

    assert assess("LayerNormalization", Unbiased).diagnosis == "unbiased variance"

    class Neither(wrong_of("LayerNormalization", "unbiased variance")):
        """Without any eps it agrees with two entries of the catalogue on the same calls, and both tell of one."""

        def __init__(self, embed_dim, eps=1e-5):
            super().__init__(embed_dim, 0.0)

    verdict = assess("LayerNormalization", Neither)
    assert not verdict.passed and verdict.evidence != MISCONCEPTION, verdict.message


def test_a_changed_input_has_the_name_of_an_argument():
    """What a submission's process sends in its place is not repeated: it may be any text."""
    asked = exercise("scaled_dot_product_attention")
    names = explain.argument_names(asked, asked.calls()[0], ["0", "value", "99", "def softmax(x): a secret"])
    assert names == ["query", "value"]


def test_an_answer_of_yes_and_no_is_not_named_by_the_main_calls():
    """Only the target is padded; the main calls agree with the mistake that wants both faults at once."""

    def only_the_target(model, source, target_input, pad=0):
        padded = (F.pad(source, (0, 3), value=pad), F.pad(target_input, (0, 3), value=pad))
        before = clinic.logits_of(model, source, target_input)
        after = clinic.logits_of(model, source, padded[1])[:, : target_input.shape[1]]
        return bool(((after - before)[target_input != pad].abs() > 1e-4).any())

    verdict = assess("sees_padding", only_the_target)
    assert not verdict.passed and verdict.misconception != "no fault is found"


@pytest.mark.parametrize("kind", [lambda words: (word for word in words), set, lambda words: {}.fromkeys(words).keys()])
def test_of_an_object_whose_inside_is_not_known_the_type_is_told(kind):
    verdict = assess("tokenize", lambda text: kind(exercise("tokenize").reference(text)))
    assert verdict.diagnosis == "another type", verdict.message


def test_a_call_that_ran_out_of_time_is_not_called_random():
    from autograde.harness.call import Skipped
    from autograde.judge.answer_key import AnswerKey
    from autograde.judge.judge import judge

    asked = exercise("tokenize")
    key = AnswerKey(asked, asked.calls(0))
    got = [dataclasses.replace(answer, value=[*answer.value, "x"]) for answer in key.expected]
    again = [got[0], *(Skipped() for _ in got[1:])]
    assert judge(asked, key.calls, got, key).diagnosis is not None
    assert judge(asked, key.calls, got, key, again=lambda: again).diagnosis != "another result each time"


def test_right_values_of_another_dtype_are_no_misconception():
    verdict = assess("softmax", lambda x, axis=-1: exercise("softmax").reference(x, axis) + 1e-9)
    assert verdict.diagnosis == "nearly right", verdict.message
    verdict = assess("teacher_forcing_pair", lambda ids: tuple(each.float() for each in (ids[:, :-1], ids[:, 1:])))
    assert verdict.diagnosis == "another dtype", verdict.message


def test_right_values_in_a_tensor_are_not_nearly_right():
    verdict = assess("softmax", lambda x, axis=-1: torch.softmax(torch.as_tensor(x), axis))
    assert verdict.diagnosis != "nearly right" and "got a torch.Tensor" in verdict.advice, verdict.message


def test_what_ran_out_of_time_is_not_asked_again():
    from autograde.harness.call import Skipped
    from autograde.judge.answer_key import AnswerKey
    from autograde.judge.judge import judge

    asked, more = exercise("tokenize"), []
    key = AnswerKey(asked, asked.calls(0))
    got = [dataclasses.replace(answer, value=[*answer.value, "x"]) for answer in key.expected]
    judge(asked, key.calls, [*got[:-1], Skipped()], key, again=lambda: more.append(1) or got)
    assert not more
