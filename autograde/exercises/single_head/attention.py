"""Lesson 3: attention weights and scaled dot-product attention."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import DOT_PRODUCT_ATTENTION
from autograde.exercises.mistakes.single_head import attention as code
from autograde.exercises.single_head.masks import mask_with_empty_row, random_mask
from autograde.exercises.single_head.parts import LEADING, NOTHING
from autograde.harness.call import MAIN, Call
from helpers.single_head import attention_weights, scaled_dot_product_attention

LESSON = "03_single_head"

# --- attention_weights ----------------------------------------------------------------------------------------------


def _weights_calls(rng):
    by_hand = np.log([[1.0, 2.0, 5.0], [3.0, 1.0, 4.0]])
    mask = np.array([[True, False, True], [True, True, False]])
    return [
        Call((by_hand,), part="no mask", note="by hand: the exponentials are 1, 2, 5 and 3, 1, 4"),
        Call((by_hand, mask), note="by hand: of 1, 2, 5 and 3, 1, 4 only 1, 5 and 3, 1 are left"),
        Call((rng.normal(size=(4, 6)), random_mask(rng, 4, 6))),
        Call((rng.normal(size=(2, 3, 5)), random_mask(rng, 2, 3, 5))),
        Call((rng.normal(size=(2, 3, 5)) * 2,), part="no mask", note="a batch without a mask"),
        Call(
            (rng.normal(size=(3, 4, 6)), random_mask(rng, 3, 1, 6)),
            part="broadcasting",
            note="one mask row per sentence",
        ),
        Call(
            (rng.normal(size=(2, 3, 4, 5)), random_mask(rng, 4, 5)), part="broadcasting", note="one mask for all heads"
        ),
        Call(
            (rng.normal(size=(3, 5)), mask_with_empty_row(rng, 3, 5, row=1)),
            part=NOTHING,
            note="row 1 has nothing to attend to",
        ),
    ]


WEIGHTS = Exercise(
    name="attention_weights",
    lesson=LESSON,
    title="a mask, then softmax",
    points=4,
    minutes=12,
    hints=(
        "A score of -inf gets the share 0. `np.where(condition, a, b)` chooses number by number and broadcasts. A "
        "row with nothing but -inf becomes NaN: which rows are these, and what should come out of them?",
        "`np.any(mask, axis=-1, keepdims=True)` is False for a row with nothing to attend to. Leave such a row "
        "unmasked for the softmax, then set every share that the mask forbids to 0.",
    ),
    reference=attention_weights,
    make_calls=_weights_calls,
    parts={MAIN: 0.5, "no mask": 0.1, "broadcasting": 0.2, NOTHING: 0.2},
    misconceptions=(
        Misconception(
            "mask ignored",
            code.weights_mask_ignored,
            "The mask changes nothing. Set the scores where it is False to `-np.inf` before the softmax.",
        ),
        Misconception(
            "mask upside down",
            code.weights_upside_down,
            "The allowed keys get nothing, the forbidden ones everything. True means *may attend*.",
        ),
        Misconception(
            "shares set to 0 after the softmax",
            code.weights_zeroed_after,
            "The rows no longer add up to 1, because the forbidden keys took part in the sum. Mask the scores "
            "before the softmax.",
        ),
        Misconception(
            "scores multiplied by the mask",
            code.weights_multiplied,
            "A score of 0 is still a score: `exp(0)` is 1. A forbidden score has to be `-np.inf`.",
        ),
        Misconception(
            "mask added to the scores",
            code.weights_mask_added,
            "True counts as 1, so allowed scores grow by 1 and the others stay. A forbidden score has to be "
            "`-np.inf`: see `np.where`.",
        ),
        Misconception(
            "NaN from 0 * -inf",
            code.weights_zero_times_infinity,
            "0 times infinity is NaN, so allowed scores are lost too. Choose with `np.where(mask, scores, -np.inf)` "
            "instead of multiplying.",
        ),
        Misconception(
            "NaN in a row with nothing to attend to",
            code.weights_nan_in_empty_row,
            "A row of nothing but -inf becomes NaN in the softmax. Find these rows with `np.any(mask, axis=-1, "
            "keepdims=True)`; they have to be all zeros.",
        ),
        Misconception(
            "a large negative number for -inf",
            code.weights_large_negative,
            "In a row with nothing to attend to all scores are the same large negative number, so the softmax "
            "shares evenly among forbidden keys. Such a row has to be all zeros.",
        ),
        Misconception(
            "a large negative number added",
            code.weights_large_negative_added,
            "In a row with nothing to attend to all scores sink together, so the softmax comes out as if there were "
            "no mask. Such a row has to be all zeros.",
        ),
        Misconception(
            "fill value too small",
            code.weights_small_fill,
            "`exp(-10)` is small, yet not 0: forbidden keys still get a share. Use `-np.inf`.",
        ),
        Misconception(
            "softmax over the queries",
            code.weights_over_queries,
            "The columns add up to 1. Each query shares its attention among the keys, so the softmax runs along the "
            "last axis.",
        ),
        Misconception(
            "masks the caller's scores",
            code.weights_in_place,
            "`scores[~mask] = ...` writes into the caller's array. `np.where(mask, scores, -np.inf)` makes a new "
            "one, and broadcasts.",
        ),
        Misconception(
            "mask used as an index",
            code.weights_boolean_index,
            "`scores[~mask]` needs a mask of exactly the scores' shape. `np.where(mask, scores, -np.inf)` "
            "broadcasts a smaller one.",
        ),
        Misconception(
            "truth of a whole mask",
            code.weights_truth_of_array,
            "`if mask:` asks an array of many truth values for a single one. Ask `if mask is not None:`.",
        ),
    ),
    variants=(
        code.weights_nan_replaced,
        code.weights_loop,
        code.weights_by_division,
        code.weights_large_negative_then_zero,
        code.weights_torch,
    ),
)

# --- scaled_dot_product_attention -----------------------------------------------------------------------------------


def _attention_calls(rng):
    def tokens(*shape):
        return rng.normal(size=shape)

    query = np.array([[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    key = np.array([[0.0, 1.0, -1.0, 2.0], [np.log(2), 3.0, 0.0, 1.0], [np.log(5), 0.0, 2.0, -1.0]])
    value = np.array([[8.0], [0.0], [16.0]])
    return [
        Call((query, key, value), note="by hand: the scores are log 1, log 2, log 5 in row 0 and 0, 0, 0 in row 1"),
        Call((tokens(5, 3), tokens(4, 3), tokens(4, 6))),
        Call((tokens(3, 5), tokens(6, 5), tokens(6, 4))),
        Call((tokens(5, 3), tokens(4, 3), tokens(4, 6)), {"mask": random_mask(rng, 5, 4)}, part="mask"),
        Call((tokens(2, 5, 3), tokens(2, 4, 3), tokens(2, 4, 6)), part=LEADING, note="a batch of two sentences"),
        Call(
            (tokens(2, 3, 4, 5), tokens(2, 3, 6, 5), tokens(2, 3, 6, 7)),
            {"mask": random_mask(rng, 2, 1, 1, 6)},
            part=LEADING,
            note="a batch of two, three heads, one mask row per sentence",
        ),
        Call(
            (tokens(4, 3), tokens(5, 3), tokens(5, 2)),
            {"mask": mask_with_empty_row(rng, 4, 5, row=2)},
            part=NOTHING,
            note="row 2 has nothing to attend to",
        ),
    ]


ATTENTION = Exercise(
    name="scaled_dot_product_attention",
    lesson=LESSON,
    title="the whole equation",
    points=3,
    minutes=6,
    hints=(
        "Your two functions do nearly everything. What is left is the weighted sum: each output row mixes the rows "
        "of the value.",
        "First the scores, then the weights with the mask, then weights times value with `@`. Return the output "
        "first, the weights second.",
    ),
    reference=scaled_dot_product_attention,
    forbidden=DOT_PRODUCT_ATTENTION,
    make_calls=_attention_calls,
    parts={MAIN: 0.5, "mask": 0.2, LEADING: 0.15, NOTHING: 0.15},
    multiple_outputs=True,
    misconceptions=(
        Misconception(
            "no scaling",
            code.attention_no_scaling,
            "The plain dot products went into the softmax. Use `attention_scores`, which divides by the root of the "
            "head's width.",
        ),
        Misconception(
            "scaled twice",
            code.attention_scaled_twice,
            "`attention_scores` divides by the root of the head's width already. Take its result as it is.",
        ),
        Misconception(
            "scaled by the value's width",
            code.attention_width_of_value,
            "The divisor comes from the width of the value, which may differ. It is the root of the width of query "
            "and key.",
        ),
        Misconception(
            "weighted sum of the keys",
            code.attention_sum_of_keys,
            "The weights are multiplied with the key. Keys are for finding; what is handed over is the value.",
        ),
        Misconception(
            "softmax missing",
            code.attention_no_softmax,
            "The scores themselves are multiplied with the value. Turn them into shares with `attention_weights` "
            "first.",
        ),
        Misconception(
            "the output alone",
            code.attention_output_alone,
            "Only the output comes back. Return two things: the output and the weights.",
        ),
        Misconception(
            "weights before the output",
            code.attention_weights_first,
            "The two results are exchanged. The output comes first, the weights second.",
        ),
        Misconception(
            "scores in place of the weights",
            code.attention_scores_returned,
            "The output is right; beside it stand the scores. Return what comes out of the softmax.",
        ),
        Misconception(
            "mask not passed on",
            code.attention_mask_ignored,
            "The mask arrives in this function and goes nowhere. Pass it on to `attention_weights`.",
        ),
        Misconception(
            "query and key swapped",
            code.attention_swapped,
            "The scores have the keys in the rows. The query is the first argument of `attention_scores`.",
        ),
        Misconception(
            "softmax over the queries",
            code.attention_over_queries,
            "The columns of the weights add up to 1. The softmax runs along the last axis, the keys.",
        ),
        Misconception(
            "all axes reversed",
            code.attention_full_transpose,
            "`.T` reverses all axes of a batch, the batch too. Exchange the last two: `np.swapaxes(key, -1, -2)`.",
        ),
        Misconception(
            "shares set to 0 after the softmax",
            code.attention_zeroed_after,
            "With a mask the weights no longer add up to 1. Mask the scores before the softmax, as "
            "`attention_weights` does.",
        ),
        Misconception(
            "mask upside down",
            code.attention_upside_down,
            "The allowed keys get nothing, the forbidden ones everything. True means *may attend*.",
        ),
        Misconception(
            "NaN in a row with nothing to attend to",
            code.attention_nan,
            "A row of nothing but -inf becomes NaN in the softmax. It has to be all zeros, as `attention_weights` "
            "gives it.",
        ),
    ),
    variants=(code.attention_torch, code.attention_einsum, code.attention_loop, code.attention_divided_last),
)

EXERCISES = (WEIGHTS, ATTENTION)
