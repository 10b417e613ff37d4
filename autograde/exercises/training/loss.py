"""Lesson 8: the loss with smoothed labels, the learning rate, what a training costs."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import TRAINER
from autograde.exercises.mistakes.training import loss as m
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers import training as right

LESSON = "08_training"


def _logits(rng, *shape):
    return TensorData((rng.normal(size=shape) * 2).astype(np.float32))


def _labels(rng, words, lengths, longest, pad=0):
    """One row per length, filled up with `pad`."""
    labels = np.full((len(lengths), longest), pad)
    for row, length in enumerate(lengths):
        labels[row, :length] = rng.choice([word for word in range(words) if word not in (0, pad)], length)
    return TensorData(labels)


# --- label_smoothed_loss --------------------------------------------------------------------------------------------


def _loss_calls(rng):
    by_hand = np.array([[[0, 0, 0, 0], [0, np.log(7), 0, 0], [0, 0, 0, 5]]], np.float32)
    other = _labels(rng, 6, (5, 2, 3), 5, pad=4)
    other.array[0, 1] = 0  # with pad=4, the id 0 is a word like any other
    report = ("output", "input_gradients")
    return [
        Call((TensorData(by_hand), TensorData(np.array([[2, 1, 0]]))),
             note="by hand: probabilities 1/4 each, then 0.1 0.7 0.1 0.1; the last label is padding"),
        Call((_logits(rng, 3, 5, 7), _labels(rng, 7, (5, 2, 3), 5))),
        Call((_logits(rng, 2, 6, 9), _labels(rng, 9, (4, 1), 6)), note="padding up to the longest row of another batch"),
        Call((_logits(rng, 4, 3, 8), _labels(rng, 8, (3, 1, 2, 3), 3)), {"smoothing": 0.3}, part="smoothing"),
        Call((_logits(rng, 2, 3, 5), _labels(rng, 5, (3, 2), 3)), {"smoothing": 0.0}, part="smoothing",
             note="no smoothing: the plain cross-entropy"),
        Call((_logits(rng, 3, 5, 6), other), {"pad": 4}, part="pad", note="here the padding has the id 4"),
        Call((_logits(rng, 3, 4, 5), _labels(rng, 5, (4, 2, 1), 4)), report=report, part="gradients",
             note="the gradient of the logits"),
    ]  # fmt: skip


LOSS = Exercise(
    name="label_smoothed_loss",
    lesson=LESSON,
    title="a loss that is not too sure",
    points=4,
    minutes=10,
    hints=(
        "Take the logarithm of the probabilities once: `log_softmax` over the vocabulary. Of each place you need two "
        "numbers: the one of the label, and the mean over all words. Weigh them with `1 - smoothing` and `smoothing`. "
        "Then: which places count?",
        "`log_probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)` picks the label's number, `mean(dim=-1)` is "
        "the other. The loss of a place is minus their weighted sum. With `real = labels != pad`, add up the real "
        "places (`masked_fill(~real, 0).sum()`) and divide by `real.sum()`.",
    ),
    reference=right.label_smoothed_loss,
    make_calls=_loss_calls,
    parts={MAIN: 0.6, "smoothing": 0.15, "pad": 0.1, "gradients": 0.15},
    misconceptions=(
        Misconception(
            "no smoothing",
            m.loss_plain,
            "This is the plain cross-entropy. A share `smoothing` of the probability goes to all words alike.",
        ),
        Misconception(
            "smoothing on the other words alone",
            m.loss_others,
            "The label gets `1 - smoothing` and the others share the rest. Here every word gets `smoothing / "
            "vocabulary`, the label too, as `torch.nn.functional.cross_entropy` has it.",
        ),
        Misconception(
            "smoothing without label and padding",
            m.loss_without_two,
            "The mass is shared by `vocabulary - 2` words, as in a common blog version. Here every word of the "
            "vocabulary gets `smoothing / vocabulary`.",
        ),
        Misconception(
            "two shares exchanged",
            m.loss_exchanged,
            "The label gets the small share, the uniform part the large one: `1 - smoothing` belongs to the label.",
        ),
        Misconception(
            "smoothing added on top",
            m.loss_on_top,
            "The label keeps its whole weight and the uniform part comes in addition. The shares add up to 1: "
            "`1 - smoothing` and `smoothing`.",
        ),
        Misconception(
            "sum over the words in place of the mean",
            m.loss_sum_of_words,
            "The uniform part adds up all words with the weight `smoothing` each. Each has `smoothing / vocabulary`.",
        ),
        Misconception(
            "padding counted",
            m.loss_with_padding,
            "Padded labels count like words. Leave them out of the sum and of the number of labels.",
        ),
        Misconception(
            "divided by all places",
            m.loss_all_places,
            "The padded places give 0, but they still count in the mean. Divide by the number of real labels.",
        ),
        Misconception(
            "padding in the uniform part",
            m.loss_uniform_padding,
            "The part of the label skips padding, the uniform part does not. Both count at real labels alone.",
        ),
        Misconception(
            "sum in place of the mean",
            m.loss_sum,
            "The losses are added up. Divide by the number of real labels, so that the loss does not grow with the batch.",
        ),
        Misconception(
            "mean of the sentences' means",
            m.loss_mean_of_rows,
            "Each sentence has the same weight, however long it is. Each real label has: one mean over all of them.",
        ),
        Misconception(
            "distance in place of cross-entropy",
            m.loss_divergence,
            "This is the Kullback-Leibler divergence, smaller by the entropy of the smoothed labels. Its gradient is "
            "the same, its value is not: leave out the target's own logarithm.",
        ),
        Misconception(
            "softmax twice",
            m.loss_softmax_twice,
            "The logits have gone through a softmax before the logarithm of another. Use `log_softmax` once.",
        ),
        Misconception(
            "logits in place of log-probabilities",
            m.loss_no_softmax,
            "The logits are used as they are. Take `log_softmax` over the vocabulary first.",
        ),
        Misconception(
            "softmax over the places",
            m.loss_wrong_axis,
            "The probabilities add up to 1 over the length. It is the vocabulary, the last axis, that they belong to.",
        ),
        Misconception(
            "minus sign lost",
            m.loss_negative,
            "The loss is negative, and training would make it worse and worse. It is *minus* the mean logarithm.",
        ),
        Misconception(
            "smoothing always 0.1",
            m.loss_fixed_smoothing,
            "The argument `smoothing` is not used.",
        ),
        Misconception(
            "padding always 0",
            m.loss_fixed_pad,
            "The labels are compared with 0. Compare them with the argument `pad`.",
        ),
        Misconception(
            "history cut off",
            m.loss_detached,
            "The value is right, but no gradient reaches the logits. `.item()`, `.detach()` and `torch.tensor(...)` cut "
            "the history; return the tensor itself.",
        ),
    ),
    forbidden=TRAINER,
    variants=(m.loss_torch, m.loss_loops, m.loss_target_distribution, m.loss_selected),
)

# --- noam_rate ------------------------------------------------------------------------------------------------------


def _rate_calls(rng):
    def some(low, high):
        return int(rng.integers(low, high))

    return [
        Call((1, 4, 4), note="by hand: 1/2 · 1/8"),
        Call((4, 4, 4), note="by hand: at step 4 both lines meet, 1/2 · 1/2"),
        Call((16, 4, 4), note="by hand: 1/2 · 1/4"),
        Call((some(5, 40), 64, some(200, 400)), note="before the end of warm-up"),
        Call((some(5000, 90000), 512, 4000), note="after the end of warm-up"),
        Call((some(100, 900), some(100, 200), some(901, 4000))),
        Call((1, 512, 4000), note="the first step, as in the paper"),
    ]


RATE = Exercise(
    name="noam_rate",
    lesson=LESSON,
    title="up for a while, then slowly down",
    points=2,
    minutes=5,
    hints=(
        "Equation 3 of the paper has two lines: one rises with the step, one falls. The smaller of the two counts. "
        "`x ** -0.5` is one over the square root of x.",
        "`d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)`: the two are equal at `step = warmup`.",
    ),
    reference=right.noam_rate,
    make_calls=_rate_calls,
    misconceptions=(
        Misconception(
            "larger in place of smaller",
            m.rate_max,
            "The larger of the two lines is taken, so the rate begins at its highest. The paper has `min`.",
        ),
        Misconception(
            "no factor of the width",
            m.rate_no_width,
            "The factor `d_model ** -0.5` is missing: wider models learn at a smaller rate.",
        ),
        Misconception(
            "root of the width in place of one over it",
            m.rate_times_root,
            "The rate grows with `d_model`. The exponent is -0.5.",
        ),
        Misconception(
            "one over the width",
            m.rate_one_over_width,
            "The rate is divided by `d_model` itself. It is the square root: `d_model ** -0.5`.",
        ),
        Misconception(
            "no warm-up",
            m.rate_no_warmup,
            "Only the falling line is there. The rising one, `step * warmup ** -1.5`, keeps the first steps small.",
        ),
        Misconception(
            "rising for ever",
            m.rate_no_decay,
            "Only the rising line is there. After warm-up the rate falls as `step ** -0.5`: take the smaller of the two.",
        ),
        Misconception(
            "constant after warm-up",
            m.rate_constant,
            "The rate stays where it is after warm-up. It falls as `step ** -0.5`.",
        ),
        Misconception(
            "another power of warm-up",
            m.rate_wrong_power,
            "The rising line has `warmup ** -0.5`. With -1.5 both lines meet at `step = warmup`.",
        ),
        Misconception(
            "steps counted from 0",
            m.rate_from_zero,
            "The rate is that of the step before, and 0 or an error at the start. Here the first step is 1.",
        ),
        Misconception(
            "one step ahead",
            m.rate_one_ahead,
            "1 is added to `step`. The caller counts from 1 already.",
        ),
        Misconception(
            "highest rate 1",
            m.rate_peak_one,
            "The curve has the right form, scaled to a peak of 1. The paper's peak is `(d_model * warmup) ** -0.5`.",
        ),
        Misconception(
            "falling in a straight line",
            m.rate_linear,
            "After warm-up the rate falls as one over the step. It is one over its square root.",
        ),
    ),
    forbidden=TRAINER,
    variants=(m.rate_two_branches, m.rate_numpy, m.rate_from_the_peak, m.rate_logarithms),
)

# --- what a training costs ------------------------------------------------------------------------------------------


def _as_float(call, value):
    """A whole number and the same number with a decimal point are the same answer."""
    return float(value) if type(value) is int else value


def _flops_calls(rng):
    def some(low, high):
        return int(rng.integers(low, high))

    return [
        Call((10, 7), note="by hand: 6 · 10 · 7"),
        Call((some(1, 900) * 1000, some(1, 90) * 1000)),
        Call((some(60, 70) * 10**6, some(2, 9) * 10**9), note="a large model and a large corpus"),
    ]


FLOPS = Exercise(
    name="training_flops",
    lesson=LESSON,
    title="what a training costs",
    points=1,
    minutes=2,
    hints=(
        "A multiplication and an addition for each weight and token: that is the forward pass. The backward pass needs "
        "two such products per layer, one for the inputs' gradient, one for the weights'.",
        "2 operations forward, 4 backward: `6 * parameters * tokens`.",
    ),
    reference=right.training_flops,
    make_calls=_flops_calls,
    projection=_as_float,
    misconceptions=(
        Misconception(
            "forward pass alone",
            m.flops_forward,
            "2 · N · D is the forward pass. The backward pass needs twice as much again: 6 in all.",
        ),
        Misconception(
            "backward pass alone",
            m.flops_backward,
            "4 · N · D is the backward pass. The forward pass comes in addition: 6 in all.",
        ),
        Misconception(
            "a multiplication and an addition counted as one",
            m.flops_multiply_add,
            "3 · N · D counts a multiplication with its addition as one operation. The rule counts both: 6.",
        ),
        Misconception(
            "forward pass run twice",
            m.flops_recomputed,
            "8 · N · D is for a training that runs the forward pass again to save memory. Here it runs once: 6.",
        ),
        Misconception(
            "tokens not counted",
            m.flops_per_token,
            "This is the cost of one token. Multiply by their number.",
        ),
        Misconception(
            "added in place of multiplied",
            m.flops_sum,
            "Every parameter meets every token: the two numbers are multiplied.",
        ),
    ),
    forbidden=TRAINER,
    variants=(m.flops_two_passes, m.flops_per_pass, m.flops_product),
)


def _utilization_calls(rng):
    def some(low, high):
        return int(rng.integers(low, high))

    return [
        Call((10, 5, 1000), note="by hand: 6 · 5 · 10 = 300 of 1,000 operations per second"),
        Call((some(1, 900) * 1000, some(2, 60) * 10**6, some(300, 1000) * 10**12)),
        Call((some(100, 5000) / 7, some(200, 400) * 1000, some(30, 90) * 10**9), note="a laptop"),
    ]


UTILIZATION = Exercise(
    name="model_flops_utilization",
    lesson=LESSON,
    title="how much of the device is used",
    points=1,
    minutes=2,
    hints=(
        "How many operations per second does the training need, by the same rule? And how many could the device do?",
        "`training_flops(parameters, tokens_per_second) / peak_flops`: tokens per second in, operations per second out.",
    ),
    reference=right.model_flops_utilization,
    make_calls=_utilization_calls,
    misconceptions=(
        Misconception(
            "forward pass alone",
            m.utilization_forward,
            "The forward pass alone is counted, 2 operations. A training step has 6 per parameter and token.",
        ),
        Misconception(
            "in percent",
            m.utilization_percent,
            "The result is in percent. Shares lie between 0 and 1 here.",
        ),
        Misconception(
            "turned round",
            m.utilization_inverse,
            "The peak is divided by what is used. The share is used / peak.",
        ),
        Misconception(
            "peak not used",
            m.utilization_no_peak,
            "These are operations per second. Divide by `peak_flops`.",
        ),
        Misconception(
            "parameters not counted",
            m.utilization_no_parameters,
            "Each token costs 6 operations for *every* parameter: multiply by `parameters`.",
        ),
        Misconception(
            "one operation per parameter",
            m.utilization_no_six,
            "The factor 6 is missing: 2 operations forward, 4 backward.",
        ),
    ),
    forbidden=TRAINER,
    variants=(m.utilization_in_one_line, m.utilization_by_time, m.utilization_tokens),
)

EXERCISES = (LOSS, RATE)
MEASURES = (FLOPS, UTILIZATION)
