"""Lesson 5: blocks with a sublayer, post-norm and pre-norm."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.add_norm.dropout import drop, plain_norm, what_add_norm_did, what_dropout_did
from autograde.exercises.add_norm.inputs import as_float32, gain, learned, random_rows
from autograde.exercises.add_norm.parts import DROPOUT, GRADIENTS
from autograde.exercises.add_norm.sentences import AFTER_ADD, ALWAYS, IN_PLACE, KEPT, NO_DROPOUT, OTHER_SHARE
from autograde.exercises.libraries import MULTI_HEAD_ATTENTION, TRANSFORMER
from autograde.exercises.mistakes.add_norm import blocks as code
from autograde.harness.call import MAIN, Call, Fixture
from autograde.harness.plain import TensorData
from helpers import add_norm as right

LESSON = "05_add_norm"

# --- AttentionBlock -------------------------------------------------------------------------------------------------


def _block_weights(rng, width):
    scale = 1.2 / np.sqrt(width)
    weights = {
        f"attention.{name}.weight": (rng.normal(size=(width, width)) * scale).astype(np.float32)
        for name in ("query", "key", "value", "out")
    }
    return weights | learned(rng, width, "add_norm.norm.")


def _view_block(call, value):
    if call.part != DROPOUT:
        return value
    import torch

    width, heads = call.new[:2]
    attention = right.MultiHeadAttention(width, heads)
    with torch.no_grad():
        for name, parameter in attention.named_parameters():
            parameter.copy_(torch.from_numpy(call.weights[f"attention.{name}"]))
        attended = attention(torch.from_numpy(call.args[0].array))[0].numpy()
    gamma, beta = (call.weights[f"add_norm.norm.{name}"] for name in ("gamma", "beta"))
    return what_add_norm_did(value.array, call.args[0].array, attended, gamma, beta)


def _some_true(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    return rng.random(shape).argsort(axis=-1) < rng.integers(1, shape[-1], (*shape[:-1], 1))


def _block_calls(rng):
    def inputs(*shape):
        return (as_float32(rng.normal(size=shape)),)

    def dropped(note, training=True, dropout=(0.3,), rows=2):
        x, weights = rng.normal(size=(3, 32, 24)) + 2 * rng.normal(size=(3, 1, 24)), _block_weights(rng, 24)
        x[..., 0], x[..., 1] = 2, -2
        weights["attention.out.weight"][:rows] = 0
        return Call((as_float32(x),), new=(24, 4, *dropout), weights=weights, training=training, **drop(note))

    by_hand = {f"attention.{name}.weight": np.zeros((2, 2), np.float32) for name in ("query", "key")}
    by_hand |= {f"attention.{name}.weight": np.eye(2, dtype=np.float32) for name in ("value", "out")}
    by_hand |= {"add_norm.norm.gamma": np.array([2, 3], np.float32), "add_norm.norm.beta": np.ones(2, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (as_float32([[[3, 0], [1, 4]]]),),
            new=(2, 1, 0.0),
            weights=by_hand,
            note="by hand: both tokens attend evenly, so 2, 2 is added to each row: 5, 2 and 3, 6",
        ),
        Call(new=(12, 3), method="", report=("parameters",), note="what the module has registered"),
        Call(inputs(2, 5, 12), new=(12, 3, 0.0), weights=_block_weights(rng, 12)),
        Call(inputs(3, 7, 8), new=(8, 4, 0.0), weights=_block_weights(rng, 8)),
        Call(
            inputs(2, 4, 6),
            new=(6, 3, 0.0),
            weights=_block_weights(rng, 6),
            report=everything,
            part=GRADIENTS,
            note="backward, too",
        ),
        Call(
            inputs(3, 5, 12),
            {"mask": TensorData(_some_true(rng, 5, 5))},
            new=(12, 4, 0.0),
            weights=_block_weights(rng, 12),
            part="mask",
            note="one mask for the whole batch",
        ),
        Call(
            inputs(3, 4, 10),
            {"mask": TensorData(_some_true(rng, 3, 1, 4))},
            new=(10, 2, 0.0),
            weights=_block_weights(rng, 10),
            part="mask",
            note="one mask row per sentence",
        ),
        dropped("in training mode, with dropout 0.3"),
        dropped("in training mode, with the default dropout", dropout=()),
        dropped("in evaluation mode, with dropout 0.7", training=False, dropout=(0.7,)),
        dropped("in training mode; the attention gives 0, so that there is nothing to drop", rows=24),
    ]


ATTENTION_BLOCK = Exercise(
    name="AttentionBlock",
    lesson=LESSON,
    title="attention, add, normalize",
    points=4,
    minutes=8,
    hints=(
        "Two parts in `__init__`: `MultiHeadAttention` of lesson 4 and your `AddNorm`. The attention returns two things; "
        "which one goes on?",
        "`attended, _ = ...` takes the pair apart. In the call of `self.attention` name the mask, `mask=mask`: the second "
        "place belongs to the key input. Then `self.add_norm` of `x` and what came back, in this order.",
    ),
    reference=right.AttentionBlock,
    forbidden=(*MULTI_HEAD_ATTENTION, *TRANSFORMER),
    make_calls=_block_calls,
    parts={MAIN: 0.5, GRADIENTS: 0.1, "mask": 0.2, DROPOUT: 0.2},
    projection=_view_block,
    misconceptions=(
        Misconception(
            "mask ignored",
            code.BlockMaskIgnored,
            "The mask changes nothing. Hand it on to the attention: `mask=mask`.",
        ),
        Misconception(
            "mask upside down",
            code.BlockMaskUpsideDown,
            "The mask is inverted on its way. True means *may attend*, here and in `MultiHeadAttention`: hand it on as it is.",
        ),
        Misconception(
            "mask in the place of the key",
            code.BlockMaskAsKey,
            "The second argument of the attention is the key input, so the mask is taken for keys. Name it: `mask=mask`.",
        ),
        Misconception(
            "no residual connection",
            code.BlockNoResidual,
            "The attention's output alone is normalized, perhaps because `x` was overwritten. Keep `x`, and give it to "
            "`self.add_norm`, too.",
        ),
        Misconception(
            "x added twice",
            code.BlockAddTwice,
            "`x` is added before `self.add_norm` adds it again. Hand over the attention's output as it is.",
        ),
        Misconception(
            "arguments of add_norm exchanged",
            code.BlockExchanged,
            "Without dropout the two are the same sum; with it, parts of `x` are dropped. The order is `x`, then the "
            "attention's output.",
        ),
        Misconception(
            "pre-norm",
            code.BlockPreNorm,
            "The input of the attention is normalized, and the sum is not: that is the pre-norm variant, the last exercise. "
            "Here the sum is normalized.",
        ),
        Misconception(
            "normalized before and after",
            code.BlockNormBefore,
            "The attention gets a normalized `x`, and the sum is normalized, too. The attention gets `x` as it is.",
        ),
        Misconception(
            "only the attention normalized",
            code.BlockNormOfSublayer,
            "The attention's output is normalized, then `x` is added. The sum is normalized: `self.add_norm` does both.",
        ),
        Misconception(
            "the whole pair handed on",
            code.BlockWholeTuple,
            "`MultiHeadAttention` returns two things, output and weights, and both went on. Take the output alone.",
        ),
        Misconception(
            "weights returned, too",
            code.BlockReturnsWeights,
            "A block returns one tensor, so that the next one can take it. Leave out the weights.",
        ),
        Misconception(
            "one head",
            code.BlockOneHead,
            "`num_heads` is not handed on, so there is a single head. Give both sizes to `MultiHeadAttention`.",
        ),
        Misconception(
            "bias in the attention",
            code.BlockBias,
            "The attention has biases. Leave the argument `bias` of `MultiHeadAttention` as it is.",
        ),
        Misconception(
            "PyTorch's attention inside",
            code.BlockTorchAttention,
            "`attention` is an `nn.MultiheadAttention`, which keeps its weights under other names and reads masks the other "
            "way round. Use `MultiHeadAttention` of lesson 4.",
        ),
        Misconception(
            "dropout share not handed on",
            code.BlockDropoutNotPassed,
            "`AddNorm` is made without `dropout`, so it uses its own 0.1. Hand the argument on.",
        ),
        Misconception("no dropout", code.BlockNoDropout, NO_DROPOUT),
        Misconception(
            "dropout after the normalization",
            code.BlockDropLast,
            "Dropout acts on the finished result. It acts on the attention's output, before the add: `AddNorm` does it.",
        ),
        Misconception(
            "attention cut off from the gradient",
            code.BlockDetached,
            "The numbers are right, but no gradient reaches the weights of the attention. Leave out `torch.no_grad()` and "
            "`.detach()`.",
        ),
    ),
    variants=(code.BlockWithWeights, code.BlockOtherParts, code.BlockEachSentence, code.BlockSpelledOut),
)

# --- PreNormBlock ---------------------------------------------------------------------------------------------------


def _linear(rng, width) -> Fixture:
    weight = rng.normal(size=(width, width)) * 1.2 / np.sqrt(width)
    return Fixture("linear", (weight.astype(np.float32), gain(rng, width).astype(np.float32)))


def _view_pre_norm(call, value):
    if call.part != DROPOUT:
        return value
    x, output = call.args[0].array.astype(np.float64), value.array
    if output.shape != x.shape:
        return {"shape": str(output.shape)}
    weight, bias = call.new[1].args
    changed = plain_norm(x, call.weights["norm.gamma"], call.weights["norm.beta"]) @ weight.T + bias
    used = np.abs(changed) > 0.1
    factors = np.divide(output - x, changed, where=used, out=np.zeros_like(x))
    return {"zeros": f"{np.mean(output == 0):.1f}", **what_dropout_did(factors, used)}


def _pre_norm_calls(rng):
    def call(*shape, dropout=(0.0,), **more):
        width = shape[-1]
        new = (width, _linear(rng, width), *dropout)
        return Call((as_float32(random_rows(rng, *shape)),), new=new, weights=learned(rng, width, "norm."), **more)

    turned = Fixture(
        "linear", (np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32), np.array([0, 0, 10], np.float32))
    )
    by_hand = {"norm.gamma": np.full(3, 2, np.float32), "norm.beta": np.ones(3, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (as_float32([[[1, 2, 3]]]),),
            new=(3, turned, 0.0),
            weights=by_hand,
            note="by hand: layer norm gives -1.45, 1, 3.45; the sublayer gives 1, 3.45, -1.45 + 10",
        ),
        Call(new=(4, _linear(rng, 4)), method="", report=("parameters",), note="what the module has registered"),
        call(3, 5, 6),
        call(2, 7, 4),
        call(2, 4, 5, report=everything, part=GRADIENTS, note="backward, too"),
        call(4, 40, 50, dropout=(0.3,), training=True, **drop("in training mode, with dropout 0.3")),
        call(4, 40, 50, dropout=(), training=True, **drop("in training mode, with the default dropout")),
        call(2, 5, 40, dropout=(0.6,), **drop("in evaluation mode, with dropout 0.6")),
    ]


PRE_NORM_BLOCK = Exercise(
    name="PreNormBlock",
    lesson=LESSON,
    title="the variant: normalize first",
    points=3,
    minutes=8,
    extra=True,
    hints=(
        "The same four parts as in post-norm, in another order. The residual connection goes around everything: what is "
        "added at the end is the `x` that came in.",
        "From the inside: `self.norm` of `x`, then `self.sublayer`, then dropout. The sum with `x` comes last, and nothing "
        "comes after it.",
    ),
    reference=right.PreNormBlock,
    forbidden=TRANSFORMER,
    make_calls=_pre_norm_calls,
    parts={MAIN: 0.6, GRADIENTS: 0.2, DROPOUT: 0.2},
    projection=_view_pre_norm,
    misconceptions=(
        Misconception(
            "post-norm",
            code.PrePostNorm,
            "The sum is normalized: that is the paper's order. Here the norm comes first, in front of the sublayer.",
        ),
        Misconception(
            "no residual connection",
            code.PreNoResidual,
            "`x` is not added at the end. Without it there is no path around the sublayer.",
        ),
        Misconception(
            "residual from the normalized x",
            code.PreNormalizedResidual,
            "The normalized rows are added at the end, probably because `x` was overwritten. Add the `x` that came in.",
        ),
        Misconception(
            "norm after the sublayer",
            code.PreNormAfterSublayer,
            "The sublayer gets `x` as it is, and its output is normalized. Normalize what goes into the sublayer.",
        ),
        Misconception(
            "not normalized",
            code.PreNotNormalized,
            "The sublayer gets `x` as it is. Apply `self.norm` to it first.",
        ),
        Misconception(
            "normalized before and after",
            code.PreNormTwice,
            "The sum is normalized once more. In a pre-norm block nothing comes after the sum.",
        ),
        Misconception(
            "sublayer not called",
            code.PreWithoutSublayer,
            "The normalized rows are added to `x`; the sublayer does not run. Call `self.sublayer` on them.",
        ),
        Misconception(
            "sublayer not registered",
            code.PreUnregistered,
            "The sublayer's parameters are not found: a module in a Python list is not registered. Keep it as "
            "`self.sublayer`.",
        ),
        Misconception(
            "sublayer cut off from the gradient",
            code.PreDetached,
            "The output is right, but the gradient of `x` passes only along the residual connection. Leave out `.detach()` "
            "and `.data`.",
        ),
        Misconception("changes its input", code.PreInPlace, IN_PLACE),
        Misconception("dropout after the add", code.PreDropAfterAdd, AFTER_ADD),
        Misconception(
            "dropout before the sublayer",
            code.PreDropBeforeSublayer,
            "Dropout acts on what goes into the sublayer. It acts on what comes out of it, before the add.",
        ),
        Misconception("no dropout", code.PreNoDropout, NO_DROPOUT),
        Misconception("dropout in evaluation too", code.PreDropAlways, ALWAYS),
        Misconception("dropout share not handed on", code.PreDropDefault, OTHER_SHARE),
        Misconception("dropout as the share that is kept", code.PreShareKept, KEPT),
    ),
    variants=(code.PreFunctional, code.PreByHand, code.PreSequential, code.PreRows),
)

EXERCISES = (ATTENTION_BLOCK, PRE_NORM_BLOCK)
