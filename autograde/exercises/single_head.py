"""Lesson 3: single-head attention."""

from __future__ import annotations

import math

import numpy as np

from autograde.exercise import MAIN, Call, Exercise, Misconception
from autograde.exercises.libraries import DOT_PRODUCT_ATTENTION, MULTI_HEAD_ATTENTION, SOFTMAX
from autograde.exercises.mistakes import single_head as code
from autograde.plain import TensorData
from helpers.single_head import (
    SelfAttentionHead,
    attention_scores,
    attention_weights,
    convolution_cost,
    project,
    recurrent_cost,
    scaled_dot_product_attention,
    self_attention_cost,
    softmax,
)

LESSON = "03_single_head"
LEADING, NOTHING = "leading axes", "nothing to attend to"


def _mask(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    order = rng.random(shape).argsort(axis=-1)
    return order < rng.integers(1, shape[-1], (*shape[:-1], 1))


def _mask_with_empty_row(rng, *shape, row):
    mask = _mask(rng, *shape)
    mask[..., row, :] = False
    return mask


# --- softmax --------------------------------------------------------------------------------------------------------


def _softmax_calls(rng):
    large = rng.normal(size=(4, 3)) * 3 + np.array([[1000.0], [-1000.0], [0.0], [1000.0]])
    return [
        Call((np.log([[1.0, 2.0, 5.0]]),), note="by hand: exp gives 1, 2, 5; their sum is 8"),
        Call((rng.normal(size=(3, 5)),)),
        Call((rng.normal(size=(2, 3, 4)),), {"axis": 1}, part="axis"),
        # numbers near 1000 carry roundings of 1e-13 into the shares, in one order of operations more than in another
        Call((large,), part="large scores", note="scores near 1000 and near -1000", tolerance=1e-11),
        Call(
            (np.where(np.eye(3, 5, dtype=bool), -np.inf, rng.normal(size=(3, 5))),),
            part="-inf",
            note="one -inf in each row",
        ),
    ]


SOFTMAX = Exercise(
    name="softmax",
    lesson=LESSON,
    title="scores become shares",
    points=3,
    minutes=8,
    hints=(
        "Subtract the largest score of each row first: the result stays the same, and `exp` no longer overflows. "
        "`keepdims=True` keeps the axis, so that the shapes still fit.",
        "Three lines: `x.max(axis=..., keepdims=True)` is what you subtract, then `np.exp`, then divide by its sum "
        "along the same axis.",
    ),
    reference=softmax,
    forbidden=SOFTMAX,
    make_calls=_softmax_calls,
    parts={MAIN: 0.5, "axis": 0.2, "large scores": 0.2, "-inf": 0.1},
    misconceptions=(
        Misconception(
            "sum over all numbers",
            code.softmax_sum_over_everything,
            "The sum runs over the whole array, so only the grand total is 1. Give `np.sum` the `axis`, with "
            "`keepdims=True`.",
        ),
        Misconception(
            "over the first axis",
            code.softmax_other_axis,
            "The shares add up to 1 along axis 0. Use the `axis` that the function is given, in `max` and in `sum`.",
        ),
        Misconception(
            "axis ignored",
            code.softmax_ignores_axis,
            "The last axis is always used. Pass the argument `axis` on to `max` and `sum`.",
        ),
        Misconception(
            "overflow",
            code.softmax_overflows,
            "`np.exp` of a large score is infinity. Subtract the largest score along `axis` before `exp`: the "
            "shares stay the same.",
        ),
        Misconception(
            "one maximum for all rows",
            code.softmax_one_maximum,
            "The largest score of the whole array is subtracted, so a row of much smaller scores becomes 0 / 0. "
            "Give `np.max` the `axis`, with `keepdims=True`: each row has a maximum of its own.",
        ),
        Misconception(
            "one maximum and one sum for the whole array",
            code.softmax_of_everything,
            "The whole array is taken for one row, so only the grand total is 1. Give `max` and `sum` the `axis`, with "
            "`keepdims=True`.",
        ),
        Misconception(
            "keepdims missing",
            code.softmax_no_keepdims,
            "`np.sum(..., axis=axis)` drops the axis, and the division then pairs rows with the wrong sums. "
            "`keepdims=True` keeps the axis with size 1.",
        ),
        Misconception(
            "no exponential",
            code.softmax_no_exponential,
            "The scores themselves are divided by their sum. Take `np.exp` of them first: shares must not be negative.",
        ),
        Misconception(
            "changes its input",
            code.softmax_in_place,
            "`-=` writes into the caller's array. Use `x = x - ...`, which makes a new one.",
        ),
        Misconception(
            "logarithm of the shares",
            code.softmax_logarithm,
            "This is the logarithm of the softmax. Return the shares themselves.",
        ),
    ),
    variants=(code.softmax_loop, code.softmax_logsumexp, code.softmax_torch, code.softmax_transposed),
)

# --- project --------------------------------------------------------------------------------------------------------


def _project_calls(rng):
    by_hand = (
        np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 1.0]]),
        np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]),
        np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]),
        np.array([[3.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]),
    )
    return [
        Call(by_hand, note="by hand: two tokens, every weight matrix 3 by 3"),
        Call((rng.normal(size=(5, 6)), *(rng.normal(size=(6, width)) for width in (3, 3, 4)))),
        Call((rng.normal(size=(4, 7)), *(rng.normal(size=(7, width)) for width in (2, 2, 5)))),
        Call(
            (rng.normal(size=(2, 5, 6)), *(rng.normal(size=(6, width)) for width in (3, 3, 4))),
            part=LEADING,
            note="a batch of two sentences",
        ),
    ]


