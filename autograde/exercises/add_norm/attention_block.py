"""AttentionBlock: attention, add, normalize."""

import numpy as np
import torch
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.add_norm import ByHand as AddNormByHand
from autograde.exercises.add_norm.common import (
    DROPOUT,
    GRADIENTS,
    NO_DROPOUT,
    NOTHING_DROPPED,
    ONE_WORD,
    ZERO_DROPOUT,
    drop,
    learned,
    what_add_norm_did,
)
from autograde.exercises.inputs import tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.add_norm import AttentionBlock
from helpers.multi_head import MultiHeadAttention


def _block_weights(rng, width):
    scale = 1.2 / np.sqrt(width)
    weights = {
        f"attention.{name}.weight": (rng.normal(size=(width, width)) * scale).astype(np.float32)
        for name in ("query", "key", "value", "out")
    }
    return weights | learned(rng, width, "add_norm.norm.")


def projection(call, value):
    if call.part != DROPOUT:
        return value
    import torch

    width, heads = call.new[:2]
    attention = MultiHeadAttention(width, heads)
    with torch.no_grad():
        for name, parameter in attention.named_parameters():
            parameter.copy_(torch.from_numpy(call.weights[f"attention.{name}"]))
        attended = attention(torch.from_numpy(call.args[0].array))[0].numpy()
    gamma, beta = (call.weights[f"add_norm.norm.{name}"] for name in ("gamma", "beta"))
    return what_add_norm_did(value.array, call.args[0].array, attended, gamma, beta)


