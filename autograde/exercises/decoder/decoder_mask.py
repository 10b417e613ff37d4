"""decoder_mask: both masks together."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.add_norm.common import ONE_WORD
from autograde.exercises.decoder.common import random_ids, with_padding
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.decoder import causal_mask, decoder_mask, padding_mask


def calls(rng):
    middle = with_padding(rng, random_ids(rng, 1, 9, 2, 5), 0, (0, 0), (1, 2), (1, 4))
    other = with_padding(rng, random_ids(rng, 4, 9, 3, 4), 3, (0, 3), (1, 1))
    other[2, 1] = 0
    return [
        FunctionCall((TensorData(np.array([[1, 4, 0]])),), note="by hand: three tokens, the last one is padding"),
        FunctionCall((TensorData(with_padding(rng, random_ids(rng, 1, 9, 2, 4), 0, (0, 3))),)),
        FunctionCall((TensorData(with_padding(rng, random_ids(rng, 1, 9, 4, 6), 0, (0, 5), (0, 4), (2, 5))),)),
        FunctionCall((TensorData(middle),), part="anywhere", note="padding at the start and in the middle"),
        FunctionCall((TensorData(other),), {"pad": 3}, part="pad", note="here the padding has the id 3"),
        FunctionCall((TensorData(np.array([[4]])),), note=ONE_WORD),
    ]


EXERCISE = Exercise(
    name="decoder_mask",
    title="both masks together",
    points=2,
    minutes=4,
    hints=(
        "You have two masks: one of shape (batch, 1, length), one of shape (length, length). A key may be seen if the first *and* the second allow it. Broadcasting brings the shapes together.",
        "`&` combines boolean tensors entry by entry. The length is `ids.shape[1]`. Pass `pad` on.",
    ),
    reference=decoder_mask,
    make_calls=calls,
    parts={MAIN: 0.6, "anywhere": 0.2, "pad": 0.2},
)


@EXERCISE.wrong(
    "or in place of and",
    "An *or* of the masks (`|`, or `+`) allows whatever either of them allows. A key has to pass both: `&`.",
)
def with_or(ids, pad=0):
    return padding_mask(ids, pad) | causal_mask(ids.shape[1])


@EXERCISE.wrong(
    "only the padding mask", "The future is visible: only the padding is hidden. Combine it with the causal mask."
)
def padding_alone(ids, pad=0):
    return padding_mask(ids, pad).expand(-1, ids.shape[1], -1)


@EXERCISE.wrong(
    "only the causal mask", "Padding is visible: only the future is hidden. Combine it with the padding mask."
)
def causal_alone(ids, pad=0):
    return causal_mask(ids.shape[1]).expand(len(ids), -1, -1)


@EXERCISE.wrong(
    "one mask for all sentences",
    "The batch axis is missing: this is only the causal mask. The padding differs from sentence to sentence.",
)
def one_for_all(ids, pad=0):
    return causal_mask(ids.shape[1])


@EXERCISE.wrong(
    "queries masked, too",
    "The rows of padded queries are False throughout. Only keys are masked for padding; elsewhere such rows give NaN.",
)
def queries_too(ids, pad=0):
    keep = ids != pad
    return decoder_mask(ids, pad) & keep.unsqueeze(2)


@EXERCISE.wrong(
    "queries in place of keys",
    "The padding is applied to the rows, the queries. It belongs to the last axis, the keys, as `padding_mask` gives it.",
)
def queries_in_place_of_keys(ids, pad=0):
    return (ids != pad).unsqueeze(2) & causal_mask(ids.shape[1])


@EXERCISE.wrong("pad not passed on", "The argument `pad` is not used. Pass it on to `padding_mask`.")
def pad_not_passed(ids, pad=0):
    return padding_mask(ids) & causal_mask(ids.shape[1])


@EXERCISE.wrong("mask upside down", "True and False are exchanged: True means *may attend*.")
def upside_down(ids, pad=0):
    return ~decoder_mask(ids, pad)


@EXERCISE.wrong("an axis for the heads", "There are four axes. `MultiHeadAttention` adds the axis of the heads itself.")
def for_heads(ids, pad=0):
    return decoder_mask(ids, pad).unsqueeze(1)


@EXERCISE.wrong(
    "numbers in place of truth values",
    "The pattern is right, but the entries are numbers. A mask is boolean: combine with `&`.",
)
def multiplied(ids, pad=0):
    return padding_mask(ids, pad).float() * causal_mask(ids.shape[1]).float()


@EXERCISE.wrong(
    "the future in place of the past",
    "The causal part is transposed: a token sees what comes after it. Rows are queries, columns are keys.",
)
def future(ids, pad=0):
    return padding_mask(ids, pad) & causal_mask(ids.shape[1]).T


@EXERCISE.wrong(
    "length read from the batch axis", "`len(ids)` is the number of sentences. The length is `ids.shape[1]`."
)
def by_batch(ids, pad=0):
    return padding_mask(ids, pad) & causal_mask(len(ids))


@EXERCISE.wrong("a token does not see itself", "The diagonal is False. A token sees itself, too.")
def hides_itself(ids, pad=0):
    return padding_mask(ids, pad) & causal_mask(ids.shape[1]).tril(-1)


@EXERCISE.wrong(
    "masks added",
    "The two masks are added as numbers, so an entry counts how many of them allow the key. Both have to: `&`.",
)
def summed(ids, pad=0):
    return padding_mask(ids, pad).int() + causal_mask(ids.shape[1]).int()


@EXERCISE.variant
def cut(ids, pad=0):
    return (ids != pad)[:, None, :].repeat(1, ids.shape[1], 1).tril()


@EXERCISE.variant
def with_a_loop(ids, pad=0):
    batch, length = ids.shape
    mask = torch.zeros(batch, length, length, dtype=torch.bool)
    for row in range(batch):
        for query in range(length):
            for key in range(query + 1):
                mask[row, query, key] = ids[row, key] != pad
    return mask


@EXERCISE.variant
def filled(ids, pad=0):
    mask = causal_mask(ids.size(1)).unsqueeze(0).repeat(ids.size(0), 1, 1)
    return mask.masked_fill((ids == pad).unsqueeze(1), False)


@EXERCISE.variant
def logical(ids, pad=0):
    places = torch.arange(ids.shape[-1])
    return torch.logical_and((places[None] <= places[:, None])[None], torch.ne(ids, pad)[:, None])
