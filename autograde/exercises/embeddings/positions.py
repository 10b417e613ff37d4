"""Lesson 2: positions added to embeddings, and shifted by a matrix."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.embeddings.precision import EXACT
from autograde.exercises.mistakes.embeddings import positions as m
from autograde.harness.call import MAIN, Call
from helpers import embeddings as right

LESSON = "02_embeddings"

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

EXERCISES = (ADD_POSITIONS, SHIFT_MATRIX)
