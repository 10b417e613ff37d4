"""label_smoothed_loss: a loss that leaves room for doubt."""

import numpy as np
import torch
import torch.nn.functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.training import label_smoothed_loss


def _logits(rng, *shape):
    return TensorData((rng.normal(size=shape) * 2).astype(np.float32))


def _labels(rng, words, lengths, longest, pad=0):
    """One row per length, filled up with `pad`."""
    labels = np.full((len(lengths), longest), pad)
    for row, length in enumerate(lengths):
        labels[row, :length] = rng.choice([word for word in range(words) if word not in (0, pad)], length)
    return TensorData(labels)


def calls(rng):
    by_hand = np.array([[[0, 0, 0, 0], [0, np.log(7), 0, 0], [0, 0, 0, 5]]], np.float32)
    other = _labels(rng, 6, (5, 2, 3), 5, pad=4)
    other.array[0, 1] = 0  # with pad=4, the id 0 is a word like any other
    report = ("output", "input_gradients")
    return [
        FunctionCall(
            (TensorData(by_hand), TensorData(np.array([[2, 1, 0]]))),
            note="by hand: probabilities 1/4 each, then 0.1 0.7 0.1 0.1; the last label is padding",
        ),
        FunctionCall((_logits(rng, 3, 5, 7), _labels(rng, 7, (5, 2, 3), 5))),
        FunctionCall(
            (_logits(rng, 2, 6, 9), _labels(rng, 9, (4, 1), 6)), note="padding up to the longest row of another batch"
        ),
        FunctionCall((_logits(rng, 4, 3, 8), _labels(rng, 8, (3, 1, 2, 3), 3)), {"smoothing": 0.3}, part="smoothing"),
        FunctionCall(
            (_logits(rng, 2, 3, 5), _labels(rng, 5, (3, 2), 3)),
            {"smoothing": 0.0},
            part="smoothing",
            note="no smoothing: the plain cross-entropy",
        ),
        FunctionCall(
            (TensorData(_logits(rng, 3, 4, 6).array * 60), _labels(rng, 6, (4, 2, 3), 4)),
            part="large logits",
            note="logits in the hundreds",
        ),
        FunctionCall((_logits(rng, 3, 5, 6), other), {"pad": 4}, part="pad", note="here the padding has the id 4"),
        FunctionCall(
            (_logits(rng, 3, 4, 5), _labels(rng, 5, (4, 2, 1), 4)),
            report=report,
            part="gradients",
            note="the gradient of the logits",
        ),
        FunctionCall((_logits(rng, 1, 1, 5), _labels(rng, 5, (1,), 1)), note="a batch of one sentence of one word"),
    ]


EXERCISE = Exercise(
    name="label_smoothed_loss",
    title="a loss that leaves room for doubt",
    points=4,
    minutes=10,
    hints=(
        "Take the logarithm of the probabilities once: `log_softmax` over the vocabulary. For each position you need two "
        "numbers: that of the label, and the mean over all words. Weight them with `1 - smoothing` and `smoothing`. "
        "Then: which positions count?",
        "`log_probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)` picks the label's number, `mean(dim=-1)` is "
        "the other. The loss of a position is minus their weighted sum. With `real = labels != pad`, add up the real "
        "positions (`masked_fill(~real, 0).sum()`) and divide by `real.sum()`.",
    ),
    reference=label_smoothed_loss,
    make_calls=calls,
    parts={MAIN: 0.55, "smoothing": 0.15, "pad": 0.1, "gradients": 0.1, "large logits": 0.1},
    forbidden=libraries.TRAINER,
)


def _parts(logits, labels):
    """Log-probabilities of the label and their mean over all words, both (batch, length)."""
    logs = logits.log_softmax(dim=-1)
    return logs.gather(-1, labels.unsqueeze(-1)).squeeze(-1), logs.mean(dim=-1)


def _mean(losses, labels, pad):
    real = labels != pad
    return (losses * real).sum() / real.sum()


@EXERCISE.wrong(
    "no smoothing", "This is the plain cross-entropy. A share `smoothing` of the probability goes to all words alike."
)
def plain(logits, labels, smoothing=0.1, pad=0):
    return _mean(-_parts(logits, labels)[0], labels, pad)


@EXERCISE.wrong(
    "smoothing only on the other words",
    "The label gets `1 - smoothing` and the others share the rest. Here every word gets `smoothing / "
    "vocabulary`, the label too, as `torch.nn.functional.cross_entropy` has it.",
)
def others(logits, labels, smoothing=0.1, pad=0):
    logs = logits.log_softmax(dim=-1)
    target = torch.full_like(logs, smoothing / (logs.shape[-1] - 1))
    target = target.scatter(-1, labels.unsqueeze(-1), 1 - smoothing)
    return _mean(-(target * logs).sum(dim=-1), labels, pad)


