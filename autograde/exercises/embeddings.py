"""Lesson 2: embeddings and positional encoding."""

from __future__ import annotations

import numpy as np

from autograde.exercise import MAIN, Call, Exercise, Misconception
from autograde.exercises.libraries import EMBEDDING, ONE_HOT
from autograde.exercises.mistakes import embeddings as m
from autograde.plain import TensorData
from helpers import embeddings as right

LESSON = "02_embeddings"

# The encoding takes whole numbers, so no float error can be measured by moving its inputs. Its own error: an angle of a
# few thousand, rounded to float64, is off by 1e-12, and so are its sine and cosine. The nearest mistake is off by 1e-4.
EXACT = 1e-9


def _float32(array) -> TensorData:
    return TensorData(np.asarray(array, np.float32))


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
    lenient=("dtype",),
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

# --- positional_encoding_at -----------------------------------------------------------------------------------------


def _at_calls(rng):
    return [
        Call((2, 4), tolerance=EXACT, note="by hand: the angles are 2 and 2/100, each with its sine and its cosine"),
        Call((0, 6), tolerance=EXACT, note="the first token: the sine of 0 is 0, the cosine of 0 is 1"),
        Call((int(rng.integers(3, 40)), 10), tolerance=EXACT),
        Call((int(rng.integers(1000, 5000)), 16), tolerance=EXACT, note="far along in a long text"),
        Call((int(rng.integers(3, 40)), 7), tolerance=EXACT, part="odd width", note="an odd width ends with a sine"),
    ]


# mistakes in the formula: they happen in one row, in the whole table and inside the module
_PAIR_IN_TWOS = (
    "pair counted in twos",
    m.pair_counted_in_twos,
    "The exponent is twice too large. A loop over 0, 2, 4, ... already gives 2i; then the exponent is that number divided by `d_model`.",
)
_COLUMN_FOR_PAIR = (
    "column in place of the pair",
    m.column_for_pair,
    "The `i` of the formula counts pairs of columns, not columns. Columns 0 and 1 have i = 0, columns 2 and 3 have i = 1: `column // 2`.",
)
_RATE_EACH = (
    "a rate for each column",
    m.rate_for_each_column,
    "The cosine has an angle of its own. In the paper both columns of a pair share one angle, so the exponent of column 2i + 1 is 2i / d_model too.",
)
_NO_TWO = (
    "factor 2 missing",
    m.factor_two_missing,
    "The exponent is half of what it should be: it is 2i / d_model, with i the number of the pair.",
)
_BASE = (
    "base 1,000",
    m.base_one_thousand,
    "The waves grow too slowly from pair to pair. The paper's base is 10,000: count the zeros.",
)
_MULTIPLIED = (
    "multiplied in place of divided",
    m.multiplied,
    "The position is multiplied by 10000 ** (2i / d_model). It is divided by it: later pairs must turn more slowly.",
)
_WHOLE = (
    "whole-number division",
    m.whole_number_division,
    "All pairs have the same wave: the exponent is 0 everywhere. `//` drops the fraction; the exponent needs `/`.",
)
_SWAPPED = (
    "sine and cosine exchanged",
    m.swapped,
    "The even columns 0, 2, 4, ... hold the sine, the odd columns the cosine. Here it is the other way round.",
)
_HALVES = (
    "sines first, then cosines",
    m.halves,
    "The numbers are right, their order is not: the first half holds all sines. The paper takes turns: sine, cosine, sine, cosine.",
)
_NO_COSINE = (
    "no cosine",
    m.no_cosine,
    "Every column is a sine. The odd columns are cosines of the same angle.",
)
_FROM_ONE = (
    "positions counted from 1",
    m.from_one,
    "This is the encoding of the next position. Positions count from 0: the first token has the angle 0 everywhere.",
)

