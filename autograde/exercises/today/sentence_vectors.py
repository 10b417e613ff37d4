"""sentence_vectors: one vector for each sentence."""

import numpy as np
import torch
import torch.nn.functional as F

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_tensor, tensor
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.today import sentence_vectors


def calls(rng):
    def keep(length, *counts):
        return TensorData(np.arange(length) < np.array(counts)[:, None])

    anywhere = rng.random((3, 6)) < 0.6
    anywhere[:, 1], anywhere[0, 0] = True, False
    return [
        FunctionCall(
            (tensor([[[6, 4], [0, 4], [9, 9]]]), keep(3, 2)),
            note="by hand: the third token is padding; the mean is (3, 4), its length 5: (0.6, 0.8)",
        ),
        FunctionCall((random_tensor(rng, 3, 5, 4), keep(5, 5, 5, 5)), note="without padding"),
        FunctionCall((random_tensor(rng, 4, 5, 6), keep(5, 3, 5, 1, 2)), part="padding", note="with padding"),
        FunctionCall(
            (random_tensor(rng, 3, 6, 5, scale=3.0), TensorData(anywhere)), part="padding", note="padding anywhere"
        ),
        FunctionCall(
            (random_tensor(rng, 1, 1, 4, scale=1e-3), keep(1, 1)), note="one sentence of one token, and small numbers"
        ),
    ]


EXERCISE = Exercise(
    name="sentence_vectors",
    title="one vector for each sentence",
    points=2,
    minutes=7,
    hints=(
        "Padding takes no part in the mean: neither in the sum nor in the count. Give `keep` a last axis of size 1, so that it fits `states`.",
        "`keep.unsqueeze(-1)` is called `real` here: `states.masked_fill(~real, 0.0)` has zeros at the padding. Add "
        "it up over `dim=1`, divide by `real.sum(dim=1)`, then by `norm(dim=-1, keepdim=True)` of the result. (Which "
        "of the two divisions makes no difference in the end?)",
    ),
    reference=sentence_vectors,
    make_calls=calls,
    parts={MAIN: 0.5, "padding": 0.5},
)


def _mean(states, keep):
    real = keep.unsqueeze(-1)
    return states.masked_fill(~real, 0.0).sum(dim=1) / real.sum(dim=1)


@EXERCISE.wrong("padding in the mean", "Padding takes part in the mean. Use `keep`: only real tokens count.")
def with_padding(states, keep):
    return F.normalize(states.mean(dim=1), dim=-1)


@EXERCISE.wrong("not normalized", "The vectors don't have length 1. Divide each by its norm.")
def not_normalized(states, keep):
    return _mean(states, keep)


@EXERCISE.wrong(
    "first token", "This is the state of the first token, as some models use it. This model takes the mean of all."
)
def first_token(states, keep):
    return F.normalize(states[:, 0], dim=-1)


@EXERCISE.wrong("largest instead of mean", "The largest value of each column is taken. Take the mean.")
def largest(states, keep):
    return F.normalize(states.masked_fill(~keep.unsqueeze(-1), -torch.inf).amax(dim=1), dim=-1)


@EXERCISE.wrong(
    "tokens normalized first", "Each token is normalized, then the mean is taken. First the mean, then its length."
)
def tokens_first(states, keep):
    return _mean(F.normalize(states, dim=-1), keep)


@EXERCISE.wrong(
    "normalized over the batch", "The norm is taken over the whole batch. Each sentence has its own: `dim=-1`."
)
def over_batch(states, keep):
    mean = _mean(states, keep)
    return mean / mean.norm()


@EXERCISE.wrong(
    "sum of the numbers for the norm",
    "The vectors are divided by the sum of their numbers. The norm is the root of the sum of the squares.",
)
def by_sum(states, keep):
    mean = _mean(states, keep)
    return mean / mean.sum(dim=-1, keepdim=True)


@EXERCISE.wrong("keep upside down", "The mean is taken over the padding. `keep` is True at *real* tokens.")
def upside_down(states, keep):
    return F.normalize((states * ~keep.unsqueeze(-1)).sum(dim=1), dim=-1)


@EXERCISE.wrong("mean over the columns", "The mean runs over the columns. It runs over the tokens, axis 1.")
def over_columns(states, keep):
    return F.normalize((states * keep.unsqueeze(-1)).mean(dim=-1), dim=-1)


@EXERCISE.wrong(
    "normalized along the batch",
    "Each column is divided by its norm over all sentences. Each sentence has a norm of its own: `dim=-1`.",
)
def along_the_batch(states, keep):
    return F.normalize(_mean(states, keep), dim=0)


@EXERCISE.wrong(
    "all sentences in one mean",
    "One mean is taken over the tokens of all sentences (`states[keep]` puts them into one list). Set padding to "
    "0, sum over `dim=1`, and divide by the count of each sentence.",
)
def all_in_one(states, keep):
    mean = states[keep].mean(dim=0)
    return mean / mean.norm()


@EXERCISE.wrong(
    "all sentences in one mean, with an axis",
    "One mean is taken over the tokens of all sentences (`states[keep]` puts them into one list). Set padding to "
    "0, sum over `dim=1`, and divide by the count of each sentence.",
)
def all_in_one_row(states, keep):
    return F.normalize(states[keep].mean(dim=0, keepdim=True), dim=-1)


@EXERCISE.wrong(
    "last token", "This is the state of the last real token, as GPT's models use it. This model takes the mean of all."
)
def last_token(states, keep):
    return F.normalize(states[torch.arange(len(states)), keep.sum(dim=1) - 1], dim=-1)


@EXERCISE.wrong(
    "keep without an axis for the columns",
    "`keep` has two axes and `states` three. Give it a last axis of size 1: `keep.unsqueeze(-1)`.",
)
def without_an_axis(states, keep):
    return F.normalize((states * keep).sum(dim=1) / keep.sum(dim=1), dim=-1)


@EXERCISE.wrong(
    "tokens normalized, too",
    "Each token is brought to length 1 before the mean, so all count alike. Take the mean of the states as they are, then "
    "its length.",
)
def tokens_too(states, keep):
    return F.normalize(_mean(F.normalize(states, dim=-1), keep), dim=-1)


@EXERCISE.wrong(
    "padding taken to be at the end",
    "The first tokens are taken for the real ones, as many as there are. Padding may be anywhere: `keep` says where.",
)
def first_tokens(states, keep):
    means = [rows[:count].mean(dim=0) for rows, count in zip(states, keep.sum(dim=1), strict=True)]
    return F.normalize(torch.stack(means), dim=-1)


@EXERCISE.variant
def mean_first(states, keep):
    mean = _mean(states, keep)
    return mean / mean.norm(dim=-1, keepdim=True)


@EXERCISE.variant
def with_normalize(states, keep):
    return F.normalize((states * keep.unsqueeze(-1)).sum(dim=1), dim=-1)


@EXERCISE.variant
def with_einsum(states, keep):
    total = torch.einsum("bld,bl->bd", states, keep.to(states.dtype))
    return total / total.square().sum(dim=-1, keepdim=True).sqrt()


@EXERCISE.variant
def one_after_the_other(states, keep):
    means = [rows[real].mean(dim=0) for rows, real in zip(states, keep, strict=True)]
    return torch.stack([mean / torch.linalg.vector_norm(mean) for mean in means])
