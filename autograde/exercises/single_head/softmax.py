"""softmax: scores become probabilities."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import MAIN, FunctionCall
from helpers.single_head import softmax


def calls(rng):
    large = rng.normal(size=(4, 3)) * 3 + np.array([[1000.0], [-1000.0], [0.0], [1000.0]])
    return [
        FunctionCall((np.log([[1.0, 2.0, 5.0]]),), note="by hand: exp gives 1, 2, 5; their sum is 8"),
        FunctionCall((rng.normal(size=(3, 5)),)),
        FunctionCall((rng.normal(size=(2, 3, 4)),), {"axis": 1}, part="axis"),
        FunctionCall(
            (rng.normal(size=(3, 4, 2)),), part="axis", note="the last of three axes, where no other is given"
        ),
        # numbers near 1000 carry roundings of 1e-13 into the shares, in one order of operations more than in another
        FunctionCall((large,), part="large scores", note="scores near 1000 and near -1000", tolerance=1e-11),
        FunctionCall(
            (np.where(np.eye(3, 5, dtype=bool), -np.inf, rng.normal(size=(3, 5))),),
            part="-inf",
            note="one -inf in each row",
        ),
        FunctionCall((rng.normal(size=(3, 4)),), {"axis": 0}, part="axis", note="along axis 0"),
        FunctionCall((rng.normal(size=(1, 1, 1)),), note="one score: it gets the probability 1"),
    ]


EXERCISE = Exercise(
    name="softmax",
    title="scores become probabilities",
    points=3,
    minutes=8,
    hints=(
        "Subtract the largest score of each row first: the result stays the same, and `exp` no longer overflows. "
        "`keepdims=True` keeps the axis, so that the shapes still fit.",
        "Three lines: `x.max(axis=..., keepdims=True)` is what you subtract, then `np.exp`, then divide by its sum "
        "along the same axis.",
    ),
    reference=softmax,
    make_calls=calls,
    parts={MAIN: 0.5, "axis": 0.2, "large scores": 0.2, "-inf": 0.1},
    forbidden=libraries.SOFTMAX,
)


@EXERCISE.wrong(
    "sum over all numbers",
    "The sum runs over the whole array, so only the grand total is 1. Give `np.sum` the `axis`, with `keepdims=True`.",
)
def sum_over_everything(x, axis=-1):
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials)


@EXERCISE.wrong(
    "over the first axis",
    "The probabilities add up to 1 along axis 0. Use the `axis` that the function is given, in `max` and in `sum`.",
)
def other_axis(x, axis=-1):
    return softmax(x, axis=0)


@EXERCISE.wrong("axis ignored", "The last axis is always used. Pass the argument `axis` on to `max` and `sum`.")
def ignores_axis(x, axis=-1):
    return softmax(x)


@EXERCISE.wrong(
    "overflow",
    "`np.exp` of a large score is infinity. Subtract the largest score along `axis` before `exp`: the "
    "result stays the same.",
)
def overflows(x, axis=-1):
    exponentials = np.exp(x)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


@EXERCISE.wrong(
    "divided by the largest score",
    "The scores are divided by the largest absolute value before `exp`, and that changes the probabilities. "
    "Subtract the largest score: the result stays the same.",
)
def divided_by_the_largest(x, axis=-1):
    return softmax(x / np.abs(x).max(axis=axis, keepdims=True), axis)


@EXERCISE.wrong(
    "one maximum for all rows",
    "The largest score of the whole array is subtracted, so a row of much smaller scores becomes 0 / 0. "
    "Give `np.max` the `axis`, with `keepdims=True`: each row has a maximum of its own.",
)
def one_maximum(x, axis=-1):
    return overflows(x - np.max(x), axis)


@EXERCISE.wrong(
    "one maximum and one sum for the whole array",
    "The whole array is taken for one row, so only the grand total is 1. Give `max` and `sum` the `axis`, with "
    "`keepdims=True`.",
)
def of_everything(x, axis=-1):
    exponentials = np.exp(x - x.max())
    return exponentials / exponentials.sum()


@EXERCISE.wrong(
    "keepdims missing",
    "A `max` or `sum` with nothing but `axis` drops that axis: the shapes no longer fit, or rows meet the numbers "
    "of others. `keepdims=True` keeps the axis with size 1.",
)
def no_keepdims(x, axis=-1):
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials, axis=axis)


@EXERCISE.wrong(
    "no exponential",
    "The scores themselves are divided by their sum. Take `np.exp` of them first: a probability is never negative.",
)
def no_exponential(x, axis=-1):
    return x / np.sum(x, axis=axis, keepdims=True)


@EXERCISE.wrong(
    "changes its input",
    "The code writes into the caller's array, as `-=` does. Use `x = x - ...`, which makes a new one.",
)
def in_place(x, axis=-1):
    x -= np.max(x, axis=axis, keepdims=True)
    return softmax(x, axis)


@EXERCISE.wrong(
    "logarithm of the probabilities", "This is the logarithm of the softmax. Return the probabilities themselves."
)
def with_logarithm(x, axis=-1):
    return np.log(softmax(x, axis))


@EXERCISE.wrong(
    "probabilities that do not add up to 1",
    "The powers are not divided by their sum, so they do not add up to 1.",
)
def not_divided(x, axis=-1):
    return np.exp(x - np.max(x, axis=axis, keepdims=True))


@EXERCISE.wrong(
    "large scores cut off",
    "Scores beyond a bound become equal, and so do their probabilities. Subtract the largest score along `axis`: "
    "that changes no result.",
)
def cut_off(x, axis=-1):
    exponentials = np.exp(np.clip(x, -700, 700))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@EXERCISE.variant
def with_a_loop(x, axis=-1):
    moved = np.moveaxis(np.array(x, dtype=float), axis, -1)
    out = np.empty_like(moved)
    for index in np.ndindex(moved.shape[:-1]):
        top = max(moved[index])
        powers = [np.exp(value - top) for value in moved[index]]
        out[index] = [power / sum(powers) for power in powers]
    return np.moveaxis(out, -1, axis)


@EXERCISE.variant
def with_logsumexp(x, axis=-1):
    top = x.max(axis=axis, keepdims=True)
    return np.exp(x - (top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))))


@EXERCISE.variant
def with_torch(x, axis=-1):
    return torch.softmax(torch.from_numpy(x), dim=axis).numpy()


@EXERCISE.variant
def transposed(x, axis=-1):
    columns = np.swapaxes(x, axis, 0).copy()
    columns -= columns.max(axis=0)
    np.exp(columns, out=columns)
    columns /= columns.sum(axis=0)
    return np.swapaxes(columns, axis, 0)
