"""embed: look up a row for each id."""

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import MAIN, FunctionCall
from helpers.embeddings import embed


def calls(rng):
    table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 5.0], [-1.0, 4.0]])
    return [
        FunctionCall((np.array([3, 1, 3]), table), note="by hand: rows 3, 1 and 3 of the table"),
        FunctionCall((rng.permutation(8)[:6], rng.normal(size=(8, 7)))),
        FunctionCall(
            (rng.integers(0, 9, (2, 4)), rng.normal(size=(9, 10))), part="leading axes", note="a batch of ids"
        ),
        FunctionCall(
            (rng.integers(0, 9, (1, 5)), rng.normal(size=(9, 3))), part="leading axes", note="a batch of one sentence"
        ),
        FunctionCall((np.array([1]), np.array([[0.0], [1.0], [2.0]])), note="one word, and a table of one column"),
    ]


EXERCISE = Exercise(
    name="embed",
    title="look up a row for each id",
    points=2,
    minutes=4,
    hints=(
        "NumPy can index with a whole array of row numbers at once; the result has one row for each of them.",
        "`table[3]` is row 3. Put the array of ids between the brackets in place of the 3.",
    ),
    reference=embed,
    make_calls=calls,
    parts={MAIN: 0.8, "leading axes": 0.2},
    forbidden=libraries.EMBEDDING,
)


@EXERCISE.wrong(
    "columns in place of rows",
    "The ids pick columns, as in `table[:, ids]`. A token's vector is a row: put the ids first.",
)
def columns_for_rows(ids, table):
    return table[:, ids]


@EXERCISE.wrong(
    "numbers of the flattened table",
    "Single numbers are read out of the flattened table, as by `np.take` without `axis`. Index the table itself: "
    "`table[...]` picks rows.",
)
def take_without_axis(ids, table):
    return np.take(table, ids)


@EXERCISE.wrong(
    "the row before",
    "Each id gets the row above its own. Ids count from 0, and so do rows: nothing has to be subtracted.",
)
def row_before(ids, table):
    return table[ids - 1]


@EXERCISE.wrong(
    "mean of the rows", "The rows are averaged into one. Every token keeps a row of its own: `(..., d_model)`."
)
def mean_of_rows(ids, table):
    return table[ids].mean(axis=-2)


@EXERCISE.wrong(
    "each id once, sorted",
    "Repeated words are dropped and the order is lost. Use the ids as they come, without `np.unique` or `set`.",
)
def sorted_unique_rows(ids, table):
    return table[np.unique(ids)]


@EXERCISE.wrong(
    "leading axes flattened",
    "The sentences of the batch run together. Index with `ids` in its own shape: (batch, length) gives (batch, length, d_model).",
)
def rows_flattened(ids, table):
    return table[ids.reshape(-1)]


@EXERCISE.wrong(
    "vectors in the columns",
    "The last two axes are exchanged. One token per row: the result has the shape `(..., d_model)`.",
)
def vectors_as_columns(ids, table):
    return np.swapaxes(table[ids], -1, -2)


@EXERCISE.wrong(
    "scaled already",
    "The rows are multiplied by the root of the width. That belongs to `TokenEmbedding`, later in this lesson; here the rows come back as they are.",
)
def scaled_already(ids, table):
    return table[ids] * np.sqrt(table.shape[1])


@EXERCISE.wrong(
    "each id once",
    "A word that occurs twice has only one row. Every token gets a row, also where its id has been there before: use the "
    "ids as they come.",
)
def rows_of_unique_ids(ids, table):
    return table[list(dict.fromkeys(ids.reshape(-1).tolist()))]


@EXERCISE.variant
def by_product(ids, table):
    return (ids[..., None] == np.arange(len(table))).astype(float) @ table


@EXERCISE.variant
def with_a_loop(ids, table):
    out = np.empty((*ids.shape, table.shape[1]))
    for index in np.ndindex(ids.shape):
        out[index] = table[ids[index]]
    return out


@EXERCISE.variant
def with_take(ids, table):
    return np.take(table, ids, axis=0)


@EXERCISE.variant
def with_torch(ids, table):
    return F.embedding(torch.from_numpy(ids), torch.from_numpy(table)).numpy()