POSITIONAL_ENCODING_AT = Exercise(
    name="positional_encoding_at",
    lesson=LESSON,
    title="the formula, for one position",
    points=3,
    minutes=10,
    hints=(
        "Go through the columns one by one. Columns 0 and 1 form pair 0, columns 2 and 3 pair 1: whole-number division "
        "by 2 gives the pair. An even column takes the sine of the pair's angle, an odd one the cosine.",
        "The angle is `position` divided by a power: `10000 ** exponent`, where the exponent is twice the number of the "
        "pair, divided by `d_model`. `column % 2` tells even from odd. Filling `np.empty(d_model)` column by column "
        "works for an odd width too.",
    ),
    reference=right.positional_encoding_at,
    make_calls=_at_calls,
    parts={MAIN: 0.8, "odd width": 0.2},
    misconceptions=(
        Misconception(*_PAIR_IN_TWOS),
        Misconception(*_COLUMN_FOR_PAIR),
        Misconception(*_RATE_EACH),
        Misconception(*_NO_TWO),
        Misconception(*_BASE),
        Misconception(*_MULTIPLIED),
        Misconception(*_WHOLE),
        Misconception(*_SWAPPED),
        Misconception(*_HALVES),
        Misconception(*_NO_COSINE),
        Misconception(*_FROM_ONE),
        Misconception(
            "no odd width",
            m.odd_width_loop,
            "An even width works. With an odd one the last pair has only its sine, and there is no column for a cosine: write it only if the column exists.",
        ),
    ),
    variants=(m.at_vectorised, m.at_phase, m.at_pairs, m.at_torch),
)

# --- positional_encoding --------------------------------------------------------------------------------------------


def _table_calls(rng):
    return [
        Call((3, 2), tolerance=EXACT, note="by hand: one pair with the angles 0, 1 and 2"),
        Call((int(rng.integers(9, 14)), 6), tolerance=EXACT),
        Call((int(rng.integers(40, 60)), 32), tolerance=EXACT),
        Call((1, 4), tolerance=EXACT, note="a sentence of one word"),
        Call((int(rng.integers(11, 15)), 9), tolerance=EXACT, part="odd width", note="an odd width ends with a sine"),
    ]


def _in_table(mistake) -> Misconception:
    name, formula, sentence = mistake
    return Misconception(name, m.table_of(formula), sentence)


POSITIONAL_ENCODING = Exercise(
    name="positional_encoding",
    lesson=LESSON,
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
    reference=right.positional_encoding,
    make_calls=_table_calls,
    parts={MAIN: 0.8, "odd width": 0.2},
    misconceptions=(
        _in_table(_PAIR_IN_TWOS),
        _in_table(_COLUMN_FOR_PAIR),
        _in_table(_RATE_EACH),
        _in_table(_NO_TWO),
        _in_table(_BASE),
        _in_table(_MULTIPLIED),
        _in_table(_WHOLE),
        _in_table(_SWAPPED),
        _in_table(_HALVES),
        Misconception("sines and cosines side by side", m.table_side_by_side, _HALVES[2]),
        _in_table(_NO_COSINE),
        _in_table(_FROM_ONE),
        Misconception(
            "positions in the columns",
            m.positions_as_columns,
            "The table lies on its side. One position per row: the shape is `(length, d_model)`.",
        ),
        Misconception(
            "length and width exchanged",
            m.sizes_exchanged,
            "The table has `d_model` rows and `length` columns, and the powers use `length`. The first argument is the number of rows.",
        ),
        Misconception(
            "last position missing",
            m.last_position_missing,
            "There is one row too few. `np.arange(length)` already stops before `length`.",
        ),
        Misconception(
            "no odd width",
            m.odd_width_slices,
            "An even width works. With an odd one there is one cosine column fewer than sine columns: cut the angles to `d_model // 2` columns for the cosines.",
        ),
    ),
    variants=(m.table_by_rows, m.table_by_loops, m.table_by_turning, m.table_torch),
)

# --- add_positions --------------------------------------------------------------------------------------------------


def _add_calls(rng):
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    encoding = np.array([[0.5, 0.0, -1.0], [0.25, 1.0, 0.0], [9.0, 9.0, 9.0], [8.0, 8.0, 8.0]])
    batch = rng.normal(size=(2, 5, 7)), rng.normal(size=(11, 7))
    deeper = rng.normal(size=(2, 3, 4, 6)), rng.normal(size=(25, 6))
    return [
        Call((x, encoding), note="by hand: two tokens, so only the first two rows of the encoding count"),
        Call((rng.normal(size=(6, 5)), rng.normal(size=(9, 5)))),
        Call((rng.normal(size=(4, 8)), rng.normal(size=(4, 8))), note="exactly as many rows as needed"),
        Call(batch, part="leading axes", note="a batch: every sentence starts at position 0"),
        Call(deeper, part="leading axes", note="two leading axes"),
    ]


