"""Lesson 4: multi-head attention."""

from __future__ import annotations

import math

import numpy as np

from autograde.exercise import MAIN, Call, Exercise, Made, Misconception
from autograde.exercises.libraries import DOT_PRODUCT_ATTENTION, MULTI_HEAD_ATTENTION
from autograde.exercises.mistakes import multi_head as code
from autograde.plain import TensorData
from helpers.multi_head import (
    MultiHeadAttention,
    attention_parameters,
    copy_torch_attention,
    merge_heads,
    multi_head_by_hand,
    split_heads,
)

LESSON = "04_multi_head"
MASK, CROSS, NOTHING, WIDTH = "mask", "cross-attention", "nothing to attend to", "width that does not fit"


def _tensor(rng, *shape):
    return TensorData(rng.normal(size=shape).astype(np.float32))


def _mask(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    order = rng.random(shape).argsort(axis=-1)
    return order < rng.integers(1, shape[-1], (*shape[:-1], 1))


# --- split_heads ----------------------------------------------------------------------------------------------------


def _split_calls(rng):
    by_hand = 10 * np.arange(4)[:, None] + np.arange(6)  # token 2 is 20, 21, 22, 23, 24, 25
    return [
        Call(
            (TensorData(by_hand[None].astype(np.float32)), 3),
            note="by hand: the tens are the token, the units the column",
        ),
        Call((_tensor(rng, 2, 5, 12), 3)),
        Call((_tensor(rng, 3, 4, 10), 2)),
        Call((_tensor(rng, 2, 6, 20), 4)),
        Call((_tensor(rng, 3, 4, 5), 1), part="one head, or heads of width 1", note="one head"),
        Call((_tensor(rng, 3, 4, 5), 5), part="one head, or heads of width 1", note="as many heads as columns"),
        Call((_tensor(rng, 2, 3, 7), 4), part=WIDTH, note="4 heads do not divide a width of 7"),
        Call((_tensor(rng, 4, 2, 8), 3), part=WIDTH, note="3 heads do not divide a width of 8"),
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
        Call((_tensor(rng, 2, 3, 5, 4),)),
        Call((_tensor(rng, 3, 2, 4, 5),)),
        Call((_tensor(rng, 2, 5, 3, 4),)),
        Call((_tensor(rng, 2, 1, 4, 5),), part="one head, or heads of width 1", note="one head"),
        Call((_tensor(rng, 3, 5, 4, 1),), part="one head, or heads of width 1", note="heads of width 1"),
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
            return Call(args, {"mask": _mask(rng, length, length)}, part=MASK)
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

# --- MultiHeadAttention ---------------------------------------------------------------------------------------------

LAYERS = ("query", "key", "value", "out")


def _layers(rng, embed_dim, bias=False):
    """Weights with which the scores are moderate: they differ from one another, and no softmax saturates."""
    scale = 1.3 / math.sqrt(embed_dim)
    weights = {f"{n}.weight": (rng.normal(size=(embed_dim, embed_dim)) * scale).astype(np.float32) for n in LAYERS}
    if bias:
        weights |= {f"{n}.bias": rng.normal(size=embed_dim).astype(np.float32) for n in LAYERS}
    return weights


def _module_calls(rng):
    def call(embed_dim, num_heads, *shapes, mask=None, bias=False, **options):
        inputs = tuple(_tensor(rng, *shape, embed_dim) for shape in shapes)
        kwargs = options.pop("kwargs", {}) | ({} if mask is None else {"mask": TensorData(mask)})
        new_kwargs = {"bias": True} if bias else {}
        weights = _layers(rng, embed_dim, bias)
        return Call(inputs, kwargs, new=(embed_dim, num_heads), new_kwargs=new_kwargs, weights=weights, **options)

    x = np.array([[[1, 0, 6, 0], [0, 0, 0, 4], [0, 0, 0, 2]]], np.float32)
    eye = np.eye(4, dtype=np.float32)
    by_hand = {
        "query.weight": np.diag([math.sqrt(2) * math.log(2), 0, 0, 0]).astype(np.float32),
        "key.weight": eye,
        "value.weight": eye,
        "out.weight": eye[[2, 0, 1, 3]],
    }
    empty = _mask(rng, 4, 5, 7)
    empty[1, 2] = empty[3] = False
    alone = _mask(rng, 4, 1, 7)
    alone[2] = False
    return [
        Call(
            (TensorData(x),),
            new=(4, 2),
            weights=by_hand,
            note="by hand: head 0 weighs 1/2, 1/4, 1/4 for the first token, head 1 weighs 1/3 everywhere",
        ),
        Call(new=(6, 2), method="", report=("parameters",), note="the parameters, by name"),
        call(6, 2, (4, 5), report=("output", "gradients", "input_gradients")),
        call(12, 3, (2, 7)),
        call(6, 2, (4, 5), (4, 7), part=CROSS, note="5 queries, 7 keys; the value input is the key input"),
        call(12, 3, (2, 5), (2, 5), part=CROSS, note="two sentences of the same length"),
        call(8, 2, (3, 5), (3, 6), (3, 6), part=CROSS, note="three different inputs"),
        call(6, 2, (4, 5), mask=_mask(rng, 5, 5), part=MASK, note="one mask for all: (n_queries, n_keys)"),
        call(6, 2, (4, 5), (4, 7), mask=_mask(rng, 4, 1, 7), part=MASK, note="a mask (batch, 1, n_keys)"),
        call(12, 3, (2, 5), (2, 7), mask=_mask(rng, 2, 5, 7), part=MASK, note="a mask (batch, n_queries, n_keys)"),
        call(6, 2, (4, 5), mask=_mask(rng, 4, 2, 5, 5), part=MASK, note="a mask (batch, heads, n_queries, n_keys)"),
        call(12, 3, (2, 5), mask=_mask(rng, 2, 1, 5, 5), part=MASK, note="a mask (batch, 1, n_queries, n_keys)"),
        call(
            6,
            2,
            (4, 5),
            (4, 7),
            mask=empty,
            part=NOTHING,
            report=("output", "gradients", "input_gradients"),
            note="in the sentence 3, and in the row 2 of the sentence 1, there is nothing to attend to",
        ),
        call(
            6,
            2,
            (4, 5),
            kwargs={"need_weights": False},
            part="need_weights=False",
            report=("output", "gradients"),
        ),
        call(
            6,
            2,
            (4, 5),
            (4, 7),
            mask=alone,
            kwargs={"need_weights": False},
            part="need_weights=False",
            report=("output", "gradients"),
            note="a mask, with nothing to attend to in the sentence 2",
        ),
        call(6, 2, (4, 5), bias=True, part="bias", note="bias=True"),
        Call(new=(6, 2), new_kwargs={"bias": True}, method="", report=("parameters",), part="bias"),
        Call(new=(8, 3), method="", part=WIDTH, note="3 heads do not divide a width of 8"),
        Call(new=(9, 2), method="", part=WIDTH, note="2 heads do not divide a width of 9"),
    ]


MODULE = Exercise(
    name="MultiHeadAttention",
    lesson=LESSON,
    title="all heads at once, as a module",
    points=5,
    minutes=25,
    hints=(
        "It is the module of lesson 3 with three steps more: `split_heads` after the three projections, `merge_heads` "
        "and `self.out` at the end. The lines between need no change: they work on the last two axes. A mask with "
        "three axes lacks the axis of the heads. Where does it belong, in (batch, n_queries, n_keys)?",
        "`mask.unsqueeze(1)` makes (batch, 1, n_queries, n_keys) of a mask with three axes (`mask.dim() == 3`); one "
        "with two or four axes fits as it is. Fill the scores with `-math.inf` before the softmax and the weights with "
        "0 after it, both where the mask is False. The root is that of the *head's* width: read it from the key's last "
        "axis after the split.",
    ),
    reference=MultiHeadAttention,
    forbidden=MULTI_HEAD_ATTENTION,
    make_calls=_module_calls,
    parts={MAIN: 0.35, CROSS: 0.15, MASK: 0.2, NOTHING: 0.1, "need_weights=False": 0.05, "bias": 0.05, WIDTH: 0.1},
    several=True,
    lenient=("sequence",),
    misconceptions=(
        Misconception(
            "reshape without a transpose",
            code.ModuleSplitNoTranspose,
            "The heads are cut with `reshape` alone, so each head sees rows of a few tokens. `split_heads` cuts the "
            "last axis, then exchanges two axes.",
        ),
        Misconception(
            "merge without transposing back",
            code.ModuleMergeNoTranspose,
            "The weights are right, the output is not: the heads are joined with `reshape` alone, so tokens get "
            "mixed. `merge_heads` exchanges the two axes back first.",
        ),
        Misconception(
            "no transpose in either direction",
            code.ModuleNeverTransposed,
            "The shapes fit, since `reshape` is undone by `reshape`, but in between each head sees whole rows of a few "
            "tokens. Use `split_heads` and `merge_heads`.",
        ),
        Misconception(
            "every h-th column",
            code.ModuleEveryHthColumn,
            "A head gets every h-th column of query, key and value. Its columns lie side by side, as in `split_heads`.",
        ),
        Misconception(
            "root of embed_dim",
            code.ModuleRootOfModel,
            "The scores are divided by the root of embed_dim. A dot product in one head has d_head terms: take the "
            "root of the head's width.",
        ),
        Misconception(
            "no scaling",
            code.ModuleNoScaling,
            "These are the weights of the plain dot products. Divide by the root of the head's width.",
        ),
        Misconception(
            "no output layer",
            code.ModuleNoOutputLayer,
            "The merged heads come back as they are. The last step is missing: `self.out`.",
        ),
        Misconception(
            "one wide head",
            code.ModuleOneWideHead,
            "All columns meet in one softmax, so all heads have the same weights. Split query, key and value before "
            "the scores.",
        ),
        Misconception(
            "identical heads",
            code.ModuleSameHeads,
            "All heads use the same slice, the first one. Each head has columns of its own.",
        ),
        Misconception(
            "softmax over the queries",
            code.ModuleOverQueries,
            "The columns of the weights add up to 1. The softmax runs along the keys, the last axis: `dim=-1`.",
        ),
        Misconception(
            "softmax over the heads",
            code.ModuleOverHeads,
            "The weights add up to 1 over the heads. With four axes the keys are the last one: `dim=-1`.",
        ),
        Misconception(
            "key made by the query's layer",
            code.ModuleKeyFromQuery,
            "The key comes from `self.query`, so `self.key` never learns. Each of the three has a layer of its own.",
        ),
        Misconception(
            "activation after the projection",
            code.ModuleActivation,
            "Negative numbers in query, key and value have become 0. Each is one linear map, without an activation.",
        ),
        Misconception(
            "value made from the query's input",
            code.ModuleValueFromQuery,
            "Without a `value_input`, the value is made from the query's input. It defaults to the *key's* input: what "
            "is found is what is handed over.",
        ),
        Misconception(
            "value_input ignored",
            code.ModuleKeyForValue,
            "The value is always made from the key's input. Use `value_input` where it is given.",
        ),
        Misconception(
            "self-attention only",
            code.ModuleSelfAlone,
            "Key and value are always made from the query's input. Use `key_input` and `value_input` where they are "
            "given.",
        ),
        Misconception(
            "mask ignored",
            code.ModuleMaskIgnored,
            "The mask changes nothing. Fill the forbidden scores before the softmax; `masked_fill` returns a new "
            "tensor, which has to be assigned.",
        ),
        Misconception(
            "mask upside down",
            code.ModuleUpsideDown,
            "The allowed keys get nothing, the forbidden ones everything. Here True means *may attend* (in "
            "`nn.MultiheadAttention` it means the opposite); `masked_fill` fills where its condition is True.",
        ),
        Misconception(
            "mask without an axis for the heads",
            code.ModuleNoHeadAxis,
            "A mask (batch, n_queries, n_keys) meets scores (batch, heads, n_queries, n_keys), and its batch is taken "
            "for the heads. Give it an axis of size 1 for the heads: `unsqueeze(1)`.",
        ),
        Misconception(
            "an axis for the heads in every mask",
            code.ModuleHeadAxisAlways,
            "`unsqueeze(1)` is right for a mask with three axes. One with two or four axes fits as it is: look at "
            "`mask.dim()`.",
        ),
        Misconception(
            "shares set to 0 after the softmax",
            code.ModuleZeroedAfter,
            "The rows no longer add up to 1, because the forbidden keys took part in the sum. Mask the scores before "
            "the softmax.",
        ),
        Misconception(
            "NaN in a row with nothing to attend to",
            code.ModuleNaN,
            "A row of nothing but -inf becomes NaN in the softmax. Fill the forbidden places of the weights with 0 "
            "afterwards, with a second `masked_fill`.",
        ),
        Misconception(
            "NaN in the gradient",
            code.ModuleNaNGradient,
            "The output is right, the gradients are NaN: -inf was added to the scores, and the NaN of the softmax "
            "flows back through the sum. Use `masked_fill`, which stops it.",
        ),
        Misconception(
            "a large negative number for -inf",
            code.ModuleLargeNegative,
            "In a row with nothing to attend to all scores are the same large negative number, so the softmax shares "
            "evenly among forbidden keys. Set the forbidden shares to 0 after the softmax.",
        ),
        Misconception(
            "weights averaged over the heads",
            code.ModuleAveragedWeights,
            "The weights are the mean over the heads, as `nn.MultiheadAttention` returns them. Return those of each "
            "head: (batch, heads, n_queries, n_keys).",
        ),
        Misconception(
            "need_weights ignored",
            code.ModuleWeightsAlways,
            "With `need_weights=False` the weights come back all the same. Return None in their place.",
        ),
        Misconception(
            "the output alone",
            code.ModuleOutputAlone,
            "`forward` returns the output alone. Return two things: the output and the weights.",
        ),
        Misconception(
            "weights before the output",
            code.ModuleWeightsFirst,
            "The two results are exchanged. The output comes first, the weights second.",
        ),
        Misconception(
            "cut off from the gradient",
            code.ModuleDetached,
            "The numbers are right, but no gradient reaches the weights. Leave out `torch.no_grad()`, `.detach()`, "
            "`.data` and the way through NumPy.",
        ),
        Misconception(
            "bias in every layer",
            code.ModuleBiasAlways,
            "`nn.Linear` adds a bias unless told otherwise. Pass on the argument: `bias=bias`.",
        ),
        Misconception(
            "argument bias ignored",
            code.ModuleBiasNever,
            "With `bias=True` there is still no bias. Pass the argument on to the four layers: `bias=bias`.",
        ),
        Misconception(
            "no bias in the output layer",
            code.ModuleBiasNotOut,
            "With `bias=True` the layer `out` has none. All four layers get the same argument.",
        ),
        Misconception(
            "no check of the width",
            code.ModuleNoCheck,
            "Heads that do not divide the width go unnoticed here, and fail much later. Raise a `ValueError` in "
            "`__init__`.",
        ),
        Misconception(
            "assert in place of ValueError",
            code.ModuleAssert,
            "`assert` raises an AssertionError, and Python leaves it out when started with `-O`. Write `if ...: raise "
            "ValueError(...)`.",
        ),
        Misconception(
            "heads as wide as the model",
            code.ModuleWideHeads,
            "Each head is embed_dim wide, which makes the layers several times too large. A head is embed_dim // "
            "num_heads wide, so each layer is embed_dim to embed_dim.",
        ),
        Misconception(
            "layers of one head's width",
            code.ModuleNarrowLayers,
            "`query`, `key` and `value` are as wide as a single head. One layer holds the matrices of all heads side "
            "by side: embed_dim to embed_dim.",
        ),
        Misconception(
            "layers not registered",
            code.ModuleUnregistered,
            "The module has no parameters: layers in a Python list, or made in `forward`, are not found by the "
            "optimizer. Make them in `__init__` as `self.query`, `self.key`, `self.value` and `self.out`.",
        ),
    ),
    variants=(code.ModuleEinsum, code.ModuleLoop, code.ModuleFolded, code.ModuleFused),
)

# --- copy_torch_attention -------------------------------------------------------------------------------------------

MEMORY = "memory of its own"


def _copy_calls(rng):
    def call(mine, in_proj, out_proj, num_heads, **options):
        mine = Made("linears", (dict(zip(LAYERS, mine, strict=True)),))
        theirs = Made("torch_attention", (in_proj, out_proj, num_heads))
        return Call((mine, theirs), report=("args",), **options)

    def random_call(embed_dim, num_heads, **options):
        mine = [rng.normal(size=(embed_dim, embed_dim)).astype(np.float32) for _ in LAYERS]
        in_proj = rng.normal(size=(3 * embed_dim, embed_dim)).astype(np.float32)
        out_proj = rng.normal(size=(embed_dim, embed_dim)).astype(np.float32)
        return call(mine, in_proj, out_proj, num_heads, **options)

    small = np.arange(1, 13, dtype=np.float32).reshape(6, 2)
    return [
        call(
            [np.full((2, 2), -9, np.float32)] * 4,
            small,
            np.array([[20, 21], [22, 23]], np.float32),
            1,
            note="by hand: the rows of `in_proj_weight` are 1 2, 3 4, 5 6, ..., 11 12; the first two are the query's",
        ),
        random_call(6, 2),
        random_call(12, 3),
        random_call(8, 4, part=MEMORY, note="what is copied must not share memory with the original"),
    ]


def _copy_view(call, value):
    """The parameters of both modules, and in one call what they share; what the function returns is left open."""
    modules = value["args"]
    if call.part == MEMORY:
        return {name: [modules[name]["shared"], modules[name]["parameters"]] for name in modules}
    return {name: modules[name]["parameters"] for name in modules}


COPY = Exercise(
    name="copy_torch_attention",
    lesson=LESSON,
    title="take over PyTorch's weights",
    points=2,
    minutes=8,
    hints=(
        "The four matrices are `theirs.in_proj_weight`, which holds three of them one below another, and "
        "`theirs.out_proj.weight`. Both modules keep a weight as (out, in), so nothing is transposed.",
        "`chunk(3)` cuts a tensor into three along its rows: query, key, value. Inside `with torch.no_grad():` a "
        "parameter may be overwritten in place: `parameter.copy_(other)`.",
    ),
    reference=copy_torch_attention,
    make_calls=_copy_calls,
    parts={MAIN: 0.7, MEMORY: 0.3},
    view=_copy_view,
    misconceptions=(
        Misconception(
            "nothing copied",
            code.copy_nothing,
            "Nothing has changed: `weight = ...` gives a name to another tensor and leaves the module as it is. "
            "Overwrite the parameter in place, with `copy_`.",
        ),
        Misconception(
            "shared memory",
            code.copy_shared,
            "The numbers are right, but both modules use the same memory: training one changes the other. Copy the "
            "numbers with `copy_`, or `clone()` them.",
        ),
        Misconception(
            "output matrix shared",
            code.copy_shared_out,
            "`out` holds the very parameter of the other module, so training one changes the other. Copy its numbers "
            "with `copy_`.",
        ),
        Misconception(
            "matrices transposed",
            code.copy_transposed,
            "The matrices are transposed. Both modules keep a weight as (out, in), so it fits as it is: leave out the "
            "`.T`.",
        ),
        Misconception(
            "output matrix transposed",
            code.copy_out_transposed,
            "Query, key and value are right, the output matrix is transposed. It is (out, in) in both modules: leave "
            "out the `.T`.",
        ),
        Misconception(
            "key before query",
            code.copy_key_first,
            "Query and key are exchanged. In `in_proj_weight` the query's rows come first, then the key's, then the "
            "value's.",
        ),
        Misconception(
            "value before key",
            code.copy_value_second,
            "Key and value are exchanged. In `in_proj_weight` the query's rows come first, then the key's, then the "
            "value's.",
        ),
        Misconception(
            "rows taken in turns",
            code.copy_turns,
            "Every third row is taken. The rows of `in_proj_weight` lie in three blocks: first all of the query, then "
            "all of the key, then all of the value.",
        ),
        Misconception(
            "query, key and value head by head",
            code.copy_head_by_head,
            "The rows are read as query, key and value of the first head, then of the second, and so on. PyTorch keeps "
            "three blocks, each with all heads.",
        ),
        Misconception(
            "the first block three times",
            code.copy_first_part,
            "Query, key and value all got the first block of `in_proj_weight`. Each has a block of its own.",
        ),
        Misconception(
            "output matrix left out",
            code.copy_out_left_out,
            "Query, key and value are right, `out` still has its old weight. It comes from `theirs.out_proj.weight`.",
        ),
        Misconception(
            "copied in the wrong direction",
            code.copy_backwards,
            "The weights of `mine` went into `theirs`. `copy_` overwrites what stands before the point.",
        ),
        Misconception(
            "in place without no_grad",
            code.copy_with_gradient,
            "PyTorch refuses to overwrite a parameter while it records gradients. Put the copying inside `with "
            "torch.no_grad():`.",
        ),
        Misconception(
            "q_proj_weight is None",
            code.copy_separate_weights,
            "`q_proj_weight` is None unless key and value have widths of their own. Here all three lie in "
            "`in_proj_weight`.",
        ),
    ),
    variants=(code.copy_state, code.copy_data, code.copy_new_parameters, code.copy_rows),
)

# --- attention_parameters -------------------------------------------------------------------------------------------


def _parameters_calls(rng):
    widths = [int(8 * n) for n in rng.choice(np.arange(3, 30), 3, replace=False)]
    return [
        Call((6,), note="by hand: four matrices of 6 by 6"),
        Call((512,), note="the paper's base model"),
        *(Call((width,)) for width in widths[:2]),
        Call((6, True), part="bias", note="by hand: four matrices of 6 by 6 and four biases"),
        Call((widths[2],), {"bias": True}, part="bias"),
    ]


PARAMETERS = Exercise(
    name="attention_parameters",
    lesson=LESSON,
    title="count what is learned",
    points=1,
    minutes=4,
    hints=(
        "How many linear layers has the module, and how large is the matrix of each? Does anything in it depend on "
        "`num_heads`?",
        "Four layers, each with `embed_dim` times `embed_dim` weights. A bias is one number per *output* of a layer.",
    ),
    reference=attention_parameters,
    make_calls=_parameters_calls,
    parts={MAIN: 0.7, "bias": 0.3},
    misconceptions=(
        Misconception(
            "output layer left out",
            lambda embed_dim, bias=False: 3 * (embed_dim**2 + (embed_dim if bias else 0)),
            "Query, key and value are counted. The layer `out` learns, too.",
        ),
        Misconception(
            "one layer alone",
            lambda embed_dim, bias=False: embed_dim**2 + (embed_dim if bias else 0),
            "This is the count of one layer. There are four: `query`, `key`, `value` and `out`.",
        ),
        Misconception(
            "times the number of heads",
            lambda embed_dim, bias=False: 8 * 4 * (embed_dim**2 + (embed_dim if bias else 0)),
            "Every head is counted as if it were embed_dim wide. The heads share the width: eight heads of an eighth "
            "make one matrix.",
        ),
        Misconception(
            "matrices of one head",
            lambda embed_dim, bias=False: 4 * (embed_dim * (embed_dim // 8) + (embed_dim // 8 if bias else 0)),
            "These are the matrices of one of eight heads. All heads together fill embed_dim columns.",
        ),
        Misconception(
            "bias not counted",
            lambda embed_dim, bias=False: 4 * embed_dim**2,
            "With `bias=True` each layer learns embed_dim numbers more.",
        ),
        Misconception(
            "bias always counted",
            lambda embed_dim, bias=False: 4 * (embed_dim**2 + embed_dim),
            "The biases are counted although there are none unless `bias=True`.",
        ),
        Misconception(
            "one bias for all layers",
            lambda embed_dim, bias=False: 4 * embed_dim**2 + (embed_dim if bias else 0),
            "One bias of embed_dim numbers is counted. Each of the four layers has one.",
        ),
        Misconception(
            "a bias of one number",
            lambda embed_dim, bias=False: 4 * (embed_dim**2 + (1 if bias else 0)),
            "A bias is counted as one number per layer. It is one number per output: embed_dim of them.",
        ),
        Misconception(
            "no bias in the output layer",
            lambda embed_dim, bias=False: 4 * embed_dim**2 + (3 * embed_dim if bias else 0),
            "Three biases are counted. With `bias=True` the layer `out` has one, too.",
        ),
        Misconception(
            "width in place of its square",
            lambda embed_dim, bias=False: 4 * (embed_dim + (embed_dim if bias else 0)),
            "A layer is counted as embed_dim numbers. Its matrix has embed_dim rows and embed_dim columns.",
        ),
    ),
    variants=(
        code.parameters_counted,
        code.parameters_torch,
        code.parameters_factored,
        code.parameters_added,
    ),
)

EXERCISES = (SPLIT, MERGE, BY_HAND, MODULE, COPY, PARAMETERS)
