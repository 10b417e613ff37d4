"""attention_parameters: count what is learned."""

import math

import numpy as np
from torch import nn

from autograde.exercise import Exercise
from autograde.harness.call import MAIN, FunctionCall
from helpers.multi_head import MultiHeadAttention, attention_parameters


def calls(rng):
    widths = [int(8 * n) for n in rng.choice(np.arange(3, 30), 3, replace=False)]
    return [
        FunctionCall((6,), note="by hand: four matrices of 6 by 6"),
        FunctionCall((512,), note="the paper's base model"),
        *(FunctionCall((width,)) for width in widths[:2]),
        FunctionCall((6, True), part="bias", note="by hand: four matrices of 6 by 6 and four biases"),
        FunctionCall((widths[2],), {"bias": True}, part="bias"),
        FunctionCall((7,), note="an odd width"),
        FunctionCall((1, True), part="bias", note="a width of 1"),
    ]


EXERCISE = Exercise(
    name="attention_parameters",
    title="count what is learned",
    points=1,
    minutes=4,
    hints=(
        "How many linear layers does the module have, and how large is the matrix of each? Does anything in it "
        "depend on `num_heads`?",
        "Four layers, each with `embed_dim` times `embed_dim` weights. A bias is one number per *output* of a layer.",
    ),
    reference=attention_parameters,
    make_calls=calls,
    parts={MAIN: 0.7, "bias": 0.3},
)


EXERCISE.wrong("output layer left out", "Query, key and value are counted. The layer `out` learns, too.")(
    lambda embed_dim, bias=False: 3 * (embed_dim**2 + (embed_dim if bias else 0))
)

EXERCISE.wrong("only one layer", "This is the count of one layer. There are four: `query`, `key`, `value` and `out`.")(
    lambda embed_dim, bias=False: embed_dim**2 + (embed_dim if bias else 0)
)

EXERCISE.wrong(
    "times the number of heads",
    "Every head is counted as if it were embed_dim wide. The heads share the width: eight heads of an eighth "
    "make one matrix.",
)(lambda embed_dim, bias=False: 8 * 4 * (embed_dim**2 + (embed_dim if bias else 0)))

EXERCISE.wrong(
    "matrices of one head", "These are the matrices of one of eight heads. All heads together fill embed_dim columns."
)(lambda embed_dim, bias=False: 4 * (embed_dim * (embed_dim // 8) + (embed_dim // 8 if bias else 0)))

EXERCISE.wrong("bias not counted", "With `bias=True` each layer learns another embed_dim numbers.")(
    lambda embed_dim, bias=False: 4 * embed_dim**2
)

EXERCISE.wrong(
    "bias always counted", "The biases are counted where there are none: `bias` is False unless it is given."
)(lambda embed_dim, bias=False: 4 * (embed_dim**2 + embed_dim))

EXERCISE.wrong("one bias for all layers", "One bias of embed_dim numbers is counted. Each of the four layers has one.")(
    lambda embed_dim, bias=False: 4 * embed_dim**2 + (embed_dim if bias else 0)
)

EXERCISE.wrong(
    "a bias of one number", "A bias is counted as one number per layer. It is one number per output: embed_dim of them."
)(lambda embed_dim, bias=False: 4 * (embed_dim**2 + (1 if bias else 0)))

EXERCISE.wrong(
    "no bias in the output layer", "Three biases are counted. With `bias=True` the layer `out` has one, too."
)(lambda embed_dim, bias=False: 4 * embed_dim**2 + (3 * embed_dim if bias else 0))

EXERCISE.wrong(
    "width in place of its square",
    "A layer is counted as embed_dim numbers. Its matrix has embed_dim rows and embed_dim columns.",
)(lambda embed_dim, bias=False: 4 * (embed_dim + (embed_dim if bias else 0)))


@EXERCISE.wrong(
    "two heads taken for granted",
    "An odd width ends in an error, because two heads do not divide it. The count is the same for any number of heads: "
    "take one, which fits every width, or count without building the module.",
    only=r"\b2\b|HEADS",
)
def with_two_heads(embed_dim, bias=False):
    module = MultiHeadAttention(embed_dim, 2, bias)
    return sum(parameter.numel() for parameter in module.parameters())


@EXERCISE.variant
def counted(embed_dim, bias=False):
    module = MultiHeadAttention(embed_dim, 1, bias)
    return sum(parameter.numel() for parameter in module.parameters())


@EXERCISE.variant
def with_torch(embed_dim, bias=False):
    module = nn.MultiheadAttention(embed_dim, 1, bias=bias, device="meta")
    return sum(math.prod(parameter.shape) for parameter in module.parameters())


@EXERCISE.variant
def factored(embed_dim, bias=False):
    return 4 * embed_dim * (embed_dim + bool(bias))


@EXERCISE.variant
def added(embed_dim, bias=False):
    total = 0
    for _layer in ("query", "key", "value", "out"):
        total += embed_dim**2
        if bias:
            total += embed_dim
    return total
