"""repair_sentence_vectors: worse in a batch than alone."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import attention_scores_of
from autograde.exercises.inputs import random_tensor, tensor
from autograde.harness.call import FunctionCall
from autograde.harness.plain import TensorData
from helpers.clinic import repair_sentence_vectors


def calls(rng):
    x = tensor([[[2, 0], [4, 0], [0, 9]], [[0, 0], [0, 6], [7, 7]]])
    keep = np.array([[True, False, False], [True, False, True]])
    return [
        FunctionCall(
            (tensor([[[2, 1, 0], [9, 9, 9]]]), TensorData(np.array([[True, False]]))),
            note="by hand: one real word; it attends only to itself, so its row is the answer",
        ),
        FunctionCall((x, TensorData(keep)), note="padding at the end, and in the middle"),
        FunctionCall(
            (random_tensor(rng, 3, 5, 4), TensorData(np.arange(5) < np.array([[3], [5], [1]]))),
            note="sentences of 3, 5 and 1 words",
        ),
        FunctionCall(
            (random_tensor(rng, 4, 6, 3), TensorData(np.arange(6) >= np.array([[2], [0], [5], [1]]))),
            note="padding at the front",
        ),
        FunctionCall(
            (tensor([[[1, 2], [3, 1], [1e10, 1e10]]]), TensorData(np.array([[True, True, False]]))),
            note="10,000,000,000 in the padded row; the result is that of the two real rows",
        ),
        FunctionCall((random_tensor(rng, 1, 1, 3), TensorData(np.array([[True]]))), note="one sentence of one word"),
    ]


EXERCISE = Exercise(
    name="repair_sentence_vectors",
    title="worse in a batch than alone",
    points=2,
    minutes=8,
    extra=True,
    hints=(
        "On its own, a sentence has no padding; in the batch it does. Look at one real word (a row of the scores): "
        "which columns does the mask take away from it?",
        "`scores` is (batch, queries, keys). `keep` has to line up with the keys, the last axis, and be the same for "
        "all queries. So the new axis of size 1 goes where the queries are.",
    ),
    reference=repair_sentence_vectors,
    make_calls=calls,
)


@EXERCISE.wrong(
    "padding still attended to",
    "Real words still attend to padding: no key is masked for them. A mask in the place of the queries, "
    "`keep.unsqueeze(2)`, masks whole rows; padded *keys* are columns.",
)
def broken(x, keep):
    scores = x @ x.transpose(1, 2) / math.sqrt(x.shape[-1])
    scores = scores.masked_fill(~keep.unsqueeze(2), -1e9)
    attended = torch.softmax(scores, dim=-1) @ x
    real = keep.unsqueeze(2)
    return (attended * real).sum(dim=1) / real.sum(dim=1)


def _mean_of_real(attended, keep):
    real = keep.unsqueeze(2)
    return (attended * real).sum(dim=1) / real.sum(dim=1)


def _read(x, scores):
    return torch.softmax(scores, dim=-1) @ x


@EXERCISE.wrong(
    "mask upside down",
    "The real words are hidden and the padding is attended to. `masked_fill` fills where its condition is True.",
)
def mask_upside_down(x, keep):
    return _mean_of_real(_read(x, attention_scores_of(x, x).masked_fill(keep.unsqueeze(1), -1e9)), keep)


@EXERCISE.wrong(
    "padding set to zeros",
    "A row of zeros still gets the score 0, and `exp(0)` is 1, a share. Take padded keys out of the scores.",
)
def padding_as_zeros(x, keep):
    x = x * keep.unsqueeze(2)
    return _mean_of_real(_read(x, attention_scores_of(x, x)), keep)


@EXERCISE.wrong(
    "scores of padding set to 0",
    "A score of 0 hides nothing: `exp(0)` is 1, which still gets a share. Fill with a large negative number or "
    "`-math.inf`.",
)
def scores_zero(x, keep):
    return _mean_of_real(_read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), 0.0)), keep)


@EXERCISE.wrong(
    "a large number subtracted",
    "A large number is subtracted from the scores of padding, and where these are larger still, padding gets a share. "
    "Put the large negative number in their place: `masked_fill`.",
)
def subtracted(x, keep):
    return _mean_of_real(_read(x, attention_scores_of(x, x) - 1e9 * ~keep.unsqueeze(1)), keep)


@EXERCISE.wrong(
    "mask after the softmax",
    "The weights of padding are removed after the softmax, so the others no longer sum to 1. Mask the scores, "
    "then take the softmax.",
)
def mask_after_softmax(x, keep):
    return _mean_of_real((torch.softmax(attention_scores_of(x, x), dim=-1) * keep.unsqueeze(1)) @ x, keep)


@EXERCISE.wrong(
    "mean over padding",
    "The attention is right now. The mean at the end runs over padded rows as well: keep the broken code's "
    "mean, which counts only real words.",
)
def mean_over_padding(x, keep):
    return _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9)).mean(dim=1)


@EXERCISE.wrong(
    "divided by the padded length",
    "The attention is right now. The sum is divided by the padded length; divide by the number of real words.",
)
def divided_by_length(x, keep):
    attended = _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9))
    return (attended * keep.unsqueeze(2)).sum(dim=1) / keep.shape[1]


@EXERCISE.wrong(
    "sum in place of the mean",
    "The attention is right now. The rows are added up, so a long sentence gets a large vector; divide by the "
    "number of real words.",
)
def summed(x, keep):
    attended = _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9))
    return (attended * keep.unsqueeze(2)).sum(dim=1)


@EXERCISE.wrong(
    "first sentence's mask for all",
    "All sentences are masked like the first one. Each row of `keep` belongs to one sentence of the batch.",
)
def first_mask_for_all(x, keep):
    return _mean_of_real(_read(x, attention_scores_of(x, x).masked_fill(~keep[0], -1e9)), keep)


@EXERCISE.wrong("attention left out", "This is the mean of the words as they came in. They attend to each other first.")
def no_attention(x, keep):
    return _mean_of_real(x, keep)


@EXERCISE.wrong(
    "softmax over the queries",
    "The mask was left in the place of the queries and the softmax was turned to fit. Turn the mask: queries "
    "are rows, and each row sums to 1 over the keys.",
)
def over_queries(x, keep):
    weights = torch.softmax(attention_scores_of(x, x).masked_fill(~keep.unsqueeze(2), -1e9), dim=1)
    return _mean_of_real(weights @ x, keep)


@EXERCISE.wrong(
    "first word in place of the mean",
    "The attention is right now. The vector of the first position is returned; return the mean over the real words.",
)
def first_row(x, keep):
    return _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9))[:, 0]


@EXERCISE.wrong(
    "scaling lost", "The mask is right. The division by the square root of the width was lost in the repair."
)
def scaling_lost(x, keep):
    return _mean_of_real(_read(x, (x @ x.transpose(1, 2)).masked_fill(~keep.unsqueeze(1), -1e9)), keep)


@EXERCISE.wrong(
    "padding taken to be at the end",
    "The first rows are taken for the real words, as many as there are. Padding may be anywhere: `keep` says where.",
)
def first_rows(x, keep):
    vectors = []
    for rows, count in zip(x, keep.sum(dim=1).tolist(), strict=True):
        words = rows[:count]
        vectors.append((torch.softmax(attention_scores_of(words[None], words[None]), dim=-1)[0] @ words).mean(dim=0))
    return torch.stack(vectors)


@EXERCISE.wrong(
    "mean over the first rows",
    "The attention is right now. The mean runs over the first rows, as many as there are real words; padding may be "
    "anywhere: `keep` says where.",
)
def mean_of_the_first(x, keep):
    attended = _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9))
    return torch.stack([rows[:count].mean(dim=0) for rows, count in zip(attended, keep.sum(dim=1), strict=True)])


@EXERCISE.wrong(
    "root of the length",
    "The scores are divided by the root of the length. A score is a product of two rows: take the root of their width, "
    "`x.shape[-1]`.",
)
def root_of_the_length(x, keep):
    scores = x @ x.transpose(1, 2) / math.sqrt(x.shape[1])
    return _mean_of_real(_read(x, scores.masked_fill(~keep.unsqueeze(1), -1e9)), keep)


@EXERCISE.wrong(
    "divided by the longest sentence's words",
    "All sums are divided by the same number, the words of the longest sentence. Each sentence has its own number of "
    "real words.",
)
def by_the_longest(x, keep):
    attended = _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9))
    return (attended * keep.unsqueeze(2)).sum(dim=1) / keep.sum(dim=1).max()


@EXERCISE.wrong(
    "columns that add up to 1",
    "The mask is right, and the softmax runs over the queries. Each query shares out its attention over the keys: "
    "`dim=-1`.",
)
def along_the_queries(x, keep):
    scores = attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9)
    return _mean_of_real(torch.softmax(scores, dim=1) @ x, keep)


@EXERCISE.wrong(
    "vectors of length 1",
    "The mean is divided by its length at the end, as many libraries do for comparing sentences. Here the mean itself is "
    "the result.",
)
def of_length_one(x, keep):
    seen = attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -math.inf)
    return F.normalize(_mean_of_real(_read(x, seen), keep), dim=1)


@EXERCISE.variant
def sentence_by_sentence(x, keep):
    vectors = []
    for rows, real in zip(x, keep, strict=True):
        words = rows[real]
        vectors.append((torch.softmax(words @ words.T / words.shape[1] ** 0.5, dim=1) @ words).mean(dim=0))
    return torch.stack(vectors)


@EXERCISE.variant
def with_torch(x, keep):
    attended = F.scaled_dot_product_attention(x, x, x, attn_mask=keep[:, None, :].expand(-1, x.shape[1], -1))
    return attended.masked_fill(~keep[..., None], 0.0).sum(1) / keep.sum(1, keepdim=True)


@EXERCISE.variant
def mean_of_weights(x, keep):
    hidden = torch.zeros(keep.shape).masked_fill(~keep, float("-inf"))
    weights = torch.softmax(x @ x.mT / x.shape[-1] ** 0.5 + hidden[:, None], dim=-1)
    shares = keep / keep.sum(dim=1, keepdim=True)
    return torch.einsum("bq,bqk,bkd->bd", shares, weights, x)


@EXERCISE.variant
def both_masked(x, keep):
    both = keep.unsqueeze(1) & keep.unsqueeze(2)
    scores = torch.where(both, attention_scores_of(x, x), torch.tensor(-1e9))
    return _mean_of_real(torch.softmax(scores, dim=-1) @ x, keep)


@EXERCISE.variant
def renormalized(x, keep):
    scores = attention_scores_of(x, x)
    largest = torch.stack([rows[:, real].amax(dim=1) for rows, real in zip(scores, keep, strict=True)])
    powers = torch.where(keep.unsqueeze(1), torch.exp(scores - largest.unsqueeze(2)), 0.0)
    attended = powers / powers.sum(dim=2, keepdim=True) @ x
    return torch.stack([rows[real].mean(dim=0) for rows, real in zip(attended, keep, strict=True)])