@EXERCISE.wrong(
    "smoothing without label and padding",
    "The mass is shared by `vocabulary - 2` words, as in a common blog version. Here every word of the "
    "vocabulary gets `smoothing / vocabulary`.",
)
def without_two(logits, labels, smoothing=0.1, pad=0):
    logs = logits.log_softmax(dim=-1)
    target = torch.full_like(logs, smoothing / (logs.shape[-1] - 2))
    target = target.scatter(-1, labels.unsqueeze(-1), 1 - smoothing)
    target[..., pad] = 0
    return _mean(-(target * logs).sum(dim=-1), labels, pad)


@EXERCISE.wrong(
    "two shares exchanged",
    "The label gets the small share, the uniform part the large one: `1 - smoothing` belongs to the label.",
)
def exchanged(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, 1 - smoothing, pad)


@EXERCISE.wrong(
    "smoothing added on top",
    "The label keeps its whole weight and the uniform part is added on top. The shares add up to 1: `1 - smoothing` "
    "and `smoothing`.",
)
def on_top(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return _mean(-of_label - smoothing * of_all, labels, pad)


@EXERCISE.wrong(
    "sum over the words in place of the mean",
    "The uniform part adds up all words with the weight `smoothing` each. Each has `smoothing / vocabulary`.",
)
def sum_of_words(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return _mean(-(1 - smoothing) * of_label - smoothing * of_all * logits.shape[-1], labels, pad)


@EXERCISE.wrong(
    "padding counted", "Padded labels count like words. Leave them out of the sum and of the number of labels."
)
def with_padding(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return (-(1 - smoothing) * of_label - smoothing * of_all).mean()


@EXERCISE.wrong(
    "divided by all places",
    "The padded places give 0, but they still count in the mean. Divide by the number of real labels.",
)
def all_places(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return ((-(1 - smoothing) * of_label - smoothing * of_all) * (labels != pad)).mean()


@EXERCISE.wrong(
    "padding in the uniform part",
    "The part of the label skips padding, the uniform part does not. Both count only at real labels.",
)
def uniform_padding(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return (1 - smoothing) * _mean(-of_label, labels, pad) - smoothing * of_all.mean()


@EXERCISE.wrong(
    "sum in place of the mean",
    "The losses are added up. Divide by the number of real labels, so that the loss does not grow with the batch.",
)
def summed(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, smoothing, pad) * (labels != pad).sum()


@EXERCISE.wrong(
    "mean of the sentences' means",
    "Each sentence has the same weight, however long it is. Take one mean over all real labels.",
)
def mean_of_rows(logits, labels, smoothing=0.1, pad=0):
    rows = [label_smoothed_loss(*row, smoothing, pad) for row in zip(logits.split(1), labels.split(1), strict=True)]
    return torch.stack(rows).mean()


@EXERCISE.wrong(
    "divergence in place of cross-entropy",
    "This is the Kullback-Leibler divergence, smaller by the entropy of the smoothed labels. Its gradient is "
    "the same, its value is not: leave out the target's own logarithm.",
)
def divergence(logits, labels, smoothing=0.1, pad=0):
    words = logits.shape[-1]
    shares = torch.full((words,), smoothing / words)
    shares[0] += 1 - smoothing
    return label_smoothed_loss(logits, labels, smoothing, pad) + torch.xlogy(shares, shares).sum()


@EXERCISE.wrong(
    "divergence, and smoothing without label and padding",
    "This is the Kullback-Leibler divergence, smaller than the cross-entropy by the entropy of the smoothed labels, and "
    "the mass is shared by `vocabulary - 2` words, as in a common blog version. Leave out the target's own logarithm, and "
    "give every word of the vocabulary `smoothing / vocabulary`.",
)
def divergence_without_two(logits, labels, smoothing=0.1, pad=0):
    shares = torch.tensor([1 - smoothing, smoothing]) / torch.tensor([1, logits.shape[-1] - 2])
    entropy = torch.xlogy(torch.tensor([1 - smoothing, smoothing]), shares).sum()
    return without_two(logits, labels, smoothing, pad) + entropy


@EXERCISE.wrong("softmax twice", "The softmax is taken twice. The loss needs the logits, not probabilities.")
def softmax_twice(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits.softmax(dim=-1), labels, smoothing, pad)


@EXERCISE.wrong(
    "logits in place of log-probabilities",
    "The logits are used as they are. Take `log_softmax` over the vocabulary first.",
)
def no_softmax(logits, labels, smoothing=0.1, pad=0):
    of_label = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return _mean(-(1 - smoothing) * of_label - smoothing * logits.mean(dim=-1), labels, pad)


@EXERCISE.wrong(
    "softmax over the places",
    "The probabilities add up to 1 over the length. They should add up to 1 over the vocabulary, the last axis.",
)
def wrong_axis(logits, labels, smoothing=0.1, pad=0):
    logs = logits.log_softmax(dim=1)
    of_label = logs.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return _mean(-(1 - smoothing) * of_label - smoothing * logs.mean(dim=-1), labels, pad)


@EXERCISE.wrong(
    "minus sign lost",
    "The loss is negative, and training would make it worse and worse. It is *minus* the mean logarithm.",
)
def negative(logits, labels, smoothing=0.1, pad=0):
    return -label_smoothed_loss(logits, labels, smoothing, pad)


@EXERCISE.wrong("smoothing always 0.1", "The argument `smoothing` is not used.")
def fixed_smoothing(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, 0.1, pad)


@EXERCISE.wrong("padding always 0", "0 is taken for the padding. Use the argument `pad`.")
def fixed_pad(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, smoothing)


@EXERCISE.wrong(
    "history cut off",
    "The value is right, but no gradient reaches the logits. `.item()`, `.detach()` and `torch.tensor(...)` cut "
    "the history; return the tensor itself.",
)
def detached(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, smoothing, pad).detach()


@EXERCISE.wrong(
    "label without its share of the smoothing",
    "The label gets `1 - smoothing`, and the shares add up to less than 1. Here every word gets `smoothing / vocabulary`, "
    "the label on top of its `1 - smoothing`.",
)
def label_without_share(logits, labels, smoothing=0.1, pad=0):
    logs = logits.log_softmax(dim=-1)
    target = torch.full_like(logs, smoothing / logs.shape[-1])
    target = target.scatter(-1, labels.unsqueeze(-1), 1 - smoothing)
    return _mean(-(target * logs).sum(dim=-1), labels, pad)


@EXERCISE.wrong(
    "minus sign of the uniform part lost",
    "The label's part has its minus sign, the uniform part has not. Both logarithms are negative, and the loss is minus "
    "their weighted sum.",
)
def uniform_part_positive(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return _mean(-(1 - smoothing) * of_label + smoothing * of_all, labels, pad)


@EXERCISE.wrong(
    "no share for the padding's word",
    "The word `pad` gets no share of the smoothing. Here every word of the vocabulary gets `smoothing / vocabulary`, that "
    "one too.",
)
def padding_without_share(logits, labels, smoothing=0.1, pad=0):
    logs = logits.log_softmax(dim=-1)
    target = torch.full_like(logs, smoothing / logs.shape[-1])
    target[..., pad] = 0
    of_label, _ = _parts(logits, labels)
    return _mean(-(1 - smoothing) * of_label - (target * logs).sum(dim=-1), labels, pad)


@EXERCISE.wrong(
    "logarithm of the logits",
    "The logits are no probabilities: they can be 0 or negative, and have no logarithm then. `log_softmax` makes "
    "log-probabilities of them.",
    only=r"log\(logits",
)
def log_of_logits(logits, labels, smoothing=0.1, pad=0):
    logs = torch.log(logits)
    of_label = logs.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    losses = -(1 - smoothing) * of_label - smoothing * logs.mean(dim=-1)
    return losses[labels != pad].mean()


@EXERCISE.variant
def with_torch(logits, labels, smoothing=0.1, pad=0):
    return F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=pad, label_smoothing=smoothing)


@EXERCISE.variant
def with_loops(logits, labels, smoothing=0.1, pad=0):
    total, count, words = 0, 0, logits.shape[-1]
    for row, sentence in enumerate(labels.tolist()):
        for place, label in enumerate(sentence):
            if label == pad:
                continue
            logs = logits[row, place] - torch.logsumexp(logits[row, place], dim=0)
            total = total - (1 - smoothing) * logs[label]
            for word in range(words):
                total = total - smoothing / words * logs[word]
            count += 1
    return total / count


@EXERCISE.variant
def target_distribution(logits, labels, smoothing=0.1, pad=0):
    words = logits.size(-1)
    target = F.one_hot(labels, words) * (1 - smoothing) + smoothing / words
    losses = torch.einsum("blv,blv->bl", target, -F.log_softmax(logits, -1))
    return torch.where(labels == pad, 0.0, losses).sum() / labels.ne(pad).sum()


@EXERCISE.variant
def selected(logits, labels, smoothing=0.1, pad=0):
    real = labels != pad
    logs = torch.log_softmax(logits[real], dim=-1)
    of_label = logs[torch.arange(len(logs)), labels[real]]
    return -((1 - smoothing) * of_label + smoothing * logs.mean(1)).mean()
