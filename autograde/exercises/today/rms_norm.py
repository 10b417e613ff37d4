"""rms_norm: layer norm without the mean."""

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.today.common import EPS, LEADING, gain, off_centre
from autograde.harness.call import MAIN, FunctionCall
from helpers.today import rms_norm

WITHOUT_EPS = 1e-4  # of eps = 1e-6 these calls want to know nothing


def calls(rng):
    return [
        FunctionCall(
            (np.array([[1.0, 7.0]]), np.array([2.0, 1.0])),
            tolerance=WITHOUT_EPS,
            note="by hand: the mean square of 1 and 7 is 25, its root 5; 0.2 and 1.4, times the gain",
        ),
        FunctionCall((off_centre(rng, 5, 6), gain(rng, 6)), tolerance=WITHOUT_EPS),
        FunctionCall((off_centre(rng, 7, 3), gain(rng, 3)), tolerance=WITHOUT_EPS),
        FunctionCall((off_centre(rng, 4, 5) * 0.3, gain(rng, 5), 0.3), part=EPS, note="a large eps"),
        FunctionCall((off_centre(rng, 3, 4) * 0.001, gain(rng, 4)), part=EPS, note="the eps of the signature, 1e-6"),
        FunctionCall(
            (off_centre(rng, 2, 3, 4), gain(rng, 4)), tolerance=WITHOUT_EPS, part=LEADING, note="a batch of two"
        ),
        FunctionCall(
            (off_centre(rng, 1, 1, 4), gain(rng, 4)),
            tolerance=WITHOUT_EPS,
            part=LEADING,
            note="a batch of one sentence of one token",
        ),
        FunctionCall(
            (off_centre(rng, 5), gain(rng, 5)),
            tolerance=WITHOUT_EPS,
            part=LEADING,
            note="a single row, without other axes",
        ),
    ]


EXERCISE = Exercise(
    name="rms_norm",
    title="layer norm without the mean",
    points=2,
    minutes=6,
    hints=(
        "Three steps along the last axis: square, take the mean, add `eps` and take the root. Then divide and multiply by `gain`. No mean is subtracted anywhere.",
        "`np.mean(x**2, axis=-1, keepdims=True)` keeps the last axis with size 1, so that the root divides each row.",
    ),
    reference=rms_norm,
    make_calls=calls,
    parts={MAIN: 0.6, EPS: 0.2, LEADING: 0.2},
    forbidden=(*libraries.NORMALIZATION, "torch.nn.RMSNorm", "torch.nn.functional.rms_norm", "torch.rms_norm"),
)


def _mean_square(x):
    return np.mean(x**2, axis=-1, keepdims=True)


@EXERCISE.wrong(
    "mean subtracted",
    "The mean is subtracted, as in layer normalization. RMS norm leaves it in: only the scale changes.",
)
def layer_norm(x, gain, eps=1e-6):
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + eps) * gain


@EXERCISE.wrong(
    "divided by the standard deviation",
    "The rows are divided by their standard deviation, which measures the distance from the mean. Take the root of the mean of the squares.",
)
def deviation(x, gain, eps=1e-6):
    return x / np.sqrt(x.var(axis=-1, keepdims=True) + eps) * gain


@EXERCISE.wrong("sum in place of the mean", "The squares are added up. Take their mean: divide by the width.")
def summed(x, gain, eps=1e-6):
    return x / np.sqrt(np.sum(x**2, axis=-1, keepdims=True) + eps) * gain


@EXERCISE.wrong("no root", "The rows are divided by the mean square itself. Take its square root.")
def no_root(x, gain, eps=1e-6):
    return x / (_mean_square(x) + eps) * gain


@EXERCISE.wrong("gain missing", "The rows are normalized, but `gain` is not used. Multiply by it at the end.")
def no_gain(x, gain, eps=1e-6):
    return x / np.sqrt(_mean_square(x) + eps)


@EXERCISE.wrong(
    "one plus gain", "The rows are multiplied by 1 + `gain`, as in some models. Here `gain` itself is the factor."
)
def one_plus_gain(x, gain, eps=1e-6):
    return x / np.sqrt(_mean_square(x) + eps) * (1 + gain)


@EXERCISE.wrong("divided by the gain", "The rows are divided by `gain`. Multiply by it.")
def divided_by_gain(x, gain, eps=1e-6):
    return x / np.sqrt(_mean_square(x) + eps) / gain


@EXERCISE.wrong("eps outside the root", "`eps` is added after the root. It belongs to the mean square, under the root.")
def eps_outside(x, gain, eps=1e-6):
    return x / (np.sqrt(_mean_square(x)) + eps) * gain


@EXERCISE.wrong("eps missing", "`eps` is not used. Add it to the mean square, under the root.")
def no_eps(x, gain, eps=1e-6):
    return x / np.sqrt(_mean_square(x)) * gain


@EXERCISE.wrong("mean over everything", "One mean is taken over all rows. Each row has its own: the last axis.")
def all_rows(x, gain, eps=1e-6):
    return x / np.sqrt(np.mean(x**2) + eps) * gain


@EXERCISE.wrong(
    "mean over the first axis", "The mean runs over axis 0, so tokens are mixed. Each row has its own: the last axis."
)
def first_axis(x, gain, eps=1e-6):
    return x / np.sqrt(np.mean(x**2, axis=0, keepdims=True) + eps) * gain


@EXERCISE.wrong(
    "changes its input", "The caller's array is changed (`/=` and `*=` write into it). Make a new one: `x = x / ...`."
)
def in_place(x, gain, eps=1e-6):
    x /= np.sqrt(_mean_square(x) + eps)
    x *= gain
    return x


@EXERCISE.wrong(
    "keepdims forgotten",
    "The mean has lost the last axis, so it does not fit the rows any more. `keepdims=True` keeps it, with size 1.",
)
def without_keepdims(x, gain, eps=1e-6):
    return x / np.sqrt(np.mean(x**2, axis=-1) + eps) * gain


@EXERCISE.wrong("eps ignored", "`eps` is always 1e-6, whatever the argument says. Use `eps`.")
def fixed_eps(x, gain, eps=1e-6):
    return rms_norm(x, gain)


@EXERCISE.variant
def with_norm(x, gain, eps=1e-6):
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return gain * x / np.sqrt(length**2 / x.shape[-1] + eps)


@EXERCISE.variant
def with_einsum(x, gain, eps=1e-6):
    squares = np.einsum("...d,...d->...", x, x) / len(gain)
    return x * (squares + eps)[..., None] ** -0.5 * gain


@EXERCISE.variant
def row_by_row(x, gain, eps=1e-6):
    rows = [
        row * gain / (sum(number * number for number in row) / len(row) + eps) ** 0.5
        for row in x.reshape(-1, x.shape[-1])
    ]
    return np.array(rows).reshape(x.shape)
