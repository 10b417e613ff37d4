"""self_attention_cost: table 1, first row."""

import math

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises.single_head.common import cost_calls
from helpers.single_head import self_attention_cost


def calls(rng):
    return cost_calls(rng)


EXERCISE = Exercise(
    name="self_attention_cost",
    title="table 1, first row",
    points=1,
    minutes=3,
    hints=(
        "How many dot products of query and key are there, and how many multiplications does each take? Does any of "
        "them have to wait for another? How many layers are between two tokens?",
        "There are n times n pairs, d multiplications each. The other two numbers don't depend on n.",
    ),
    reference=self_attention_cost,
    make_calls=calls,
    multiple_outputs=True,
)


EXERCISE.wrong(
    "n and d exchanged",
    "The operations are those of a recurrent layer. Every token meets every token: n appears twice, d once.",
)(lambda n, d: (n * d * d, 1, 1))

EXERCISE.wrong("only one query", "This is the work for one query. There are n queries.")(lambda n, d: (n * d, 1, 1))

EXERCISE.wrong("width left out", "This counts the scores. Each score is a dot product with d multiplications.")(
    lambda n, d: (n * n, 1, 1)
)

EXERCISE.wrong(
    "one step per token",
    "No score waits for another, so all of them can be computed at the same time. How many steps is that?",
)(lambda n, d: (n * n * d, n, 1))

EXERCISE.wrong(
    "path as long as the sentence",
    "Every token attends to every other one directly. How many layers does a signal pass on that way?",
)(lambda n, d: (n * n * d, 1, n))

EXERCISE.wrong(
    "a factor 2",
    "The factor 2 (of a second product, or of additions) does not count. Table 1 gives the order of growth, "
    "without it.",
)(lambda n, d: (2 * n * n * d, 1, 1))

EXERCISE.wrong(
    "projections counted",
    "The three projections are counted too. Table 1 leaves them out: it gives the attention itself.",
)(lambda n, d: (n * n * d + 3 * n * d * d, 1, 1))

EXERCISE.wrong(
    "the larger of attention and projections",
    "Where d is larger than n, these are the operations of the projections. Table 1 leaves them out: every token meets "
    "every token, so n appears twice and d once, whichever is larger.",
)(lambda n, d: (n * d * max(n, d), 1, 1))

EXERCISE.wrong(
    "only the operations",
    "Only the operations come back. Return three numbers: operations, sequential steps, longest path.",
)(lambda n, d: n * n * d)

EXERCISE.wrong(
    "additions counted, too",
    "Each score is counted with d multiplications and d - 1 additions. Table 1 gives the order of growth: n times n pairs, d each.",
)(lambda n, d: (n * n * (2 * d - 1), 1, 1))

EXERCISE.wrong(
    "no step and no path",
    "One step is needed even where nothing waits, and a signal passes through one layer: both numbers are 1.",
)(lambda n, d: (n * n * d, 0, 0))


EXERCISE.variant(lambda n, d: (n**2 * d, 1, 1))

EXERCISE.variant(lambda n, d: [int(np.prod([n, n, d])), 1, 1])

EXERCISE.variant(lambda n, d: (math.prod((d, n, n)), n**0, d**0))


@EXERCISE.variant
def counted(n, d):
    return sum(d for _query in range(n) for _key in range(n)), 1, 1
