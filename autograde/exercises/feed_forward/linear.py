"""linear: a linear layer by hand."""

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import ONE_WORD
from autograde.exercises.feed_forward.common import LEADING
from autograde.harness.call import MAIN, FunctionCall
from helpers.feed_forward import linear, relu


def calls(rng):
    by_hand = (
        np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]]),
        np.array([[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, -1.0]]),
        np.array([10.0, 20.0, 30.0, 40.0]),
    )
    return [
        FunctionCall(by_hand, note="by hand: two tokens, from width 3 to width 4"),
        FunctionCall((rng.normal(size=(5, 4)), rng.normal(size=(4, 7)), rng.normal(size=7))),
        FunctionCall((rng.normal(size=(3, 6)), rng.normal(size=(6, 2)), rng.normal(size=2))),
        FunctionCall((rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)), note="a square weight"),
        FunctionCall(
            (rng.normal(size=5), rng.normal(size=(5, 5)), rng.normal(size=5)), part=LEADING, note="a single row"
        ),
        FunctionCall(
            (rng.normal(size=(2, 5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)),
            part=LEADING,
            note="a batch of two sentences",
        ),
        FunctionCall(
            (np.array([[[2.0]]]), np.array([[3.0]]), np.array([4.0])),
            part=LEADING,
            note=f"{ONE_WORD}, from width 1 to width 1",
        ),
    ]


EXERCISE = Exercise(
    name="linear",
    title="a linear layer by hand",
    points=2,
    minutes=4,
    hints=(
        "A matrix product, then a sum. The tokens stay in the rows, so `x` comes first. One bias is added to "
        "every row: NumPy stretches it by itself.",
        "`@` is the matrix product, and `weight` is `(in, out)` already, so nothing is transposed. Then `+`.",
    ),
    reference=linear,
    make_calls=calls,
    parts={MAIN: 0.8, LEADING: 0.2},
    forbidden=libraries.LINEAR,
)


@EXERCISE.wrong("bias forgotten", "The product is right; the bias is missing. Add it.")
def no_bias(x, weight, bias):
    return x @ weight


@EXERCISE.wrong(
    "weight transposed",
    "The weight was transposed. Here it is `(in, out)`, so it fits as it is. (`nn.Linear` keeps `(out, in)`, "
    "where it has to be transposed.)",
)
def transposed(x, weight, bias):
    return x @ weight.T + bias


@EXERCISE.wrong(
    "weight on the left",
    "The weight is on the left of the product. Tokens are rows here, so `x` belongs on the left.",
)
def weight_first(x, weight, bias):
    return weight @ x + bias


@EXERCISE.wrong("tokens in the columns", "The result is transposed: one token per column. The tokens stay in the rows.")
def columns(x, weight, bias):
    return (x @ weight + bias).T


@EXERCISE.wrong("numbers multiplied one by one", "`*` multiplies number by number. The matrix product is `@`.")
def elementwise(x, weight, bias):
    return x * weight + bias


@EXERCISE.wrong(
    "bias added before the product",
    "The bias was added to `x`. It has the width of the output: add it after the product.",
)
def bias_before(x, weight, bias):
    return (x + bias) @ weight


@EXERCISE.wrong("bias subtracted", "The bias has the wrong sign. It is added.")
def bias_subtracted(x, weight, bias):
    return x @ weight - bias


@EXERCISE.wrong("bias multiplied", "The product was multiplied by the bias. The bias is added.")
def bias_multiplied(x, weight, bias):
    return (x @ weight) * bias


@EXERCISE.wrong("bias only for the first token", "The bias reached the first row only. Every row gets the same bias.")
def bias_once(x, weight, bias):
    out = x @ weight
    out[..., 0, :] += bias
    return out


@EXERCISE.wrong(
    "sum of the bias",
    "All columns got the same number, the sum of the bias. Column by column: `bias[j]` belongs to column j.",
)
def bias_summed(x, weight, bias):
    return x @ weight + bias.sum()


@EXERCISE.wrong(
    "ReLU in the linear layer", "Negative results became 0. A linear layer has no ReLU; it comes in the next exercise."
)
def with_relu(x, weight, bias):
    return relu(linear(x, weight, bias))


@EXERCISE.wrong(
    "first number of the bias for all",
    "All columns got the same number, the first of the bias. Column by column: `bias[j]` belongs to column j.",
)
def bias_first(x, weight, bias):
    return x @ weight + bias[0]


@EXERCISE.wrong(
    "last column of x left out",
    "The last column of `x` has no part in the sums. They run over all columns. (`range(n)` ends with n - 1 already.)",
)
def last_column_left_out(x, weight, bias):
    return x[..., :-1] @ weight[:-1] + bias


@EXERCISE.wrong(
    "bias added to the weight",
    "The bias is added to the weight, before the product. It belongs to the result: `x @ weight + bias`.",
)
def bias_in_the_weight(x, weight, bias):
    return x @ (weight + bias)


@EXERCISE.variant
def with_einsum(x, weight, bias):
    return np.einsum("...i,io->...o", x, weight) + bias


@EXERCISE.variant
def with_torch(x, weight, bias):
    return F.linear(torch.from_numpy(x), torch.from_numpy(weight.T), torch.from_numpy(bias)).numpy()


@EXERCISE.variant
def column_of_ones(x, weight, bias):
    ones = np.ones((*x.shape[:-1], 1))
    return np.concatenate([x, ones], axis=-1) @ np.vstack([weight, bias])


@EXERCISE.variant
def with_a_loop(x, weight, bias):
    out = np.empty((*x.shape[:-1], len(bias)))
    for row in np.ndindex(x.shape[:-1]):
        for column in range(len(bias)):
            out[row][column] = sum(x[row][i] * weight[i, column] for i in range(len(weight))) + bias[column]
    return out


@EXERCISE.variant
def sum_of_rows(x, weight, bias):
    out = np.zeros((*x.shape[:-1], 1)) + bias
    for i, row in enumerate(weight):
        out = out + x[..., i, None] * row
    return out
