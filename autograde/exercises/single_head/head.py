"""Lesson 3: the whole head."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import MULTI_HEAD_ATTENTION
from autograde.exercises.mistakes.single_head import head as code
from autograde.exercises.single_head.masks import mask_with_empty_row, random_mask
from autograde.exercises.single_head.parts import NOTHING
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers.single_head import SelfAttentionHead

LESSON = "03_single_head"


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
            {"mask": TensorData(random_mask(rng, 5, 5))},
            new=(6, 4),
            weights=_head_weights(rng, 6, 4),
            part="mask",
            note="one mask for the whole batch",
        ),
        Call(
            (tokens(3, 4, 6),),
            {"mask": TensorData(random_mask(rng, 3, 1, 4))},
            new=(6, 5),
            weights=_head_weights(rng, 6, 5),
            part="mask",
            note="one mask row per sentence",
        ),
        Call(
            (tokens(2, 4, 5),),
            {"mask": TensorData(mask_with_empty_row(rng, 2, 4, 4, row=1))},
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
    multiple_outputs=True,
    ignore=("sequence",),  # the output is a part of what these calls report
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

EXERCISES = (HEAD,)