PROJECT = Exercise(
    name="project",
    lesson=LESSON,
    title="query, key and value",
    points=2,
    minutes=5,
    hints=(
        "Three matrix products, all of the same `x`. The tokens stay in the rows, so `x` stands on the left.",
        "`@` is the matrix product. Return three products, separated by commas: the one with `w_query` first.",
    ),
    reference=project,
    make_calls=_project_calls,
    parts={MAIN: 0.8, LEADING: 0.2},
    several=True,
    misconceptions=(
        Misconception(
            "query and key swapped",
            code.project_query_key_swapped,
            "The first two results are exchanged. The order is query, key, value, each with the weights of its own "
            "name.",
        ),
        Misconception(
            "key and value swapped",
            code.project_key_value_swapped,
            "The last two results are exchanged. The order is query, key, value, each with the weights of its own "
            "name.",
        ),
        Misconception(
            "same weights for query and key",
            code.project_one_matrix,
            "Query and key are made with the same matrix. The key has weights of its own, `w_key`.",
        ),
        Misconception(
            "one projection after the other",
            code.project_chained,
            "The key is made from the query here, and the value from the key. All three start from the same `x`.",
        ),
        Misconception(
            "activation after the projection",
            code.project_activation,
            "Negative numbers have become 0. A projection is one matrix product alone, without an activation such "
            "as ReLU.",
        ),
        Misconception(
            "weights transposed",
            code.project_weights_transposed,
            "The weights are (d_model, d_head) already, so `x @ w` fits as it is. Leave out the `.T`.",
        ),
        Misconception(
            "tokens in the columns",
            code.project_columns,
            "The products are transposed: one token per column. Here a token is a row, so `x` stands on the left of "
            "the weights.",
        ),
        Misconception(
            "numbers multiplied one by one",
            code.project_elementwise,
            "`*` multiplies number by number. The matrix product is `@`.",
        ),
        Misconception(
            "stacked into one array",
            code.project_stacked,
            "The three results come as one array. Return them separately, with commas: the value may have another "
            "width.",
        ),
    ),
    variants=(code.project_einsum, code.project_loop, code.project_one_product, code.project_torch),
)

# --- attention_scores -----------------------------------------------------------------------------------------------


