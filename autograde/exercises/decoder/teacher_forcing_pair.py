"""teacher_forcing_pair: what it reads, what it predicts."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.decoder.common import random_ids
from autograde.harness.call import FunctionCall
from autograde.harness.plain import TensorData
from helpers.decoder import teacher_forcing_pair


def calls(rng):
    ids = random_ids(rng, 4, 20, 3, 6)
    ids[:, 0] = 1
    for row, end in enumerate((5, 3, 4)):
        ids[row, end], ids[row, end + 1 :] = 2, 0
    return [
        FunctionCall((TensorData(np.array([[1, 4, 5, 6, 2]])),), note="by hand: <bos>, three words, <eos>"),
        FunctionCall((TensorData(ids),), note="three sentences, two of them padded"),
        FunctionCall((TensorData(np.pad(ids, ((0, 0), (0, 2)))),), note="all three end with padding"),
        FunctionCall((TensorData(random_ids(rng, 1, 30, 4, 7)),)),
        FunctionCall((TensorData(random_ids(rng, 1, 30, 5, 3)),)),
    ]


EXERCISE = Exercise(
    name="teacher_forcing_pair",
    title="what it reads, what it predicts",
    points=2,
    minutes=3,
    hints=(
        "Write the ids of one sentence twice, one below the other, the second time shifted by one position to the left. Which columns have a partner?",
        "`ids[:, a:b]` selects columns and keeps all rows. The decoder reads everything except the last column; the "
        "labels are everything except the first.",
    ),
    reference=teacher_forcing_pair,
    make_calls=calls,
    multiple_outputs=True,
)


@EXERCISE.wrong(
    "not shifted",
    "Input and labels are the same, so the model would learn to copy. The label of each position is the *next* word.",
)
def not_shifted(ids):
    return ids, ids


@EXERCISE.wrong(
    "the same end cut twice",
    "Both lack the last column, so the label of each position is the word that was read. The labels lack the *first* column.",
)
def same_end(ids):
    return ids[:, :-1], ids[:, :-1]


@EXERCISE.wrong(
    "the same start cut twice", "Both lack the first column. The input keeps `<bos>` and lacks the *last* column."
)
def same_start(ids):
    return ids[:, 1:], ids[:, 1:]


@EXERCISE.wrong(
    "input and labels exchanged",
    "The shift goes the wrong way: the decoder would read the next word and predict the one before. The input starts with `<bos>`.",
)
def swapped(ids):
    return ids[:, 1:], ids[:, :-1]


@EXERCISE.wrong(
    "input one longer than the labels",
    "The input has one column more than the labels. After the last word there is nothing left to predict: leave the last column out.",
)
def whole_input(ids):
    return ids, ids[:, 1:]


@EXERCISE.wrong(
    "labels one longer than the input",
    "The labels have one column more than the input. `<bos>` is never predicted: leave the first column out.",
)
def whole_labels(ids):
    return ids[:, :-1], ids


@EXERCISE.wrong(
    "sentences cut in place of words",
    "`ids[:-1]` leaves out a whole sentence. The words are the second axis: `ids[:, :-1]`.",
)
def rows(ids):
    return ids[:-1], ids[1:]


@EXERCISE.wrong(
    "end replaced in the input",
    "`<eos>` has become padding in the input. That is not needed: the label of that position is padding, which the loss leaves out anyway.",
)
def end_replaced(ids):
    return ids[:, :-1].masked_fill(ids[:, :-1] == 2, 0), ids[:, 1:]


@EXERCISE.wrong(
    "no end in the labels", "`<eos>` is missing among the labels. A model that never has to predict it never stops."
)
def labels_without_end(ids):
    return ids[:, :-1], ids[:, 1:].masked_fill(ids[:, 1:] == 2, 0)


@EXERCISE.wrong(
    "rolled round",
    "`<bos>` comes back at the end of the labels, as by `roll`. Cut: both results have one column less than `ids`.",
)
def rolled(ids):
    return ids, ids.roll(-1, dims=1)


@EXERCISE.wrong(
    "shifted by two", "Two columns are cut. The label of each position is the next word, one position further."
)
def by_two(ids):
    return ids[:, :-2], ids[:, 2:]


@EXERCISE.wrong(
    "first and last column removed from both",
    "Input and labels lack both ends and are the same. The input keeps its start, the labels keep their end.",
)
def specials_removed(ids):
    return ids[:, 1:-1], ids[:, 1:-1]


@EXERCISE.wrong(
    "columns of padding cut off",
    "Columns that hold nothing but padding are cut off. Both results have the shape (batch, length - 1): cut one column, and "
    "leave the padding where it is.",
)
def without_columns_of_padding(ids):
    ids = ids[:, : int((ids != 0).sum(dim=1).max())]
    return ids[:, :-1], ids[:, 1:]


@EXERCISE.variant
def narrow(ids):
    length = ids.shape[1] - 1
    return ids.narrow(1, 0, length), ids.narrow(1, 1, length)


@EXERCISE.variant
def selected(ids):
    places = torch.arange(ids.shape[1] - 1)
    return ids.index_select(1, places), ids.index_select(1, places + 1)


@EXERCISE.variant
def with_lists(ids):
    rows = ids.tolist()
    return torch.tensor([row[:-1] for row in rows]), torch.tensor([row[1:] for row in rows])


@EXERCISE.variant
def stacked(ids):
    columns = list(ids.unbind(dim=1))
    return [torch.stack(columns[:-1], dim=1), torch.stack(columns[1:], dim=1)]
