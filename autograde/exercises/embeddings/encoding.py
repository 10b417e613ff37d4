"""Lesson 2: the positional encoding, from the formula to the module."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.embeddings.precision import EXACT
from autograde.exercises.mistakes.embeddings import encoding as m
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers import embeddings as right

LESSON = "02_embeddings"


def _float32(array) -> TensorData:
    return TensorData(np.asarray(array, np.float32))


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
    projection=_view_module,
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

EXERCISES = (POSITIONAL_ENCODING_AT, POSITIONAL_ENCODING)
MODULE = (POSITIONAL_ENCODING_MODULE,)
