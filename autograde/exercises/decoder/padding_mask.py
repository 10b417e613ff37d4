"""padding_mask: nobody looks at padding."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.add_norm.common import ONE_WORD
from autograde.exercises.decoder.common import random_ids, with_padding
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.decoder import padding_mask


def calls(rng):
    middle = with_padding(rng, random_ids(rng, 1, 9, 3, 5), 0, (0, 0), (1, 2), (1, 4), (2, 4))
    other = with_padding(rng, random_ids(rng, 4, 9, 2, 6), 3, (0, 5), (0, 4), (1, 1))
    other[1, 3] = 0  # with pad=3, the id 0 is a word like any other
    return [
        FunctionCall(
            (TensorData(np.array([[1, 4, 2, 0], [1, 6, 5, 2]])),), note="by hand: the last id of row 0 is padding"
        ),
        FunctionCall((TensorData(with_padding(rng, random_ids(rng, 1, 9, 4, 6), 0, (0, 5), (0, 4), (2, 5))),)),
        FunctionCall((TensorData(middle),), part="anywhere", note="padding at the start and in the middle"),
        FunctionCall(
            (TensorData(with_padding(rng, random_ids(rng, 1, 9, 2, 3), 0, *((1, c) for c in range(3)))),),
            part="anywhere",
            note="a sentence of nothing but padding",
        ),
        FunctionCall((TensorData(other),), {"pad": 3}, part="pad", note="here the padding has the id 3"),
        FunctionCall((TensorData(np.array([[4]])),), note=ONE_WORD),
    ]


EXERCISE = Exercise(
    name="padding_mask",
    title="nobody looks at padding",
    points=2,
    minutes=4,
    hints=(
        "Compare all ids with `pad` at once: the result is a boolean tensor `(batch, length)`. It says something about *keys*, the last axis of the scores. Which axis is still missing for the queries?",
        "`!=` compares entry by entry. `unsqueeze(1)` puts an axis of size 1 between batch and length; broadcasting repeats it for all queries.",
    ),
    reference=padding_mask,
    make_calls=calls,
    parts={MAIN: 0.6, "anywhere": 0.2, "pad": 0.2},
)


@EXERCISE.wrong(
    "mask upside down", "True is at the padding. True means *may attend*, so it belongs to the real tokens: `!=`."
)
def upside_down(ids, pad=0):
    return (ids == pad).unsqueeze(1)


@EXERCISE.wrong(
    "axis of the queries missing",
    "The shape is (batch, length). Scores are (batch, n_queries, n_keys): put an axis of size 1 in the middle.",
)
def two_axes(ids, pad=0):
    return ids != pad


@EXERCISE.wrong(
    "queries in place of keys",
    "The new axis is at the end, so the mask is about queries. It is the *keys*, the last axis, that must not be "
    "looked at: `unsqueeze(1)`.",
)
def for_queries(ids, pad=0):
    return (ids != pad).unsqueeze(-1)


@EXERCISE.wrong(
    "an axis for the heads",
    "There are four axes. `MultiHeadAttention` adds the axis of the heads itself; return (batch, 1, length).",
)
def for_heads(ids, pad=0):
    return (ids != pad)[:, None, None]


@EXERCISE.wrong("padding always 0", "The ids are compared with 0. Compare them with the argument `pad`.")
def always_0(ids, pad=0):
    return (ids != 0).unsqueeze(1)


@EXERCISE.wrong(
    "another id hidden, too",
    "With `pad=3` the id 0 is hidden, too, as by `ids > pad`. It is a word then: use `!=`.",
)
def greater(ids, pad=0):
    return (ids > pad).unsqueeze(1)


@EXERCISE.wrong(
    "padding thought at the end",
    "The real tokens are counted, and that many places from the left are True. Padding may be anywhere: compare each "
    "id.",
)
def at_the_end(ids, pad=0):
    count = (ids != pad).sum(dim=1, keepdim=True)
    return (torch.arange(ids.shape[1]) < count).unsqueeze(1)


@EXERCISE.wrong(
    "everything after the first padding",
    "From the first padding on, everything is False. Padding may be anywhere: compare each id on its own.",
)
def from_the_first(ids, pad=0):
    return (ids != pad).int().cumprod(dim=1).bool().unsqueeze(1)


@EXERCISE.wrong(
    "numbers in place of truth values",
    "The pattern is right, but the entries are numbers. A mask is boolean; the comparison gives that already.",
)
def numbers(ids, pad=0):
    return (ids != pad).float().unsqueeze(1)


@EXERCISE.wrong(
    "queries masked, too",
    "Padded queries have nothing to attend to here. Only keys are masked; what a padded query finds is never used.",
)
def queries_too(ids, pad=0):
    keep = ids != pad
    return keep.unsqueeze(1) & keep.unsqueeze(2)


@EXERCISE.wrong(
    "one row for each query",
    "The values are repeated for every query. An axis of size 1 is enough, and fits any number of queries: in cross-attention queries and keys differ in number.",
)
def square(ids, pad=0):
    return (ids != pad).unsqueeze(1).expand(-1, ids.shape[1], -1)


@EXERCISE.wrong(
    "special words hidden",
    "`<bos>` or `<eos>` is hidden as well. They are words that may be looked at; only `pad` is not.",
)
def specials(ids, pad=0):
    return ((ids != pad) & (ids != 1) & (ids != 2)).unsqueeze(1)


@EXERCISE.variant
def with_an_index(ids, pad=0):
    return ids[:, None, :] != pad


@EXERCISE.variant
def not_equal(ids, pad=0):
    return ~torch.eq(ids, pad).view(ids.size(0), 1, ids.size(1))


@EXERCISE.variant
def with_lists(ids, pad=0):
    return torch.tensor([[[number != pad for number in row]] for row in ids.tolist()])


@EXERCISE.variant
def subtracted(ids, pad=0):
    return (ids - pad).bool().reshape(len(ids), 1, -1)
