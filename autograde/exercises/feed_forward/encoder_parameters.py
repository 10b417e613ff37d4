"""encoder_parameters: count what is learned."""

import math

import torch

from autograde.exercise import Exercise
from autograde.harness.call import FunctionCall
from helpers.feed_forward import Encoder, encoder_parameters


def calls(rng):
    # the answers are whole numbers and are compared exactly
    return [
        FunctionCall((1, 2, 3), note="by hand: attention has 16, the network 17, the norms 8"),
        FunctionCall((2, 6, 8), note="two layers of the running example's size"),
        FunctionCall((2, 7, 5), note="an odd width"),
        FunctionCall((6, 512, 2048), note="the paper's encoder"),
        *(
            FunctionCall((int(n), int(rng.integers(10, 99)), int(rng.integers(100, 999))))
            for n in rng.integers(3, 12, 3)
        ),
        FunctionCall((1, 1, 1), note="one layer, with d_model = 1 and d_ff = 1"),
    ]


EXERCISE = Exercise(
    name="encoder_parameters",
    title="count what is learned",
    points=2,
    minutes=8,
    hints=(
        "Count one layer, part by part, then multiply. Attention has four square matrices without a bias. The network "
        "has two matrices and two biases, which are not equally long. Each of the two norms has gamma and beta.",
        "The network: `d_model * d_ff` appears twice, its biases have `d_ff` and `d_model` numbers. The norms together "
        "have 4 rows of `d_model` numbers.",
    ),
    reference=encoder_parameters,
    make_calls=calls,
)


EXERCISE.wrong("only one layer", "This is the count of one layer. Every layer has weights of its own.")(
    lambda num_layers, d_model, d_ff: encoder_parameters(1, d_model, d_ff)
)


def _wrong_count(attention=lambda m, f: 4 * m * m, network=lambda m, f: 2 * m * f + m + f, norms=lambda m, f: 4 * m):
    return lambda num_layers, d_model, d_ff: (
        num_layers * sum(part(d_model, d_ff) for part in (attention, network, norms))
    )


EXERCISE.wrong(
    "only the matrices",
    "The matrices are all there. The network also has two biases, and each norm a gamma and a beta.",
)(_wrong_count(network=lambda m, f: 2 * m * f, norms=lambda m, f: 0))

EXERCISE.wrong(
    "biases of the network left out",
    "The two linear layers of the network have a bias each: `d_ff` and `d_model` numbers.",
)(_wrong_count(network=lambda m, f: 2 * m * f))

EXERCISE.wrong(
    "biases of equal length",
    "Both biases were counted with `d_model` numbers. A bias is as long as its layer's *output* is wide.",
)(_wrong_count(network=lambda m, f: 2 * m * f + 2 * m))

EXERCISE.wrong(
    "both biases as long as d_ff",
    "Both biases were counted with `d_ff` numbers. A bias is as long as its layer's *output* is wide: `d_ff`, then `d_model`.",
)(_wrong_count(network=lambda m, f: 2 * m * f + 2 * f))

EXERCISE.wrong("norms left out", "The norms learn, too: gamma and beta, in both of them.")(
    _wrong_count(norms=lambda m, f: 0)
)

EXERCISE.wrong(
    "half of the norms",
    "`2 * d_model` values were counted for the norms of a layer. There are two norms, one after each sublayer, "
    "and each has a gamma *and* a beta.",
)(_wrong_count(norms=lambda m, f: 2 * m))

EXERCISE.wrong(
    "biases in attention",
    "Four biases of attention were counted. Our attention has none. (PyTorch's has, unless `bias=False`.)",
)(_wrong_count(attention=lambda m, f: 4 * (m * m + m)))

EXERCISE.wrong(
    "output matrix left out", "Attention has four matrices: query, key, value and the one that mixes the heads."
)(_wrong_count(attention=lambda m, f: 3 * m * m))

EXERCISE.wrong(
    "one linear layer in the network",
    "One linear layer of the network was counted. It has two: to the width `d_ff`, and back.",
)(_wrong_count(network=lambda m, f: m * f + f))

EXERCISE.wrong(
    "d_ff taken for four times d_model",
    "The count does not depend on `d_ff`. `4 * d_model` is the paper's choice; use the argument.",
)(lambda num_layers, d_model, d_ff: encoder_parameters(num_layers, d_model, 4 * d_model))

EXERCISE.wrong(
    "norm at the end of the stack",
    "One more norm, after the last layer, was counted. The paper's encoder ends with its last layer.",
)(lambda num_layers, d_model, d_ff: encoder_parameters(num_layers, d_model, d_ff) + 2 * d_model)

EXERCISE.wrong(
    "norms counted once",
    "The norms were counted once, not for each layer. Every layer has two of its own.",
)(lambda num_layers, d_model, d_ff: encoder_parameters(num_layers, d_model, d_ff) - (num_layers - 1) * 4 * d_model)


EXERCISE.wrong(
    "number of layers multiplies one part only",
    "`num_layers` multiplies the part next to it. All parts of a layer come once in each layer: put their sum "
    "in brackets.",
)(lambda num_layers, d_model, d_ff: encoder_parameters(1, d_model, d_ff) + (num_layers - 1) * 4 * d_model * d_model)


@EXERCISE.variant
def counted(num_layers, d_model, d_ff):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Encoder(num_layers, d_model, 1, d_ff).parameters())


@EXERCISE.variant
def of_shapes(num_layers, d_model, d_ff):
    shapes = [(d_model, d_model)] * 4 + [(d_model, d_ff), (d_ff,), (d_ff, d_model), (d_model,)] + [(d_model,)] * 4
    return num_layers * sum(math.prod(shape) for shape in shapes)


@EXERCISE.variant
def gathered(num_layers, d_model, d_ff):
    return num_layers * (4 * d_model**2 + 2 * d_model * d_ff + d_ff + 5 * d_model)


@EXERCISE.variant
def added_up(num_layers, d_model, d_ff):
    total = 0
    for _ in range(num_layers):
        total += sum(d_model * d_model for _ in ("query", "key", "value", "out"))
        total += (d_model + 1) * d_ff + (d_ff + 1) * d_model
        total += sum(d_model for _ in range(2) for _ in ("gamma", "beta"))
    return total
