"""scaled_dot_product_attention: the whole equation."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.inputs import random_mask
from autograde.exercises.single_head.attention_scores import full_transpose as scores_full_transpose
from autograde.exercises.single_head.attention_weights import by_division as weights_by_division
from autograde.exercises.single_head.attention_weights import nan_in_empty_row as weights_nan_in_empty_row
from autograde.exercises.single_head.attention_weights import over_queries as weights_over_queries
from autograde.exercises.single_head.attention_weights import zeroed_after as weights_zeroed_after
from autograde.exercises.single_head.common import LEADING, NOTHING, mask_with_empty_row, products
from autograde.harness.call import MAIN, FunctionCall
from helpers.single_head import attention_scores, attention_weights, scaled_dot_product_attention


def calls(rng):
    def tokens(*shape):
        return rng.normal(size=shape)

    query = np.array([[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    key = np.array([[0.0, 1.0, -1.0, 2.0], [np.log(2), 3.0, 0.0, 1.0], [np.log(5), 0.0, 2.0, -1.0]])
    value = np.array([[8.0], [0.0], [16.0]])
    return [
        FunctionCall(
            (query, key, value), note="by hand: the scores are log 1, log 2, log 5 in row 0 and 0, 0, 0 in row 1"
        ),
        FunctionCall((tokens(5, 3), tokens(4, 3), tokens(4, 6))),
        FunctionCall((tokens(3, 5), tokens(6, 5), tokens(6, 4))),
        FunctionCall((tokens(4, 4), tokens(4, 4), tokens(4, 4)), note="all sizes are 4"),
        FunctionCall((tokens(5, 3), tokens(4, 3), tokens(4, 6)), {"mask": random_mask(rng, 5, 4)}, part="mask"),
        FunctionCall(
            (tokens(2, 5, 3), tokens(2, 4, 3), tokens(2, 4, 6)), part=LEADING, note="a batch of two sentences"
        ),
        FunctionCall(
            (tokens(2, 3, 4, 5), tokens(2, 3, 6, 5), tokens(2, 3, 6, 7)),
            {"mask": random_mask(rng, 2, 1, 1, 6)},
            part=LEADING,
            note="a batch of two, three heads, one mask row per sentence",
        ),
        FunctionCall(
            (tokens(4, 3), tokens(5, 3), tokens(5, 2)),
            {"mask": mask_with_empty_row(rng, 4, 5, row=2)},
            part=NOTHING,
            note="row 2 has nothing to attend to",
        ),
        FunctionCall(
            (tokens(1, 1, 1), tokens(1, 1, 1), tokens(1, 1, 1)),
            part=LEADING,
            note="a batch of one sentence of one word; all widths are 1",
        ),
    ]


EXERCISE = Exercise(
    name="scaled_dot_product_attention",
    title="the whole equation",
    points=3,
    minutes=6,
    hints=(
        "Your two functions do nearly everything. What is left is the weighted sum: each output row mixes the rows "
        "of the value.",
        "First the scores, then the weights with the mask, then weights times value with `@`. Return the output "
        "first, the weights second.",
    ),
    reference=scaled_dot_product_attention,
    make_calls=calls,
    parts={MAIN: 0.5, "mask": 0.2, LEADING: 0.15, NOTHING: 0.15},
    multiple_outputs=True,
    forbidden=libraries.DOT_PRODUCT_ATTENTION,
)


@EXERCISE.wrong(
    "no scaling",
    "The plain dot products went into the softmax. Use `attention_scores`, which divides by the root of the "
    "head's width.",
)
def no_scaling(query, key, value, mask=None):
    weights = attention_weights(products(query, key), mask)
    return weights @ value, weights


@EXERCISE.wrong(
    "divided by the width",
    "The products are divided by the head's width, that is, by its root twice. `attention_scores` divides by the "
    "root already.",
)
def scaled_twice(query, key, value, mask=None):
    weights = attention_weights(attention_scores(query, key) / np.sqrt(key.shape[-1]), mask)
    return weights @ value, weights


@EXERCISE.wrong(
    "scaled by the value's width",
    "The divisor comes from the width of the value, which may differ. It is the root of the width of query and key.",
)
def width_of_value(query, key, value, mask=None):
    weights = attention_weights(products(query, key) / np.sqrt(value.shape[-1]), mask)
    return weights @ value, weights


@EXERCISE.wrong(
    "weighted sum of the keys",
    "The weights are multiplied with the key. Keys are for finding; what is handed over is the value.",
)
def sum_of_keys(query, key, value, mask=None):
    _, weights = scaled_dot_product_attention(query, key, value, mask)
    return weights @ key, weights


@EXERCISE.wrong(
    "softmax missing",
    "The scores themselves are multiplied with the value. Turn them into weights with `attention_weights` first.",
)
def no_softmax(query, key, value, mask=None):
    scores = attention_scores(query, key)
    if mask is not None:
        scores = np.where(mask, scores, 0.0)
    return scores @ value, scores


@EXERCISE.wrong("only the output", "Only the output comes back. Return two things: the output and the weights.")
def output_alone(query, key, value, mask=None):
    return scaled_dot_product_attention(query, key, value, mask)[0]


@EXERCISE.wrong(
    "weights before the output", "The two results are exchanged. The output comes first, the weights second."
)
def weights_first(query, key, value, mask=None):
    output, weights = scaled_dot_product_attention(query, key, value, mask)
    return weights, output


@EXERCISE.wrong(
    "scores in place of the weights",
    "The output is right; beside it are the scores. Return what comes out of the softmax.",
)
def scores_returned(query, key, value, mask=None):
    output, _ = scaled_dot_product_attention(query, key, value, mask)
    return output, attention_scores(query, key)


@EXERCISE.wrong("mask not passed on", "The mask changes nothing. Pass it on to `attention_weights`.")
def mask_ignored(query, key, value, mask=None):
    return scaled_dot_product_attention(query, key, value)


@EXERCISE.wrong(
    "mask only on the way to the output",
    "The mask acts after the softmax, and on the output only: the weights that come back know nothing of it. Pass it on to "
    "`attention_weights`.",
)
def masked_output(query, key, value, mask=None):
    output, weights = scaled_dot_product_attention(query, key, value)
    return output if mask is None else (weights * mask) @ value, weights


@EXERCISE.wrong(
    "query and key swapped",
    "The scores have the keys in the rows. The query is the first argument of `attention_scores`.",
    unless=r"attention_scores\(query, key\)",
)
def swapped(query, key, value, mask=None):
    weights = attention_weights(attention_scores(key, query), mask)
    return weights @ value, weights


@EXERCISE.wrong(
    "weights transposed for the sum",
    "The weights are transposed before the weighted sum. Each of their rows belongs to a query, and mixes the rows of the "
    "value as it is: `weights @ value`.",
    only="attention_scores|weights",
)
def transposed(query, key, value, mask=None):
    _, weights = scaled_dot_product_attention(query, key, value, mask)
    return np.swapaxes(weights, -1, -2) @ value, weights


@EXERCISE.wrong(
    "number by number in place of the sum",
    "Weights and value are multiplied number by number. The weighted sum of the rows is the matrix product: `weights @ value`.",
    only=r"weights \* value|value \* weights",
)
def number_by_number(query, key, value, mask=None):
    _, weights = scaled_dot_product_attention(query, key, value, mask)
    return weights * value, weights


@EXERCISE.wrong(
    "softmax over the queries",
    "The columns of the weights add up to 1. The softmax runs along the last axis, the keys.",
)
def over_queries(query, key, value, mask=None):
    weights = weights_over_queries(attention_scores(query, key), mask)
    return weights @ value, weights


@EXERCISE.wrong(
    "all axes reversed",
    "`.T` and `transpose()` reverse all axes, the batch too. Exchange the last two: `np.swapaxes(key, -1, -2)`.",
)
def full_transpose(query, key, value, mask=None):
    weights = attention_weights(scores_full_transpose(query, key), mask)
    return weights @ value, weights


@EXERCISE.wrong(
    "weights set to 0 after the softmax",
    "With a mask the weights no longer add up to 1. Mask the scores before the softmax, as `attention_weights` does.",
)
def zeroed_after(query, key, value, mask=None):
    weights = weights_zeroed_after(attention_scores(query, key), mask)
    return weights @ value, weights


@EXERCISE.wrong(
    "mask upside down", "The allowed keys get nothing, the forbidden ones everything. True means *may attend*."
)
def upside_down(query, key, value, mask=None):
    return scaled_dot_product_attention(query, key, value, None if mask is None else ~mask)


@EXERCISE.wrong(
    "NaN in a row with nothing to attend to",
    "A row with nothing to attend to becomes NaN, as a softmax of nothing but -inf does. It has to be all zeros, "
    "as `attention_weights` gives it.",
)
def nan(query, key, value, mask=None):
    weights = weights_nan_in_empty_row(attention_scores(query, key), mask)
    return weights @ value, weights


@EXERCISE.variant
def with_torch(query, key, value, mask=None):
    query, key, value = torch.from_numpy(query), torch.from_numpy(key), torch.from_numpy(value)
    mask = None if mask is None else torch.from_numpy(mask)
    same = torch.eye(key.shape[-2], dtype=key.dtype).expand(*key.shape[:-1], -1)
    output = F.scaled_dot_product_attention(query, key, value, mask)
    weights = F.scaled_dot_product_attention(query, key, same, mask)
    return output.numpy(), weights.numpy()


@EXERCISE.variant
def with_einsum(query, key, value, mask=None):
    scores = np.einsum("...qd,...kd->...qk", query, key) / math.sqrt(query.shape[-1])
    weights = weights_by_division(scores, mask)
    return [np.einsum("...qk,...kv->...qv", weights, value), weights]


@EXERCISE.variant
def with_a_loop(query, key, value, mask=None):
    shape = (*query.shape[:-1], key.shape[-2])
    mask = np.broadcast_to(True if mask is None else mask, shape)
    weights, output = np.zeros(shape), np.zeros((*query.shape[:-1], value.shape[-1]))
    for *batch, q in np.ndindex(shape[:-1]):
        keys, values = key[tuple(batch)], value[tuple(batch)]
        row = mask[(*batch, q)]
        if row.any():
            shares = np.exp([k @ query[(*batch, q)] / math.sqrt(len(k)) for k in keys[row]])
            weights[(*batch, q)][row] = shares / shares.sum()
            for share, vector in zip(weights[(*batch, q)], values, strict=True):
                output[(*batch, q)] += share * vector
    return output, weights


@EXERCISE.variant
def divided_last(query, key, value, mask=None):
    powers = np.exp(attention_scores(query, key))
    if mask is not None:
        powers = powers * mask
    total = powers.sum(-1, keepdims=True)
    total[total == 0] = 1
    return (powers @ value) / total, powers / total
