"""Lesson 3: what a layer costs."""

from __future__ import annotations

import math

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.mistakes.single_head import costs as code
from autograde.harness.call import MAIN, Call
from helpers.single_head import convolution_cost, recurrent_cost, self_attention_cost

LESSON = "03_single_head"

# the answers are whole numbers and are compared exactly


def _cost_calls(rng):
    lengths, widths = rng.choice(np.arange(11, 40), 3, replace=False), rng.choice(np.arange(41, 70), 3, replace=False)
    return [
        Call((5, 3), note="by hand: 5 tokens of width 3"),
        Call((1, 4), note="one token"),
        *(Call((int(n), int(d))) for n, d in zip(lengths, widths, strict=True)),
        Call((int(widths[0]), int(lengths[0])), note="a sentence longer than the width"),
    ]


SELF_COST = Exercise(
    name="self_attention_cost",
    lesson=LESSON,
    title="table 1, first row",
    points=1,
    minutes=3,
    hints=(
        "How many dot products of query and key are there, and how many multiplications does each take? Does any of "
        "them have to wait for another? How many layers lie between two tokens?",
        "There are n times n pairs, d multiplications each. The other two numbers don't depend on n.",
    ),
    reference=self_attention_cost,
    make_calls=_cost_calls,
    multiple_outputs=True,
    misconceptions=(
        Misconception(
            "n and d exchanged",
            lambda n, d: (n * d * d, 1, 1),
            "The operations are those of a recurrent layer. Every token meets every token: n appears twice, d once.",
        ),
        Misconception(
            "one query alone",
            lambda n, d: (n * d, 1, 1),
            "This is the work for one query. There are n queries.",
        ),
        Misconception(
            "width left out",
            lambda n, d: (n * n, 1, 1),
            "This counts the scores. Each score is a dot product with d multiplications.",
        ),
        Misconception(
            "one step per token",
            lambda n, d: (n * n * d, n, 1),
            "No score waits for another, so all of them can be computed at the same time. How many steps is that?",
        ),
        Misconception(
            "path as long as the sentence",
            lambda n, d: (n * n * d, 1, n),
            "Every token attends to every other one directly. How many layers does a signal pass on that way?",
        ),
        Misconception(
            "both products counted",
            lambda n, d: (2 * n * n * d, 1, 1),
            "Query times key and weights times value are both counted. Table 1 gives the order of growth, without "
            "the factor 2.",
        ),
        Misconception(
            "projections counted",
            lambda n, d: (n * n * d + 3 * n * d * d, 1, 1),
            "The three projections are counted too. Table 1 leaves them out: it gives the attention itself.",
        ),
        Misconception(
            "the operations alone",
            lambda n, d: n * n * d,
            "Only the operations come back. Return three numbers: operations, sequential steps, longest path.",
        ),
    ),
    variants=(
        lambda n, d: (n**2 * d, 1, 1),
        lambda n, d: [int(np.prod([n, n, d])), 1, 1],
        lambda n, d: (math.prod((d, n, n)), n**0, d**0),
        code.self_attention_counted,
    ),
)

RECURRENT_COST = Exercise(
    name="recurrent_cost",
    lesson=LESSON,
    title="table 1, second row",
    points=1,
    minutes=3,
    hints=(
        "One step multiplies a state of width d with a square matrix. How many steps are there, and can a step "
        "start before the one before it has ended?",
        "A vector of width d times a d by d matrix takes d times d multiplications, once per token. Steps and path "
        "grow with the number of tokens.",
    ),
    reference=recurrent_cost,
    make_calls=_cost_calls,
    multiple_outputs=True,
    misconceptions=(
        Misconception(
            "n and d exchanged",
            lambda n, d: (n * n * d, n, n),
            "The operations are those of self-attention. A step multiplies d numbers with a d by d matrix, and "
            "there are n steps.",
        ),
        Misconception(
            "all steps at once",
            lambda n, d: (n * d * d, 1, n),
            "Each step needs the state of the step before, so they run one after the other. How many are there?",
        ),
        Misconception(
            "path of one",
            lambda n, d: (n * d * d, n, 1),
            "What the first token says reaches the last one through every step between them. That is the longest path.",
        ),
        Misconception(
            "steps counted from the width",
            lambda n, d: (n * d * d, d, d),
            "The steps go along the sentence, so their number is that of the tokens, not the width.",
        ),
        Misconception(
            "one step alone",
            lambda n, d: (d * d, n, n),
            "This is the work of one step. There is one step per token.",
        ),
        Misconception(
            "one factor d left out",
            lambda n, d: (n * d, n, n),
            "A vector of width d times a d by d matrix takes d times d multiplications, not d.",
        ),
        Misconception(
            "n - 1 in place of n",
            lambda n, d: (n * d * d, n, n - 1),
            "From the first token to the last there are n - 1 steps, counted exactly. Table 1 gives the order of "
            "growth: n.",
        ),
        Misconception(
            "gates counted",
            lambda n, d: (6 * n * d * d, n, n),
            "The six matrices of a GRU are counted. Table 1 gives the order of growth, without the factor 6.",
        ),
        Misconception(
            "the operations alone",
            lambda n, d: n * d * d,
            "Only the operations come back. Return three numbers: operations, sequential steps, longest path.",
        ),
    ),
    variants=(
        lambda n, d: (n * d**2, n, n),
        lambda n, d: [int(np.prod([n, d, d])), n, n],
        lambda n, d: (math.prod((d, d, n)), len(range(n)), len(range(n))),
        code.recurrent_counted,
    ),
)


