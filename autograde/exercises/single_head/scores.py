"""Lesson 3: softmax, projections and scores."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import SOFTMAX
from autograde.exercises.mistakes.single_head import scores as code
from autograde.exercises.single_head.parts import LEADING
from autograde.harness.call import MAIN, Call
from helpers.single_head import attention_scores, project, softmax

LESSON = "03_single_head"

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
    multiple_outputs=True,
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

EXERCISES = (SOFTMAX, PROJECT, SCORES)
