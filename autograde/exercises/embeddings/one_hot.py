"""one_hot: an id becomes a row with a single 1."""

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import MAIN, FunctionCall
from helpers.embeddings import one_hot


def calls(rng):
    return [
        FunctionCall((np.array([2, 0, 2, 1]), 5), note="by hand: four rows of five numbers, one 1 in each row"),
        FunctionCall((rng.permutation(9)[:6], 9)),
        FunctionCall((rng.integers(0, 11, (2, 5)), 11), part="leading axes", note="a batch of ids, (batch, length)"),
        FunctionCall((rng.integers(0, 5, (1, 1)), 5), part="leading axes", note="a batch of one sentence of one word"),
        FunctionCall((rng.integers(0, 7, (2, 3, 4)), 7), part="leading axes", note="ids with three axes"),
        FunctionCall(
            (np.array([[[0]]]), 1), part="leading axes", note="three axes of size 1, in a vocabulary of one word"
        ),
    ]


EXERCISE = Exercise(
    name="one_hot",
    title="an id becomes a row with a single 1",
    points=2,
    minutes=6,
    hints=(
        "Compare each id with the column numbers `0, 1, ..., vocab_size - 1`: the result is true in one column.",
        "Give `ids` a new last axis of size 1 (`ids[..., None]`). Compared by `==` with `np.arange(...)`, NumPy then "
        "makes all pairs. `.astype(float)` turns true and false into 1 and 0.",
    ),
    reference=one_hot,
    make_calls=calls,
    parts={MAIN: 0.7, "leading axes": 0.3},
    ignore=("dtype",),
    forbidden=libraries.ONE_HOT,
)


@EXERCISE.wrong(
    "ids counted from 1", "The 1 is one column too far left. Ids count from 0: the id 2 has its 1 in column 2."
)
def ids_from_one(ids, vocab_size):
    return one_hot((ids - 1) % vocab_size, vocab_size)


@EXERCISE.wrong(
    "width from the largest id",
    "The number of columns follows from the ids that happen to occur. Use `vocab_size`, so that every sentence gets the same width.",
)
def width_of_largest_id(ids, vocab_size):
    return one_hot(ids, int(ids.max()) + 1)


@EXERCISE.wrong(
    "one row for all ids",
    "All ones land in one row, so the order of the words is lost. Make a separate row for each id.",
)
def many_hot(ids, vocab_size):
    return one_hot(ids, vocab_size).max(axis=-2)


@EXERCISE.wrong(
    "words in the columns",
    "The last two axes are exchanged. One token per row: the new axis, of size `vocab_size`, comes last.",
)
def words_as_columns(ids, vocab_size):
    return np.swapaxes(one_hot(ids, vocab_size), -1, -2)


@EXERCISE.wrong(
    "the id written in place of 1", "The right column is found, but the id is written into it. Write a 1 there."
)
def id_in_place_of_one(ids, vocab_size):
    return one_hot(ids, vocab_size) * ids[..., np.newaxis]


@EXERCISE.wrong(
    "one axis only",
    "This works for a single sentence; a batch of ids has the shape (batch, length). A comparison of `ids[..., None]` with all column numbers works for any shape.",
)
def one_axis_only(ids, vocab_size):
    rows = np.zeros((len(ids), vocab_size))
    rows[np.arange(len(ids)), ids] = 1
    return rows


@EXERCISE.wrong(
    "leading axes flattened",
    "The ids are put into one long list. Keep their shape and add one axis at the end: `(..., vocab_size)`.",
)
def leading_axes_lost(ids, vocab_size):
    return one_hot(ids.reshape(-1), vocab_size)


@EXERCISE.wrong(
    "id 0 left empty", "The id 0 gets a row of zeros. It is an id like the others and has its 1 in column 0."
)
def zero_for_padding(ids, vocab_size):
    rows = one_hot(ids, vocab_size)
    rows[..., 0] = 0
    return rows


@EXERCISE.variant
def with_a_loop(ids, vocab_size):
    rows = np.zeros((*ids.shape, vocab_size))
    for index in np.ndindex(ids.shape):
        rows[index][ids[index]] = 1.0
    return rows


@EXERCISE.variant
def identity(ids, vocab_size):
    return np.identity(vocab_size)[ids]


@EXERCISE.variant
def with_put(ids, vocab_size):
    rows = np.zeros((*ids.shape, vocab_size), dtype=int)
    np.put_along_axis(rows, ids[..., None], 1, axis=-1)
    return rows


@EXERCISE.variant
def with_torch(ids, vocab_size):
    return F.one_hot(torch.from_numpy(ids), vocab_size).numpy()
