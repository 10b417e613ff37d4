"""Lesson 7, the debugging clinic: the loss is too good to be true."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.clinic.inputs import floats, normal_values
from autograde.exercises.mistakes.clinic import attend as code
from autograde.harness.call import Call
from helpers.clinic import repair_attend

LESSON = "07_decoder"


def _attend_calls(rng):
    return [
        Call(
            (
                floats(np.zeros((1, 3, 4))),
                floats(np.zeros((1, 3, 4))),
                floats([[[6, 0], [0, 2], [3, 4]]]),
            ),
            note="by hand: all scores are 0, so each row is the mean of the values up to there: 6 0, 3 1, 3 2",
        ),
        Call((normal_values(rng, 3, 5, 4), normal_values(rng, 3, 5, 4), normal_values(rng, 3, 5, 2))),
        Call(
            (
                normal_values(rng, 2, 6, 3, scale=2.0),
                normal_values(rng, 2, 6, 3, scale=2.0),
                normal_values(rng, 2, 6, 5),
            )
        ),
        Call(
            (normal_values(rng, 4, 1, 5), normal_values(rng, 4, 1, 5), normal_values(rng, 4, 1, 3)),
            note="one word alone",
        ),
    ]


ATTEND = Exercise(
    name="repair_attend",
    lesson=LESSON,
    title="the loss is too good to be true",
    points=2,
    minutes=5,
    hints=(
        "At position 2 the model has to predict word 3. Which words does position 2 attend to, in the broken code?",
        "Make a boolean matrix that is True on and below the diagonal (`torch.ones_like`, then `tril`), and fill the "
        "scores with minus infinity where it is False. The softmax comes after that.",
    ),
    reference=repair_attend,
    make_calls=_attend_calls,
    misconceptions=(
        Misconception(
            "still looks ahead",
            code.attend_broken,
            "Every position attends to all words, also to those after it. Training then shows it the answer. Hide the "
            "keys after each query before the softmax.",
        ),
        Misconception(
            "mask upside down",
            code.attend_upside_down,
            "Each word sees itself and what comes *after* it. `tril` keeps the lower triangle: rows are queries, columns "
            "are keys.",
        ),
        Misconception(
            "does not see itself",
            code.attend_not_itself,
            "The diagonal is hidden, too, so the first word has nothing to attend to. A word may attend to itself: it "
            "is known when the next one is predicted.",
        ),
        Misconception(
            "sees one word ahead",
            code.attend_one_too_far,
            "One diagonal too many is visible, and that is the word to be predicted. The main diagonal is the last one.",
        ),
        Misconception(
            "only itself",
            code.attend_only_itself,
            "Each word attends to itself alone. What stands before it is known and may be read, too.",
        ),
        Misconception(
            "only one word back",
            code.attend_one_back,
            "Each word sees itself and one word before it. All earlier words may be attended to.",
        ),
        Misconception(
            "mask after the softmax",
            code.attend_mask_after_softmax,
            "The weights are cut after the softmax, so they no longer sum to 1. Mask the scores, then take the softmax.",
        ),
        Misconception(
            "hidden scores set to 0",
            code.attend_zeros,
            "A score of 0 is no ban: $e^0 = 1$ still gets a share. Hidden scores become minus infinity.",
        ),
        Misconception(
            "scaling lost",
            code.attend_no_scaling,
            "The mask is right. The division by the square root of the width was lost in the repair.",
        ),
        Misconception(
            "softmax over the queries",
            code.attend_over_queries,
            "The columns sum to 1 here. Each query shares out its attention over the keys: softmax along the last axis.",
        ),
        Misconception(
            "mean of the earlier words",
            code.attend_running_mean,
            "All visible words get the same share. The scores decide about the shares: keep them, and mask them.",
        ),
    ),
    variants=(
        code.attend_torch,
        code.attend_word_by_word,
        code.attend_added_mask,
        code.attend_renormalized,
        code.attend_large_negative,
    ),
)

EXERCISES = (ATTEND,)
