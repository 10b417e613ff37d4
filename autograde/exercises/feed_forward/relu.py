"""relu: negative numbers become 0."""

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import ONE_WORD
from autograde.exercises.feed_forward.common import LEADING
from autograde.harness.call import MAIN, FunctionCall
from helpers.feed_forward import relu


def calls(rng):
    return [
        FunctionCall((np.array([[1.5, -2.0, 0.0], [-0.5, 3.0, -1.0]]),), note="by hand: negative numbers become 0"),
        FunctionCall((rng.normal(size=(4, 5)) * 3,)),
        FunctionCall((np.array([-1e6, 1e6, -1e-6, 1e-6, 2.5]),), note="one row, large and small numbers"),
        FunctionCall((-rng.uniform(0.5, 3.0, (2, 3)),), note="only negative numbers"),
        FunctionCall((rng.normal(size=(2, 3, 4)),), part=LEADING, note="a batch"),
        FunctionCall((np.array([[[2.5]]]),), part=LEADING, note=f"{ONE_WORD} and one number"),
    ]


EXERCISE = Exercise(
    name="relu",
    title="negative numbers become 0",
    points=1,
    minutes=3,
    hints=(
        "Compare every number with 0 and keep the larger of the two. NumPy has one function that compares two arrays "
        "number by number, and another one that looks for the largest number of one array.",
        "`np.maximum` takes two arguments; 0 is stretched to the shape of `x`. (`np.max` is the other one.)",
    ),
    reference=relu,
    make_calls=calls,
    parts={MAIN: 0.8, LEADING: 0.2},
    forbidden=libraries.RELU,
)


@EXERCISE.wrong("absolute value", "Negative numbers have turned positive. They become 0.")
def absolute(x):
    return np.abs(x)


@EXERCISE.wrong(
    "minimum",
    "The positive numbers became 0 and the negative ones stayed. It is the other way round: the larger of "
    "the number and 0.",
)
def minimum(x):
    return np.minimum(x, 0.0)


@EXERCISE.wrong(
    "leaky", "A small part of the negative numbers is left. That is a variant, the leaky ReLU; here they become 0."
)
def leaky(x):
    return np.where(x > 0, x, 0.01 * x)


@EXERCISE.wrong(
    "step function", "The result says where a number is positive, with 1 and 0. Positive numbers keep their value."
)
def step(x):
    return (x > 0).astype(float)


@EXERCISE.wrong(
    "largest number of each column",
    "`np.max(x, 0)` is the largest number along axis 0. The function that compares two arrays number by "
    "number is `np.maximum`.",
)
def largest_of_axis(x):
    return np.max(x, 0)


@EXERCISE.wrong(
    "Python's max",
    "Python's `max` compares two things as a whole, which an array does not allow. `np.maximum` compares "
    "number by number.",
    only=r"\bmax\(",
)
def builtin_max(x):
    return max(0.0, x)


@EXERCISE.wrong(
    "negative numbers left out",
    "The result has fewer numbers than `x`. Every number keeps its place; the negative ones become 0.",
)
def drops(x):
    return x[x > 0]


@EXERCISE.wrong(
    "changes its input",
    "The numbers are right, but they were written into the caller's array. Make a new array, for instance "
    "with `np.maximum` or `np.where`.",
)
def in_place(x):
    x[x < 0] = 0.0
    return x


@EXERCISE.wrong("cut off at 1", "Numbers above 1 were cut off, too. ReLU has no upper limit.")
def clipped(x):
    return np.clip(x, 0.0, 1.0)


@EXERCISE.wrong(
    "shifted up",
    "The smallest number was subtracted from all, so that nothing is negative. ReLU leaves positive numbers "
    "as they are.",
)
def shifted(x):
    return x - np.min(x)


@EXERCISE.wrong(
    "GELU", "This is the GELU, a smooth relative of ReLU in later models. The paper has ReLU: 0 or the number itself."
)
def gelu(x):
    return F.gelu(torch.from_numpy(x)).numpy()


@EXERCISE.wrong(
    "GELU by its formula",
    "This is the GELU, a smooth relative of ReLU in later models. The paper has ReLU: 0 or the number itself.",
)
def gelu_by_formula(x):
    return F.gelu(torch.from_numpy(x), approximate="tanh").numpy()


@EXERCISE.wrong("cut off at 6", "Numbers above 6 were cut off, as in ReLU6. ReLU has no upper limit.")
def clipped_at_six(x):
    return np.clip(x, 0.0, 6.0)


@EXERCISE.wrong(
    "negative numbers taken out",
    "The negative numbers are left out, so the shape is lost. Each becomes 0 in its place.",
)
def taken_out(x):
    return x[x >= 0]


@EXERCISE.variant
def with_where(x):
    return np.where(x > 0, x, 0.0)


@EXERCISE.variant
def by_product(x):
    return x * (x > 0)


@EXERCISE.variant
def half(x):
    return (np.abs(x) + x) / 2


@EXERCISE.variant
def with_a_loop(x):
    return np.array([max(0.0, number) for number in x.ravel()]).reshape(x.shape)


@EXERCISE.variant
def with_torch(x):
    return torch.relu(torch.from_numpy(x)).numpy()
