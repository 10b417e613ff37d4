"""recurrent_cost: table 1, second row."""

import math

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises.single_head.common import cost_calls
from helpers.single_head import recurrent_cost


def calls(rng):
    return cost_calls(rng)


EXERCISE = Exercise(
    name="recurrent_cost",
    title="table 1, second row",
    points=1,
    minutes=3,
    hints=(
        "One step multiplies a state of width d by a square matrix. How many steps are there, and can a step start "
        "before the one before it has ended?",
        "A vector of width d times a d by d matrix takes d times d multiplications, once per token. Steps and path "
        "grow with the number of tokens.",
    ),
    reference=recurrent_cost,
    make_calls=calls,
    multiple_outputs=True,
)


EXERCISE.wrong(
    "n and d exchanged",
    "The operations are those of self-attention. A step multiplies d numbers by a d by d matrix, and there are n "
    "steps.",
)(lambda n, d: (n * n * d, n, n))

EXERCISE.wrong(
    "all steps at once",
    "Each step needs the state of the step before, so they run one after the other. How many are there?",
)(lambda n, d: (n * d * d, 1, n))

EXERCISE.wrong(
    "path of one",
    "What the first token says reaches the last one through every step between them. That is the longest path.",
)(lambda n, d: (n * d * d, n, 1))

EXERCISE.wrong(
    "steps counted from the width",
    "The steps go along the sentence, so their number is that of the tokens, not the width.",
)(lambda n, d: (n * d * d, d, d))

EXERCISE.wrong("only one step", "This is the work of one step. There is one step per token.")(
    lambda n, d: (d * d, n, n)
)

EXERCISE.wrong(
    "one factor d left out", "A vector of width d times a d by d matrix takes d times d multiplications, not d."
)(lambda n, d: (n * d, n, n))

EXERCISE.wrong(
    "n - 1 in place of n",
    "From the first token to the last there are n - 1 steps, counted exactly. Table 1 gives the order of growth: n.",
)(lambda n, d: (n * d * d, n, n - 1))

EXERCISE.wrong(
    "gates counted", "The six matrices of a GRU are counted. Table 1 gives the order of growth, without the factor 6."
)(lambda n, d: (6 * n * d * d, n, n))

EXERCISE.wrong(
    "only the operations",
    "Only the operations come back. Return three numbers: operations, sequential steps, longest path.",
)(lambda n, d: n * d * d)

EXERCISE.wrong(
    "a factor 2",
    "The factor 2 (of a second matrix, or of additions) does not count. Table 1 gives the order of growth, without it.",
)(lambda n, d: (2 * n * d * d, n, n))


EXERCISE.variant(lambda n, d: (n * d**2, n, n))

EXERCISE.variant(lambda n, d: [int(np.prod([n, d, d])), n, n])

EXERCISE.variant(lambda n, d: (math.prod((d, d, n)), len(range(n)), len(range(n))))


EXERCISE.wrong(
    "n - 1 steps",
    "From the first token to the last there are n - 1 steps, counted exactly. Table 1 gives the order of growth: n.",
)(lambda n, d: (n * d * d, n - 1, n - 1))


@EXERCISE.variant
def counted(n, d):
    steps = operations = 0
    for _token in range(n):
        steps += 1
        operations += d * d
    return operations, steps, steps