def _convolution_calls(rng):
    def between(k, power):  # a length that is no power of k
        return int(rng.integers(k ** (power - 1) + 2, k**power))

    power, base = int(rng.integers(2, 5)), int(rng.integers(4, 8))
    return [
        Call((10, 4, 3), note="by hand: one layer reaches 3 tokens, two layers 9, three layers 27"),
        Call((4, 3, 7), note="a kernel wider than the sentence"),
        Call((17, 6, 7)),
        Call((between(3, 4), 9, 3)),
        Call((between(5, 3), 8, 5)),
        Call((between(2, 7), 6, 2)),
        Call((125, 4, 5), part="exact powers", note="5 * 5 * 5 is 125"),
        Call((243, 7, 3), part="exact powers", note="3 * 3 * 3 * 3 * 3 is 243"),
        Call((base**power, 3, base), part="exact powers"),
        Call((1, 5, 3), part="one token", note="a single token sees itself without any layer"),
    ]


def _layers(function):
    """A wrong convolution_cost that differs in the number of layers alone."""
    return lambda n, d, k: (k * n * d * d, 1, function(n, k))


CONVOLUTION_COST = Exercise(
    name="convolution_cost",
    lesson=LESSON,
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
    make_calls=_convolution_calls,
    parts={MAIN: 0.6, "exact powers": 0.25, "one token": 0.15},
    multiple_outputs=True,
    misconceptions=(
        Misconception(
            "rounded logarithm",
            _layers(lambda n, k: math.ceil(math.log(n) / math.log(k))),
            "`log(125) / log(5)` is 3.0000000000000004 on a computer, and `ceil` makes 4 of it. Count with whole "
            "numbers.",
        ),
        Misconception(
            "logarithm rounded down",
            _layers(lambda n, k: int(math.log(n, k))),
            "With so few layers not every token is reached. The smallest m with `k ** m >= n` is asked for.",
        ),
        Misconception(
            "logarithm rounded to the nearest",
            _layers(lambda n, k: round(math.log(n, k))),
            "Rounding to the nearest sometimes leaves tokens out of reach. The smallest m with `k ** m >= n` is "
            "asked for.",
        ),
        Misconception(
            "rounded down at each step",
            lambda n, d, k: code.convolution_rounded_at_each_step(n, d, k),
            "`n // k` drops the remainder, and with it some tokens. Multiply upwards instead: 1, k, k * k, ... "
            "until n is reached.",
        ),
        Misconception(
            "one layer too many",
            _layers(lambda n, k: next(m for m in range(99) if k**m > n)),
            "At an exact power of k one layer too many is counted. The condition is `k ** m >= n`.",
        ),
        Misconception(
            "n divided by k",
            _layers(lambda n, k: -(-n // k)),
            "This is the path through kernels that lie side by side without gaps. Table 1's logarithm is for "
            "dilated convolutions, whose reach is multiplied by k in each layer.",
        ),
        Misconception(
            "base 2",
            _layers(lambda n, k: (n - 1).bit_length()),
            "The reach doubles with every layer here. It is multiplied by k, the width of the kernel.",
        ),
        Misconception(
            "not a whole number",
            _layers(lambda n, k: math.log(n, k)),
            "There is no such thing as a part of a layer. The smallest whole m with `k ** m >= n` is asked for.",
        ),
        Misconception(
            "kernel width left out",
            lambda n, d, k: (n * d * d, *convolution_cost(n, d, k)[1:]),
            "The operations are those of a kernel of one token. Each position multiplies k tokens with a d by d "
            "matrix each.",
        ),
        Misconception(
            "one step per token",
            lambda n, d, k: (k * n * d * d, n, convolution_cost(n, d, k)[2]),
            "No position waits for another inside a layer. How many sequential steps is that?",
        ),
        Misconception(
            "path of one",
            _layers(lambda n, k: 1),
            "A kernel sees k tokens at a time, so distant tokens need several layers. Count them.",
        ),
    ),
    variants=(
        code.convolution_ceiling,
        code.convolution_search,
        code.convolution_reach,
        code.convolution_corrected_logarithm,
    ),
)

EXERCISES = (SELF_COST, RECURRENT_COST, CONVOLUTION_COST)
