"""normalize: mean 0, variance 1."""

import numpy as np
import torch
import torch.nn.functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import (
    DEVIATION_PLUS_EPS,
    EPS,
    IN_PLACE,
    KEEPDIMS,
    LEADING,
    ONE_WORD,
    UNBIASED,
    WITHOUT_EPS,
    random_rows,
)
from autograde.harness.call import MAIN, FunctionCall
from helpers.add_norm import normalize, row_statistics


def calls(rng):
    small = random_rows(rng, 4, 5) * 0.1
    small[2] = 0.5
    return [
        FunctionCall(
            (np.array([1.0, 2.0, 3.0]),),
            tolerance=WITHOUT_EPS,
            note="by hand: the mean is 2, the variance 2/3, its root 0.816",
        ),
        FunctionCall((random_rows(rng, 5, 6),), tolerance=WITHOUT_EPS),
        FunctionCall((random_rows(rng, 3, 7),), tolerance=WITHOUT_EPS),
        FunctionCall(
            (np.array([[0.0, 2, 4, 10], [-3, -3, -3, 1]]), 2.0),
            part=EPS,
            note="by hand: row 0 has the variance 14; with eps = 2 the root is that of 16",
        ),
        FunctionCall((small, 0.05), part=EPS, note="a large eps; row 2 consists of equal numbers"),
        FunctionCall(
            (random_rows(rng, 3, 4) * 0.01,),
            part=EPS,
            note="eps is 1e-5 where nothing else is said; the variance is small",
        ),
        FunctionCall(
            (random_rows(rng, 2, 3, 4),), tolerance=WITHOUT_EPS, part=LEADING, note="a batch of two sentences"
        ),
        FunctionCall((random_rows(rng, 1, 1, 5),), tolerance=WITHOUT_EPS, part=LEADING, note=ONE_WORD),
    ]


EXERCISE = Exercise(
    name="normalize",
    title="mean 0, variance 1",
    points=3,
    minutes=8,
    hints=(
        "You have the mean and the variance of each row from `row_statistics`. Subtract the one; divide by a root of the "
        "other. What is under the root?",
        "Numerator: `x` minus the mean. Denominator: `np.sqrt` of a sum of two terms, the variance and `eps`. Don't "
        "forget the brackets around the numerator.",
    ),
    reference=normalize,
    make_calls=calls,
    parts={MAIN: 0.5, EPS: 0.3, LEADING: 0.2},
    forbidden=libraries.NORMALIZATION,
)


def _parts(x):
    mean, variance = row_statistics(x)
    return x - mean, variance


