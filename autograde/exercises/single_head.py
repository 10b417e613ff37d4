"""Lesson 3: single-head attention."""

from __future__ import annotations

import numpy as np

from autograde.exercise import MAIN, Call, Exercise, Misconception
from helpers.single_head import softmax

LESSON = "03_single_head"

# --- softmax --------------------------------------------------------------------------------------------------------


def _softmax_calls(rng):
    return [
        Call((np.log([[1.0, 2.0, 5.0]]),), note="by hand: exp gives 1, 2, 5; their sum is 8"),
        Call((rng.normal(size=(3, 5)),)),
        Call((rng.normal(size=(2, 3, 4)),), {"axis": 1}, part="axis"),
        Call((rng.normal(size=(4, 3)) * 3 + 1000,), part="large scores", note="scores near 1000"),
        Call((np.where(np.eye(4, dtype=bool), -np.inf, rng.normal(size=(4, 4))),), part="-inf", note="-inf on the diagonal"),
    ]


def _sum_over_everything(x, axis=-1):
    exponentials = np.exp(x - np.max(x))
    return exponentials / np.sum(exponentials)


def _other_axis(x, axis=-1):
    return softmax(x, axis=0)


def _ignores_axis(x, axis=-1):
    return softmax(x)


def _overflows(x, axis=-1):
    exponentials = np.exp(x)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


def _no_exponential(x, axis=-1):
    return x / np.sum(x, axis=axis, keepdims=True)


def _largest_over_everything(x, axis=-1):
    return _overflows(x - np.max(x) * 2, axis)


def _in_place(x, axis=-1):
    x -= np.max(x, axis=axis, keepdims=True)
    return softmax(x, axis)


def _log_softmax(x, axis=-1):
    return np.log(softmax(x, axis))


def _softmax_loop(x, axis=-1):
    moved = np.moveaxis(np.array(x, dtype=float), axis, -1)
    out = np.empty_like(moved)
    for index in np.ndindex(moved.shape[:-1]):
        top = max(moved[index])
        powers = [np.exp(value - top) for value in moved[index]]
        out[index] = [power / sum(powers) for power in powers]
    return np.moveaxis(out, -1, axis)


def _softmax_logsumexp(x, axis=-1):
    top = x.max(axis=axis, keepdims=True)
    return np.exp(x - (top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))))


def _softmax_torch(x, axis=-1):
    import torch

    return torch.softmax(torch.from_numpy(x), dim=axis).numpy()


SOFTMAX = Exercise(
    name="softmax",
    lesson=LESSON,
    title="scores become shares",
    points=3,
    minutes=8,
    hints=(
        "Subtract the largest score of each row first: the result stays the same, and `exp` no longer overflows. "
        "`keepdims=True` keeps the axis, so that the shapes still fit.",
        "Three lines: `shifted = x - x.max(axis=..., keepdims=True)`, then `np.exp`, then divide by its sum along the same axis.",
    ),
    reference=softmax,
    make_calls=_softmax_calls,
    parts={MAIN: 0.5, "axis": 0.2, "large scores": 0.2, "-inf": 0.1},
    misconceptions=(
        Misconception(
            "sum over all numbers",
            _sum_over_everything,
            "The sum runs over the whole array, so only the grand total is 1. Give `np.sum` the `axis`, with `keepdims=True`.",
        ),
        Misconception(
            "over the first axis",
            _other_axis,
            "The shares add up to 1 along axis 0. Use the `axis` that the function is given, in `max` and in `sum`.",
        ),
        Misconception(
            "axis ignored",
            _ignores_axis,
            "The last axis is always used. Pass the argument `axis` on to `max` and `sum`.",
        ),
        Misconception(
            "overflow",
            _overflows,
            "`np.exp` of a large score is infinity. Subtract the largest score along `axis` before `exp`: the shares stay the same.",
        ),
        Misconception(
            "no exponential",
            _no_exponential,
            "The scores themselves are divided by their sum. Take `np.exp` of them first: shares must not be negative.",
        ),
        Misconception(
            "changes its input",
            _in_place,
            "`-=` writes into the caller's array. Use `x = x - ...`, which makes a new one.",
        ),
        Misconception(
            "logarithm of the shares",
            _log_softmax,
            "This is the logarithm of the softmax. Return the shares themselves.",
        ),
    ),
    variants=(_softmax_loop, _softmax_logsumexp, _softmax_torch),
)

EXERCISES = (SOFTMAX,)
