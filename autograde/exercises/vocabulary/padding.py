"""Lesson 1: a padded batch."""

from __future__ import annotations

from autograde.exercise import Exercise
from autograde.exercises.mistakes.vocabulary import padding as mistakes
from autograde.exercises.vocabulary.sentences import shuffled
from autograde.harness.call import MAIN, Call
from helpers import vocabulary as reference

LESSON = "01_vocabulary"


def _sequences(rng, lengths, low, high):
    return [[int(i) for i in rng.integers(low, high, size=length)] for length in lengths]


def _pad_batch_calls(rng):
    return [
        Call(([[4, 5, 6, 4, 7], [4, 8, 9]],), note="by hand: 2 rows of 5; the second ends with two zeros"),
        Call((_sequences(rng, shuffled(rng, [2, 3, 5, 7]), 1, 30),)),
        Call((_sequences(rng, [3, 1, 6], 4, 99),)),
        Call((_sequences(rng, [4], 1, 9),), note="one sequence alone: nothing to fill up"),
        Call(
            ([[0, 3, 1], [2, 0, 0, 5, 1]],),
            {"pad": 9},
            part="other padding",
            note="padding is 9 here, and 0 is a token like others",
        ),
        Call((_sequences(rng, shuffled(rng, [1, 4, 6]), 0, 50),), {"pad": 77}, part="other padding"),
    ]


PAD_BATCH = Exercise(
    name="pad_batch",
    lesson=LESSON,
    title="one tensor for many sentences",
    points=3,
    minutes=7,
    hints=(
        "How long is the longest sequence? Each row is a sequence followed by as many `pad` as it is shorter. The mask is "
        "True where a token is, and no token equals `pad`.",
        "`[pad] * n` is a list of n times `pad`. Build the list of filled-up rows, give it to `torch.tensor` with "
        "`dtype=torch.int64`, and compare the tensor with `pad` for the mask.",
    ),
    reference=reference.pad_batch,
    make_calls=_pad_batch_calls,
    parts={MAIN: 0.7, "other padding": 0.3},
    misconceptions=mistakes.PAD_BATCH,
    variants=mistakes.PAD_BATCH_RIGHT,
    multiple_outputs=True,
)

EXERCISES = (PAD_BATCH,)
