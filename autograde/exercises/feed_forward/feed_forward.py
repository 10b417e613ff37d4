"""feed_forward: linear, ReLU, linear."""

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises.feed_forward.common import LEADING
from autograde.exercises.feed_forward.relu import gelu as relu_gelu
from autograde.exercises.feed_forward.relu import gelu_by_formula as relu_gelu_by_formula
from autograde.harness.call import MAIN, FunctionCall
from helpers.add_norm import add_and_norm
from helpers.feed_forward import feed_forward, linear, relu


def calls(rng):
    by_hand = (
        np.array([[1.0, 2.0], [-1.0, 1.0], [0.0, -3.0]]),
        np.array([[1.0, 0.0, -1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]),
        np.array([0.0, -1.0, 0.5, 0.0]),
        np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [1.0, -1.0]]),
        np.array([0.1, -0.2]),
    )

    def weights(d_model, d_ff):
        shapes = (d_model, d_ff), (d_ff,), (d_ff, d_model), (d_model,)
        return [rng.normal(size=shape) for shape in shapes]

    return [
        FunctionCall(by_hand, note="by hand: three tokens of width 2, d_ff = 4"),
        FunctionCall((rng.normal(size=(5, 3)), *weights(3, 8))),
        FunctionCall((rng.normal(size=(4, 6)), *weights(6, 2)), note="d_ff may be smaller than d_model"),
        FunctionCall((rng.normal(size=(2, 5, 4)), *weights(4, 7)), part=LEADING, note="a batch of two sentences"),
        FunctionCall((rng.normal(size=(2, 3, 4, 5)), *weights(5, 6)), part=LEADING, note="two leading axes"),
        FunctionCall(
            (np.array([[2.0]]), np.array([[3.0]]), np.array([-1.0]), np.array([[4.0]]), np.array([5.0])),
            part=LEADING,
            note="a sentence of one word, with d_model = 1 and d_ff = 1",
        ),
        FunctionCall((rng.normal(size=3), *weights(3, 5)), part=LEADING, note="a single row, without other axes"),
    ]


EXERCISE = Exercise(
    name="feed_forward",
    title="linear, ReLU, linear",
    points=2,
    minutes=6,
    hints=(
        "Three steps, and you have written a function for each of them. ReLU comes between the two linear maps. The "
        "output is as wide as the input.",
        "From the inside out: `linear` with `w1` and `b1`, then `relu`, then `linear` again with the other two. "
        "Nothing comes after it.",
    ),
    reference=feed_forward,
    make_calls=calls,
    parts={MAIN: 0.8, LEADING: 0.2},
)


@EXERCISE.wrong(
    "no ReLU",
    "There is no ReLU between the linear maps. Without it the two are one linear map: the experiment below shows it.",
)
def no_relu(x, w1, b1, w2, b2):
    return linear(linear(x, w1, b1), w2, b2)


@EXERCISE.wrong(
    "ReLU after the second linear map",
    "ReLU comes last here, so no output is negative. It belongs between the two linear maps.",
)
def relu_last(x, w1, b1, w2, b2):
    return relu(linear(linear(x, w1, b1), w2, b2))


@EXERCISE.wrong(
    "ReLU after both",
    "There is a second ReLU, after the second linear map, so no output is negative. The second map has none.",
)
def relu_twice(x, w1, b1, w2, b2):
    return relu(feed_forward(x, w1, b1, w2, b2))


@EXERCISE.wrong("ReLU on the input", "ReLU was applied to `x`, and not to what the first linear map gives.")
def relu_first(x, w1, b1, w2, b2):
    return linear(linear(relu(x), w1, b1), w2, b2)


@EXERCISE.wrong(
    "only the first half", "The result has the width `d_ff`: the second linear map, back to `d_model`, is missing."
)
def first_half(x, w1, b1, w2, b2):
    return relu(linear(x, w1, b1))


@EXERCISE.wrong("first bias missing", "`b1` is not used. It sets the threshold above which a hidden unit fires.")
def no_first_bias(x, w1, b1, w2, b2):
    return linear(relu(x @ w1), w2, b2)


@EXERCISE.wrong("second bias missing", "`b2` is not used. Add it after the second product.")
def no_second_bias(x, w1, b1, w2, b2):
    return relu(linear(x, w1, b1)) @ w2


@EXERCISE.wrong(
    "first bias after the ReLU", "`b1` was added after the ReLU. It belongs to the first linear map, before the ReLU."
)
def bias_after_relu(x, w1, b1, w2, b2):
    return linear(relu(x @ w1) + b1, w2, b2)


