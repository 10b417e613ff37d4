"""Lesson 7, the debugging clinic: NaN after some steps."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.clinic.inputs import floats, ids, normal_values
from autograde.exercises.mistakes.clinic import loss as code
from autograde.harness.call import Call
from helpers.clinic import repair_loss

LESSON = "07_decoder"


def _loss_calls(rng):
    labels = rng.integers(6, size=(3, 4))
    # some words are near to each other, two are far below: as probabilities they are rounded to 0
    far = rng.permuted(np.tile([-300.0, -120.0, -0.7, 0.0, 1.0, 1.5], (3, 4, 1)), axis=2)
    far[0, 0, labels[0, 0]], far[1, 2, labels[1, 2]] = 500.0, -500.0
    level = rng.normal(size=(2, 5, 4)) * 3 + np.array([1000.0, -1000.0])[:, np.newaxis, np.newaxis]
    return [
        Call(
            (floats(np.log([[[1.0, 2.0, 5.0], [4.0, 2.0, 2.0]]])), ids([[2, 1]])),
            note="by hand: the labels have the probabilities 5/8 and 1/4",
        ),
        Call((floats([[[0.0, 200.0, 0.0]]]), ids([[0]])), note="by hand: the label's logit is 200 below the best"),
        Call((normal_values(rng, 2, 3, 5, scale=2.0), ids(rng.integers(5, size=(2, 3))))),
        Call((floats(far), ids(labels)), note="logits between -500 and 500"),
        Call((floats(level), ids(rng.integers(4, size=(2, 5)))), note="logits near 1000 and near -1000"),
    ]


LOSS = Exercise(
    name="repair_loss",
    lesson=LESSON,
    title="NaN after some steps",
    points=2,
    minutes=5,
    extra=True,
    hints=(
        "Compute by hand: a word's logit is 200 below the best one. What is its probability in float32, what is the "
        "logarithm of that, and what is 0 times that?",
        "Never take the logarithm of a probability. The logarithm of the softmax is the logit, minus the largest logit "
        "of its row, minus the logarithm of the sum of `exp` of such differences. (PyTorch has it ready, too.)",
    ),
    reference=repair_loss,
    make_calls=_loss_calls,
    misconceptions=(
        Misconception(
            "0 times minus infinity",
            code.loss_broken,
            "Far from the best word the softmax is rounded to 0. Its logarithm is minus infinity, and 0 times that is "
            "NaN. Compute the logarithm of the softmax directly, from the logits.",
        ),
        Misconception(
            "logarithm of a rounded 0",
            code.loss_picked_from_probabilities,
            "Picking the label avoids 0 times infinity, but its own probability can be rounded to 0, too: the loss "
            "becomes infinite. Compute the logarithm of the softmax directly, from the logits.",
        ),
        Misconception(
            "NaN replaced by 0",
            code.loss_nan_to_zero,
            "The loss is 0 now where it was NaN: the model looks perfect and learns nothing. Remove the cause, not the "
            "NaN.",
        ),
        Misconception(
            "infinite terms dropped",
            code.loss_terms_to_zero,
            "A word that the model holds for impossible costs nothing here, though it should cost most. Compute the "
            "logarithm of the softmax directly, from the logits.",
        ),
        Misconception(
            "floor under the probabilities",
            code.loss_small_number_added,
            "No NaN, but the loss of a word ends at about 20 and has no gradient there, exactly where the model is most "
            "wrong. Compute the logarithm of the softmax directly, from the logits.",
        ),
        Misconception(
            "logits clipped",
            code.loss_logits_clipped,
            "Clipped logits give another loss, and no gradient outside the borders. The differences to the largest "
            "logit are safe as they are.",
        ),
        Misconception(
            "largest logit not subtracted",
            code.loss_maximum_not_subtracted,
            "The logarithm is rearranged, but `exp` of a large logit is infinity. Subtract the largest logit of each "
            "row first.",
        ),
        Misconception(
            "one maximum for all rows",
            code.loss_one_maximum,
            "The largest logit of the whole batch is subtracted, so a row far below it becomes the logarithm of 0. "
            "Give `max` the last axis, with `keepdim=True`.",
        ),
        Misconception(
            "softmax twice",
            code.loss_softmax_twice,
            "`F.cross_entropy` and `log_softmax` contain the softmax. Give them the logits, not probabilities.",
        ),
        Misconception(
            "sum in place of the mean",
            code.loss_sum,
            "The losses of all positions are added up. Take the mean.",
        ),
        Misconception(
            "divided by the words, too",
            code.loss_divided_by_words_too,
            "The mean runs over all words of the vocabulary as well. Sum over the words first, then take the mean over "
            "the positions.",
        ),
        Misconception(
            "minus sign lost",
            code.loss_minus_lost,
            "The logarithm of a probability is negative, a loss is not. It is *minus* the mean logarithm.",
        ),
        Misconception(
            "softmax over the positions",
            code.loss_over_positions,
            "The shares are taken over the positions. A position chooses among the words: the last axis.",
        ),
    ),
    variants=(code.loss_torch, code.loss_flat, code.loss_logsumexp, code.loss_one_hot, code.loss_loop),
)

EXERCISES = (LOSS,)
