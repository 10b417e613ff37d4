"""TokenEmbedding: the table learns."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.embeddings import TokenEmbedding


def calls(rng):
    by_hand = np.array([[0, 0, 0, 0], [1, 2, 3, 4], [0.5, 0, -1, 2]])
    ten, nine = rng.normal(size=(10, 6)), rng.normal(size=(9, 5))
    ten[0], nine[3] = 0, 0
    ids = rng.integers(1, 10, (2, 7))
    ids[0, 5:], ids[1, 4:] = 0, 0
    other = np.concatenate([rng.permutation(9)[None], rng.integers(0, 9, (2, 9))])
    return [
        ModuleCall(
            (TensorData(np.array([[1, 2]])),),
            new=(3, 4),
            weights={"weight": np.float32(by_hand)},
            note="by hand: the square root of 4 is 2",
        ),
        ModuleCall(
            (TensorData(ids),),
            new=(10, 6),
            weights={"weight": np.float32(ten)},
            report=("output", "parameters"),
            note="the sentences end with padding, id 0",
        ),
        ModuleCall(
            (TensorData(ids),),
            new=(10, 6),
            weights={"weight": np.float32(ten)},
            training=True,
            report=("gradients",),
            part="padding",
            note="the gradient of row 0, the padding, has to be zero",
        ),
        ModuleCall(
            (TensorData(other),),
            new=(9, 5, 3),
            weights={"weight": np.float32(nine)},
            report=("output", "gradients"),
            part="padding",
            note="here the padding has the id 3",
        ),
        ModuleCall(
            (TensorData(rng.integers(1, 8, (2, 5))),),
            new=(8, 4),
            weights={"weight": rng.normal(size=(8, 4)).astype(np.float32)},
            then=(("forward", (TensorData(rng.integers(1, 8, (3, 2))),)),),
            note="two batches, one after the other",
        ),
        ConstructorCall((600, 40, 2), report=("initial",), part="start", note="the values at the start"),
        ModuleCall(
            (TensorData(np.array([[2]])),),
            new=(3, 1),
            weights={"weight": rng.normal(size=(3, 1)).astype(np.float32)},
            note="a batch of one sentence of one word, and a width of 1",
        ),
    ]


def projection(call, value):
    """Of the values at the start, their statistics in words: a right answer may draw other random numbers."""
    if "initial" not in call.report:
        return value
    if list(value["initial"]) != ["weight"]:
        return {"parameters": sorted(value["initial"])}
    table, d_model, pad = value["initial"]["weight"].array, call.args[1], call.args[2]
    rest = np.delete(table, pad, axis=0).astype(float)
    mean, deviation = rest.mean(), rest.std()
    # 24,000 numbers: their standard deviation varies by 0.5 %, their mean by 0.001; the borders lie 8 times as far away
    as_asked = abs(deviation * d_model**0.5 - 1) < 0.04
    return {
        "standard deviation": "1 / sqrt(d_model)" if as_asked else f"{deviation:.1g}",
        "mean": "0" if abs(mean) < 0.05 * deviation else f"{mean:.1g}",
        "row of the padding": "zero" if not table[pad].any() else "not zero",
    }


EXERCISE = Exercise(
    name="TokenEmbedding",
    title="the table learns",
    points=4,
    minutes=10,
    hints=(
        "Divide the numbers of `torch.randn` to get the required standard deviation, set the pad row to zero, and "
        "only then wrap the tensor in an `nn.Parameter`. In `forward`, look the rows up with `F.embedding`; its "
        "argument `padding_idx` keeps one row free of gradients.",
        "`F.embedding(ids, table, padding_idx=...)` gives the rows and sends no gradient to the row `padding_idx`. "
        "Multiply what it returns by `math.sqrt` of the width. The attribute must be called `weight`.",
    ),
    reference=TokenEmbedding,
    make_calls=calls,
    parts={MAIN: 0.5, "padding": 0.25, "start": 0.25},
    projection=projection,
)


@EXERCISE.wrong(
    "no scaling",
    "The rows come back as they are in the table. The paper multiplies them by the square root of `d_model`.",
)
class NoScaling(TokenEmbedding):
    def forward(self, ids):
        return F.embedding(ids, self.weight, padding_idx=self.pad)


@EXERCISE.wrong(
    "multiplied by the root at the start",
    "The start values are multiplied by the square root of `d_model`. Divide them by it: their standard deviation is one over "
    "the root.",
)
class MultipliedStart(TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        with torch.no_grad():
            self.weight *= d_model


@EXERCISE.wrong(
    "divided by the root",
    "The rows are divided by the square root of `d_model`. They are multiplied by it; the division belongs to the start values.",
)
class Divided(TokenEmbedding):
    def forward(self, ids):
        return F.embedding(ids, self.weight, padding_idx=self.pad) / math.sqrt(self.d_model)


@EXERCISE.wrong("scaled by the width itself", "The factor is `d_model`. Take its square root.")
class TimesWidth(TokenEmbedding):
    def forward(self, ids):
        return F.embedding(ids, self.weight, padding_idx=self.pad) * self.d_model


@EXERCISE.wrong(
    "root of the vocabulary size",
    "The factor is the root of the number of rows. Use the width of the vectors, `d_model`.",
)
class RootOfVocabulary(TokenEmbedding):
    def forward(self, ids):
        return F.embedding(ids, self.weight, padding_idx=self.pad) * math.sqrt(len(self.weight))


@EXERCISE.wrong(
    "standard deviation 1 at the start",
    "The start values have the standard deviation 1, as they come from `torch.randn` or `nn.Embedding`. Divide "
    "them by the square root of `d_model`.",
)
class StandardDeviationOne(TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        self.weight = nn.Parameter(self.weight.detach() * math.sqrt(d_model))


@EXERCISE.wrong(
    "between 0 and 1 at the start",
    "The start values are between 0 and 1, as from `torch.rand`, with the mean 0.5. Centre them on zero: "
    "`torch.randn`, divided by the root of `d_model`.",
)
class BetweenZeroAndOne(TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        weight = torch.rand(vocab_size, d_model)
        weight[pad] = 0
        self.weight = nn.Parameter(weight)


@EXERCISE.wrong(
    "pad row random at the start",
    "The row of the padding starts with random numbers. Set it to zero before the tensor becomes a parameter.",
)
class PadRowRandom(TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        self.weight = nn.Parameter(torch.randn(vocab_size, d_model) / math.sqrt(d_model))


@EXERCISE.wrong(
    "padding treated like a word",
    "The row of the padding starts with random numbers and gets a gradient. Set it to zero before the tensor becomes a parameter, and give `F.embedding` its `padding_idx`.",
)
class PadForgotten(PadRowRandom):
    def forward(self, ids):
        return self.weight[ids] * math.sqrt(self.d_model)


@EXERCISE.wrong(
    "pad row learns",
    "The lookup sends a gradient to the row of the padding, so training would move it. The argument `padding_idx` of `F.embedding` prevents that.",
)
class PadRowLearns(TokenEmbedding):
    def forward(self, ids):
        return self.weight[ids] * math.sqrt(self.d_model)


@EXERCISE.wrong(
    "padding always 0",
    "The argument `pad` is not used: row 0 is treated as padding whatever `pad` says. Keep `pad` in `__init__` and use it in `forward`.",
)
class PadIsZeroAlways(TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model)


@EXERCISE.wrong(
    "a tensor, no parameter",
    "`weight` is a tensor like any other: `parameters()` does not list it, and an optimizer never sees it. Wrap it in an `nn.Parameter`.",
)
class PlainTensor(TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        weight = self.weight.detach()
        del self.weight
        self.weight = weight


@EXERCISE.wrong(
    "a layer inside, under another name",
    "The table is in an `nn.Embedding` inside the module, so its name is `embedding.weight`. Call the parameter itself `weight`.",
)
class InnerLayer(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model, padding_idx=pad)
        self.scale = math.sqrt(d_model)

    def forward(self, ids):
        return self.embedding(ids) * self.scale


@EXERCISE.variant
class Subclass(nn.Embedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, padding_idx=pad)
        nn.init.normal_(self.weight, std=d_model**-0.5)
        with torch.no_grad():
            self.weight[pad].zero_()

    def forward(self, ids):
        return super().forward(ids) * self.embedding_dim**0.5


@EXERCISE.variant
class Masked(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        bound = math.sqrt(3 / d_model)  # a uniform distribution of the same standard deviation
        self.weight = nn.Parameter(torch.empty(vocab_size, d_model).uniform_(-bound, bound))
        self.weight.data[pad] = 0.0
        self.pad, self.scale = pad, d_model**0.5

    def forward(self, ids):
        keep = (ids != self.pad).unsqueeze(-1)
        return self.scale * torch.where(keep, self.weight[ids], torch.zeros(()))


@EXERCISE.variant
class Product(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        keep = torch.ones(vocab_size, 1)
        keep[pad] = 0
        self.register_buffer("keep", keep)
        self.weight = nn.Parameter(keep * torch.normal(0.0, math.sqrt(1 / d_model), (vocab_size, d_model)))

    def forward(self, ids):
        rows = F.one_hot(ids, len(self.weight)).to(self.weight.dtype)
        return rows @ (self.weight * self.keep) * math.sqrt(self.weight.shape[1])


@EXERCISE.variant
class Shared(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        layer = nn.Embedding(vocab_size, d_model, padding_idx=pad)
        layer.weight.data.div_(math.sqrt(d_model))
        self.weight = layer.weight
        self.lookup = [layer]  # a list hides the layer, so that its weight has one name

    def forward(self, ids):
        return self.lookup[0](ids).mul(self.weight.size(1) ** 0.5)
