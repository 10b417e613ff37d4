"""convolution_cost: table 1, third row."""

import itertools
import math

from autograde.exercise import Exercise
from autograde.harness.call import MAIN, FunctionCall
from helpers.single_head import convolution_cost


def calls(rng):
    def between(k, power):  # a length that is no power of k
        return int(rng.integers(k ** (power - 1) + 2, k**power))

    power, base = int(rng.integers(2, 5)), int(rng.integers(4, 8))
    return [
        FunctionCall((10, 4, 3), note="by hand: one layer reaches 3 tokens, two layers 9, three layers 27"),
        FunctionCall((4, 3, 7), note="a kernel wider than the sentence"),
        FunctionCall((17, 6, 7)),
        FunctionCall((between(3, 4), 9, 3)),
        FunctionCall((between(5, 3), 8, 5)),
        FunctionCall((between(2, 7), 6, 2)),
        FunctionCall((125, 4, 5), part="exact powers", note="5 * 5 * 5 is 125"),
        FunctionCall((243, 7, 3), part="exact powers", note="3 * 3 * 3 * 3 * 3 is 243"),
        FunctionCall((base**power, 3, base), part="exact powers"),
        FunctionCall((3**32 + 1, 2, 3), part="exact powers", note="one more than a large power of 3"),
        FunctionCall((1, 5, 3), part="one token", note="a single token sees itself without any layer"),
    ]


EXERCISE = Exercise(
    name="convolution_cost",
    title="table 1, third row",
    points=2,
    minutes=6,
    extra=True,
    hints=(
        "One layer reaches k tokens, two layers k times k. Count layers until the reach is at least n. Whole "
        "numbers are exact; a logarithm is rounded.",
        "Start with m = 0 and add 1 while `k ** m` is smaller than `n`.",
    ),
    reference=convolution_cost,
    make_calls=calls,
    parts={MAIN: 0.6, "exact powers": 0.25, "one token": 0.15},
    multiple_outputs=True,
)


def _layers(function):
    """A wrong convolution_cost that differs only in the number of layers."""
    return lambda n, d, k: (k * n * d * d, 1, function(n, k))


EXERCISE.wrong(
    "rounded logarithm",
    "`log(125) / log(5)` is 3.0000000000000004 on a computer, and `ceil` makes 4 of it. Count with whole numbers.",
)(_layers(lambda n, k: math.ceil(math.log(n) / math.log(k))))

EXERCISE.wrong(
    "one layer too few",
    "With so few layers not every token is reached. Return the smallest m with `k ** m >= n`.",
)(_layers(lambda n, k: int(math.log(n, k))))

EXERCISE.wrong(
    "logarithm rounded to the nearest",
    "Rounding to the nearest sometimes leaves tokens out of reach. Return the smallest m with `k ** m >= n`.",
)(_layers(lambda n, k: round(math.log(n, k))))


@EXERCISE.wrong(
    "rounded down at each step",
    "Rounding down at each step drops the remainder, and with it some tokens. Multiply upwards instead: 1, k, k * "
    "k, ... until n is reached.",
)
def rounded_down_at_each_step(n, d, k):
    layers, left = 0, n
    while left > 1:
        left //= k
        layers += 1
    return k * n * d * d, 1, layers


EXERCISE.wrong(
    "one layer too many", "At an exact power of k one layer too many is counted. The condition is `k ** m >= n`."
)(_layers(lambda n, k: next(m for m in range(99) if k**m > n)))

EXERCISE.wrong(
    "n divided by k",
    "This is the path through kernels that are side by side without gaps. Table 1's logarithm is for "
    "dilated convolutions, whose reach is multiplied by k in each layer.",
)(_layers(lambda n, k: -(-n // k)))

EXERCISE.wrong("base 2", "The reach doubles with every layer here. It is multiplied by k, the width of the kernel.")(
    _layers(lambda n, k: (n - 1).bit_length())
)

EXERCISE.wrong(
    "not a whole number",
    "There is no such thing as a part of a layer. Return the smallest whole m with `k ** m >= n`.",
)(_layers(lambda n, k: math.log(n, k)))

EXERCISE.wrong(
    "kernel width left out",
    "The operations are those of a kernel of one token. Each position multiplies k tokens by a d by d matrix each.",
)(lambda n, d, k: (n * d * d, *convolution_cost(n, d, k)[1:]))

EXERCISE.wrong(
    "one step per token", "No position waits for another inside a layer. How many sequential steps is that?"
)(lambda n, d, k: (k * n * d * d, n, convolution_cost(n, d, k)[2]))

EXERCISE.wrong("path of one", "A kernel sees k tokens at a time, so distant tokens need several layers. Count them.")(
    _layers(lambda n, k: 1)
)


EXERCISE.wrong("at least one layer", "One token needs no layer: with `n = 1` the path is 0. Start with m = 0.")(
    _layers(lambda n, k: max(1, convolution_cost(n, 1, k)[2]))
)


@EXERCISE.wrong(
    "logarithm with a tolerance",
    "Right above a power of k one layer is missing: a logarithm that is rounded, or made a little smaller, cannot tell n "
    "from the power. Count with whole numbers.",
)
def with_tolerance(n, d, k):
    return k * n * d * d, 1, math.ceil(math.log(n) / math.log(k) - 1e-9)


@EXERCISE.variant
def ceiling(n, d, k):
    layers, left = 0, n
    while left > 1:
        left = -(-left // k)
        layers += 1
    return n * k * d**2, 1, layers


@EXERCISE.variant
def search(n, d, k):
    return k * n * d * d, 1, next(m for m in itertools.count() if k**m >= n)


@EXERCISE.variant
def reach(n, d, k):
    reach, layers = 1, 0
    while reach < n:
        reach, layers = reach * k, layers + 1
    return d * d * n * k, 1, layers


@EXERCISE.variant
def corrected_logarithm(n, d, k):
    guess = round(math.log(n, k))
    return k * n * d * d, 1, guess if k**guess >= n else guess + 1
