"""attention_scores: how well each key fits."""

import math

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.single_head.common import LEADING, products
from autograde.harness.call import MAIN, FunctionCall
from helpers.single_head import attention_scores, softmax


def calls(rng):
    query = np.array([[1.0, 0.0, 2.0, 1.0], [0.0, 3.0, 0.0, -1.0]])
    key = np.array([[2.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 4.0], [1.0, 1.0, 1.0, 1.0]])
    return [
        FunctionCall((query, key), note="by hand: the width is 4, so the products are halved"),
        FunctionCall((rng.normal(size=(5, 3)), rng.normal(size=(4, 3)))),
        FunctionCall((rng.normal(size=(3, 7)), rng.normal(size=(6, 7)))),
        FunctionCall(
            (rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 4, 3))), part=LEADING, note="a batch of two sentences"
        ),
        FunctionCall(
            (rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 6, 5))),
            part=LEADING,
            note="a batch of two, three heads",
        ),
        FunctionCall(
            (np.zeros((1, 1, 1)), np.ones((1, 1, 1))),
            part=LEADING,
            note="a batch of one, one query, one key, a head of width 1",
        ),
    ]


EXERCISE = Exercise(
    name="attention_scores",
    title="how well each key fits",
    points=3,
    minutes=8,
    hints=(
        "Row i, column j is the dot product of query i and key j: a matrix product with the key transposed. Only "
        "the last two axes change places. Which size is the width of the head?",
        "`np.swapaxes(key, -1, -2)` transposes each matrix of a batch. The width is the size of the *last* axis; "
        "divide the products by its square root.",
    ),
    reference=attention_scores,
    make_calls=calls,
    parts={MAIN: 0.7, LEADING: 0.3},
)


@EXERCISE.wrong("no scaling", "These are the plain dot products. Divide them by the square root of the head's width.")
def no_scaling(query, key):
    return products(query, key)


@EXERCISE.wrong(
    "divided by the width", "The products are divided by the head's width itself. Divide by its square root."
)
def without_root(query, key):
    return products(query, key) / key.shape[-1]


@EXERCISE.wrong("multiplied by the root", "The root of the width makes the scores larger here. Divide by it.")
def multiplied(query, key):
    return products(query, key) * np.sqrt(key.shape[-1])


@EXERCISE.wrong(
    "root without brackets",
    "`a / d ** 1 / 2` is `((a / d) / 2)`: the power comes first. Write `np.sqrt(d)` or `d ** 0.5`.",
)
def precedence(query, key):
    return products(query, key) / key.shape[-1] ** 1 / 2  # the power comes first, then the division by 2


@EXERCISE.wrong(
    "root of the number of keys",
    "The divisor is the root of the number of keys. The head's width is the last axis of the key, `key.shape[-1]`.",
)
def root_of_keys(query, key):
    return products(query, key) / np.sqrt(key.shape[-2])


@EXERCISE.wrong(
    "root of the number of queries",
    "The divisor is the root of the number of queries. The head's width is the last axis of the query, "
    "`query.shape[-1]`.",
)
def root_of_queries(query, key):
    return products(query, key) / np.sqrt(query.shape[-2])


@EXERCISE.wrong(
    "root of the first axis",
    "The first axis of `key` is the number of keys, or of sentences in a batch. The head's width is the last "
    "axis, `key.shape[-1]`.",
)
def root_of_axis_0(query, key):
    return query @ np.swapaxes(key, -1, -2) / np.sqrt(len(key))


@EXERCISE.wrong(
    "width read from axis 1",
    "`shape[1]` is the width of one sentence, but the length or the heads of a batch. The last axis is `shape[-1]`.",
)
def root_of_axis_1(query, key):
    return products(query, key) / np.sqrt(key.shape[1])


@EXERCISE.wrong(
    "query and key swapped",
    "The scores are transposed: keys in the rows. Queries belong in the rows, so the query comes first.",
)
def swapped(query, key):
    return attention_scores(key, query)


@EXERCISE.wrong(
    "all axes reversed",
    "`.T` and `transpose()` reverse all axes, the batch too. Exchange the last two: `np.swapaxes(key, -1, -2)`.",
)
def full_transpose(query, key):
    return query @ key.T / np.sqrt(key.shape[-1])


@EXERCISE.wrong(
    "reshape in place of a transpose",
    "`reshape` keeps the numbers in their order and only cuts the rows anew, so keys get mixed. Use "
    "`np.swapaxes(key, -1, -2)`.",
)
def reshaped(query, key):
    return query @ key.reshape(*key.shape[:-2], key.shape[-1], key.shape[-2]) / np.sqrt(key.shape[-1])


@EXERCISE.wrong(
    "key not transposed", "The widths of query and key have to meet in the product. Transpose the key first."
)
def no_transpose(query, key):
    return query @ key / np.sqrt(key.shape[-1])


@EXERCISE.wrong(
    "cosine similarity",
    "Each query and key is divided by its own length here. Attention keeps the lengths, and divides all "
    "products by one number.",
)
def cosine(query, key):
    query = query / np.linalg.norm(query, axis=-1, keepdims=True)
    key = key / np.linalg.norm(key, axis=-1, keepdims=True)
    return products(query, key)


@EXERCISE.wrong(
    "softmax already taken",
    "The rows add up to 1: a softmax has been taken. The scores come before it; the next exercise adds it.",
)
def softmax_taken(query, key):
    return softmax(attention_scores(query, key))


@EXERCISE.wrong(
    "changes its input",
    "The code writes into the caller's array, as `/=` does. Use `query / ...`, which makes a new one.",
)
def in_place(query, key):
    query /= np.sqrt(query.shape[-1])
    return products(query, key)


@EXERCISE.variant
def with_einsum(query, key):
    return np.einsum("...qd,...kd->...qk", query, key) * key.shape[-1] ** -0.5


@EXERCISE.variant
def both_scaled(query, key):
    width = query.shape[-1] ** 0.25
    return np.matmul(query / width, np.moveaxis(key / width, -1, -2))


@EXERCISE.variant
def with_a_loop(query, key):
    out = np.empty((*query.shape[:-1], key.shape[-2]))
    for *batch, q, k in np.ndindex(out.shape):
        out[(*batch, q, k)] = np.dot(query[(*batch, q)], key[(*batch, k)]) / math.sqrt(query.shape[-1])
    return out


@EXERCISE.variant
def broadcast(query, key):
    return (query[..., :, None, :] * key[..., None, :, :]).sum(-1) / np.sqrt(query.shape[-1])


@EXERCISE.variant
def with_torch(query, key):
    query, key = torch.from_numpy(query), torch.from_numpy(key)
    return (query @ key.mT / math.sqrt(query.size(-1))).numpy()
