"""project: query, key and value."""

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises.single_head.common import LEADING
from autograde.harness.call import MAIN, FunctionCall
from helpers.single_head import project


def calls(rng):
    by_hand = (
        np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 1.0]]),
        np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]),
        np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]),
        np.array([[3.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]),
    )
    return [
        FunctionCall(by_hand, note="by hand: two tokens, every weight matrix 3 by 3"),
        FunctionCall((rng.normal(size=(5, 6)), *(rng.normal(size=(6, width)) for width in (3, 3, 4)))),
        FunctionCall((rng.normal(size=(4, 7)), *(rng.normal(size=(7, width)) for width in (2, 2, 5)))),
        FunctionCall(
            (rng.normal(size=(2, 5, 6)), *(rng.normal(size=(6, width)) for width in (3, 3, 4))),
            part=LEADING,
            note="a batch of two sentences",
        ),
        FunctionCall(
            (rng.normal(size=(1, 1, 1)), *(rng.normal(size=(1, 1)) for _ in range(3))),
            part=LEADING,
            note="a batch of one sentence of one word; all widths are 1",
        ),
    ]


EXERCISE = Exercise(
    name="project",
    title="query, key and value",
    points=2,
    minutes=5,
    hints=(
        "Three matrix products, all of the same `x`. The tokens stay in the rows, so `x` is on the left.",
        "`@` is the matrix product. Return three products, separated by commas: the one with `w_query` first.",
    ),
    reference=project,
    make_calls=calls,
    parts={MAIN: 0.8, LEADING: 0.2},
    multiple_outputs=True,
)


@EXERCISE.wrong(
    "query and key swapped",
    "The first two results are exchanged. The order is query, key, value, each with the weights of its own name.",
)
def query_key_swapped(x, w_query, w_key, w_value):
    query, key, value = project(x, w_query, w_key, w_value)
    return key, query, value


@EXERCISE.wrong(
    "key and value swapped",
    "The last two results are exchanged. The order is query, key, value, each with the weights of its own name.",
)
def key_value_swapped(x, w_query, w_key, w_value):
    query, key, value = project(x, w_query, w_key, w_value)
    return query, value, key


@EXERCISE.wrong(
    "same weights for query and key",
    "Query and key are made with the same matrix. The key has weights of its own, `w_key`.",
)
def one_matrix(x, w_query, w_key, w_value):
    return x @ w_query, x @ w_query, x @ w_value


@EXERCISE.wrong(
    "one projection after the other",
    "The key is made from the query here, and the value from the key. All three start from the same `x`.",
)
def chained(x, w_query, w_key, w_value):
    query = x @ w_query
    key = query @ w_key
    return query, key, key @ w_value


@EXERCISE.wrong(
    "activation after the projection",
    "Negative numbers have become 0. A projection is only a matrix product, without an activation such as ReLU.",
)
def activation(x, w_query, w_key, w_value):
    return tuple(np.maximum(part, 0) for part in project(x, w_query, w_key, w_value))


@EXERCISE.wrong(
    "weights transposed",
    "The weights are (d_model, d_head) already, so `x @ w` fits as it is. Leave out the transpose.",
)
def weights_transposed(x, w_query, w_key, w_value):
    return x @ w_query.T, x @ w_key.T, x @ w_value.T


@EXERCISE.wrong(
    "tokens in the columns",
    "The products are transposed: one token per column. Here a token is a row, so `x` belongs on the left of "
    "the weights.",
)
def columns(x, w_query, w_key, w_value):
    return w_query.T @ x.T, w_key.T @ x.T, w_value.T @ x.T


@EXERCISE.wrong("numbers multiplied one by one", "`*` multiplies number by number. The matrix product is `@`.")
def elementwise(x, w_query, w_key, w_value):
    return x * w_query, x * w_key, x * w_value


@EXERCISE.wrong(
    "stacked into one array",
    "The three results come as one array. Return them separately, with commas: the value may have another width.",
)
def stacked(x, w_query, w_key, w_value):
    return np.stack([x @ w_query, x @ w_key, x @ w_value])


@EXERCISE.wrong(
    "one product cut into equal parts",
    "One product is cut into three equal parts, but the value may have another width than query and key. Cut where the "
    "matrices end, or make three products.",
)
def equal_parts(x, w_query, w_key, w_value):
    return np.array_split(x @ np.concatenate([w_query, w_key, w_value], axis=-1), 3, axis=-1)


@EXERCISE.variant
def with_einsum(x, w_query, w_key, w_value):
    return [np.einsum("...m,mh->...h", x, w) for w in (w_query, w_key, w_value)]


@EXERCISE.variant
def with_a_loop(x, w_query, w_key, w_value):
    parts = []
    for w in (w_query, w_key, w_value):
        part = np.zeros((*x.shape[:-1], w.shape[1]))
        for column in range(w.shape[1]):
            for feature in range(w.shape[0]):
                part[..., column] += x[..., feature] * w[feature, column]
        parts.append(part)
    return tuple(parts)


@EXERCISE.variant
def one_product(x, w_query, w_key, w_value):
    widths = np.cumsum([w_query.shape[1], w_key.shape[1]])
    return tuple(np.split(x @ np.hstack([w_query, w_key, w_value]), widths, axis=-1))


@EXERCISE.variant
def with_torch(x, w_query, w_key, w_value):
    return tuple(F.linear(torch.from_numpy(x), torch.from_numpy(w.T)).numpy() for w in (w_query, w_key, w_value))
