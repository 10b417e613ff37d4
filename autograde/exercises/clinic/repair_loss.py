"""repair_loss: NaN after some steps."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import ids
from autograde.exercises.inputs import random_tensor, tensor
from autograde.harness.call import FunctionCall
from helpers.clinic import repair_loss


def calls(rng):
    labels = rng.integers(6, size=(3, 4))
    # some words are near to each other, two are far below: as probabilities they are rounded to 0, in float64 as well
    far = rng.permuted(np.tile([-300.0, -120.0, -0.7, 0.0, 1.0, 1.5], (3, 4, 1)), axis=2)
    far[0, 0, labels[0, 0]], far[1, 2, labels[1, 2]] = 500.0, -900.0
    level = rng.normal(size=(2, 5, 4)) * 3 + np.array([1000.0, -1000.0])[:, np.newaxis, np.newaxis]
    return [
        FunctionCall(
            (tensor(np.log([[[1.0, 2.0, 5.0], [4.0, 2.0, 2.0]]])), ids([[2, 1]])),
            note="by hand: the labels have the probabilities 5/8 and 1/4",
        ),
        FunctionCall(
            (tensor([[[0.0, 200.0, 0.0]]]), ids([[0]])), note="by hand: the label's logit is 200 below the best"
        ),
        FunctionCall(
            (random_tensor(rng, 2, 3, 5, scale=2.0), ids(rng.integers(5, size=(2, 3)))),
            report=("output", "input_gradients"),
            note="backward, too",
        ),
        FunctionCall((tensor(far), ids(labels)), note="logits between -900 and 500"),
        FunctionCall((tensor(level), ids(rng.integers(4, size=(2, 5)))), note="logits near 1000 and near -1000"),
    ]


EXERCISE = Exercise(
    name="repair_loss",
    title="NaN after some steps",
    points=2,
    minutes=5,
    hints=(
        "Compute by hand: a word's logit is 200 below the best one. What is its probability in float32, what is the "
        "logarithm of that, and what is 0 times that?",
        "Never take the logarithm of a probability. The logarithm of the softmax is the logit, minus the largest "
        "logit of its row, minus the logarithm of the sum of `exp` of such differences. (PyTorch has it ready-made, "
        "too.)",
    ),
    reference=repair_loss,
    make_calls=calls,
)


@EXERCISE.wrong(
    "0 times minus infinity",
    "Far from the best word the softmax is rounded to 0. Its logarithm is minus infinity, and 0 times that is "
    "NaN. Compute the logarithm of the softmax directly, from the logits.",
)
def broken(logits, labels):
    probabilities = torch.softmax(logits, dim=-1)
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log(probabilities)).sum(dim=-1).mean()


@EXERCISE.wrong(
    "logarithm of a rounded 0",
    "Picking the label avoids 0 times infinity, but its own probability can be rounded to 0, too: the loss "
    "becomes infinite. Compute the logarithm of the softmax directly, from the logits.",
)
def picked_from_probabilities(logits, labels):
    return -torch.log(torch.softmax(logits, dim=-1).gather(2, labels.unsqueeze(2))).mean()


@EXERCISE.wrong(
    "NaN replaced by 0",
    "The loss is 0 now where it was NaN: the model looks perfect and learns nothing. Remove the cause, not the NaN.",
)
def nan_to_zero(logits, labels):
    return torch.nan_to_num(broken(logits, labels))


@EXERCISE.wrong(
    "infinite terms dropped",
    "A word that the model considers impossible costs nothing here, though it should cost most. Compute the "
    "logarithm of the softmax directly, from the logits.",
)
def terms_to_zero(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    terms = wanted * torch.log(torch.softmax(logits, dim=-1))
    return -torch.nan_to_num(terms, nan=0.0, neginf=0.0).sum(dim=-1).mean()


@EXERCISE.wrong(
    "floor under the probabilities",
    "There is no NaN, but the loss of a word stops at about 20 and has no gradient there, exactly where the model is "
    "most wrong. Compute the logarithm of the softmax directly, from the logits.",
)
def small_number_added(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log(torch.softmax(logits, dim=-1) + 1e-9)).sum(dim=-1).mean()


@EXERCISE.wrong(
    "logits clipped",
    "Clipped logits give another loss, and no gradient outside the limits. The differences from the largest logit are "
    "safe as they are.",
)
def logits_clipped(logits, labels):
    return repair_loss(logits.clamp(-50, 50), labels)


@EXERCISE.wrong(
    "largest logit not subtracted",
    "The logarithm is rearranged, but `exp` of a large logit is infinity. Subtract the largest logit of each "
    "row first.",
)
def maximum_not_subtracted(logits, labels):
    log_probabilities = logits - torch.log(torch.exp(logits).sum(dim=-1, keepdim=True))
    return -log_probabilities.gather(2, labels.unsqueeze(2)).mean()


@EXERCISE.wrong(
    "one maximum for all rows",
    "The largest logit of the whole batch is subtracted, so a row far below it becomes the logarithm of 0. "
    "Give `max` the last axis, with `keepdim=True`.",
)
def one_maximum(logits, labels):
    shifted = logits - logits.max()
    log_probabilities = shifted - torch.log(torch.exp(shifted).sum(dim=-1, keepdim=True))
    return -log_probabilities.gather(2, labels.unsqueeze(2)).mean()


@EXERCISE.wrong(
    "softmax twice", "`F.cross_entropy` and `log_softmax` contain the softmax. Give them the logits, not probabilities."
)
def softmax_twice(logits, labels):
    return repair_loss(torch.softmax(logits, dim=-1), labels)


@EXERCISE.wrong("sum in place of the mean", "The losses of all positions are added up. Take the mean.")
def summed(logits, labels):
    return repair_loss(logits, labels) * labels.numel()


@EXERCISE.wrong(
    "divided by the words, too",
    "The mean runs over all words of the vocabulary as well. Sum over the words first, then take the mean over "
    "the positions.",
)
def divided_by_words_too(logits, labels):
    return -(F.one_hot(labels, logits.shape[-1]) * torch.log_softmax(logits, dim=-1)).mean()


@EXERCISE.wrong(
    "minus sign lost", "The logarithm of a probability is negative, a loss is not. It is *minus* the mean logarithm."
)
def minus_lost(logits, labels):
    return -repair_loss(logits, labels)


@EXERCISE.wrong(
    "softmax over the positions",
    "The shares are taken over the positions. A position chooses among the words: the last axis.",
)
def over_positions(logits, labels):
    return -torch.log_softmax(logits, dim=1).gather(2, labels.unsqueeze(2)).mean()


@EXERCISE.wrong(
    "axes of cross_entropy",
    "`F.cross_entropy` takes the words from axis 1. Give it `logits.transpose(1, 2)`, or flatten the positions.",
    only="cross_entropy",
)
def axes_not_moved(logits, labels):
    return F.cross_entropy(logits, labels)


@EXERCISE.wrong(
    "probabilities not below a bound",
    "A probability below the bound counts as the bound, so the loss stops at about 28 and has no gradient there, "
    "where the model is most wrong. Never take the logarithm of a probability: use `log_softmax`.",
)
def clamped(logits, labels):
    probabilities = torch.softmax(logits, dim=-1).clamp(min=1e-12)
    return -torch.log(probabilities).gather(2, labels.unsqueeze(2)).mean()


@EXERCISE.wrong(
    "only NaN replaced",
    "0 times infinity is no longer NaN, but the logarithm of a label's probability that has become 0 is still -inf (or, "
    "replaced, a huge number). Use `log_softmax`.",
)
def nan_terms_to_zero(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    return -torch.nan_to_num(wanted * torch.log(torch.softmax(logits, dim=-1)), nan=0.0).sum(dim=-1).mean()


@EXERCISE.wrong(
    "labels with the id 0 left out",
    "Positions with the label 0 are left out, as padding is in lesson 8. There is no padding here: every label counts.",
)
def zeros_left_out(logits, labels):
    return F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=0)


@EXERCISE.wrong(
    "sum over each sentence",
    "The losses of a sentence are added up, and the sum is divided by the number of sentences only. Take the mean over "
    "all positions.",
)
def sum_over_each_sentence(logits, labels):
    return repair_loss(logits, labels) * labels.shape[1]


@EXERCISE.wrong(
    "smoothed labels",
    "The labels are smoothed, as in lesson 8. This loss is the plain cross-entropy: leave out `label_smoothing`.",
    only="smoothing",
)
def smoothed(logits, labels):
    return F.cross_entropy(logits.transpose(1, 2), labels, label_smoothing=0.1)


@EXERCISE.wrong(
    "logits and labels in different orders",
    "The rows of logits and the labels don't belong together: one of them goes through the sentences first, the other "
    "through the positions. Flatten both in the same order, without exchanging axes.",
)
def other_order(logits, labels):
    return F.cross_entropy(logits.transpose(0, 1).flatten(0, 1), labels.flatten())


@EXERCISE.variant
def with_torch(logits, labels):
    return F.cross_entropy(logits.transpose(1, 2), labels)


@EXERCISE.variant
def flat(logits, labels):
    return nn.CrossEntropyLoss()(logits.reshape(-1, logits.shape[-1]), labels.flatten())


@EXERCISE.variant
def with_logsumexp(logits, labels):
    picked = torch.take_along_dim(logits, labels[..., None], dim=-1)[..., 0]
    return (torch.logsumexp(logits, dim=-1) - picked).mean()


@EXERCISE.variant
def one_hot(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log_softmax(logits, dim=-1)).sum(dim=-1).mean()


@EXERCISE.variant
def with_a_loop(logits, labels):
    terms = []
    for rows, wanted in zip(logits, labels, strict=True):
        for row, label in zip(rows, wanted, strict=True):
            top = row.max()
            terms.append(top + (row - top).exp().sum().log() - row[label])
    return torch.stack(terms).mean()