ADD_POSITIONS = Exercise(
    name="add_positions",
    lesson=LESSON,
    title="word plus position",
    points=2,
    minutes=5,
    hints=(
        "The encoding may have more rows than the sentence has words. How many does `x` need? Look at its shape, from "
        "the end.",
        "`x.shape[-2]` is the number of tokens, however many axes come before. Cut `encoding` to that many rows; "
        "broadcasting then adds them to every sentence of a batch.",
    ),
    reference=right.add_positions,
    make_calls=_add_calls,
    parts={MAIN: 0.7, "leading axes": 0.3},
    misconceptions=(
        Misconception(
            "concatenated",
            m.concatenated,
            "The encoding is put beside the embedding, which doubles the width. The paper adds the two: the shape of `x` stays.",
        ),
        Misconception(
            "encoding not cut",
            m.not_sliced,
            "The whole encoding is added, whatever the length of the sentence. Take only its first `length` rows.",
        ),
        Misconception(
            "cut by the first axis",
            m.sliced_by_first_axis,
            "`len(x)` is the number of tokens for one sentence only; in a batch it is the number of sentences. Count the tokens from the end of the shape.",
        ),
        Misconception(
            "last rows in place of the first",
            m.last_rows,
            "The rows come from the end of the encoding. The first token stands at position 0, the first row.",
        ),
        Misconception(
            "one row later",
            m.one_row_later,
            "The first token gets row 1 of the encoding. Positions count from 0: begin with row 0.",
        ),
        Misconception(
            "the same row for all tokens",
            m.first_row_for_all,
            "All tokens get one row of the encoding, so they cannot be told apart by it. Token p gets row p.",
        ),
        Misconception(
            "multiplied in place of added",
            m.times_encoding,
            "Embedding and encoding are multiplied number by number. They are added.",
        ),
        Misconception(
            "changes its input",
            m.into_the_input,
            "`+=` writes into the caller's array. Use `x + ...`, which makes a new one.",
        ),
        Misconception(
            "counted through the batch",
            m.counted_through_the_batch,
            "The second sentence goes on counting where the first one ended. Every sentence starts at position 0; broadcasting does that.",
        ),
        Misconception(
            "scaled here",
            m.scaled_and_added,
            "`x` is multiplied by the root of the width first. `TokenEmbedding` does that; this function only adds.",
        ),
    ),
    variants=(m.add_loop, m.add_by_product, m.add_by_row_numbers, m.add_torch),
)

# --- shift_matrix ---------------------------------------------------------------------------------------------------


def _shift_calls(rng):
    return [
        Call((1, 2), tolerance=EXACT, note="by hand: one pair, turned by the angle 1"),
        Call((int(rng.integers(2, 9)), 6), tolerance=EXACT),
        Call((-int(rng.integers(2, 9)), 4), tolerance=EXACT, note="a negative offset: back towards the start"),
        Call((int(rng.integers(10, 60)), 8), tolerance=EXACT),
    ]


