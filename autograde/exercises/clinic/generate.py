"""Lesson 7, the debugging clinic: the same word, again and again."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.clinic.inputs import ids
from autograde.exercises.mistakes.clinic import generate as code
from autograde.harness.call import Call, Fixture
from helpers.clinic import repair_generate

LESSON = "07_decoder"


def _clear_words(table, start, steps):
    """Is the most probable word clear at every step, in every row, so that no rounding decides?"""
    for row in start:
        total = table[row].sum(axis=0)
        for _ in range(steps):
            second, first = np.sort(total)[-2:]
            if first - second < 0.05:
                return False
            total = total + table[int(total.argmax())]
    return True


def _generate_call(rng, words, batch, n, steps):
    while True:
        # a word makes itself less probable, so that the right answer is no monotone text
        table = (rng.normal(size=(words, words)) * 2 - 3 * np.eye(words)).astype(np.float32)
        start = rng.integers(words, size=(batch, n))
        if _clear_words(table, start, steps):
            return Call((Fixture("word_sums", (table,)), ids(start), steps))


def _generate_calls(rng):
    table = np.array([[-4, 2, 0, 1], [1, -3, 3, 0], [1, 0, -3, 5], [3, 1, 0, -4]], np.float32)
    return [
        Call(
            (Fixture("word_sums", (table,)), ids([[3, 0]]), 3),
            note="by hand: the model adds the rows of a table; rows 3 and 0 give -1 3 0 -3, so the first new word is 1",
        ),
        _generate_call(rng, 7, 3, 2, 6),
        _generate_call(rng, 9, 4, 3, 5),
        _generate_call(rng, 6, 2, 5, 7),
    ]


GENERATE = Exercise(
    name="repair_generate",
    lesson=LESSON,
    title="the same word, again and again",
    points=2,
    minutes=5,
    extra=True,
    hints=(
        "The model gives logits at *every* position: each position predicts the word after it. Which position "
        "predicts the word that is still missing?",
        "The axes of `logits` are batch, position, word. Index the position axis so that you get the newest one; "
        "Python counts from the end with negative numbers.",
    ),
    reference=repair_generate,
    make_calls=_generate_calls,
    ignore=("dtype",),
    misconceptions=(
        Misconception(
            "reads the first position",
            code.generate_broken,
            "The logits at position 0 predict the word after the first one, and a causal model never changes them. "
            "Read those of the last position.",
        ),
        Misconception(
            "does not move on",
            code.generate_stuck,
            "The same prediction is made at every step, the one at the end of `start`. The model has to read the words "
            "that were appended, and the position to look at moves with them.",
        ),
        Misconception(
            "only the newest word is read",
            code.generate_newest_only,
            "From the second step on the model sees one word alone. Give it all words so far, `start` among them.",
        ),
        Misconception(
            "last position but one",
            code.generate_last_but_one,
            "The position before the last is read; it predicts the newest word, which is there already. The last "
            "position predicts the missing one.",
        ),
        Misconception(
            "mean over the positions",
            code.generate_mean,
            "The logits of all positions are averaged. They predict different words; the last position alone predicts "
            "the missing one.",
        ),
        Misconception(
            "least probable word",
            code.generate_least_probable,
            "The word with the smallest logit is taken. A large logit stands for a probable word.",
        ),
        Misconception(
            "second best word",
            code.generate_runner_up,
            "The second most probable word is taken. Greedy decoding takes the most probable one, also when it repeats "
            "itself.",
        ),
        Misconception(
            "start returned, too",
            code.generate_with_start,
            "The result begins with `start`. Return the new words alone.",
        ),
        Misconception(
            "first row decides for all",
            code.generate_first_row_for_all,
            "All rows get the word of row 0. Take the largest logit of each row.",
        ),
        Misconception(
            "everything in one pass",
            code.generate_all_at_once,
            "All new words are read from one pass over padding. A word depends on the words chosen before it: call the "
            "model once for each.",
        ),
    ),
    variants=(code.generate_list, code.generate_row_by_row, code.generate_in_place, code.generate_recursive),
)

EXERCISES = (GENERATE,)