@EXERCISE.wrong(
    "input added",
    "`x` was added to the result. The residual connection is not part of the network: the add & norm around it does "
    "that.",
)
def residual(x, w1, b1, w2, b2):
    return x + feed_forward(x, w1, b1, w2, b2)


@EXERCISE.wrong(
    "softmax for ReLU",
    "The hidden units are shares that add up to 1, as in attention. Here each unit is on its own: ReLU.",
)
def softmax(x, w1, b1, w2, b2):
    powers = np.exp(linear(x, w1, b1))
    return linear(powers / powers.sum(axis=-1, keepdims=True), w2, b2)


@EXERCISE.wrong("GELU for ReLU", "The hidden units went through a GELU, as in later models. The paper has ReLU.")
def gelu(x, w1, b1, w2, b2):
    return linear(relu_gelu(linear(x, w1, b1)), w2, b2)


@EXERCISE.wrong(
    "first token for all", "Every row holds the result of the first token. Each row has a result of its own."
)
def first_token(x, w1, b1, w2, b2):
    return np.zeros_like(x) + feed_forward(x[..., :1, :], w1, b1, w2, b2)


@EXERCISE.wrong(
    "average of the tokens",
    "The tokens were averaged first, so all rows are equal. The network reads each row by itself.",
)
def mean(x, w1, b1, w2, b2):
    return np.zeros_like(x) + feed_forward(x.mean(axis=-2, keepdims=True), w1, b1, w2, b2)


@EXERCISE.wrong(
    "sentence laid out as one row",
    "The rows of `x` were laid end to end, so their width no longer fits `w1`. Leave the shape as it is: `@` works "
    "on each row.",
)
def flattened(x, w1, b1, w2, b2):
    return feed_forward(x.reshape(-1), w1, b1, w2, b2)


@EXERCISE.wrong(
    "ReLU on the input, too",
    "`x` goes through ReLU as well, so its negative numbers are lost. There is one ReLU, between the two linear maps.",
)
def relu_before_too(x, w1, b1, w2, b2):
    return feed_forward(relu(x), w1, b1, w2, b2)


@EXERCISE.wrong(
    "leaky ReLU",
    "A hundredth of the negative numbers is left. That is a variant, the leaky ReLU; here they become 0.",
)
def leaky(x, w1, b1, w2, b2):
    hidden = linear(x, w1, b1)
    return linear(np.where(hidden > 0, hidden, 0.01 * hidden), w2, b2)


@EXERCISE.wrong(
    "step function for ReLU",
    "A hidden unit is 1 or 0 here: its strength is lost. ReLU keeps positive numbers as they are.",
)
def step(x, w1, b1, w2, b2):
    return linear((linear(x, w1, b1) > 0).astype(float), w2, b2)


@EXERCISE.wrong(
    "GELU by its formula for ReLU",
    "The hidden units went through a GELU, as in later models. The paper has ReLU.",
)
def gelu_by_formula(x, w1, b1, w2, b2):
    return linear(relu_gelu_by_formula(linear(x, w1, b1)), w2, b2)


@EXERCISE.wrong(
    "add & norm included",
    "`x` was added and the sum normalized. That is not part of the network: the add & norm around it does that.",
)
def with_add_and_norm(x, w1, b1, w2, b2):
    return add_and_norm(x, feed_forward(x, w1, b1, w2, b2), np.ones(x.shape[-1]), np.zeros(x.shape[-1]))


@EXERCISE.variant
def one_line(x, w1, b1, w2, b2):
    return np.maximum(0, x @ w1 + b1) @ w2 + b2


@EXERCISE.variant
def rows(x, w1, b1, w2, b2):
    rows = [w2.T @ np.clip(w1.T @ row + b1, 0, None) + b2 for row in x.reshape(-1, x.shape[-1])]
    return np.stack(rows).reshape(x.shape)


@EXERCISE.variant
def units(x, w1, b1, w2, b2):
    out = np.zeros_like(x) + b2
    for unit in range(len(b1)):
        strength = np.maximum(x @ w1[:, unit] + b1[unit], 0)
        out = out + strength[..., None] * w2[unit]
    return out


@EXERCISE.variant
def with_torch(x, w1, b1, w2, b2):
    x, w1, b1, w2, b2 = map(torch.from_numpy, (x, w1, b1, w2, b2))
    return F.linear(F.relu(F.linear(x, w1.T, b1)), w2.T, b2).numpy()


@EXERCISE.variant
def with_einsum(x, w1, b1, w2, b2):
    hidden = np.einsum("...m,mf->...f", x, w1) + b1
    hidden[hidden < 0] = 0
    return np.einsum("...f,fm->...m", hidden, w2) + b2
