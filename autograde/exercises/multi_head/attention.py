"""Lesson 4: the module `MultiHeadAttention`."""

from __future__ import annotations

import math

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import MULTI_HEAD_ATTENTION
from autograde.exercises.mistakes.multi_head import attention as code
from autograde.exercises.multi_head.inputs import layers, tensor
from autograde.exercises.multi_head.parts import CROSS, MASK, NOTHING, WIDTH
from autograde.exercises.single_head.masks import random_mask
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers.multi_head import MultiHeadAttention

LESSON = "04_multi_head"


def _module_calls(rng):
    def call(embed_dim, num_heads, *shapes, mask=None, bias=False, **options):
        inputs = tuple(tensor(rng, *shape, embed_dim) for shape in shapes)
        kwargs = options.pop("kwargs", {}) | ({} if mask is None else {"mask": TensorData(mask)})
        new_kwargs = {"bias": True} if bias else {}
        weights = layers(rng, embed_dim, bias)
        return Call(inputs, kwargs, new=(embed_dim, num_heads), new_kwargs=new_kwargs, weights=weights, **options)

    x = np.array([[[1, 0, 6, 0], [0, 0, 0, 4], [0, 0, 0, 2]]], np.float32)
    eye = np.eye(4, dtype=np.float32)
    by_hand = {
        "query.weight": np.diag([math.sqrt(2) * math.log(2), 0, 0, 0]).astype(np.float32),
        "key.weight": eye,
        "value.weight": eye,
        "out.weight": eye[[2, 0, 1, 3]],
    }
    empty = random_mask(rng, 4, 5, 7)
    empty[1, 2] = empty[3] = False
    alone = random_mask(rng, 4, 1, 7)
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
        call(6, 2, (4, 5), mask=random_mask(rng, 5, 5), part=MASK, note="one mask for all: (n_queries, n_keys)"),
        call(6, 2, (4, 5), (4, 7), mask=random_mask(rng, 4, 1, 7), part=MASK, note="a mask (batch, 1, n_keys)"),
        call(
            12, 3, (2, 5), (2, 7), mask=random_mask(rng, 2, 5, 7), part=MASK, note="a mask (batch, n_queries, n_keys)"
        ),
        call(
            6, 2, (4, 5), mask=random_mask(rng, 4, 2, 5, 5), part=MASK, note="a mask (batch, heads, n_queries, n_keys)"
        ),
        call(12, 3, (2, 5), mask=random_mask(rng, 2, 1, 5, 5), part=MASK, note="a mask (batch, 1, n_queries, n_keys)"),
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
    multiple_outputs=True,
    ignore=("sequence",),
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

EXERCISES = (MODULE,)