SHIFT_MATRIX = Exercise(
    name="shift_matrix",
    lesson=LESSON,
    title="a shift is a rotation",
    points=3,
    minutes=10,
    extra=True,
    hints=(
        "Take one pair with the angle a, and turn it on by b. School has the two formulas: "
        "sin(a + b) = sin a cos b + cos a sin b and cos(a + b) = cos a cos b − sin a sin b. "
        "What stands in front of sin a and cos a are the numbers of the matrix.",
        "For each pair, b is `offset` divided by the same power as in the encoding. The block of that pair has the rows "
        "(cos b, sin b) and (−sin b, cos b), in the pair's two rows and columns. All other numbers are 0.",
    ),
    reference=right.shift_matrix,
    make_calls=_shift_calls,
    misconceptions=(
        Misconception(
            "turned backwards",
            m.shifted_back,
            "This matrix leads from p + offset back to p: the minus stands before the wrong sine. Columns 2i hold sines, so the first row of a block is (cos, sin).",
        ),
        Misconception(
            "one angle for all pairs",
            m.one_rate,
            "Every pair turns by `offset` itself. Later pairs turn more slowly: divide by the same power as in the encoding.",
        ),
        Misconception(
            "only the first pair",
            m.one_block,
            "Only the first two rows and columns are filled. Every pair of columns has a rotation of its own.",
        ),
        Misconception(
            "minus sign missing",
            m.minus_missing,
            "Both sines in a block have the same sign. The formula of the cosine has a minus: cos(a + b) = cos a cos b − sin a sin b.",
        ),
        Misconception(
            "pair counted in twos",
            m.rates_counted_in_twos,
            "The angles shrink too fast from pair to pair. A loop over 0, 2, 4, ... already gives 2i; then the exponent is that number divided by `d_model`.",
        ),
        Misconception(
            "sines first, then cosines",
            m.shift_in_halves,
            "This fits an encoding with all sines in the first half. Here sine and cosine take turns, so each block stands on the diagonal.",
        ),
        Misconception(
            "columns moved",
            m.columns_moved,
            "The matrix moves columns to other places. A shift of the position keeps the columns where they are and turns each pair by an angle.",
        ),
        Misconception(
            "encoding on the diagonal",
            m.encoding_on_the_diagonal,
            "Each number is only multiplied by one of PE(offset). The new sine needs the old sine and the old cosine: a block of four numbers for each pair.",
        ),
        Misconception(
            "cosine and sine exchanged",
            m.cosine_and_sine_exchanged,
            "Sine and cosine have changed places in the blocks. With offset 0 nothing may change, so the diagonal must be the cosine, which is 1 there.",
        ),
    ),
    variants=(m.shift_solved, m.shift_kronecker, m.shift_from_encoding, m.shift_torch),
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
    view=_view_token_embedding,
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

# --- PositionalEncoding ---------------------------------------------------------------------------------------------


def _module_calls(rng):
    away_from_zero = rng.choice([-1.0, 1.0], (3, 40, 50)) * rng.uniform(3, 5, (3, 40, 50))
    return [
        Call(
            (_float32(np.zeros((1, 3, 2))),), new=(2, 7), note="by hand: x is zero, so the encoding itself comes back"
        ),
        Call((_float32(rng.normal(size=(3, 5, 6))),), new=(6, 11)),
        Call((_float32(rng.normal(size=(2, 9, 4))),), new=(4, 9), note="an input of exactly max_length"),
        Call(
            (_float32(rng.normal(size=(1, 5000, 8))),),
            new=(8,),
            # computed in float32, an angle near 5000 is off by up to 4e-4, and so is its sine
            tolerance=4e-4,
            note="max_length is 5000 where nothing else is said",
        ),
        Call((_float32(rng.normal(size=(2, 5, 7))),), new=(7,), part="odd width", note="an odd width"),
        Call(
            (_float32(rng.normal(size=(2, 5, 8))),),
            new=(8, 30),
            report=("parameters", "buffers"),
            part="buffer",
            note="what the module registers",
        ),
        Call((_float32(rng.normal(size=(2, 12, 4))),), new=(4, 9), part="longer input", note="12 rows, max_length 9"),
        Call(
            (_float32(away_from_zero),),
            new=(50, 60, 0.3),
            training=True,
            part="dropout",
            note="in training mode, with dropout 0.3",
        ),
    ]


def _view_module(call, value):
    """Whether a buffer is registered, of any name; of a random output, what dropout does to it."""
    if "buffers" in call.report:
        return {"parameters": sorted(value["parameters"]), "buffers": "at least one" if value["buffers"] else "none"}
    if not call.training:
        return value
    x, output = call.args[0].array, value.array
    if output.shape != x.shape:
        return {"shape": list(output.shape)}
    encoding = right.positional_encoding(*x.shape[1:])
    total = x + encoding
    kept = output != 0
    factors = (output / total)[kept]
    middle = float(np.median(factors)) if factors.size else 0.0
    alike = bool(np.allclose(factors, middle, rtol=1e-3))
    alone = [f"{np.isclose(output, part, atol=1e-5).mean():.1f}" for part in (x, encoding)]
    return {
        # 6,000 numbers: the share varies by 0.006
        "share of zeros": f"{np.mean(~kept):.1f}",
        "the others": f"(x + encoding) * {middle:.2f}" if alike else "no multiple of x + encoding",
        "share of x alone": alone[0],
        "share of the encoding alone": alone[1],
    }


POSITIONAL_ENCODING_MODULE = Exercise(
    name="PositionalEncoding",
    lesson=LESSON,
    title="the encoding as a module",
    points=4,
    minutes=10,
    hints=(
        "Compute the whole table once, in `__init__`, with your `positional_encoding`, and make a float32 tensor of it. "
        "`register_buffer(name, tensor)` keeps it with the module without training it. `forward` cuts it to the length "
        "of the input, `x.shape[1]`, adds, and applies an `nn.Dropout`.",
        "`torch.from_numpy(...).float()` makes the tensor. In `forward`, compare `x.shape[1]` with the number of rows "
        "first, and `raise ValueError(...)` with both numbers in its text. Dropout comes last, on the sum.",
    ),
    reference=right.PositionalEncoding,
    make_calls=_module_calls,
    parts={MAIN: 0.4, "odd width": 0.1, "buffer": 0.15, "longer input": 0.15, "dropout": 0.2},
    view=_view_module,
    misconceptions=(
        Misconception(
            "a parameter in place of a buffer",
            m.TrainedEncoding,
            "The encoding is listed among the parameters, so training would change it. Use `register_buffer`.",
        ),
        Misconception(
            "a plain attribute",
            m.PlainAttribute,
            "The encoding is an attribute that PyTorch does not know: `model.to(device)` would leave it behind. Use `register_buffer`.",
        ),
        Misconception(
            "length not checked",
            m.NoLengthCheck,
            "An input longer than `max_length` runs into an error about shapes. Compare the lengths first and raise a `ValueError` that says what is wrong.",
        ),
        Misconception(
            "longer input cut",
            m.CutToLength,
            "An input longer than `max_length` silently loses its end. Raise a `ValueError` instead.",
        ),
        Misconception(
            "concatenated",
            m.ConcatenatedModule,
            "The encoding is put beside the input, which doubles the width. The two are added.",
        ),
        Misconception(
            "cut by the batch axis",
            m.SlicedByBatch,
            "The rows of the encoding go to the sentences of the batch, not to the tokens. With (batch, length, d_model) the length is `x.shape[1]`.",
        ),
        Misconception(
            "no dropout",
            m.NoDropout,
            "In training mode nothing is dropped. Apply an `nn.Dropout(dropout)` to the sum.",
        ),
        Misconception(
            "dropout in evaluation too",
            m.DropoutAlways,
            "Values are dropped although the module is in evaluation mode. `F.dropout` drops by default; `nn.Dropout` knows the mode of the module.",
        ),
        Misconception(
            "dropout before the sum",
            m.DropoutBeforeSum,
            "Dropout acts on the input alone, and the encoding is added afterwards. Add first, then drop.",
        ),
        Misconception(
            "dropout on the encoding alone",
            m.DropoutOnEncoding,
            "Dropout acts on the encoding before it is added. Add first, then drop.",
        ),
        Misconception(
            "dropout as the share that is kept",
            m.DropoutIsShareKept,
            "Most values are dropped. `nn.Dropout(p)` wants the share that is set to zero; pass `dropout` on as it is.",
        ),
        Misconception(
            "scaled again",
            m.ScaledAgain,
            "The input is multiplied by the square root of its width. `TokenEmbedding` has done that already; this module adds and drops.",
        ),
        Misconception(_SWAPPED[0], m.module_of(m.table_of(m.swapped)), _SWAPPED[2]),
        Misconception(_FROM_ONE[0], m.module_of(m.table_of(m.from_one)), _FROM_ONE[2]),
        Misconception(
            "no odd width",
            m.module_of(m.odd_width_slices),
            "An even width works; an odd one has one cosine column fewer than sine columns. Your `positional_encoding` can do it: use it here.",
        ),
    ),
    variants=(m.EncodingInFloat32, m.EncodingFunctional, m.EncodingByHand, m.EncodingOneByOne),
)

EXERCISES = (
    ONE_HOT,
    EMBED,
    POSITIONAL_ENCODING_AT,
    POSITIONAL_ENCODING,
    ADD_POSITIONS,
    SHIFT_MATRIX,
    TOKEN_EMBEDDING,
    POSITIONAL_ENCODING_MODULE,
)
