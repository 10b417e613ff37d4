"""multi_head_by_hand: a list of single heads."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.inputs import random_mask
from autograde.exercises.multi_head.common import MASK
from autograde.harness.call import MAIN, FunctionCall
from helpers.multi_head import multi_head_by_hand
from helpers.single_head import attention_scores, attention_weights, scaled_dot_product_attention


def calls(rng):
    def call(length, d_model, count, d_head, mask=False):
        heads = [tuple(rng.normal(size=(d_model, d_head)) for _ in range(3)) for _ in range(count)]
        args = rng.normal(size=(length, d_model)), heads, rng.normal(size=(count * d_head, d_model))
        if mask:
            return FunctionCall(args, {"mask": random_mask(rng, length, length)}, part=MASK)
        return FunctionCall(args)

    x = np.array([[1.0, 0.0], [0.0, 4.0], [0.0, 8.0]])
    first = np.array([[np.log(2)], [0.0]]), np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    second = np.array([[0.0], [0.0]]), np.array([[5.0], [7.0]]), np.array([[3.0], [0.0]])
    return [
        FunctionCall(
            (x, [first, second], np.array([[1.0, 2.0], [0.0, 10.0]])),
            note="by hand: head 1 weighs 1/2, 1/4, 1/4 for the first token; head 2 weighs 1/3 everywhere",
        ),
        call(5, 6, 2, 4),
        call(4, 5, 3, 2),
        call(5, 4, 1, 3),
        call(4, 6, 3, 5, mask=True),
        call(6, 5, 2, 3, mask=True),
        FunctionCall(
            (np.zeros((1, 1)), [(np.ones((1, 1)),) * 3], np.ones((1, 1))), note="one token, one head; all widths are 1"
        ),
    ]


EXERCISE = Exercise(
    name="multi_head_by_hand",
    title="a list of single heads",
    points=3,
    minutes=10,
    hints=(
        "A loop over `heads`, with the two functions of lesson 3 inside. It collects one output per head, each "
        "(length, d_head). What is left are two steps of the equation: Concat and $W^O$.",
        "Collect the outputs in a list. `np.concatenate(..., axis=-1)` lays them side by side; one `@` with "
        "`w_output` is the last step. `scaled_dot_product_attention` returns two things, and the output is the first.",
    ),
    reference=multi_head_by_hand,
    make_calls=calls,
    parts={MAIN: 0.7, MASK: 0.3},
    forbidden=(*libraries.DOT_PRODUCT_ATTENTION, *libraries.MULTI_HEAD_ATTENTION),
)


def _outputs(x, heads, mask=None):
    return [scaled_dot_product_attention(*(x @ w for w in head), mask)[0] for head in heads]


@EXERCISE.wrong(
    "w_output left out",
    "The heads are side by side, and that is what comes back. The last step is missing: times `w_output`.",
)
def no_output_weights(x, heads, w_output, mask=None):
    return np.concatenate(_outputs(x, heads, mask), axis=-1)


@EXERCISE.wrong(
    "not all heads side by side",
    "The product with `w_output` does not fit. It needs the outputs of all heads, side by side along the last axis.",
)
def below_one_another(x, heads, w_output, mask=None):
    return np.concatenate(_outputs(x, heads, mask), axis=0) @ w_output


@EXERCISE.wrong(
    "the same head every time",
    "All heads give the same output, that of the first one. Inside the loop, use the three matrices of the "
    "head that it is at.",
)
def first_head_again(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, heads[:1] * len(heads), w_output, mask)


@EXERCISE.wrong(
    "columns of the heads interleaved",
    "The columns take turns, one from each head. First all columns of the first head, then all of the second: "
    "`np.concatenate` along the last axis.",
)
def interleaved(x, heads, w_output, mask=None):
    side = np.stack(_outputs(x, heads, mask), axis=-1)
    return side.reshape(len(x), -1) @ w_output


@EXERCISE.wrong(
    "heads in the opposite order",
    "The last head comes first. Keep the order of the list: each block of rows of `w_output` belongs to one head.",
)
def in_reverse(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, heads[::-1], w_output, mask)


@EXERCISE.wrong(
    "one wide head",
    "The heads share one softmax, as if their matrices were joined to one. Each head has scores and a softmax of "
    "its own; join their outputs.",
)
def one_wide_head(x, heads, w_output, mask=None):
    query, key, value = (x @ np.concatenate(weights, axis=1) for weights in zip(*heads, strict=True))
    return scaled_dot_product_attention(query, key, value, mask)[0] @ w_output


@EXERCISE.wrong(
    "weights averaged over the heads",
    "All heads share the average of the weights here. Each head mixes its values with its own weights.",
)
def averaged_weights(x, heads, w_output, mask=None):
    shared = np.mean([attention_weights(attention_scores(x @ q, x @ k), mask) for q, k, _ in heads], axis=0)
    return np.concatenate([shared @ (x @ w_value) for _, _, w_value in heads], axis=-1) @ w_output


@EXERCISE.wrong(
    "root of d_model",
    "The scores are divided by the root of d_model. It is the root of d_head, as in lesson 3: use "
    "`scaled_dot_product_attention`.",
)
def root_of_model(x, heads, w_output, mask=None):
    outputs = []
    for w_query, w_key, w_value in heads:
        scores = (x @ w_query) @ (x @ w_key).T / np.sqrt(x.shape[-1])
        outputs.append(attention_weights(scores, mask) @ (x @ w_value))
    return np.concatenate(outputs, axis=-1) @ w_output


@EXERCISE.wrong(
    "matrices in another order",
    "The three matrices of a head are used in a different order. A head is (w_query, w_key, w_value).",
)
def value_order(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, [(v, q, k) for q, k, v in heads], w_output, mask)


@EXERCISE.wrong(
    "w_output transposed", "`w_output` is (heads * d_head, d_model) already, so it fits as it is. Don't transpose it."
)
def output_transposed(x, heads, w_output, mask=None):
    return np.concatenate(_outputs(x, heads, mask), axis=-1) @ w_output.T


@EXERCISE.wrong("mask not passed on", "The mask changes nothing. Pass it on to the attention of every head.")
def mask_ignored(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, heads, w_output)


@EXERCISE.wrong(
    "mask only for the first head", "The first head is masked, the others are not. One mask holds for all heads."
)
def mask_first_head_alone(x, heads, w_output, mask=None):
    outputs = _outputs(x, heads[:1], mask) + _outputs(x, heads[1:])
    return np.concatenate(outputs, axis=-1) @ w_output


@EXERCISE.wrong(
    "mask upside down",
    "The allowed keys get nothing, the forbidden ones everything. True means *may attend*; pass the mask on as it is.",
)
def upside_down(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, heads, w_output, None if mask is None else ~mask)


@EXERCISE.wrong("the weights too", "Two things come back. Return only the output.")
def weights_too(x, heads, w_output, mask=None):
    weights = [attention_weights(attention_scores(x @ q, x @ k), mask) for q, k, _ in heads]
    return multi_head_by_hand(x, heads, w_output, mask), np.stack(weights)


@EXERCISE.wrong(
    "stacked and reshaped",
    "`reshape` of the stacked outputs puts rows of different tokens side by side. `np.concatenate(outputs, axis=-1)` keeps "
    "a token in its row.",
)
def stacked_and_reshaped(x, heads, w_output, mask=None):
    return np.stack(_outputs(x, heads, mask)).reshape(len(x), -1) @ w_output


@EXERCISE.wrong(
    "query and key exchanged",
    "Query and key have changed roles. A head is (w_query, w_key, w_value), and the scores are query times key.",
    unless=r"\(\w+, w_k\w*, w_q|attention\(k\w*, q",
)
def key_first(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, [(k, q, v) for q, k, v in heads], w_output, mask)


@EXERCISE.wrong(
    "key and value exchanged",
    "Key and value have changed roles. A head is (w_query, w_key, w_value); attention takes query, key, value.",
    unless=r"\(\w+, w_q\w*, w_v|attention\(q\w*, v",
)
def value_second(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, [(q, v, k) for q, k, v in heads], w_output, mask)


@EXERCISE.variant
def sum_of_parts(x, heads, w_output, mask=None):
    total, top = 0.0, 0
    for (*_, w_value), output in zip(heads, _outputs(x, heads, mask), strict=True):
        rows = w_output[top : top + w_value.shape[1]]
        total, top = total + output @ rows, top + w_value.shape[1]
    return total


@EXERCISE.variant
def stacked(x, heads, w_output, mask=None):
    query, key, value = (x @ np.stack(weights) for weights in zip(*heads, strict=True))
    output, _ = scaled_dot_product_attention(query, key, value, mask)
    return np.moveaxis(output, 0, 1).reshape(len(x), -1) @ w_output


@EXERCISE.variant
def values_last(x, heads, w_output, mask=None):
    total = np.zeros((x.shape[0], w_output.shape[1]))
    for rows, (w_query, w_key, w_value) in zip(np.split(w_output, len(heads)), heads, strict=True):
        weights = attention_weights(x @ (w_query @ w_key.T) @ x.T / math.sqrt(w_query.shape[1]), mask)
        total += weights @ x @ (w_value @ rows)
    return total


@EXERCISE.variant
def with_torch(x, heads, w_output, mask=None):
    parts = [torch.einsum("nm,hmd->hnd", torch.from_numpy(x), torch.from_numpy(np.stack(w))) for w in zip(*heads)]
    output = F.scaled_dot_product_attention(*parts, None if mask is None else torch.from_numpy(mask))
    return (torch.cat(list(output), dim=1) @ torch.from_numpy(w_output)).numpy()


@EXERCISE.variant
def with_a_loop(x, heads, w_output, mask=None):
    out = np.zeros((len(x), w_output.shape[1]))
    for i in range(len(x)):
        row = []
        for w_query, w_key, w_value in heads:
            scores = np.array([(x[i] @ w_query) @ (token @ w_key) for token in x]) / w_key.shape[1] ** 0.5
            shares = np.exp(scores - scores.max()) * (1 if mask is None else mask[i])
            row.extend(shares / shares.sum() @ (x @ w_value))
        out[i] = np.array(row) @ w_output
    return out