def _some_true(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    return rng.random(shape).argsort(axis=-1) < rng.integers(1, shape[-1], (*shape[:-1], 1))


def calls(rng):
    def inputs(*shape):
        return (tensor(rng.normal(size=shape)),)

    def dropped(note, training=True, dropout=(0.3,), rows=2):
        x, weights = rng.normal(size=(3, 32, 24)) + 2 * rng.normal(size=(3, 1, 24)), _block_weights(rng, 24)
        x[..., 0], x[..., 1] = 2, -2
        weights["attention.out.weight"][:rows] = 0
        return ModuleCall((tensor(x),), new=(24, 4, *dropout), weights=weights, training=training, **drop(note))

    by_hand = {f"attention.{name}.weight": np.zeros((2, 2), np.float32) for name in ("query", "key")}
    by_hand |= {f"attention.{name}.weight": np.eye(2, dtype=np.float32) for name in ("value", "out")}
    by_hand |= {"add_norm.norm.gamma": np.array([2, 3], np.float32), "add_norm.norm.beta": np.ones(2, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        ModuleCall(
            (tensor([[[3, 0], [1, 4]]]),),
            new=(2, 1, 0.0),
            weights=by_hand,
            note="by hand: both tokens attend evenly, so 2, 2 is added to each row: 5, 2 and 3, 6",
        ),
        ConstructorCall((12, 3), report=("parameters",), note="what the module has registered"),
        ModuleCall(inputs(2, 5, 12), new=(12, 3, 0.0), weights=_block_weights(rng, 12)),
        ModuleCall(inputs(3, 7, 8), new=(8, 4, 0.0), weights=_block_weights(rng, 8)),
        ModuleCall(
            inputs(2, 4, 6),
            new=(6, 3, 0.0),
            weights=_block_weights(rng, 6),
            report=everything,
            part=GRADIENTS,
            note="backward, too",
        ),
        ModuleCall(
            inputs(3, 5, 12),
            {"mask": TensorData(_some_true(rng, 5, 5))},
            new=(12, 4, 0.0),
            weights=_block_weights(rng, 12),
            part="mask",
            note="one mask for the whole batch",
        ),
        ModuleCall(
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
        ModuleCall(
            inputs(3, 4, 6),
            {"mask": TensorData(_some_true(rng, 3, 1, 4))},
            new=(6, 2, 0.0),
            weights=_block_weights(rng, 6),
            then=(("forward", inputs(2, 5, 6)),),
            part="mask",
            note="first with a mask, then without one",
        ),
        ModuleCall(inputs(1, 1, 6), new=(6, 2, 0.0), weights=_block_weights(rng, 6), note=ONE_WORD),
        dropped(NOTHING_DROPPED, dropout=(0.0,)),
    ]


EXERCISE = Exercise(
    name="AttentionBlock",
    title="attention, add, normalize",
    points=4,
    minutes=8,
    hints=(
        "Two parts in `__init__`: `MultiHeadAttention` of lesson 4 and your `AddNorm`. The attention returns two things; "
        "which one goes on?",
        "`attended, _ = ...` takes the pair apart. In the call of `self.attention` name the mask, `mask=mask`: the second "
        "place belongs to the key input. Then `self.add_norm` of `x` and what came back, in this order.",
    ),
    reference=AttentionBlock,
    make_calls=calls,
    parts={MAIN: 0.5, GRADIENTS: 0.1, "mask": 0.2, DROPOUT: 0.2},
    projection=projection,
    forbidden=(*libraries.MULTI_HEAD_ATTENTION, *libraries.TRANSFORMER),
)


@EXERCISE.wrong("mask ignored", "The mask changes nothing. Pass it on to the attention: `mask=mask`.")
class MaskIgnored(AttentionBlock):
    def forward(self, x, mask=None):
        return super().forward(x)


@EXERCISE.wrong(
    "mask upside down",
    "The mask is inverted on its way. True means *may attend*, here and in `MultiHeadAttention`: pass it on as it is.",
)
class MaskUpsideDown(AttentionBlock):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


@EXERCISE.wrong(
    "mask in the place of another argument",
    "The mask is in the place of the key's or the value's input. Pass it by name: `mask=mask`.",
)
class MaskAsKey(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(x, mask)[0])


@EXERCISE.wrong(
    "no residual connection",
    "Only the attention's output is normalized, perhaps because `x` was overwritten. Keep `x`, and give it to "
    "`self.add_norm`, too.",
)
class NoResidual(AttentionBlock):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm.norm(self.add_norm.dropout(attended))


@EXERCISE.wrong(
    "x added twice", "`x` is added before `self.add_norm` adds it again. Hand over the attention's output as it is."
)
class AddTwice(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, x + self.attention(x, mask=mask)[0])


@EXERCISE.wrong(
    "dropout on x",
    "In training mode parts of `x` are dropped. `self.add_norm` takes `x` first, then the attention's output, and "
    "drops only there.",
)
class Exchanged(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(self.attention(x, mask=mask)[0], x)


@EXERCISE.wrong(
    "pre-norm",
    "The input of the attention is normalized, and the sum is not: that is the pre-norm variant, the last exercise. "
    "Here the sum is normalized.",
)
class PreNorm(AttentionBlock):
    def forward(self, x, mask=None):
        attended, _ = self.attention(self.add_norm.norm(x), mask=mask)
        return x + self.add_norm.dropout(attended)


@EXERCISE.wrong(
    "normalized before and after",
    "The attention gets a normalized `x`, and the sum is normalized, too. The attention gets `x` as it is.",
)
class NormBefore(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(self.add_norm.norm(x), mask=mask)[0])


@EXERCISE.wrong(
    "only the attention normalized",
    "The attention's output is normalized, then `x` is added. The sum is normalized: `self.add_norm` does both.",
)
class NormOfSublayer(AttentionBlock):
    def forward(self, x, mask=None):
        return x + self.add_norm.norm(self.add_norm.dropout(self.attention(x, mask=mask)[0]))


@EXERCISE.wrong(
    "the whole pair passed on",
    "`MultiHeadAttention` returns two things, output and weights, and both went on. Take only the output.",
)
class WholeTuple(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(x, mask=mask))


@EXERCISE.wrong(
    "weights returned, too", "A block returns one tensor, so that the next one can take it. Leave out the weights."
)
class ReturnsWeights(AttentionBlock):
    def forward(self, x, mask=None):
        attended, weights = self.attention(x, mask=mask)
        return self.add_norm(x, attended), weights


@EXERCISE.wrong(
    "one head", "`num_heads` is not passed on, so there is a single head. Give both sizes to `MultiHeadAttention`."
)
class OneHead(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, 1, dropout)


@EXERCISE.wrong(
    "bias in the attention", "The attention has biases. Leave the argument `bias` of `MultiHeadAttention` as it is."
)
class Bias(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads, dropout)
        self.attention = MultiHeadAttention(embed_dim, num_heads, bias=True)


@EXERCISE.wrong(
    "PyTorch's attention inside",
    "`attention` is an `nn.MultiheadAttention`, which keeps its weights under other names and reads masks the other "
    "way round. Use `MultiHeadAttention` of lesson 4.",
)
class TorchAttention(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads, dropout)
        self.attention = nn.MultiheadAttention(embed_dim, num_heads, bias=False, batch_first=True)

    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(x, x, x)[0])


@EXERCISE.wrong(
    "dropout share not passed on", "A tenth is dropped whatever `dropout` says. Pass the argument on to `AddNorm`."
)
class DropoutNotPassed(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads, dropout or 0.1)


@EXERCISE.wrong("no dropout", NO_DROPOUT)
class NoDropout(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads, 0.0)


@EXERCISE.wrong(
    "dropout after the normalization",
    "Dropout acts on the finished result. It acts on the attention's output, before the add: `AddNorm` does it.",
)
class DropLast(AttentionBlock):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm.dropout(self.add_norm.norm(x + attended))


@EXERCISE.wrong(
    "attention cut off from the gradient",
    "The numbers are right, but no gradient reaches the weights of the attention. Leave out `torch.no_grad()` and "
    "`.detach()`.",
)
class Detached(AttentionBlock):
    def forward(self, x, mask=None):
        with torch.no_grad():
            attended, _ = self.attention(x, mask=mask)
        return self.add_norm(x, attended)


@EXERCISE.variant
class WithWeights(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(x, x, x, mask)[0])


@EXERCISE.variant
class OtherParts(nn.Module):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__()
        self.add_norm = AddNormByHand(embed_dim, dropout=dropout)
        self.attention = MultiHeadAttention(num_heads=num_heads, embed_dim=embed_dim, bias=False)

    def forward(self, x, mask=None):
        output, _weights = self.attention(query_input=x, mask=mask)
        return self.add_norm(sublayer_output=output, x=x)


@EXERCISE.variant
class EachSentence(AttentionBlock):
    def forward(self, x, mask=None):
        rows = []
        for index in range(x.shape[0]):
            own = mask if mask is None or mask.dim() < 3 else mask[index : index + 1]
            attended, _ = self.attention(x[index : index + 1], mask=own)
            rows.append(self.add_norm(x[index : index + 1], attended))
        return torch.cat(rows)


@EXERCISE.variant
class SpelledOut(AttentionBlock):
    def forward(self, x, mask=None):
        summed = self.add_norm.dropout(self.attention(x, mask=mask)[0]) + x
        centred = summed - summed.mean(-1, keepdim=True)
        scale = (centred.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt()
        return centred * scale * self.add_norm.norm.gamma + self.add_norm.norm.beta
