"""FeedForward: the network as a module."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import NOTHING_DROPPED, ONE_WORD, ZERO_DROPOUT
from autograde.exercises.feed_forward.common import (
    CHANGED,
    dropout_view,
    dropping_network,
    network_weights,
    random_array,
    same_rows,
)
from autograde.exercises.inputs import tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.feed_forward import FeedForward


def calls(rng):
    by_hand = {
        "inner.weight": np.array([[1, 0], [0, 1], [-1, 0]], np.float32),
        "inner.bias": np.array([0, -1, 0.5], np.float32),
        "outer.weight": np.array([[1, 0, 3], [0, 2, 0]], np.float32),
        "outer.bias": np.array([0.1, -0.2], np.float32),
    }
    return [
        ModuleCall(
            (tensor([[[1, 2], [-1, 1], [0, -3], [2, 2]]]),),
            new=(2, 3),
            weights=by_hand,
            note="by hand: four tokens of width 2, d_ff = 3",
        ),
        ConstructorCall((5, 7), report=("parameters",), note="the parameters and their shapes"),
        ConstructorCall((4, 6, 0.0), report=("parameters",), note="the parameters of a network without dropout"),
        ModuleCall((TensorData(random_array(rng, 2, 3, 4)),), new=(4, 6), weights=network_weights(rng, 4, 6)),
        ModuleCall((TensorData(random_array(rng, 3, 4, 6)),), new=(6, 5, 0.5), weights=network_weights(rng, 6, 5)),
        ModuleCall(
            (TensorData(random_array(rng, 2, 5, 3)),),
            new=(3, 8),
            weights=network_weights(rng, 3, 8),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        ModuleCall(
            (same_rows([0.5, -1.0, 2.0]),),
            new=(3, 5, 0.3),
            weights=dropping_network(3, 5, second=0.3),
            training=True,
            part="dropout",
            note="training mode: column 0 of the output is 0.7 + 0.8 * a hidden unit + 0.3 * another",
        ),
        ModuleCall(
            (same_rows([0.5, -1.0]),),
            new=(2, 3),
            weights=dropping_network(2, 3, second=0.3),
            training=True,
            part="dropout",
            note="training mode, with the dropout of the signature",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 2, 3, 4)),),
            new=(4, 6),
            weights=network_weights(rng, 4, 6),
            then=(("forward", (TensorData(random_array(rng, 3, 2, 4)),)),),
            note="two batches, one after the other",
        ),
        ModuleCall(
            (tensor([[[2]]]),),
            new=(1, 1),
            weights={
                "inner.weight": np.array([[3]], np.float32),
                "inner.bias": np.array([-1], np.float32),
                "outer.weight": np.array([[4]], np.float32),
                "outer.bias": np.array([5], np.float32),
            },
            note=f"{ONE_WORD}, with d_model = 1 and d_ff = 1",
        ),
        ModuleCall(
            (same_rows([0.5, -1.0, 2.0]),),
            new=(3, 5, 0.0),
            weights=dropping_network(3, 5, second=0.3),
            training=True,
            part="dropout",
            note=NOTHING_DROPPED,
        ),
    ]


EXERCISE = Exercise(
    name="FeedForward",
    title="the network as a module",
    points=3,
    minutes=9,
    hints=(
        "`nn.Linear(in, out)` holds a weight and a bias. You need two of them, called `inner` and `outer`, and an "
        "`nn.Dropout`. `torch.relu` is ReLU.",
        "`inner` maps from `d_model` to `d_ff`, and `outer` maps back. In `forward` the row goes through inner, "
        "ReLU, dropout, outer, in this order; dropout acts on the hidden units, not on the result.",
    ),
    reference=FeedForward,
    make_calls=calls,
    parts={MAIN: 0.6, CHANGED: 0.1, "dropout": 0.3},
    projection=dropout_view,
    forbidden=libraries.TRANSFORMER,
)


@EXERCISE.wrong(
    "one linear layer", "There is one linear layer. The paper has two, `inner` and `outer`, with ReLU between them."
)
class OneLayer(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(torch.relu(self.inner(x)))


@EXERCISE.wrong("no ReLU", "There is no ReLU between `inner` and `outer`, so the two are one linear map.")
class NoReLU(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(self.inner(x)))


@EXERCISE.wrong(
    "ReLU after the second layer", "ReLU comes after `outer`, so no output is negative. It belongs between the layers."
)
class ReLULast(FeedForward):
    def forward(self, x):
        return torch.relu(self.outer(self.dropout(self.inner(x))))


@EXERCISE.wrong(
    "ReLU after both layers", "There is a second ReLU, after `outer`, so no output is negative. `outer` has none."
)
class ReLUTwice(FeedForward):
    def forward(self, x):
        return torch.relu(super().forward(x))


@EXERCISE.wrong(
    "d_ff unused", "Both layers lead from `d_model` to `d_model`. The hidden layer between them has the width `d_ff`."
)
class WidthUnused(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_model)
        self.outer = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.outer(self.dropout(torch.relu(self.inner(x))))


@EXERCISE.wrong(
    "always four times d_model",
    "The hidden layer has the width `4 * d_model`. That is so in the paper's model; here the argument `d_ff` decides.",
)
class FourTimes(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, 4 * d_model, dropout)


@EXERCISE.wrong(
    "no bias",
    "The linear layers have no bias. Those of the feed-forward network have one; `nn.Linear` makes it unless "
    "told otherwise.",
)
class NoBias(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, dropout)
        self.inner = nn.Linear(d_model, d_ff, bias=False)
        self.outer = nn.Linear(d_ff, d_model, bias=False)


@EXERCISE.wrong(
    "sizes exchanged",
    "`inner` reads `d_ff` numbers and `outer` gives `d_ff`. It is the other way round: `nn.Linear(in, out)`.",
)
class SizesExchanged(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, dropout)
        self.inner = nn.Linear(d_ff, d_model)
        self.outer = nn.Linear(d_model, d_ff)


@EXERCISE.wrong("input added", "`x` was added to the result. The add & norm around the network does that.")
class Residual(FeedForward):
    def forward(self, x):
        return x + super().forward(x)


@EXERCISE.wrong("GELU for ReLU", "The hidden units go through a GELU, as in later models. The paper has ReLU.")
class GELU(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(F.gelu(self.inner(x))))


@EXERCISE.wrong(
    "layers not registered",
    "The module has no parameters: the optimizer only finds layers that `__init__` keeps as `self.inner` and "
    "`self.outer`, and none in a Python list, in a variable without `self.`, or made in `forward`.",
)
class Unregistered(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.parts = [nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)]
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        inner, outer = self.parts
        return outer(self.dropout(torch.relu(inner(x))))


@EXERCISE.wrong("no dropout", "In training mode nothing is dropped. Dropout comes after the ReLU.")
class NoDropout(FeedForward):
    def forward(self, x):
        return self.outer(torch.relu(self.inner(x)))


@EXERCISE.wrong(
    "dropout on the result",
    "Dropout comes after `outer`. It belongs on the hidden units, after the ReLU; the result gets its own in "
    "add & norm.",
)
class DropoutLast(FeedForward):
    def forward(self, x):
        return self.dropout(self.outer(torch.relu(self.inner(x))))


@EXERCISE.wrong("dropout on the input", "Dropout comes before `inner`. It belongs on the hidden units, after the ReLU.")
class DropoutFirst(FeedForward):
    def forward(self, x):
        return self.outer(torch.relu(self.inner(self.dropout(x))))


@EXERCISE.wrong(
    "dropout twice", "Dropout acts on the hidden units and again on the result. The second one is part of add & norm."
)
class DropoutTwice(FeedForward):
    def forward(self, x):
        return self.dropout(super().forward(x))


@EXERCISE.wrong(
    "argument dropout not used",
    "The share of dropped units is always 0.1. Give the argument `dropout` to `nn.Dropout`.",
)
class AlwaysTenPercent(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, dropout or 0.1)


@EXERCISE.wrong(
    "dropout in evaluation, too",
    "Units are dropped in evaluation mode, too. An `nn.Dropout` made in `__init__` knows the mode; `F.dropout` has to be told: "
    "`training=self.training`.",
)
class DropoutAlways(FeedForward):
    def forward(self, x):
        return self.outer(F.dropout(torch.relu(self.inner(x)), self.dropout.p))


@EXERCISE.wrong(
    "cut off from the gradient",
    "The numbers are right, but no gradient reaches `inner`. Leave out `.detach()`, `.data`, "
    "`torch.no_grad()` and the way through NumPy.",
)
class Detached(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(torch.relu(self.inner(x).detach())))


@EXERCISE.variant
class Functional(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.rate = dropout
        self.outer, self.inner = nn.Linear(d_ff, d_model), nn.Linear(d_model, d_ff)

    def forward(self, x):
        hidden = F.relu(F.linear(x, self.inner.weight, self.inner.bias))
        return F.linear(F.dropout(hidden, self.rate, self.training), self.outer.weight, self.outer.bias)


@EXERCISE.variant
class DropoutBeforeReLU(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_ff)
        self.activation = nn.ReLU()
        self.drop = nn.Dropout(p=dropout)
        self.outer = nn.Linear(d_ff, d_model)

    def forward(self, x):
        return self.outer(self.activation(self.drop(self.inner(x))))


@EXERCISE.variant
class Clamped(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(self.inner(x).clamp(min=0)))


@EXERCISE.variant
class ByHand(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.keep = 1 - dropout
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)

    def forward(self, x):
        hidden = self.inner(x)
        hidden = torch.where(hidden > 0, hidden, torch.zeros_like(hidden))
        if self.training:
            hidden = hidden * (torch.rand(hidden.shape) < self.keep) / self.keep
        return self.outer(hidden)


@EXERCISE.variant
class TokenByToken(FeedForward):
    def forward(self, x):
        rows = [self.outer(self.dropout(F.relu(self.inner(x[:, place])))) for place in range(x.shape[1])]
        return torch.stack(rows, dim=1)