def _scores_calls(rng):
    query = np.array([[1.0, 0.0, 2.0, 1.0], [0.0, 3.0, 0.0, -1.0]])
    key = np.array([[2.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 4.0], [1.0, 1.0, 1.0, 1.0]])
    return [
        Call((query, key), note="by hand: the width is 4, so the products are halved"),
        Call((rng.normal(size=(5, 3)), rng.normal(size=(4, 3)))),
        Call((rng.normal(size=(3, 7)), rng.normal(size=(6, 7)))),
        Call((rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 4, 3))), part=LEADING, note="a batch of two sentences"),
        Call(
            (rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 6, 5))),
            part=LEADING,
            note="a batch of two, three heads",
        ),
    ]


SCORES = Exercise(
    name="attention_scores",
    lesson=LESSON,
    title="how well each key fits",
    points=3,
    minutes=8,
    hints=(
        "Row i, column j is the dot product of query i and key j: a matrix product with the key transposed. Only "
        "the last two axes change places. Which size is the width of the head?",
        "`np.swapaxes(key, -1, -2)` transposes each matrix of a batch. The width is the size of the *last* axis; "
        "divide the products by its square root.",
    ),
    reference=attention_scores,
    make_calls=_scores_calls,
    parts={MAIN: 0.7, LEADING: 0.3},
    misconceptions=(
        Misconception(
            "no scaling",
            code.scores_no_scaling,
            "These are the plain dot products. Divide them by the square root of the head's width.",
        ),
        Misconception(
            "divided by the width",
            code.scores_without_root,
            "The products are divided by the head's width itself. Divide by its square root.",
        ),
        Misconception(
            "multiplied by the root",
            code.scores_multiplied,
            "The root of the width makes the scores larger here. Divide by it.",
        ),
        Misconception(
            "root without brackets",
            code.scores_precedence,
            "`a / d ** 1 / 2` is `((a / d) / 2)`: the power comes first. Write `np.sqrt(d)` or `d ** 0.5`.",
        ),
        Misconception(
            "root of the number of keys",
            code.scores_root_of_keys,
            "The divisor comes from the length of the sentence, `key.shape[-2]`. The head's width is the last axis, "
            "`key.shape[-1]`.",
        ),
        Misconception(
            "root of the number of queries",
            code.scores_root_of_queries,
            "The divisor comes from the number of queries, `query.shape[-2]`. The head's width is the last axis, "
            "`query.shape[-1]`.",
        ),
        Misconception(
            "root of the first axis",
            code.scores_root_of_axis_0,
            "`len(key)` is the number of keys, or of sentences in a batch. The head's width is the last axis, "
            "`key.shape[-1]`.",
        ),
        Misconception(
            "width read from axis 1",
            code.scores_root_of_axis_1,
            "`shape[1]` is the width of one sentence, but the length or the heads of a batch. The last axis is "
            "`shape[-1]`.",
        ),
        Misconception(
            "query and key swapped",
            code.scores_swapped,
            "The scores are transposed: keys in the rows. Queries belong in the rows, so the query stands on the left.",
        ),
        Misconception(
            "all axes reversed",
            code.scores_full_transpose,
            "`.T` reverses all axes of a batch, the batch too. Exchange the last two: `np.swapaxes(key, -1, -2)`.",
        ),
        Misconception(
            "reshape in place of a transpose",
            code.scores_reshaped,
            "`reshape` keeps the numbers in their order and only cuts the rows anew, so keys get mixed. Use "
            "`np.swapaxes(key, -1, -2)`.",
        ),
        Misconception(
            "key not transposed",
            code.scores_no_transpose,
            "The widths of query and key have to meet in the product. Transpose the key first.",
        ),
        Misconception(
            "cosine similarity",
            code.scores_cosine,
            "Each query and key is divided by its own length here. Attention keeps the lengths, and divides all "
            "products by one number.",
        ),
        Misconception(
            "softmax already taken",
            code.scores_softmax,
            "The rows add up to 1: a softmax has been taken. The scores come before it; the next exercise adds it.",
        ),
        Misconception(
            "changes its input",
            code.scores_in_place,
            "`/=` writes into the caller's array. Use `query / ...`, which makes a new one.",
        ),
    ),
    variants=(
        code.scores_einsum,
        code.scores_both_scaled,
        code.scores_loop,
        code.scores_broadcast,
        code.scores_torch,
    ),
)

