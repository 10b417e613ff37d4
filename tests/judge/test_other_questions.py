"""Results that are right for another question, found by asking the reference."""

from __future__ import annotations

import pytest

from autograde import assess
from autograde.judge.verdict import RELATION
from helpers.add_norm import layer_norm
from helpers.decoder import mask_scores
from helpers.multi_head import MultiHeadAttention
from helpers.training import noam_rate


class ValueOfTheKey(MultiHeadAttention):
    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        self.value = self.key
        return super().forward(query_input, key_input, value_input, mask, need_weights)


CASES = {
    "`step` and `warmup` in exchanged places": (
        "noam_rate",
        lambda step, d_model, warmup: noam_rate(warmup, d_model, step),
    ),
    "`value`": ("MultiHeadAttention", ValueOfTheKey),
}


@pytest.mark.parametrize("words", CASES)
def test_another_question_is_told(words):
    verdict = assess(*CASES[words])
    assert verdict.evidence == RELATION and words in verdict.advice, verdict.message


def test_a_right_answer_and_chance_have_none():
    assert assess("mask_scores", mask_scores).passed
    verdict = assess("layer_norm", lambda x, gamma, beta, eps=1e-5: layer_norm(x, gamma, beta, eps) * 1.37 + 0.2)
    assert "the right one" not in verdict.advice
