"""training_flops: what a training run costs."""

import math

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import FunctionCall
from helpers.training import training_flops


def projection(call, value):
    """A whole number and the same number with a decimal point are the same answer."""
    return float(value) if type(value) is int else value


def calls(rng):
    def some(low, high):
        return int(rng.integers(low, high))

    return [
        FunctionCall((10, 7), note="by hand: 6 · 10 · 7"),
        FunctionCall((some(1, 900) * 1000, some(1, 90) * 1000)),
        FunctionCall((some(60, 70) * 10**9, some(200, 900) * 10**9), note="a large model and a large corpus"),
    ]


EXERCISE = Exercise(
    name="training_flops",
    title="what a training run costs",
    points=1,
    minutes=2,
    hints=(
        "A multiplication and an addition for each parameter and token: that is the forward pass. The backward pass "
        "needs two such products per layer, one for the inputs' gradient, one for the parameters'.",
        "2 operations forward, 4 backward: `6 * parameters * tokens`.",
    ),
    reference=training_flops,
    make_calls=calls,
    projection=projection,
    forbidden=libraries.TRAINER,
)


@EXERCISE.wrong(
    "only the forward pass", "2 · N · D is the forward pass. The backward pass needs twice as much again: 6 in all."
)
def forward(parameters, tokens):
    return 2 * parameters * tokens


@EXERCISE.wrong("only the backward pass", "4 · N · D is the backward pass. Add the forward pass: 6 in all.")
def backward(parameters, tokens):
    return 4 * parameters * tokens


@EXERCISE.wrong(
    "a multiplication and an addition counted as one",
    "3 · N · D counts a multiplication with its addition as one operation. The rule counts both: 6.",
)
def multiply_add(parameters, tokens):
    return 3 * parameters * tokens


@EXERCISE.wrong(
    "forward pass run twice",
    "8 · N · D is for training that runs the forward pass again to save memory. Here it runs once: 6.",
)
def recomputed(parameters, tokens):
    return 8 * parameters * tokens


@EXERCISE.wrong("tokens not counted", "This is the cost of one token. Multiply by their number.")
def per_token(parameters, tokens):
    return 6 * parameters


@EXERCISE.wrong("added in place of multiplied", "Every parameter meets every token: the two numbers are multiplied.")
def summed(parameters, tokens):
    return 6 * (parameters + tokens)


@EXERCISE.wrong(
    "tokens added to the cost of one",
    "6 · N is the cost of one token. The number of tokens is multiplied by it, not added.",
)
def tokens_added(parameters, tokens):
    return 6 * parameters + tokens


@EXERCISE.wrong(
    "backward pass of one token",
    "The backward pass is counted for one token. Every token goes backward, too: multiply both passes by their number.",
)
def backward_once(parameters, tokens):
    return 2 * parameters * tokens + 4 * parameters


@EXERCISE.wrong(
    "tokens squared",
    "The number of tokens comes in twice. Each token meets every parameter once in each pass: 6 · N · D.",
)
def tokens_squared(parameters, tokens):
    return 6 * parameters * tokens**2


@EXERCISE.wrong(
    "beyond 64 bits",
    "NumPy's whole numbers have 64 bits, and a large run needs more: the result has lost its highest digits. Python's own "
    "numbers have no such limit.",
    only=r"int64|\bnp\.",
)
def overflowing(parameters, tokens):
    with np.errstate(over="ignore"):
        return int(np.int64(6) * np.int64(parameters) * np.int64(tokens))


@EXERCISE.wrong("in units of 10^12", "The result is divided by 10^12. Return the number of operations itself.")
def tera(parameters, tokens):
    return 6 * parameters * tokens / 1e12


@EXERCISE.variant
def two_passes(parameters, tokens):
    forward = 2 * parameters * tokens
    backward = 2 * forward
    return forward + backward


@EXERCISE.variant
def per_pass(parameters, tokens):
    return sum(2 * parameters * tokens for _ in ("forward", "inputs", "weights"))


@EXERCISE.variant
def by_product(parameters, tokens):
    return math.prod((6.0, parameters, tokens))
