"""positional_encoding: all positions at once."""

import math

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.embeddings.common import EXACT, table_of
from autograde.exercises.embeddings.positional_encoding_at import (
    base_one_thousand,
    column_for_pair,
    factor_two_missing,
    from_one,
    halves,
    multiplied,
    name_and_sentence,
    no_cosine,
    pair_counted_in_twos,
    rate_for_each_column,
    swapped,
    whole_number_division,
)
from autograde.harness.call import MAIN, FunctionCall
from helpers.embeddings import positional_encoding, positional_encoding_at


def calls(rng):
    return [
        FunctionCall((3, 2), tolerance=EXACT, note="by hand: one pair with the angles 0, 1 and 2"),
        FunctionCall((int(rng.integers(9, 14)), 6), tolerance=EXACT),
        FunctionCall(
            (int(rng.integers(20, 25)), 6), tolerance=EXACT, note="the same width again, and a longer sentence"
        ),
        FunctionCall((int(rng.integers(40, 60)), 32), tolerance=EXACT),
        FunctionCall((1, 4), tolerance=EXACT, note="a sentence of one word"),
        FunctionCall((int(rng.integers(5100, 5200)), 4), tolerance=EXACT, note="a text of more than 5,000 words"),
        FunctionCall(
            (int(rng.integers(11, 15)), 9), tolerance=EXACT, part="odd width", note="an odd width ends with a sine"
        ),
        FunctionCall((4, 1), tolerance=EXACT, part="odd width", note="a single column, of sines"),
    ]


EXERCISE = Exercise(
    name="positional_encoding",
    title="all positions at once",
    points=3,
    minutes=8,
    hints=(
        "A column of positions, shape `(length, 1)`, divided by a row of powers, one for each pair, gives a whole table "
        "of angles by broadcasting. Sines go to columns 0, 2, 4, ..., cosines to columns 1, 3, 5, ...",
        "`np.arange(0, d_model, 2)` holds all numbers 2i. `table[:, 0::2]` is every second column from 0 on, "
        "`table[:, 1::2]` from 1 on. With an odd width the second has one column fewer: take only the first "
        "`d_model // 2` columns of the angles there.",
    ),
    reference=positional_encoding,
    make_calls=calls,
    parts={MAIN: 0.8, "odd width": 0.2},
)


EXERCISE.wrong(*name_and_sentence(pair_counted_in_twos))(table_of(pair_counted_in_twos))
EXERCISE.wrong(*name_and_sentence(column_for_pair))(table_of(column_for_pair))
EXERCISE.wrong(*name_and_sentence(rate_for_each_column))(table_of(rate_for_each_column))
EXERCISE.wrong(*name_and_sentence(factor_two_missing))(table_of(factor_two_missing))
EXERCISE.wrong(*name_and_sentence(base_one_thousand))(table_of(base_one_thousand))
EXERCISE.wrong(*name_and_sentence(multiplied))(table_of(multiplied))
EXERCISE.wrong(*name_and_sentence(whole_number_division))(table_of(whole_number_division))
EXERCISE.wrong(*name_and_sentence(swapped))(table_of(swapped))
EXERCISE.wrong(*name_and_sentence(halves))(table_of(halves))


@EXERCISE.wrong("sines and cosines side by side", name_and_sentence(halves)[1])
def side_by_side(length, d_model):
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)  # one column too many for an odd width


EXERCISE.wrong(*name_and_sentence(no_cosine))(table_of(no_cosine))
EXERCISE.wrong(*name_and_sentence(from_one))(table_of(from_one))


@EXERCISE.wrong(
    "positions in the columns", "The table is on its side. One position per row: the shape is `(length, d_model)`."
)
def positions_as_columns(length, d_model):
    return positional_encoding(length, d_model).T


@EXERCISE.wrong(
    "length and width exchanged",
    "The table has `d_model` rows and `length` columns, and the powers use `length`. The first argument is the number of rows.",
)
def sizes_exchanged(length, d_model):
    return positional_encoding(d_model, length)


@EXERCISE.wrong("last position missing", "There is one row too few. `np.arange(length)` already stops before `length`.")
def last_position_missing(length, d_model):
    return positional_encoding(length - 1, d_model)


@EXERCISE.wrong(
    "no odd width",
    "An even width works. With an odd one there is one cosine column fewer than sine columns: cut the angles to `d_model // 2` columns for the cosines.",
)
def odd_width_slices(length, d_model):
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    encoding = np.zeros((length, d_model))
    encoding[:, 0::2] = np.sin(angles)
    encoding[:, 1::2] = np.cos(angles)
    return encoding


@EXERCISE.variant
def by_rows(length, d_model):
    return np.array([positional_encoding_at(position, d_model) for position in range(length)])


@EXERCISE.variant
def by_loops(length, d_model):
    encoding = np.zeros((length, d_model))
    for p in range(length):
        for i in range(0, d_model, 2):
            encoding[p, i] = math.sin(p / 10000 ** (i / d_model))
            if i + 1 < d_model:
                encoding[p, i + 1] = math.cos(p / 10000 ** (i / d_model))
    return encoding


@EXERCISE.variant
def by_turning(length, d_model):
    # e to the power of i times the angle has the cosine and the sine as its two parts
    turns = np.exp(1j * np.outer(np.arange(length), 10000.0 ** (-np.arange(0, d_model, 2) / d_model)))
    return np.stack([turns.imag, turns.real], axis=-1).reshape(length, -1)[:, :d_model]


@EXERCISE.variant
def with_torch(length, d_model):
    rates = torch.exp(torch.arange(0, d_model, 2).double() * (-math.log(10000.0) / d_model))
    angles = torch.outer(torch.arange(length).double(), rates)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :d_model].numpy()
