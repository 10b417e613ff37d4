"""repair_attend: the loss is too good to be true."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import attention_scores_of
from autograde.exercises.inputs import random_tensor, tensor
from autograde.exercises.single_head.common import far_from_zero
from autograde.harness.call import FunctionCall
from helpers.clinic import repair_attend


def calls(rng):
    far = far_from_zero(rng, 3, 5, 4)
    return [
        FunctionCall(
            (
                tensor(np.zeros((1, 3, 4))),
                tensor(np.zeros((1, 3, 4))),
                tensor([[[6, 0], [0, 2], [3, 4]]]),
            ),
            note="by hand: all scores are 0, so each row is the mean of the values up to there: 6 0, 3 1, 3 2",
        ),
        FunctionCall(
            (random_tensor(rng, 3, 5, 4), random_tensor(rng, 3, 5, 4), random_tensor(rng, 3, 5, 2)),
            report=("output", "input_gradients"),
            note="backward, too",
        ),
        FunctionCall(
            (
                random_tensor(rng, 2, 6, 3, scale=2.0),
                random_tensor(rng, 2, 6, 3, scale=2.0),
                random_tensor(rng, 2, 6, 5),
            )
        ),
        FunctionCall((tensor(far), tensor(-far), random_tensor(rng, 3, 5, 2)), note="all scores are far below zero"),
        FunctionCall(
            (random_tensor(rng, 4, 1, 5), random_tensor(rng, 4, 1, 5), random_tensor(rng, 4, 1, 3)),
            note="only one word",
        ),
    ]


EXERCISE = Exercise(
    name="repair_attend",
    title="the loss is too good to be true",
    points=2,
    minutes=8,
    extra=True,
    hints=(
        "At position 2 the model has to predict word 3. Which words does position 2 attend to, in the broken code?",
        "Make a boolean matrix that is True on and below the diagonal (`torch.ones_like`, then `tril`), and fill the "
        "scores with minus infinity where it is False. The softmax comes after that.",
    ),
    reference=repair_attend,
    make_calls=calls,
)


@EXERCISE.wrong(
    "still looks ahead",
    "Every position attends to all words, also to those after it. Training then shows it the answer. Hide the "
    "keys after each query before the softmax.",
)
def broken(query, key, value):
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
    return torch.softmax(scores, dim=-1) @ value


def _attend(query, key, value, seen):
    return torch.softmax(attention_scores_of(query, key).masked_fill(~seen, -math.inf), dim=-1) @ value


def _ones(query):
    return torch.ones(query.shape[1], query.shape[1], dtype=torch.bool)


@EXERCISE.wrong(
    "mask upside down",
    "Each word sees itself and what comes *after* it. `tril` keeps the lower triangle: rows are queries, columns "
    "are keys.",
)
def upside_down(query, key, value):
    return _attend(query, key, value, _ones(query).triu())


@EXERCISE.wrong(
    "does not see itself",
    "The diagonal is hidden, too, so the first word has nothing to attend to. A word may attend to itself: it "
    "is known when the next one is predicted.",
)
def not_itself(query, key, value):
    return _attend(query, key, value, _ones(query).tril(-1))


@EXERCISE.wrong(
    "sees one word ahead",
    "One diagonal too many is visible, and that is the word to be predicted. The main diagonal is the last one.",
)
def one_too_far(query, key, value):
    return _attend(query, key, value, _ones(query).tril(1))


@EXERCISE.wrong("only itself", "Each word attends only to itself. What comes before it is known and may be read, too.")
def only_itself(query, key, value):
    return value.clone()


@EXERCISE.wrong(
    "only one word back", "Each word sees itself and one word before it. All earlier words may be attended to."
)
def one_back(query, key, value):
    return _attend(query, key, value, _ones(query).tril().triu(-1))


@EXERCISE.wrong(
    "mask after the softmax",
    "The weights are cut after the softmax, so they no longer sum to 1. Mask the scores, then take the softmax.",
)
def mask_after_softmax(query, key, value):
    return torch.softmax(attention_scores_of(query, key), dim=-1).tril() @ value


@EXERCISE.wrong(
    "hidden scores set to 0",
    "A score of 0 hides nothing: `exp(0)` is 1, which still gets a share. Hidden scores become minus infinity.",
)
def zeros(query, key, value):
    return torch.softmax(attention_scores_of(query, key).tril(), dim=-1) @ value


@EXERCISE.wrong(
    "scaling lost", "The mask is right. The division by the square root of the width was lost in the repair."
)
def no_scaling(query, key, value):
    return repair_attend(query * math.sqrt(query.shape[-1]), key, value)


@EXERCISE.wrong(
    "softmax over the queries",
    "The columns sum to 1 here. Each query shares out its attention over the keys: softmax along the last axis.",
)
def over_queries(query, key, value):
    return torch.softmax(attention_scores_of(query, key).masked_fill(~_ones(query).tril(), -math.inf), dim=1) @ value


@EXERCISE.wrong(
    "mean of the earlier words",
    "All visible words get the same share. The scores decide the shares: keep them, and mask them.",
)
def running_mean(query, key, value):
    return value.cumsum(dim=1) / torch.arange(1, value.shape[1] + 1).unsqueeze(1)


@EXERCISE.wrong(
    "own place hidden, with a finite number",
    "The diagonal is hidden, too, so the first word attends to all alike. A word may attend to itself: it "
    "is known when the next one is predicted.",
)
def own_place_hidden(query, key, value):
    scores = attention_scores_of(query, key)
    hidden = torch.ones_like(scores, dtype=torch.bool).triu()
    return torch.softmax(scores.masked_fill(hidden, -1e9), dim=-1) @ value


@EXERCISE.wrong(
    "the past hidden in place of the future",
    "The scores of the past, and a word's own, become -inf, and the last row is NaN. `masked_fill` fills where its condition "
    "is True: it needs `~` before a mask of what may be seen.",
)
def past_hidden(query, key, value):
    scores = attention_scores_of(query, key)
    past = torch.ones_like(scores, dtype=torch.bool).tril()
    return torch.softmax(scores.masked_fill(past, -math.inf), dim=-1) @ value


@EXERCISE.wrong(
    "root of the value's width",
    "The scores are divided by the root of the value's width. A score is a product of query and key: take the root of "
    "their width, `query.shape[-1]`.",
)
def width_of_the_value(query, key, value):
    return repair_attend(query * math.sqrt(query.shape[-1] / value.shape[-1]), key, value)


@EXERCISE.wrong(
    "only the future may be attended to",
    "The mask is the wrong way round: each position sees only what comes after it. In `F.scaled_dot_product_attention` and in "
    "this course True means *may attend*; in `nn.MultiheadAttention` it is the opposite.",
)
def only_the_future(query, key, value):
    ahead = torch.ones(query.shape[1], query.shape[1], dtype=torch.bool).triu(1)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=ahead)


@EXERCISE.wrong(
    "only what comes before",
    "Each word sees only the words before it, and the first one nothing. A word may attend to itself: it is known when "
    "the next one is predicted.",
)
def only_before(query, key, value):
    scores = attention_scores_of(query, key).masked_fill(~_ones(query).tril(-1), -math.inf)
    return torch.nan_to_num(torch.softmax(scores, dim=-1)) @ value


@EXERCISE.variant
def with_torch(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


@EXERCISE.variant
def word_by_word(query, key, value):
    rows = []
    for i in range(query.shape[1]):
        scores = (key[:, : i + 1] @ query[:, i].unsqueeze(-1)).squeeze(-1) / query.shape[-1] ** 0.5
        rows.append((scores.softmax(dim=-1).unsqueeze(-1) * value[:, : i + 1]).sum(dim=1))
    return torch.stack(rows, dim=1)


@EXERCISE.variant
def added_mask(query, key, value):
    length = query.size(1)
    hidden = torch.full((length, length), float("-inf")).triu(diagonal=1)
    return F.softmax(torch.einsum("bqd,bkd->bqk", query, key) * query.size(-1) ** -0.5 + hidden, dim=2).bmm(value)


@EXERCISE.variant
def renormalized(query, key, value):
    scores = attention_scores_of(query, key)
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True)).tril()
    return (powers / powers.sum(dim=-1, keepdim=True)) @ value


@EXERCISE.variant
def large_negative(query, key, value):
    position = torch.arange(query.shape[1])
    later = position.unsqueeze(0) > position.unsqueeze(1)
    scores = torch.where(later, torch.tensor(-1e9), attention_scores_of(query, key))
    return torch.exp(scores - scores.logsumexp(dim=-1, keepdim=True)) @ value
