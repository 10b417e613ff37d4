"""Lesson 4: heads split, merged, and computed one by one."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import DOT_PRODUCT_ATTENTION, MULTI_HEAD_ATTENTION
from autograde.exercises.mistakes.multi_head import heads as code
from autograde.exercises.multi_head.inputs import tensor
from autograde.exercises.multi_head.parts import MASK, WIDTH
from autograde.exercises.single_head.masks import random_mask
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers.multi_head import merge_heads, multi_head_by_hand, split_heads

LESSON = "04_multi_head"

# --- split_heads ----------------------------------------------------------------------------------------------------


def _split_calls(rng):
    by_hand = 10 * np.arange(4)[:, None] + np.arange(6)  # token 2 is 20, 21, 22, 23, 24, 25
    return [
        Call(
            (TensorData(by_hand[None].astype(np.float32)), 3),
            note="by hand: the tens are the token, the units the column",
        ),
        Call((tensor(rng, 2, 5, 12), 3)),
        Call((tensor(rng, 3, 4, 10), 2)),
        Call((tensor(rng, 2, 6, 20), 4)),
        Call((tensor(rng, 3, 4, 5), 1), part="one head, or heads of width 1", note="one head"),
        Call((tensor(rng, 3, 4, 5), 5), part="one head, or heads of width 1", note="as many heads as columns"),
        Call((tensor(rng, 2, 3, 7), 4), part=WIDTH, note="4 heads do not divide a width of 7"),
        Call((tensor(rng, 4, 2, 8), 3), part=WIDTH, note="3 heads do not divide a width of 8"),
    ]


SPLIT = Exercise(
    name="split_heads",
    lesson=LESSON,
    title="cut each row into slices",
    points=3,
    minutes=10,
    hints=(
        "Two steps. First cut the last axis in two, and leave all other axes where they are: which four sizes does "
        "the tensor have then? After that, exchange two axes.",
        "`reshape` to (batch, length, heads, d_head), then `transpose` the axes 1 and 2. Before both, raise a "
        "`ValueError` if `d_model % num_heads` is not 0.",
    ),
    reference=split_heads,
    make_calls=_split_calls,
    parts={MAIN: 0.6, "one head, or heads of width 1": 0.2, WIDTH: 0.2},
    misconceptions=(
        Misconception(
            "reshape without a transpose",
            code.split_no_transpose,
            "`reshape` straight to (batch, heads, length, d_head) mixes the tokens: a head gets whole rows of a few "
            "tokens. Cut the last axis first, then exchange two axes.",
        ),
        Misconception(
            "heads behind the tokens",
            code.split_heads_behind_tokens,
            "The rows are cut, and the axes are (batch, length, heads, d_head). The heads belong before the tokens: "
            "exchange the axes 1 and 2.",
        ),
        Misconception(
            "every h-th column",
            code.split_every_hth_column,
            "A head gets every h-th column. Its columns lie side by side: `reshape` has to put the heads before "
            "d_head, because the last axis moves fastest.",
        ),
        Misconception(
            "number and width of the heads exchanged",
            code.split_number_and_width,
            "There are d_head heads of the width `num_heads` here. The number of heads is `num_heads`, the width is "
            "what the division gives.",
        ),
        Misconception(
            "heads folded into the batch",
            code.split_into_the_batch,
            "Batch and heads lie in one axis. Keep four axes: (batch, heads, length, d_head).",
        ),
        Misconception(
            "heads before the batch",
            code.split_heads_first,
            "The heads have become the first axis. The batch stays first, the heads come second.",
        ),
        Misconception(
            "width before the tokens",
            code.split_width_before_tokens,
            "The last two axes are exchanged: (batch, heads, d_head, length). Here a token stays a row, so d_head is "
            "the last axis.",
        ),
        Misconception(
            "the whole row for every head",
            code.split_whole_rows,
            "Every head gets all columns. Each head gets a slice of its own, d_model // num_heads columns wide.",
        ),
        Misconception(
            "a list of slices",
            code.split_list,
            "The slices are right and come in a list. Put them into one tensor with an axis for the heads.",
        ),
        Misconception(
            "no check of the width",
            code.split_no_check,
            "A width that the heads do not divide ends in an error of `reshape`, which does not name the reason. "
            "Check it first, and raise a `ValueError`.",
        ),
        Misconception(
            "assert in place of ValueError",
            code.split_assert,
            "`assert` raises an AssertionError, and Python leaves it out when started with `-O`. Write `if ...: raise "
            "ValueError(...)`.",
        ),
        Misconception(
            "columns dropped",
            code.split_columns_dropped,
            "Where the heads do not divide the width, the last columns are lost without a word. Raise a `ValueError`.",
        ),
    ),
    variants=(
        code.split_slices,
        code.split_chunks,
        code.split_unflattened,
        code.split_transposed_first,
        code.split_loop,
    ),
)

# --- merge_heads ----------------------------------------------------------------------------------------------------


def _merge_calls(rng):
    token, column = 10 * np.arange(4)[:, None], np.arange(2)
    by_hand = np.stack([token + 2 * head + column for head in range(3)])
    return [
        Call(
            (TensorData(by_hand[None].astype(np.float32)),),
            note="by hand: what `split_heads` made; token 2 has to become 20, 21, 22, 23, 24, 25",
        ),
        Call((tensor(rng, 2, 3, 5, 4),)),
        Call((tensor(rng, 3, 2, 4, 5),)),
        Call((tensor(rng, 2, 5, 3, 4),)),
        Call((tensor(rng, 2, 1, 4, 5),), part="one head, or heads of width 1", note="one head"),
        Call((tensor(rng, 3, 5, 4, 1),), part="one head, or heads of width 1", note="heads of width 1"),
    ]


MERGE = Exercise(
    name="merge_heads",
    lesson=LESSON,
    title="lay the slices side by side",
    points=2,
    minutes=6,
    hints=(
        "Undo the two steps of `split_heads` in the opposite order. What did it do last?",
        "Exchange the axes 1 and 2 back, then `reshape` to three axes. (`view` in place of `reshape` fails here, "
        "because the numbers no longer lie one after the other in memory.)",
    ),
    reference=merge_heads,
    make_calls=_merge_calls,
    parts={MAIN: 0.8, "one head, or heads of width 1": 0.2},
    misconceptions=(
        Misconception(
            "not transposed back",
            code.merge_no_transpose,
            "`reshape` alone puts rows of the same head together, so tokens get mixed. Exchange the axes 1 and 2 "
            "first, then all heads of a token lie one after the other.",
        ),
        Misconception(
            "view after transpose",
            code.merge_view,
            "`view` needs numbers that lie one after the other in memory, and after a transpose they do not. Use "
            "`reshape`, which copies where it must. (Changing the order of the two steps would hide the error and mix "
            "the tokens.)",
        ),
        Misconception(
            "columns of the heads interleaved",
            code.merge_interleaved,
            "The columns come in turns, one of each head. First all columns of head 0, then all of head 1: heads "
            "before d_head when you `reshape`.",
        ),
        Misconception(
            "heads added up",
            code.merge_added,
            "The heads are added, and the row is only d_head wide. Lay them side by side: heads * d_head columns.",
        ),
        Misconception(
            "heads averaged",
            code.merge_averaged,
            "The heads are averaged, and the row is only d_head wide. Lay them side by side: heads * d_head columns.",
        ),
        Misconception(
            "heads one below another",
            code.merge_below,
            "There are heads * length rows. One token is one row: lay its heads side by side.",
        ),
        Misconception(
            "heads still apart",
            code.merge_still_apart,
            "The axes are exchanged and there are still four of them. Join the last two.",
        ),
        Misconception(
            "axes read in another order",
            code.merge_axes_misnamed,
            "The sizes are taken for (batch, length, heads, d_head). Here the heads come second: (batch, heads, "
            "length, d_head).",
        ),
        Misconception(
            "sentences joined",
            code.merge_batch_too,
            "The batch is gone: all tokens lie in one long list. Keep (batch, length, d_model).",
        ),
        Misconception(
            "width exchanged with the heads",
            code.merge_width_exchanged,
            "The axes 1 and 3 are exchanged. The tokens have to come second, so exchange the axes 1 and 2.",
        ),
        Misconception(
            "turns the caller's tensor",
            code.merge_in_place,
            "`transpose_` with an underscore changes the caller's tensor. `transpose` makes a new view of it.",
        ),
    ),
    variants=(
        code.merge_side_by_side,
        code.merge_contiguous,
        code.merge_flattened,
        code.merge_loop,
        code.merge_unbound,
    ),
)

# --- multi_head_by_hand ---------------------------------------------------------------------------------------------


def _hand_calls(rng):
    def call(length, d_model, count, d_head, mask=False):
        heads = [tuple(rng.normal(size=(d_model, d_head)) for _ in range(3)) for _ in range(count)]
        args = rng.normal(size=(length, d_model)), heads, rng.normal(size=(count * d_head, d_model))
        if mask:
            return Call(args, {"mask": random_mask(rng, length, length)}, part=MASK)
        return Call(args)

    x = np.array([[1.0, 0.0], [0.0, 4.0], [0.0, 8.0]])
    first = np.array([[np.log(2)], [0.0]]), np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    second = np.array([[0.0], [0.0]]), np.array([[5.0], [7.0]]), np.array([[3.0], [0.0]])
    return [
        Call(
            (x, [first, second], np.array([[1.0, 2.0], [0.0, 10.0]])),
            note="by hand: head 0 weighs 1/2, 1/4, 1/4 for the first token; head 1 weighs 1/3 everywhere",
        ),
        call(5, 6, 2, 4),
        call(4, 5, 3, 2),
        call(5, 4, 1, 3),
        call(4, 6, 3, 5, mask=True),
        call(6, 5, 2, 3, mask=True),
    ]


BY_HAND = Exercise(
    name="multi_head_by_hand",
    lesson=LESSON,
    title="a list of single heads",
    points=3,
    minutes=10,
    hints=(
        "A loop over `heads`, with the two functions of lesson 3 inside. It collects one output per head, each "
        "(length, d_head). What is left are two steps of the equation: Concat and $W^O$.",
        "Collect the outputs in a list. `np.concatenate(..., axis=-1)` lays them side by side; one `@` with "
        "`w_output` is the last step. `scaled_dot_product_attention` returns two things, and the output is the first.",
    ),
    reference=multi_head_by_hand,
    forbidden=(*DOT_PRODUCT_ATTENTION, *MULTI_HEAD_ATTENTION),
    make_calls=_hand_calls,
    parts={MAIN: 0.7, MASK: 0.3},
    misconceptions=(
        Misconception(
            "w_output left out",
            code.hand_no_output_weights,
            "The heads lie side by side, and that is what comes back. The last step is missing: times `w_output`.",
        ),
        Misconception(
            "heads not side by side",
            code.hand_below_one_another,
            "The product with `w_output` does not fit. The outputs have to lie side by side, along the last axis: not "
            "one below another, not stacked, not added.",
        ),
        Misconception(
            "the same head every time",
            code.hand_first_head_again,
            "All heads give the same output, that of the first one. Inside the loop, use the three matrices of the "
            "head that it is at.",
        ),
        Misconception(
            "columns of the heads interleaved",
            code.hand_interleaved,
            "The columns come in turns, one of each head. First all columns of the first head, then all of the "
            "second: `np.concatenate` along the last axis.",
        ),
        Misconception(
            "heads in the opposite order",
            code.hand_reversed,
            "The last head comes first. Keep the order of the list: each block of rows of `w_output` belongs to one "
            "head.",
        ),
        Misconception(
            "one wide head",
            code.hand_one_wide_head,
            "The matrices are joined before the attention, so there is one softmax for all. Each head has scores and "
            "a softmax of its own; join their outputs.",
        ),
        Misconception(
            "weights averaged over the heads",
            code.hand_averaged_weights,
            "All heads share the average of the weights here. Each head mixes its values with its own weights.",
        ),
        Misconception(
            "root of d_model",
            code.hand_root_of_model,
            "The scores are divided by the root of d_model. It is the root of d_head, as in lesson 3: use "
            "`scaled_dot_product_attention`.",
        ),
        Misconception(
            "matrices in another order",
            code.hand_value_order,
            "The three matrices of a head are used in another order. A head is (w_query, w_key, w_value).",
        ),
        Misconception(
            "w_output transposed",
            code.hand_output_transposed,
            "`w_output` is (heads * d_head, d_model) already, so it fits as it is. Leave out the `.T`.",
        ),
        Misconception(
            "mask not passed on",
            code.hand_mask_ignored,
            "The mask arrives in this function and goes nowhere. Pass it on to every head.",
        ),
        Misconception(
            "mask for the first head alone",
            code.hand_mask_first_head_alone,
            "The first head is masked, the others are not. One mask holds for all heads.",
        ),
        Misconception(
            "mask upside down",
            code.hand_upside_down,
            "The allowed keys get nothing, the forbidden ones everything. True means *may attend*; pass the mask on as "
            "it is.",
        ),
        Misconception(
            "the weights too",
            code.hand_weights_too,
            "Two things come back. The output alone is asked for.",
        ),
    ),
    variants=(
        code.hand_sum_of_parts,
        code.hand_stacked,
        code.hand_values_last,
        code.hand_torch,
        code.hand_loop,
    ),
)

EXERCISES = (SPLIT, MERGE, BY_HAND)
