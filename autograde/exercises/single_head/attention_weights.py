"""attention_weights: a mask, then softmax."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_mask
from autograde.exercises.single_head.common import LARGE, NOTHING, large_scores, mask_with_empty_row
from autograde.harness.call import MAIN, FunctionCall
from helpers.single_head import attention_weights, softmax


def calls(rng):
    by_hand = np.log([[1.0, 2.0, 5.0], [3.0, 1.0, 4.0]])
    mask = np.array([[True, False, True], [True, True, False]])
    return [
        FunctionCall((by_hand,), part="no mask", note="by hand: the exponentials are 1, 2, 5 and 3, 1, 4"),
        FunctionCall((by_hand, mask), note="by hand: of 1, 2, 5 and 3, 1, 4 only 1, 5 and 3, 1 are left"),
        FunctionCall((rng.normal(size=(4, 6)), random_mask(rng, 4, 6))),
        FunctionCall((rng.normal(size=(2, 3, 5)), random_mask(rng, 2, 3, 5))),
        FunctionCall((rng.normal(size=(2, 3, 5)) * 2,), part="no mask", note="a batch without a mask"),
        FunctionCall(
            (rng.normal(size=(3, 4, 6)), random_mask(rng, 3, 1, 6)),
            part="broadcasting",
            note="one mask row per sentence",
        ),
        FunctionCall(
            (rng.normal(size=(2, 3, 4, 5)), random_mask(rng, 4, 5)), part="broadcasting", note="one mask for all heads"
        ),
        FunctionCall(
            large_scores(rng, 4, 6), part=LARGE, note="scores in the hundreds; the largest ones are forbidden"
        ),
        FunctionCall(
            (rng.normal(size=(3, 4)) - 900, np.array([[True, False, True, True]])),
            part=LARGE,
            note="all scores near -900",
        ),
        FunctionCall(
            (rng.normal(size=(3, 5)), mask_with_empty_row(rng, 3, 5, row=1)),
            part=NOTHING,
            note="row 1 has nothing to attend to",
        ),
        FunctionCall((rng.normal(size=(1, 1, 1)),), part="no mask", note="a batch of one, one query, one key"),
    ]


EXERCISE = Exercise(
    name="attention_weights",
    title="a mask, then softmax",
    points=4,
    minutes=12,
    hints=(
        "A score of -inf gets the weight 0. `np.where(condition, a, b)` chooses number by number and broadcasts. A "
        "row with nothing but -inf becomes NaN: which rows are these, and what should come out of them?",
        "`np.any(mask, axis=-1, keepdims=True)` is False for a row with nothing to attend to. Leave such a row "
        "unmasked for the softmax, then set every weight that the mask forbids to 0.",
    ),
    reference=attention_weights,
    make_calls=calls,
    parts={MAIN: 0.5, "no mask": 0.1, "broadcasting": 0.15, NOTHING: 0.15, LARGE: 0.1},
)


@EXERCISE.wrong(
    "mask ignored", "The mask changes nothing. Set the scores where it is False to `-np.inf` before the softmax."
)
def mask_ignored(scores, mask=None):
    return softmax(scores)


@EXERCISE.wrong(
    "mask upside down", "The allowed keys get nothing, the forbidden ones everything. True means *may attend*."
)
def upside_down(scores, mask=None):
    return softmax(scores) if mask is None else attention_weights(scores, ~mask)


@EXERCISE.wrong(
    "weights set to 0 after the softmax",
    "The rows no longer add up to 1, because the forbidden keys took part in the sum. Mask the scores "
    "before the softmax.",
)
def zeroed_after(scores, mask=None):
    weights = softmax(scores)
    return weights if mask is None else np.where(mask, weights, 0.0)


@EXERCISE.wrong(
    "forbidden scores set to 0",
    "A score of 0 is still a score: `exp(0)` is 1. A forbidden score has to be `-np.inf`.",
)
def multiplied(scores, mask=None):
    return softmax(scores) if mask is None else softmax(scores * mask)


@EXERCISE.wrong(
    "mask counted as 0 and 1",
    "The mask counts as 0 and 1, so it moves the scores by 1 only. A forbidden score has to be `-np.inf`: see "
    "`np.where`.",
)
def mask_added(scores, mask=None):
    return softmax(scores) if mask is None else softmax(scores + mask)


@EXERCISE.wrong(
    "NaN wherever there is a mask",
    "With a mask every weight is NaN, as from `0 * np.inf`, or from `np.inf` without the minus. Use "
    "`np.where(mask, scores, -np.inf)`.",
)
def zero_times_infinity(scores, mask=None):
    return softmax(scores) if mask is None else softmax(scores + (1 - mask) * -np.inf)


@EXERCISE.wrong(
    "NaN in a row with nothing to attend to",
    "A row with nothing to attend to becomes NaN, as a softmax of nothing but -inf does. Find these rows with "
    "`np.any(mask, axis=-1, keepdims=True)`; they have to be all zeros.",
)
def nan_in_empty_row(scores, mask=None):
    return softmax(scores) if mask is None else softmax(np.where(mask, scores, -np.inf))


@EXERCISE.wrong(
    "a large negative number for -inf",
    "In a row with nothing to attend to all scores are the same large negative number, so the softmax "
    "divides the attention evenly among forbidden keys. Such a row has to be all zeros.",
    only=r"\de\+?\d|\d{3}|finfo|iinfo|10\s*\*\*",
)
def large_negative(scores, mask=None):
    return softmax(scores) if mask is None else softmax(np.where(mask, scores, -1e9))


@EXERCISE.wrong(
    "a large negative number added",
    "In a row with nothing to attend to all scores sink together, so the softmax comes out as if there were "
    "no mask. Such a row has to be all zeros.",
)
def large_negative_added(scores, mask=None):
    return softmax(scores) if mask is None else softmax(scores + np.where(mask, 0.0, -1e9))


@EXERCISE.wrong(
    "fill value too small", "`exp(-10)` is small, yet not 0: forbidden keys still get some weight. Use `-np.inf`."
)
def small_fill(scores, mask=None):
    return softmax(scores) if mask is None else softmax(np.where(mask, scores, -10.0))


@EXERCISE.wrong(
    "softmax over the queries",
    "The columns add up to 1. Each query shares its attention among the keys, so the softmax runs along the last axis.",
)
def over_queries(scores, mask=None):
    return softmax(scores if mask is None else np.where(mask, scores, -np.inf), axis=-2)


@EXERCISE.wrong(
    "masks the caller's scores",
    "`scores[~mask] = ...` writes into the caller's array. `np.where(mask, scores, -np.inf)` makes a new "
    "one, and broadcasts.",
)
def in_place(scores, mask=None):
    if mask is not None:
        scores[~mask] = -np.inf
    return softmax(scores)


@EXERCISE.wrong(
    "mask used as an index",
    "`scores[~mask]` needs a mask of exactly the scores' shape. `np.where(mask, scores, -np.inf)` "
    "broadcasts a smaller one.",
)
def boolean_index(scores, mask=None):
    scores = scores.copy()
    if mask is not None:
        scores[~mask] = -np.inf
    return softmax(scores)


@EXERCISE.wrong(
    "truth of a whole mask",
    "Python asks whether a whole array is true. Ask `if mask is not None:`, and turn a mask around with `~`, not with `not`.",
)
def truth_of_array(scores, mask=None):
    if mask:
        scores = np.where(mask, scores, -np.inf)
    return softmax(scores)


@EXERCISE.wrong(
    "softmax over the queries, NaN replaced",
    "The columns add up to 1. Each query shares its attention among the keys, so the softmax runs along the last axis.",
)
def over_queries_without_nan(scores, mask=None):
    return np.nan_to_num(softmax(scores if mask is None else np.where(mask, scores, -np.inf), axis=-2))


@EXERCISE.wrong(
    "scaled once more",
    "The scores are divided by a root here. `attention_scores` has done that: this function takes them as they are.",
)
def scaled_again(scores, mask=None):
    return attention_weights(scores / np.sqrt(scores.shape[-1]), mask)


@EXERCISE.variant
def nan_replaced(scores, mask=None):
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    return np.nan_to_num(softmax(scores), nan=0.0)


@EXERCISE.variant
def with_a_loop(scores, mask=None):
    mask = np.broadcast_to(True if mask is None else mask, scores.shape)
    out = np.zeros_like(scores)
    for row in np.ndindex(scores.shape[:-1]):
        allowed = np.flatnonzero(mask[row])
        if len(allowed):
            out[row][allowed] = softmax(scores[row][allowed])
    return out


@EXERCISE.variant
def by_division(scores, mask=None):
    mask = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    top = np.max(scores, axis=-1, keepdims=True, where=mask, initial=-1e300)
    powers = np.zeros_like(scores)
    np.exp(scores - top, out=powers, where=mask)
    total = powers.sum(axis=-1, keepdims=True)
    return powers / np.where(total == 0, 1.0, total)


@EXERCISE.variant
def large_negative_then_zero(scores, mask=None):
    if mask is None:
        return softmax(scores)
    return softmax(scores * mask + ~mask * -1e12) * mask


@EXERCISE.variant
def with_torch(scores, mask=None):
    scores = torch.from_numpy(scores)
    if mask is None:
        return scores.softmax(-1).numpy()
    return scores.masked_fill(~torch.from_numpy(mask), -torch.inf).softmax(-1).nan_to_num(0).numpy()
