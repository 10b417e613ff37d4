"""Lesson 6: the feed-forward network as a module."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.feed_forward.dropout import dropout_view, same_rows
from autograde.exercises.feed_forward.inputs import random_array, tensor
from autograde.exercises.feed_forward.parts import CHANGED
from autograde.exercises.feed_forward.weights import dropping_network, network_weights
from autograde.exercises.libraries import TRANSFORMER
from autograde.exercises.mistakes.feed_forward import network as code
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers.feed_forward import FeedForward

LESSON = "06_feed_forward"


def _network_module_calls(rng):
    by_hand = {
        "inner.weight": np.array([[1, 0], [0, 1], [-1, 0]], np.float32),
        "inner.bias": np.array([0, -1, 0.5], np.float32),
        "outer.weight": np.array([[1, 0, 3], [0, 2, 0]], np.float32),
        "outer.bias": np.array([0.1, -0.2], np.float32),
    }
    return [
        Call(
            (tensor([[[1, 2], [-1, 1], [0, -3], [2, 2]]]),),
            new=(2, 3),
            weights=by_hand,
            note="by hand: four tokens of width 2, d_ff = 3",
        ),
        Call(new=(5, 7), method="", report=("parameters",), note="the parameters and their shapes"),
        Call((TensorData(random_array(rng, 2, 3, 4)),), new=(4, 6), weights=network_weights(rng, 4, 6)),
        Call((TensorData(random_array(rng, 3, 4, 6)),), new=(6, 5, 0.5), weights=network_weights(rng, 6, 5)),
        Call(
            (TensorData(random_array(rng, 2, 5, 3)),),
            new=(3, 8),
            weights=network_weights(rng, 3, 8),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        Call(
            (same_rows([0.5, -1.0, 2.0]),),
            new=(3, 5, 0.3),
            weights=dropping_network(3, 5),
            training=True,
            part="dropout",
            note="training mode: column 0 of the output is 0.7 + 0.8 * a hidden unit",
        ),
        Call(
            (same_rows([0.5, -1.0]),),
            new=(2, 3),
            weights=dropping_network(2, 3),
            training=True,
            part="dropout",
            note="training mode, with the dropout that stands in the signature",
        ),
    ]


FEED_FORWARD = Exercise(
    name="FeedForward",
    lesson=LESSON,
    title="the network as a module",
    points=3,
    minutes=9,
    hints=(
        "`nn.Linear(in, out)` holds a weight and a bias. You need two of them, called `inner` and `outer`, and an "
        "`nn.Dropout`. `torch.relu` is ReLU.",
        "`inner` leads from `d_model` to `d_ff`, `outer` back. In `forward` the row goes through inner, ReLU, dropout, "
        "outer, in this order; dropout stands on the hidden units, not on the result.",
    ),
    reference=FeedForward,
    forbidden=TRANSFORMER,
    make_calls=_network_module_calls,
    parts={MAIN: 0.6, CHANGED: 0.1, "dropout": 0.3},
    projection=dropout_view,
    misconceptions=(
        Misconception(
            "one linear layer",
            code.NetworkOneLayer,
            "There is one linear layer. The paper has two, `inner` and `outer`, with ReLU between them.",
        ),
        Misconception(
            "no ReLU",
            code.NetworkNoReLU,
            "There is no ReLU between `inner` and `outer`, so the two are one linear map.",
        ),
        Misconception(
            "ReLU after the second layer",
            code.NetworkReLULast,
            "ReLU comes after `outer`, so no output is negative. It stands between the layers.",
        ),
        Misconception(
            "ReLU after both layers",
            code.NetworkReLUTwice,
            "There is a second ReLU, after `outer`, so no output is negative. `outer` has none.",
        ),
        Misconception(
            "d_ff unused",
            code.NetworkWidthUnused,
            "Both layers lead from `d_model` to `d_model`. The hidden layer between them has the width `d_ff`.",
        ),
        Misconception(
            "always four times d_model",
            code.NetworkFourTimes,
            "The hidden layer has the width `4 * d_model`. That is so in the paper's model; here the argument `d_ff` "
            "decides.",
        ),
        Misconception(
            "no bias",
            code.NetworkNoBias,
            "The linear layers have no bias. Those of the feed-forward network have one; `nn.Linear` makes it unless "
            "told otherwise.",
        ),
        Misconception(
            "sizes exchanged",
            code.NetworkSizesExchanged,
            "`inner` reads `d_ff` numbers and `outer` gives `d_ff`. It is the other way round: `nn.Linear(in, out)`.",
        ),
        Misconception(
            "input added",
            code.NetworkResidual,
            "`x` was added to the result. The add & norm around the network does that.",
        ),
        Misconception(
            "GELU for ReLU",
            code.NetworkGELU,
            "The hidden units go through a GELU, as in later models. The paper has ReLU.",
        ),
        Misconception(
            "layers not registered",
            code.NetworkUnregistered,
            "The module has no parameters: layers in a Python list are not found by the optimizer. Make them in "
            "`__init__` as `self.inner` and `self.outer`.",
        ),
        Misconception(
            "no dropout",
            code.NetworkNoDropout,
            "In training mode nothing is dropped. Dropout stands after the ReLU.",
        ),
        Misconception(
            "dropout on the result",
            code.NetworkDropoutLast,
            "Dropout stands after `outer`. It belongs on the hidden units, after the ReLU; the result gets its own in "
            "add & norm.",
        ),
        Misconception(
            "dropout on the input",
            code.NetworkDropoutFirst,
            "Dropout stands before `inner`. It belongs on the hidden units, after the ReLU.",
        ),
        Misconception(
            "dropout twice",
            code.NetworkDropoutTwice,
            "Dropout acts on the hidden units and again on the result. The second one is a part of add & norm.",
        ),
        Misconception(
            "argument dropout not used",
            code.NetworkAlwaysTenPercent,
            "The share of dropped units is always 0.1. Give the argument `dropout` to `nn.Dropout`.",
        ),
        Misconception(
            "dropout in evaluation, too",
            code.NetworkDropoutAlways,
            "Units are dropped in evaluation mode, too. `nn.Dropout` knows the mode; `F.dropout` has to be told: "
            "`training=self.training`.",
        ),
        Misconception(
            "cut off from the gradient",
            code.NetworkDetached,
            "The numbers are right, but no gradient reaches `inner`. Leave out `.detach()`, `.data`, "
            "`torch.no_grad()` and the way through NumPy.",
        ),
    ),
    variants=(
        code.NetworkFunctional,
        code.NetworkDropoutBeforeReLU,
        code.NetworkClamped,
        code.NetworkByHand,
        code.NetworkTokenByToken,
    ),
)

EXERCISES = (FEED_FORWARD,)
