"""row_statistics: mean and variance of every row."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.add_norm.common import IN_PLACE, KEEPDIMS, LEADING, ONE_ROW, UNBIASED, random_rows
from autograde.harness.call import MAIN, FunctionCall
from helpers.add_norm import row_statistics


def calls(rng):
    return [
        FunctionCall(
            (np.array([[0.0, 2, 4, 10], [-3, -3, -3, 1]]),),
            note="by hand: row 0 has the mean 4 and the deviations -4, -2, 0, 6",
        ),
        FunctionCall((random_rows(rng, 5, 6),)),
        FunctionCall((random_rows(rng, 7, 3),)),
        FunctionCall((random_rows(rng, 2, 3, 4),), part=LEADING, note="a batch of two sentences"),
        FunctionCall((random_rows(rng, 2, 4, 3, 5),), part=LEADING, note="two leading axes before the tokens"),
        FunctionCall((random_rows(rng, 1, 4),), note="a sentence of one word"),
        FunctionCall((random_rows(rng, 4),), part=LEADING, note=ONE_ROW),
    ]


EXERCISE = Exercise(
    name="row_statistics",
    title="mean and variance of every row",
    points=2,
    minutes=6,
    hints=(
        "`axis=-1` is the axis of the columns: a mean along it gives one number for each row. `keepdims=True` keeps that "
        "axis with size 1, so that the result still fits `x`.",
        "The variance is a mean, too: the mean of the squared distances from the row's mean. `np.mean(..., axis=-1, "
        "keepdims=True)` twice, the second time of `(x - mean)` squared.",
    ),
    reference=row_statistics,
    make_calls=calls,
    parts={MAIN: 0.7, LEADING: 0.3},
    multiple_outputs=True,
)


@EXERCISE.wrong("unbiased variance", UNBIASED)
def unbiased(x):
    return x.mean(-1, keepdims=True), x.var(-1, keepdims=True, ddof=1)


@EXERCISE.wrong(
    "standard deviation for variance",
    "The second result is the root of the variance, the standard deviation. Leave out the root: it is taken later, "
    "after `eps` has been added.",
)
def deviation(x):
    return x.mean(-1, keepdims=True), x.std(-1, keepdims=True)


@EXERCISE.wrong("keepdims missing", KEEPDIMS)
def no_keepdims(x):
    return x.mean(-1), x.var(-1)


@EXERCISE.wrong(
    "statistics of the columns",
    "The mean runs over the tokens, so there is one number for each column. Each row, that is each token, has "
    "statistics of its own: `axis=-1`.",
)
def of_columns(x):
    return x.mean(-2, keepdims=True), x.var(-2, keepdims=True)


@EXERCISE.wrong(
    "over the first axis",
    "The statistics run along axis 0: over the tokens of a sentence, or over the sentences of a batch. Take the "
    "last axis, `axis=-1`.",
)
def axis_0(x):
    return x.mean(0, keepdims=True), x.var(0, keepdims=True)


@EXERCISE.wrong(
    "axis 1 for the last axis",
    "Axis 1 is the last one for a single sentence, but not for a batch. Count from the end: `axis=-1`.",
)
def axis_1(x):
    return x.mean(1, keepdims=True), x.var(1, keepdims=True)


@EXERCISE.wrong(
    "one mean for all numbers",
    "All rows share one mean and one variance. Give `np.mean` the `axis`: every row has its own.",
)
def of_everything(x):
    return x.mean(keepdims=True), x.var(keepdims=True)


@EXERCISE.wrong(
    "two numbers for the whole array",
    "Without an `axis`, `mean` and `var` look at the whole array and give one number each. Every row has its own: "
    "`axis=-1, keepdims=True`.",
)
def everything_scalar(x):
    return x.mean(), x.var()


@EXERCISE.wrong("variance first", "The two results are exchanged. The order is mean, variance.")
def swapped(x):
    return row_statistics(x)[::-1]


@EXERCISE.wrong(
    "sum of squares", "The squared deviations are added up but not divided by their number. The variance is their mean."
)
def sum_of_squares(x):
    mean = x.mean(-1, keepdims=True)
    return mean, np.sum((x - mean) ** 2, axis=-1, keepdims=True)


@EXERCISE.wrong(
    "mean not subtracted",
    "This is the mean of the squares of `x` itself. The variance takes the squares of the distances from the mean.",
)
def mean_square(x):
    return x.mean(-1, keepdims=True), np.mean(x**2, axis=-1, keepdims=True)


@EXERCISE.wrong("mean distance", "This is the mean of the absolute distances. The variance takes their squares.")
def absolute(x):
    mean = x.mean(-1, keepdims=True)
    return mean, np.mean(np.abs(x - mean), axis=-1, keepdims=True)


@EXERCISE.wrong("changes its input", IN_PLACE)
def in_place(x):
    mean = x.mean(-1, keepdims=True)
    x -= mean
    return mean, np.mean(x**2, axis=-1, keepdims=True)


@EXERCISE.wrong(
    "divided by the size of axis 0",
    "The sums are divided by the size of axis 0. A mean of a row is divided by the row's width, `x.shape[-1]`.",
)
def by_the_rows(x):
    mean = x.sum(-1, keepdims=True) / len(x)
    return mean, ((x - mean) ** 2).sum(-1, keepdims=True) / len(x)


@EXERCISE.variant
def with_numpy(x):
    return [x.mean(-1, keepdims=True), x.var(-1, keepdims=True)]


@EXERCISE.variant
def with_a_loop(x):
    rows = x.reshape(-1, x.shape[-1])
    means, variances = [], []
    for row in rows:
        mean = sum(row) / len(row)
        means.append(mean)
        variances.append(sum((number - mean) ** 2 for number in row) / len(row))
    shape = (*x.shape[:-1], 1)
    return np.array(means).reshape(shape), np.array(variances).reshape(shape)


@EXERCISE.variant
def of_squares(x):
    mean = np.sum(x, axis=-1, keepdims=True) / x.shape[-1]
    return mean, np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1] - mean**2


@EXERCISE.variant
def with_torch(x):
    variance, mean = torch.var_mean(torch.from_numpy(x), dim=-1, correction=0, keepdim=True)
    return mean.numpy(), variance.numpy()