@EXERCISE.wrong("eps added to the standard deviation", DEVIATION_PLUS_EPS)
def deviation_plus_eps(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (np.sqrt(variance) + eps)


@EXERCISE.wrong("unbiased variance", UNBIASED)
def unbiased(x, eps=1e-5):
    return _parts(x)[0] / np.sqrt(x.var(-1, keepdims=True, ddof=1) + eps)


@EXERCISE.wrong(
    "unbiased deviation plus eps",
    "Two things at once: the deviation divides by the width minus 1, and `eps` is added after the root. Take the "
    "variance from `row_statistics`, add `eps`, then take the root.",
)
def unbiased_deviation_plus_eps(x, eps=1e-5):
    return _parts(x)[0] / (x.std(-1, keepdims=True, ddof=1) + eps)


@EXERCISE.wrong(
    "eps not used",
    "`eps` does not take part, so a row of equal numbers becomes 0 / 0. Add it to the variance, under the root.",
)
def no_eps(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / np.sqrt(variance)


@EXERCISE.wrong("always the same eps", "The code uses 1e-5 whatever `eps` says. Use the argument.")
def fixed_eps(x, eps=1e-5):
    return normalize(x)


@EXERCISE.wrong(
    "eps added at the end",
    "`eps` is added to the finished result: look at the brackets. It belongs to the variance, under the root.",
)
def eps_last(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / np.sqrt(variance) + eps


@EXERCISE.wrong("no root", "The rows are divided by the variance itself. Divide by its root.")
def variance(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (variance + eps)


@EXERCISE.wrong("square for root", "The denominator is squared. The root is `np.sqrt(...)` or `** 0.5`.")
def square(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (variance + eps) ** 2


@EXERCISE.wrong(
    "mean not subtracted", "The rows are divided by the right number, but their mean is not 0. Subtract the mean first."
)
def not_centred(x, eps=1e-5):
    return x / np.sqrt(_parts(x)[1] + eps)


@EXERCISE.wrong(
    "not divided",
    "The mean of each row is 0, the variance is still what it was. Divide by the root of variance plus `eps`.",
)
def only_centred(x, eps=1e-5):
    return _parts(x)[0]


@EXERCISE.wrong(
    "brackets missing", "`a - b / c` divides only `b`. The difference is divided as a whole: put it in brackets."
)
def no_brackets(x, eps=1e-5):
    mean, variance = row_statistics(x)
    return x - mean / np.sqrt(variance + eps)


@EXERCISE.wrong(
    "multiplied for divided", "The rows are multiplied by the root, so large ones become larger. Divide by it."
)
def multiplied(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred * np.sqrt(variance + eps)


@EXERCISE.wrong(
    "normalized over the first axis",
    "The columns have mean 0 here, the rows do not. The statistics run along the last axis, one pair for each token.",
)
def columns(x, eps=1e-5):
    return (x - x.mean(0, keepdims=True)) / np.sqrt(x.var(0, keepdims=True) + eps)


@EXERCISE.wrong(
    "axis 1 for the last axis",
    "This works for one sentence; in a batch, axis 1 runs over the tokens. Count from the end: `axis=-1`.",
)
def axis_1(x, eps=1e-5):
    axis = min(1, x.ndim - 1)
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


@EXERCISE.wrong(
    "one mean for all numbers",
    "The whole array has mean 0 and variance 1, its rows do not. Every row has statistics of its own.",
)
def everything(x, eps=1e-5):
    return (x - x.mean()) / np.sqrt(x.var() + eps)


@EXERCISE.wrong("keepdims missing", KEEPDIMS)
def no_keepdims(x, eps=1e-5):
    return (x - x.mean(-1)) / np.sqrt(x.var(-1) + eps)


@EXERCISE.wrong(
    "length 1 for variance 1",
    "The rows have length 1: the squares are added up, not averaged. The variance is a mean, so divide their sum by "
    "the width.",
)
def length(x, eps=1e-5):
    centred, _ = _parts(x)
    return centred / np.sqrt(np.sum(centred**2, axis=-1, keepdims=True) + eps)


@EXERCISE.wrong(
    "between 0 and 1",
    "The rows are stretched between their smallest and largest number. Layer normalization uses mean and variance.",
)
def by_the_range(x, eps=1e-5):
    low, high = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    return (x - low) / (high - low + eps)


@EXERCISE.wrong("changes its input", IN_PLACE)
def in_place(x, eps=1e-5):
    mean, variance = row_statistics(x)
    x -= mean
    return x / np.sqrt(variance + eps)


@EXERCISE.variant
def with_numpy(x, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) * (x.var(axis=-1, keepdims=True) + eps) ** -0.5


@EXERCISE.variant
def with_a_loop(x, eps=1e-5):
    result = np.empty_like(x)
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place]
        mean = row.sum() / row.size
        variance = ((row - mean) @ (row - mean)) / row.size
        result[place] = (row - mean) / np.sqrt(variance + eps)
    return result


@EXERCISE.variant
def by_product(x, eps=1e-5):
    width = x.shape[-1]
    centred = x @ (np.eye(width) - 1 / width)
    return centred / np.sqrt(np.einsum("...i,...i->...", centred, centred)[..., np.newaxis] / width + eps)


@EXERCISE.variant
def with_torch(x, eps=1e-5):
    return F.layer_norm(torch.from_numpy(x), x.shape[-1:], eps=eps).numpy()