# --- attention_weights ----------------------------------------------------------------------------------------------


def _weights_calls(rng):
    by_hand = np.log([[1.0, 2.0, 5.0], [3.0, 1.0, 4.0]])
    mask = np.array([[True, False, True], [True, True, False]])
    return [
        Call((by_hand,), part="no mask", note="by hand: the exponentials are 1, 2, 5 and 3, 1, 4"),
        Call((by_hand, mask), note="by hand: of 1, 2, 5 and 3, 1, 4 only 1, 5 and 3, 1 are left"),
        Call((rng.normal(size=(4, 6)), _mask(rng, 4, 6))),
        Call((rng.normal(size=(2, 3, 5)), _mask(rng, 2, 3, 5))),
        Call((rng.normal(size=(2, 3, 5)) * 2,), part="no mask", note="a batch without a mask"),
        Call((rng.normal(size=(3, 4, 6)), _mask(rng, 3, 1, 6)), part="broadcasting", note="one mask row per sentence"),
        Call((rng.normal(size=(2, 3, 4, 5)), _mask(rng, 4, 5)), part="broadcasting", note="one mask for all heads"),
        Call(
            (rng.normal(size=(3, 5)), _mask_with_empty_row(rng, 3, 5, row=1)),
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
        Call((tokens(5, 3), tokens(4, 3), tokens(4, 6)), {"mask": _mask(rng, 5, 4)}, part="mask"),
        Call((tokens(2, 5, 3), tokens(2, 4, 3), tokens(2, 4, 6)), part=LEADING, note="a batch of two sentences"),
        Call(
            (tokens(2, 3, 4, 5), tokens(2, 3, 6, 5), tokens(2, 3, 6, 7)),
            {"mask": _mask(rng, 2, 1, 1, 6)},
            part=LEADING,
            note="a batch of two, three heads, one mask row per sentence",
        ),
        Call(
            (tokens(4, 3), tokens(5, 3), tokens(5, 2)),
            {"mask": _mask_with_empty_row(rng, 4, 5, row=2)},
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
    several=True,
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

# --- SelfAttentionHead ----------------------------------------------------------------------------------------------


def _head_weights(rng, d_model, d_head):
    return {
        f"{name}.weight": (rng.normal(size=(d_head, d_model)) * 0.6).astype(np.float32)
        for name in ("query", "key", "value")
    }


def _head_calls(rng):
    def tokens(*shape):
        return TensorData(rng.normal(size=shape).astype(np.float32))

    by_hand = {
        "query.weight": np.array([[2, 0], [0, 0], [0, 0], [0, 0]], np.float32),
        "key.weight": np.array([[np.log(2), np.log(3)], [0, 1], [1, 0], [1, -1]], np.float32),
        "value.weight": np.array([[11, 0], [0, 11], [11, 22], [0, -11]], np.float32),
    }
    x = TensorData(np.array([[[1, 0], [0, 1], [1, 1]]], np.float32))
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (x,),
            new=(2, 4),
            weights=by_hand,
            note="by hand: the scores of row 0 are log 2, log 3, log 6; those of row 1 are 0, 0, 0",
        ),
        Call(new=(7, 3), method="", report=("parameters",), note="what the module has registered"),
        Call((tokens(3, 5, 6),), new=(6, 4), weights=_head_weights(rng, 6, 4)),
        Call((tokens(2, 6, 3),), new=(3, 5), weights=_head_weights(rng, 3, 5)),
        Call(
            (tokens(2, 4, 7),),
            new=(7, 3),
            weights=_head_weights(rng, 7, 3),
            report=everything,
            part="gradients",
            note="backward, too",
        ),
        Call(
            (tokens(2, 5, 6),),
            {"mask": TensorData(_mask(rng, 5, 5))},
            new=(6, 4),
            weights=_head_weights(rng, 6, 4),
            part="mask",
            note="one mask for the whole batch",
        ),
        Call(
            (tokens(3, 4, 6),),
            {"mask": TensorData(_mask(rng, 3, 1, 4))},
            new=(6, 5),
            weights=_head_weights(rng, 6, 5),
            part="mask",
            note="one mask row per sentence",
        ),
        Call(
            (tokens(2, 4, 5),),
            {"mask": TensorData(_mask_with_empty_row(rng, 2, 4, 4, row=1))},
            new=(5, 3),
            weights=_head_weights(rng, 5, 3),
            report=everything,
            part=NOTHING,
            note="row 1 has nothing to attend to",
        ),
    ]


HEAD = Exercise(
    name="SelfAttentionHead",
    lesson=LESSON,
    title="one head as a module",
    points=5,
    minutes=15,
    hints=(
        "`__init__` makes three `nn.Linear`, each with a weight matrix of its own. `forward` is the chain that you have "
        "built in NumPy, with the functions of the table: project, scores, mask, softmax, mix. `@`, `math.sqrt` and "
        "`key.shape[-1]` work as before.",
        "`masked_fill` fills where its condition is *True*, so it gets `~mask`. Fill twice: the scores with "
        "`-math.inf` before the softmax, the weights with 0 after it, for rows with nothing to attend to. (The "
        "reference also keeps such rows out of the softmax, with `mask.any(dim=-1, keepdim=True)`, so that no NaN "
        "comes up at all.)",
    ),
    reference=SelfAttentionHead,
    forbidden=MULTI_HEAD_ATTENTION,
    make_calls=_head_calls,
    parts={MAIN: 0.4, "gradients": 0.2, "mask": 0.2, NOTHING: 0.2},
    several=True,
    lenient=("sequence",),  # the output is a part of what these calls report
    misconceptions=(
        Misconception(
            "root of d_model",
            code.HeadRootOfModel,
            "The scores are divided by the root of `d_model`, the width of the embeddings. A dot product of query "
            "and key has `d_head` terms: divide by the root of `d_head`.",
        ),
        Misconception(
            "no scaling",
            code.HeadNoScaling,
            "The plain dot products go into the softmax. Divide them by the root of `d_head`.",
        ),
        Misconception(
            "query and key swapped",
            code.HeadSwapped,
            "The scores are transposed: keys in the rows. The query stands on the left of the product, the key is "
            "transposed.",
        ),
        Misconception(
            "bias in the linear layers",
            code.HeadBias,
            "`nn.Linear` adds a bias unless told otherwise. The paper's projections have none: `bias=False`.",
        ),
        Misconception(
            "activation after the linear layers",
            code.HeadActivation,
            "Negative numbers in query, key and value have become 0. Each is one linear map, without an activation.",
        ),
        Misconception(
            "weighted sum of the keys",
            code.HeadSumOfKeys,
            "The weights are multiplied with the key. What is handed over is the value.",
        ),
        Misconception(
            "the output alone",
            code.HeadOutputAlone,
            "`forward` returns the output alone. Return two things: the output and the weights.",
        ),
        Misconception(
            "key made by the query's layer",
            code.HeadKeyFromQuery,
            "The key comes from `self.query`, so `self.key` never learns. Each of the three has a layer of its own.",
        ),
        Misconception(
            "all axes reversed",
            code.HeadFullTranspose,
            "The batch axis has moved, too: `.T` reverses all axes. Exchange the last two: `key.transpose(-2, -1)`.",
        ),
        Misconception(
            "cut off from the gradient",
            code.HeadDetached,
            "The numbers are right, but no gradient reaches the weights. Leave out `torch.no_grad()`, `.detach()`, "
            "`.data` and the way through NumPy.",
        ),
        Misconception(
            "layers not registered",
            code.HeadUnregistered,
            "The module has no parameters: layers in a Python list, or made in `forward`, are not found by the "
            "optimizer. Make them in `__init__` as `self.query`, `self.key` and `self.value`.",
        ),
        Misconception(
            "softmax over the queries",
            code.HeadOverQueries,
            "The columns of the weights add up to 1. The softmax runs along the keys, the last axis: `dim=-1`.",
        ),
        Misconception(
            "softmax over the batch",
            code.HeadOverBatch,
            "The weights add up to 1 over the sentences of the batch: that is `dim=0`, which PyTorch also takes for "
            "three axes when no `dim` is given. Write `dim=-1`.",
        ),
        Misconception(
            "mask upside down",
            code.HeadUpsideDown,
            "The allowed keys get nothing, the forbidden ones everything. True means *may attend*; `masked_fill` "
            "fills where its condition is True, so it needs `~mask`.",
        ),
        Misconception(
            "mask ignored",
            code.HeadMaskIgnored,
            "The mask changes nothing. Fill the forbidden scores before the softmax; `masked_fill` returns a new "
            "tensor, which has to be assigned.",
        ),
        Misconception(
            "shares set to 0 after the softmax",
            code.HeadZeroedAfter,
            "The rows no longer add up to 1, because the forbidden keys took part in the sum. Mask the scores "
            "before the softmax.",
        ),
        Misconception(
            "NaN in a row with nothing to attend to",
            code.HeadNaN,
            "A row of nothing but -inf becomes NaN in the softmax. Fill the forbidden places of the weights with 0 "
            "afterwards, with a second `masked_fill`.",
        ),
        Misconception(
            "NaN in the gradient",
            code.HeadNaNGradient,
            "The output is right, the gradients are NaN: -inf was added to the scores, and the NaN of the softmax "
            "flows back through the sum. Use `masked_fill`, which stops it.",
        ),
        Misconception(
            "a large negative number for -inf",
            code.HeadLargeNegative,
            "In a row with nothing to attend to all scores are the same large negative number, so the softmax "
            "shares evenly among forbidden keys. Set the forbidden shares to 0 after the softmax.",
        ),
    ),
    variants=(code.HeadDivision, code.HeadTwoFills, code.HeadFused, code.HeadLoop, code.HeadFiniteFill),
)

# --- costs ----------------------------------------------------------------------------------------------------------

# the answers are whole numbers and are compared exactly


def _cost_calls(rng):
    lengths, widths = rng.choice(np.arange(11, 40), 3, replace=False), rng.choice(np.arange(41, 70), 3, replace=False)
    return [
        Call((5, 3), note="by hand: 5 tokens of width 3"),
        Call((1, 4), note="one token"),
        *(Call((int(n), int(d))) for n, d in zip(lengths, widths, strict=True)),
        Call((int(widths[0]), int(lengths[0])), note="a sentence longer than the width"),
    ]


SELF_COST = Exercise(
    name="self_attention_cost",
    lesson=LESSON,
    title="table 1, first row",
    points=1,
    minutes=3,
    hints=(
        "How many dot products of query and key are there, and how many multiplications does each take? Does any of "
        "them have to wait for another? How many layers lie between two tokens?",
        "There are n times n pairs, d multiplications each. The other two numbers don't depend on n.",
    ),
    reference=self_attention_cost,
    make_calls=_cost_calls,
    several=True,
    misconceptions=(
        Misconception(
            "n and d exchanged",
            lambda n, d: (n * d * d, 1, 1),
            "The operations are those of a recurrent layer. Every token meets every token: n appears twice, d once.",
        ),
        Misconception(
            "one query alone",
            lambda n, d: (n * d, 1, 1),
            "This is the work for one query. There are n queries.",
        ),
        Misconception(
            "width left out",
            lambda n, d: (n * n, 1, 1),
            "This counts the scores. Each score is a dot product with d multiplications.",
        ),
        Misconception(
            "one step per token",
            lambda n, d: (n * n * d, n, 1),
            "No score waits for another, so all of them can be computed at the same time. How many steps is that?",
        ),
        Misconception(
            "path as long as the sentence",
            lambda n, d: (n * n * d, 1, n),
            "Every token attends to every other one directly. How many layers does a signal pass on that way?",
        ),
        Misconception(
            "both products counted",
            lambda n, d: (2 * n * n * d, 1, 1),
            "Query times key and weights times value are both counted. Table 1 gives the order of growth, without "
            "the factor 2.",
        ),
        Misconception(
            "projections counted",
            lambda n, d: (n * n * d + 3 * n * d * d, 1, 1),
            "The three projections are counted too. Table 1 leaves them out: it gives the attention itself.",
        ),
        Misconception(
            "the operations alone",
            lambda n, d: n * n * d,
            "Only the operations come back. Return three numbers: operations, sequential steps, longest path.",
        ),
    ),
    variants=(
        lambda n, d: (n**2 * d, 1, 1),
        lambda n, d: [int(np.prod([n, n, d])), 1, 1],
        lambda n, d: (math.prod((d, n, n)), n**0, d**0),
        code.self_attention_counted,
    ),
)

RECURRENT_COST = Exercise(
    name="recurrent_cost",
    lesson=LESSON,
    title="table 1, second row",
    points=1,
    minutes=3,
    hints=(
        "One step multiplies a state of width d with a square matrix. How many steps are there, and can a step "
        "start before the one before it has ended?",
        "A vector of width d times a d by d matrix takes d times d multiplications, once per token. Steps and path "
        "grow with the number of tokens.",
    ),
    reference=recurrent_cost,
    make_calls=_cost_calls,
    several=True,
    misconceptions=(
        Misconception(
            "n and d exchanged",
            lambda n, d: (n * n * d, n, n),
            "The operations are those of self-attention. A step multiplies d numbers with a d by d matrix, and "
            "there are n steps.",
        ),
        Misconception(
            "all steps at once",
            lambda n, d: (n * d * d, 1, n),
            "Each step needs the state of the step before, so they run one after the other. How many are there?",
        ),
        Misconception(
            "path of one",
            lambda n, d: (n * d * d, n, 1),
            "What the first token says reaches the last one through every step between them. That is the longest path.",
        ),
        Misconception(
            "steps counted from the width",
            lambda n, d: (n * d * d, d, d),
            "The steps go along the sentence, so their number is that of the tokens, not the width.",
        ),
        Misconception(
            "one step alone",
            lambda n, d: (d * d, n, n),
            "This is the work of one step. There is one step per token.",
        ),
        Misconception(
            "one factor d left out",
            lambda n, d: (n * d, n, n),
            "A vector of width d times a d by d matrix takes d times d multiplications, not d.",
        ),
        Misconception(
            "n - 1 in place of n",
            lambda n, d: (n * d * d, n, n - 1),
            "From the first token to the last there are n - 1 steps, counted exactly. Table 1 gives the order of "
            "growth: n.",
        ),
        Misconception(
            "gates counted",
            lambda n, d: (6 * n * d * d, n, n),
            "The six matrices of a GRU are counted. Table 1 gives the order of growth, without the factor 6.",
        ),
        Misconception(
            "the operations alone",
            lambda n, d: n * d * d,
            "Only the operations come back. Return three numbers: operations, sequential steps, longest path.",
        ),
    ),
    variants=(
        lambda n, d: (n * d**2, n, n),
        lambda n, d: [int(np.prod([n, d, d])), n, n],
        lambda n, d: (math.prod((d, d, n)), len(range(n)), len(range(n))),
        code.recurrent_counted,
    ),
)


def _convolution_calls(rng):
    def between(k, power):  # a length that is no power of k
        return int(rng.integers(k ** (power - 1) + 2, k**power))

    power, base = int(rng.integers(2, 5)), int(rng.integers(4, 8))
    return [
        Call((10, 4, 3), note="by hand: one layer reaches 3 tokens, two layers 9, three layers 27"),
        Call((4, 3, 7), note="a kernel wider than the sentence"),
        Call((17, 6, 7)),
        Call((between(3, 4), 9, 3)),
        Call((between(5, 3), 8, 5)),
        Call((between(2, 7), 6, 2)),
        Call((125, 4, 5), part="exact powers", note="5 * 5 * 5 is 125"),
        Call((243, 7, 3), part="exact powers", note="3 * 3 * 3 * 3 * 3 is 243"),
        Call((base**power, 3, base), part="exact powers"),
        Call((1, 5, 3), part="one token", note="a single token sees itself without any layer"),
    ]


def _layers(function):
    """A wrong convolution_cost that differs in the number of layers alone."""
    return lambda n, d, k: (k * n * d * d, 1, function(n, k))


CONVOLUTION_COST = Exercise(
    name="convolution_cost",
    lesson=LESSON,
    title="table 1, third row",
    points=2,
    minutes=6,
    extra=True,
    hints=(
        "One layer reaches k tokens, two layers k times k. Count layers until the reach is at least n. Whole "
        "numbers are exact; a logarithm is rounded.",
        "Start with m = 0 and add 1 while `k ** m` is smaller than `n`.",
    ),
    reference=convolution_cost,
    make_calls=_convolution_calls,
    parts={MAIN: 0.6, "exact powers": 0.25, "one token": 0.15},
    several=True,
    misconceptions=(
        Misconception(
            "rounded logarithm",
            _layers(lambda n, k: math.ceil(math.log(n) / math.log(k))),
            "`log(125) / log(5)` is 3.0000000000000004 on a computer, and `ceil` makes 4 of it. Count with whole "
            "numbers.",
        ),
        Misconception(
            "logarithm rounded down",
            _layers(lambda n, k: int(math.log(n, k))),
            "With so few layers not every token is reached. The smallest m with `k ** m >= n` is asked for.",
        ),
        Misconception(
            "logarithm rounded to the nearest",
            _layers(lambda n, k: round(math.log(n, k))),
            "Rounding to the nearest sometimes leaves tokens out of reach. The smallest m with `k ** m >= n` is "
            "asked for.",
        ),
        Misconception(
            "rounded down at each step",
            lambda n, d, k: code.convolution_rounded_at_each_step(n, d, k),
            "`n // k` drops the remainder, and with it some tokens. Multiply upwards instead: 1, k, k * k, ... "
            "until n is reached.",
        ),
        Misconception(
            "one layer too many",
            _layers(lambda n, k: next(m for m in range(99) if k**m > n)),
            "At an exact power of k one layer too many is counted. The condition is `k ** m >= n`.",
        ),
        Misconception(
            "n divided by k",
            _layers(lambda n, k: -(-n // k)),
            "This is the path through kernels that lie side by side without gaps. Table 1's logarithm is for "
            "dilated convolutions, whose reach is multiplied by k in each layer.",
        ),
        Misconception(
            "base 2",
            _layers(lambda n, k: (n - 1).bit_length()),
            "The reach doubles with every layer here. It is multiplied by k, the width of the kernel.",
        ),
        Misconception(
            "not a whole number",
            _layers(lambda n, k: math.log(n, k)),
            "There is no such thing as a part of a layer. The smallest whole m with `k ** m >= n` is asked for.",
        ),
        Misconception(
            "kernel width left out",
            lambda n, d, k: (n * d * d, *convolution_cost(n, d, k)[1:]),
            "The operations are those of a kernel of one token. Each position multiplies k tokens with a d by d "
            "matrix each.",
        ),
        Misconception(
            "one step per token",
            lambda n, d, k: (k * n * d * d, n, convolution_cost(n, d, k)[2]),
            "No position waits for another inside a layer. How many sequential steps is that?",
        ),
        Misconception(
            "path of one",
            _layers(lambda n, k: 1),
            "A kernel sees k tokens at a time, so distant tokens need several layers. Count them.",
        ),
    ),
    variants=(
        code.convolution_ceiling,
        code.convolution_search,
        code.convolution_reach,
        code.convolution_corrected_logarithm,
    ),
)

EXERCISES = (
    SOFTMAX,
    PROJECT,
    SCORES,
    WEIGHTS,
    ATTENTION,
    HEAD,
    SELF_COST,
    RECURRENT_COST,
    CONVOLUTION_COST,
)
