"""Lesson 7, the debugging clinic: worse in a batch than alone."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.clinic.inputs import floats, normal_values
from autograde.exercises.mistakes.clinic import sentence_vectors as code
from autograde.harness.call import Call
from autograde.harness.plain import TensorData
from helpers.clinic import repair_sentence_vectors

LESSON = "07_decoder"


def _vectors_calls(rng):
    x = floats([[[2, 0], [4, 0], [0, 9]], [[0, 0], [0, 6], [7, 7]]])
    keep = np.array([[True, False, False], [True, False, True]])
    return [
        Call(
            (floats([[[2, 1, 0], [9, 9, 9]]]), TensorData(np.array([[True, False]]))),
            note="by hand: one real word; it attends to itself alone, so its row is the answer",
        ),
        Call((x, TensorData(keep)), note="padding at the end, and in the middle"),
        Call(
            (normal_values(rng, 3, 5, 4), TensorData(np.arange(5) < np.array([[3], [5], [1]]))),
            note="sentences of 3, 5 and 1 words",
        ),
        Call(
            (normal_values(rng, 4, 6, 3), TensorData(np.arange(6) >= np.array([[2], [0], [5], [1]]))),
            note="padding at the front",
        ),
    ]


VECTORS = Exercise(
    name="repair_sentence_vectors",
    lesson=LESSON,
    title="worse in a batch than alone",
    points=2,
    minutes=5,
    hints=(
        "Alone, a sentence has no padding. In the batch it has. Look at one real word (a row of the scores): which "
        "columns does the mask take away from it?",
        "`scores` is (batch, queries, keys). `keep` has to line up with the keys, the last axis, and be the same for "
        "all queries. So the new axis of size 1 goes where the queries are.",
    ),
    reference=repair_sentence_vectors,
    make_calls=_vectors_calls,
    misconceptions=(
        Misconception(
            "padding still attended to",
            code.vectors_broken,
            "Real words still attend to padding: no key is masked for them. A mask in the place of the queries, "
            "`keep.unsqueeze(2)`, takes away whole rows; padded *keys* are columns.",
        ),
        Misconception(
            "mask upside down",
            code.vectors_mask_upside_down,
            "The real words are hidden and the padding is attended to. `masked_fill` fills where its condition is True.",
        ),
        Misconception(
            "padding set to zeros",
            code.vectors_padding_as_zeros,
            "A row of zeros still gets the score 0, and $e^0 = 1$ is a share. Take padded keys out of the scores.",
        ),
        Misconception(
            "scores of padding set to 0",
            code.vectors_scores_zero,
            "A score of 0 is no ban: $e^0 = 1$ still gets a share. Fill with a large negative number or `-math.inf`.",
        ),
        Misconception(
            "mask after the softmax",
            code.vectors_mask_after_softmax,
            "The weights of padding are removed after the softmax, so the others no longer sum to 1. Mask the scores, "
            "then take the softmax.",
        ),
        Misconception(
            "mean over padding",
            code.vectors_mean_over_padding,
            "The attention is right now. The mean at the end runs over padded rows as well: keep the broken code's "
            "mean, which counts real words alone.",
        ),
        Misconception(
            "divided by the padded length",
            code.vectors_divided_by_length,
            "The attention is right now. The sum is divided by the padded length; divide by the number of real words.",
        ),
        Misconception(
            "sum in place of the mean",
            code.vectors_sum,
            "The attention is right now. The rows are added up, so a long sentence gets a large vector; divide by the "
            "number of real words.",
        ),
        Misconception(
            "first sentence's mask for all",
            code.vectors_first_mask_for_all,
            "All sentences are masked like the first one. Each row of `keep` belongs to one sentence of the batch.",
        ),
        Misconception(
            "attention left out",
            code.vectors_no_attention,
            "This is the mean of the words as they came in. They attend to each other first.",
        ),
        Misconception(
            "softmax over the queries",
            code.vectors_over_queries,
            "The mask was left in the place of the queries and the softmax was turned to fit. Turn the mask: queries "
            "are rows, and each row sums to 1 over the keys.",
        ),
        Misconception(
            "first word in place of the mean",
            code.vectors_first_row,
            "The attention is right now. The vector of the first position is returned; the mean over the real words is "
            "asked for.",
        ),
    ),
    variants=(
        code.vectors_sentence_by_sentence,
        code.vectors_torch,
        code.vectors_mean_of_weights,
        code.vectors_both_masked,
        code.vectors_renormalized,
    ),
)

EXERCISES = (VECTORS,)
