"""mask_scores: forbidden scores become -inf."""

import math

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_mask, random_tensor
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.decoder import mask_scores


def calls(rng):
    by_hand = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    mask = np.array([[True, False, False], [True, True, False]])
    return [
        FunctionCall((TensorData(by_hand), TensorData(mask)), note="by hand: row 0 keeps one score, row 1 two"),
        FunctionCall((random_tensor(rng, 4, 5), TensorData(random_mask(rng, 4, 5)))),
        FunctionCall(
            (
                TensorData(np.array([[0, 2, -1], [3, 0, 0]], np.float32)),
                TensorData(np.array([[1, 0, 1], [0, 0, 0]], bool)),
            ),
            note="an allowed score of 0, and a row in which nothing is allowed",
        ),
        FunctionCall((random_tensor(rng, 2, 3, 4), TensorData(random_mask(rng, 2, 3, 4)))),
        FunctionCall(
            (TensorData(rng.normal(size=(3, 6)).astype(np.float32) * 1e10), TensorData(random_mask(rng, 3, 6))),
            note="very large scores",
        ),
        FunctionCall(
            (random_tensor(rng, 3, 4, 5), TensorData(random_mask(rng, 3, 1, 5))),
            part="broadcasting",
            note="one mask row per sentence",
        ),
        FunctionCall(
            (random_tensor(rng, 2, 3, 5, 4), TensorData(random_mask(rng, 5, 4))),
            part="broadcasting",
            note="one mask for all heads",
        ),
        FunctionCall(
            (random_tensor(rng, 3, 4), TensorData(np.ones((3, 4), bool))),
            report=("output", "input_gradients"),
            part="gradients",
            note="backward, too",
        ),
        FunctionCall(
            (TensorData(np.array([[[[2.5]]]], np.float32)), TensorData(np.array([[[True]]]))),
            part="broadcasting",
            note="one sentence, one head, one query and one key",
        ),
    ]


EXERCISE = Exercise(
    name="mask_scores",
    title="forbidden scores become -inf",
    points=2,
    minutes=3,
    hints=(
        "`masked_fill(condition, number)` gives a new tensor with the number wherever the condition is True. When does a score have to be replaced: where the mask is True, or where it is False?",
        "`~mask` is the opposite of a boolean mask. The number is `-math.inf`. Without the underscore at the end of its name, `masked_fill` leaves its tensor as it is.",
    ),
    reference=mask_scores,
    make_calls=calls,
    parts={MAIN: 0.6, "broadcasting": 0.3, "gradients": 0.1},
)


@EXERCISE.wrong(
    "mask upside down",
    "The allowed scores become -inf. `masked_fill` fills where its condition is True, so it needs `~mask`.",
)
def upside_down(scores, mask):
    return scores.masked_fill(mask, -math.inf)


@EXERCISE.wrong(
    "a large negative number for -inf",
    "-1e9 is below the usual scores, but not below all: where the others are lower still, a forbidden one wins. Use "
    "`-math.inf`.",
)
def large_negative(scores, mask):
    return scores.masked_fill(~mask, -1e9)


@EXERCISE.wrong(
    "a small negative number for -inf",
    "A score of -10 still gets some weight in the softmax. Use `-math.inf`: its weight is exactly 0.",
)
def small_negative(scores, mask):
    return scores.masked_fill(~mask, -10.0)


@EXERCISE.wrong("zero for -inf", "A score of 0 is a score like any other: exp(0) is 1. Use `-math.inf`.")
def zero(scores, mask):
    return scores.masked_fill(~mask, 0.0)


@EXERCISE.wrong("plus infinity", "The sign is missing: plus infinity would draw all the attention. Use `-math.inf`.")
def plus_infinity(scores, mask):
    return scores.masked_fill(~mask, math.inf)


@EXERCISE.wrong(
    "changes its input",
    "The result is right, but it is written into the caller's scores. `masked_fill`, without an underscore at the end, makes a new tensor.",
)
def in_place(scores, mask):
    return scores.masked_fill_(~mask, -math.inf)


@EXERCISE.wrong(
    "result not kept", "The scores come back unchanged. `masked_fill` and `torch.where` make a new tensor: return that."
)
def not_assigned(scores, mask):
    scores.masked_fill(~mask, -math.inf)
    return scores


@EXERCISE.wrong(
    "zero times infinity",
    "0 times infinity is NaN, so the allowed scores are lost. Choose with `masked_fill` or `torch.where`; don't multiply.",
)
def zero_times_infinity(scores, mask):
    return scores + (~mask).float() * -math.inf


@EXERCISE.wrong(
    "mask added to the scores", "True counts as 1 here and is added. The mask has to choose which scores are replaced."
)
def mask_added(scores, mask):
    return scores + mask


@EXERCISE.wrong(
    "softmax already taken", "The rows add up to 1: the softmax has been taken already. Return the masked scores."
)
def softmax(scores, mask):
    return torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)


@EXERCISE.wrong(
    "mask as an index",
    "A boolean index has to have the shape of the scores; it does not broadcast. `masked_fill` and `torch.where` do.",
)
def boolean_index(scores, mask):
    scores = scores.clone()
    scores[~mask] = -math.inf
    return scores


@EXERCISE.wrong("a NumPy array", "The values are right, in a NumPy array. Scores are tensors here: use `torch.where`.")
def with_numpy(scores, mask):
    return scores.masked_fill(~mask, -math.inf).numpy()


@EXERCISE.variant
def with_where(scores, mask):
    return torch.where(mask, scores, -math.inf)


@EXERCISE.variant
def with_logarithm(scores, mask):
    return scores + mask.to(scores.dtype).log()


@EXERCISE.variant
def expanded_index(scores, mask):
    result = scores.clone()
    result[~mask.expand_as(scores)] = float("-inf")
    return result


@EXERCISE.variant
def bias(scores, mask):
    bias = torch.zeros(mask.shape)
    bias[torch.logical_not(mask)] = -torch.inf
    return scores + bias
