"""Lesson 2: embeddings, from one-hot vectors to the module."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import EMBEDDING, ONE_HOT
from autograde.exercises.mistakes.embeddings import embedding as m
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers import embeddings as right

LESSON = "02_embeddings"

# --- one_hot --------------------------------------------------------------------------------------------------------


def _one_hot_calls(rng):
    return [
        Call((np.array([2, 0, 2, 1]), 5), note="by hand: four rows of five numbers, one 1 in each row"),
        Call((rng.permutation(9)[:6], 9)),
        Call((rng.integers(0, 11, (2, 5)), 11), part="leading axes", note="a batch of ids, (batch, length)"),
        Call((rng.integers(0, 7, (2, 3, 4)), 7), part="leading axes", note="ids with three axes"),
    ]


ONE_HOT = Exercise(
    name="one_hot",
    lesson=LESSON,
    title="an id becomes a row with a single 1",
    points=2,
    minutes=6,
    hints=(
        "Compare each id with the column numbers `0, 1, ..., vocab_size - 1`: the result is true in one column.",
        "Give `ids` a new last axis of size 1 (`ids[..., None]`). Compared by `==` with `np.arange(...)`, NumPy then "
        "makes all pairs. `.astype(float)` turns true and false into 1 and 0.",
    ),
    reference=right.one_hot,
    forbidden=ONE_HOT,
    make_calls=_one_hot_calls,
    parts={MAIN: 0.7, "leading axes": 0.3},
    ignore=("dtype",),
    misconceptions=(
        Misconception(
            "ids counted from 1",
            m.ids_from_one,
            "The 1 stands one column too far left. Ids count from 0: the id 2 has its 1 in column 2.",
        ),
        Misconception(
            "width from the largest id",
            m.width_of_largest_id,
            "The number of columns follows from the ids that happen to occur. Use `vocab_size`, so that every sentence gets the same width.",
        ),
        Misconception(
            "one row for all ids",
            m.many_hot,
            "All ones land in one row, so the order of the words is lost. Make a row of its own for each id.",
        ),
        Misconception(
            "words in the columns",
            m.words_as_columns,
            "The last two axes are exchanged. One token per row: the new axis, of size `vocab_size`, comes last.",
        ),
        Misconception(
            "the id written in place of 1",
            m.id_in_place_of_one,
            "The right column is found, but the id is written into it. Write a 1 there.",
        ),
        Misconception(
            "one axis only",
            m.one_axis_only,
            "This works for a single sentence; a batch of ids has the shape (batch, length). A comparison of `ids[..., None]` with all column numbers works for any shape.",
        ),
        Misconception(
            "leading axes flattened",
            m.leading_axes_lost,
            "The ids are put into one long list. Keep their shape and add one axis at the end: `(..., vocab_size)`.",
        ),
        Misconception(
            "id 0 left empty",
            m.zero_for_padding,
            "The id 0 gets a row of zeros. It is an id like the others and has its 1 in column 0.",
        ),
    ),
    variants=(m.one_hot_loop, m.one_hot_identity, m.one_hot_put, m.one_hot_torch),
)

# --- embed ----------------------------------------------------------------------------------------------------------


def _embed_calls(rng):
    table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 5.0], [-1.0, 4.0]])
    return [
        Call((np.array([3, 1, 3]), table), note="by hand: rows 3, 1 and 3 of the table"),
        Call((rng.permutation(8)[:6], rng.normal(size=(8, 7)))),
        Call((rng.integers(0, 9, (2, 4)), rng.normal(size=(9, 10))), part="leading axes", note="a batch of ids"),
    ]


EMBED = Exercise(
    name="embed",
    lesson=LESSON,
    title="look up a row for each id",
    points=2,
    minutes=4,
    hints=(
        "NumPy can index with a whole array of row numbers at once; the result has one row for each of them.",
        "`table[3]` is row 3. Put the array of ids between the brackets in place of the 3.",
    ),
    reference=right.embed,
    forbidden=EMBEDDING,
    make_calls=_embed_calls,
    parts={MAIN: 0.8, "leading axes": 0.2},
    misconceptions=(
        Misconception(
            "columns in place of rows",
            m.columns_for_rows,
            "`table[:, ids]` picks columns. A token's vector is a row: put the ids first.",
        ),
        Misconception(
            "take without an axis",
            m.take_without_axis,
            "`np.take` without `axis` reads single numbers out of the flattened table. Say along which axis the rows lie, or index with `[...]`.",
        ),
        Misconception(
            "the row before",
            m.row_before,
            "Each id gets the row above its own. Ids count from 0, and so do rows: nothing has to be subtracted.",
        ),
        Misconception(
            "mean of the rows",
            m.mean_of_rows,
            "The rows are averaged into one. Every token keeps a row of its own: `(..., d_model)`.",
        ),
        Misconception(
            "each id once, sorted",
            m.sorted_unique_rows,
            "Repeated words are dropped and the order is lost. Use the ids as they come, without `np.unique` or `set`.",
        ),
        Misconception(
            "leading axes flattened",
            m.rows_flattened,
            "The sentences of the batch run together. Index with `ids` in its own shape: (batch, length) gives (batch, length, d_model).",
        ),
        Misconception(
            "vectors in the columns",
            m.vectors_as_columns,
            "The last two axes are exchanged. One token per row: the result has the shape `(..., d_model)`.",
        ),
        Misconception(
            "scaled already",
            m.scaled_already,
            "The rows are multiplied by the root of the width. That belongs to `TokenEmbedding`, later in this lesson; here the rows come back as they are.",
        ),
    ),
    variants=(m.embed_product, m.embed_loop, m.embed_take, m.embed_torch),
)

# --- TokenEmbedding -------------------------------------------------------------------------------------------------


def _token_embedding_calls(rng):
    by_hand = np.array([[0, 0, 0, 0], [1, 2, 3, 4], [0.5, 0, -1, 2]])
    ten, nine = rng.normal(size=(10, 6)), rng.normal(size=(9, 5))
    ten[0], nine[3] = 0, 0
    ids = rng.integers(1, 10, (2, 7))
    ids[0, 5:], ids[1, 4:] = 0, 0
    other = np.concatenate([rng.permutation(9)[None], rng.integers(0, 9, (2, 9))])
    return [
        Call(
            (TensorData(np.array([[1, 2]])),),
            new=(3, 4),
            weights={"weight": np.float32(by_hand)},
            note="by hand: the square root of 4 is 2",
        ),
        Call(
            (TensorData(ids),),
            new=(10, 6),
            weights={"weight": np.float32(ten)},
            report=("output", "parameters"),
            note="the sentences end with padding, id 0",
        ),
        Call(
            (TensorData(ids),),
            new=(10, 6),
            weights={"weight": np.float32(ten)},
            report=("gradients",),
            part="padding",
            note="the gradient of the row 0, the padding, is asked to be zero",
        ),
        Call(
            (TensorData(other),),
            new=(9, 5, 3),
            weights={"weight": np.float32(nine)},
            report=("output", "gradients"),
            part="padding",
            note="here the padding has the id 3",
        ),
        Call(new=(600, 40, 2), method="", report=("initial",), part="start", note="the values at the start"),
    ]


def _view_token_embedding(call, value):
    """Of the values at the start, their statistics in words: a right answer may draw other random numbers."""
    if "initial" not in call.report:
        return value
    if list(value["initial"]) != ["weight"]:
        return {"parameters": sorted(value["initial"])}
    table, d_model, pad = value["initial"]["weight"].array, call.new[1], call.new[2]
    rest = np.delete(table, pad, axis=0).astype(float)
    mean, deviation = rest.mean(), rest.std()
    # 24,000 numbers: their standard deviation varies by 0.5 %, their mean by 0.001; the borders lie 8 times as far away
    as_asked = abs(deviation * d_model**0.5 - 1) < 0.04
    return {
        "mean": "0" if abs(mean) < 0.008 else f"{mean:.1g}",
        "standard deviation": "1 / sqrt(d_model)" if as_asked else f"{deviation:.1g}",
        "row of the padding": "zero" if not table[pad].any() else "not zero",
    }


TOKEN_EMBEDDING = Exercise(
    name="TokenEmbedding",
    lesson=LESSON,
    title="the table learns",
    points=4,
    minutes=10,
    hints=(
        "Divide the numbers of `torch.randn` to get the asked deviation, set the pad row to zero, and only then wrap the "
        "tensor into an `nn.Parameter`. In `forward`, look the rows up with `F.embedding`; its argument `padding_idx` "
        "keeps one row free of gradients.",
        "`F.embedding(ids, table, padding_idx=...)` gives the rows and sends no gradient to the row `padding_idx`. "
        "Multiply what it returns by `math.sqrt` of the width. The attribute must be called `weight`.",
    ),
    reference=right.TokenEmbedding,
    make_calls=_token_embedding_calls,
    parts={MAIN: 0.5, "padding": 0.25, "start": 0.25},
    projection=_view_token_embedding,
    misconceptions=(
        Misconception(
            "no scaling",
            m.NoScaling,
            "The rows come back as they stand in the table. The paper multiplies them by the square root of `d_model`.",
        ),
        Misconception(
            "divided by the root",
            m.Divided,
            "The rows are divided by the square root of `d_model`. They are multiplied by it; the division belongs to the start values.",
        ),
        Misconception(
            "scaled by the width itself",
            m.TimesWidth,
            "The factor is `d_model`. Take its square root.",
        ),
        Misconception(
            "root of the vocabulary size",
            m.RootOfVocabulary,
            "The factor is the root of the number of rows. Use the width of the vectors, `d_model`.",
        ),
        Misconception(
            "standard deviation 1 at the start",
            m.StandardDeviationOne,
            "The start values come from `torch.randn` (or `nn.Embedding`) as they are, with the standard deviation 1. Divide them by the square root of `d_model`.",
        ),
        Misconception(
            "between 0 and 1 at the start",
            m.BetweenZeroAndOne,
            "`torch.rand` gives values between 0 and 1, with the mean 0.5. The start values are centred on zero: `torch.randn`, divided by the root of `d_model`.",
        ),
        Misconception(
            "pad row random at the start",
            m.PadRowRandom,
            "The row of the padding starts with random numbers. Set it to zero before the tensor becomes a parameter.",
        ),
        Misconception(
            "padding treated like a word",
            m.PadForgotten,
            "The row of the padding starts with random numbers and gets a gradient. Set it to zero before the tensor becomes a parameter, and give `F.embedding` its `padding_idx`.",
        ),
        Misconception(
            "pad row learns",
            m.PadRowLearns,
            "The lookup sends a gradient to the row of the padding, so training would move it. `F.embedding` has the argument `padding_idx` against that.",
        ),
        Misconception(
            "padding always 0",
            m.PadIsZeroAlways,
            "The argument `pad` is not used: the row 0 is treated as padding whatever `pad` says. Keep `pad` in `__init__` and use it in `forward`.",
        ),
        Misconception(
            "a tensor, no parameter",
            m.PlainTensor,
            "`weight` is a tensor like any other: `parameters()` does not list it, and an optimizer never sees it. Wrap it into `nn.Parameter`.",
        ),
        Misconception(
            "a layer inside, under another name",
            m.InnerLayer,
            "The table lies in an `nn.Embedding` inside the module, so its name is `embedding.weight`. The parameter itself is asked to be called `weight`.",
        ),
    ),
    variants=(m.EmbeddingSubclass, m.EmbeddingMasked, m.EmbeddingProduct, m.EmbeddingShared),
)

EXERCISES = (ONE_HOT, EMBED)
MODULE = (TOKEN_EMBEDDING,)
