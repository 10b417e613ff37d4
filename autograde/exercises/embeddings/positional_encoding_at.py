"""positional_encoding_at: the formula, for one position."""

import math

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.embeddings.common import EXACT, even, rates_of, waves
from autograde.harness.call import MAIN, FunctionCall
from helpers.embeddings import positional_encoding_at


def calls(rng):
    return [
        FunctionCall(
            (2, 4), tolerance=EXACT, note="by hand: the angles are 2 and 2/100, each with its sine and its cosine"
        ),
        FunctionCall((0, 6), tolerance=EXACT, note="the first token: the sine of 0 is 0, the cosine of 0 is 1"),
        FunctionCall((int(rng.integers(3, 40)), 10), tolerance=EXACT),
        FunctionCall((int(rng.integers(1000, 5000)), 16), tolerance=EXACT, note="far along in a long text"),
        FunctionCall(
            (int(rng.integers(3, 40)), 7), tolerance=EXACT, part="odd width", note="an odd width ends with a sine"
        ),
        FunctionCall((0, 1), tolerance=EXACT, part="odd width", note="a single column: the sine of 0"),
    ]


EXERCISE = Exercise(
    name="positional_encoding_at",
    title="the formula, for one position",
    points=3,
    minutes=10,
    hints=(
        "Go through the columns one by one. Columns 0 and 1 form pair 0, columns 2 and 3 pair 1: whole-number division "
        "by 2 gives the pair. An even column takes the sine of the pair's angle, an odd one the cosine.",
        "The angle is `position` divided by a power: `10000 ** exponent`, where the exponent is twice the number of the "
        "pair, divided by `d_model`. `column % 2` tells even from odd. Filling `np.zeros(d_model)` column by column "
        "works for an odd width too.",
    ),
    reference=positional_encoding_at,
    make_calls=calls,
    parts={MAIN: 0.8, "odd width": 0.2},
)


@EXERCISE.wrong(
    "pair counted in twos",
    "The exponent is twice as large as it should be. A loop over 0, 2, 4, ... already gives 2i; then the exponent is that number divided by `d_model`.",
)
def pair_counted_in_twos(position, d_model):
    return waves(position, 10000.0 ** -(2 * even(d_model) / d_model))


@EXERCISE.wrong(
    "column in place of the pair",
    "The `i` of the formula counts pairs of columns, not columns. Columns 0 and 1 have i = 0, columns 2 and 3 have i = 1: `column // 2`.",
)
def column_for_pair(position, d_model):
    return waves(position, 10000.0 ** -(2 * np.arange(d_model) / d_model))


@EXERCISE.wrong(
    "a rate for each column",
    "The cosine has an angle of its own. In the paper both columns of a pair share one angle, so the exponent of column 2i + 1 is 2i / d_model too.",
)
def rate_for_each_column(position, d_model):
    return waves(position, 10000.0 ** -(np.arange(d_model) / d_model))


@EXERCISE.wrong(
    "factor 2 missing", "The exponent is half of what it should be, 2i / d_model, with i the number of the pair."
)
def factor_two_missing(position, d_model):
    return waves(position, 10000.0 ** -(np.arange(d_model) // 2 / d_model))


@EXERCISE.wrong(
    "base 1,000", "The waves grow too slowly from pair to pair. The paper's base is 10,000: count the zeros."
)
def base_one_thousand(position, d_model):
    return waves(position, 1000.0 ** -(even(d_model) / d_model))


@EXERCISE.wrong(
    "multiplied in place of divided",
    "The angles grow from pair to pair. Divide the position by 10000 ** (2i / d_model): later pairs must turn "
    "more slowly.",
)
def multiplied(position, d_model):
    return waves(position, 10000.0 ** (even(d_model) / d_model))


@EXERCISE.wrong(
    "the same wave for all pairs",
    "All pairs have the same wave. Each divides by a power of its own; a `//` in the exponent would drop the "
    "fraction: it needs `/`.",
)
def whole_number_division(position, d_model):
    return waves(position, 10000.0 ** -(even(d_model) // d_model))


@EXERCISE.wrong(
    "sine and cosine exchanged",
    "The even columns 0, 2, 4, ... hold the sine, the odd columns the cosine. Here it is the other way round.",
)
def swapped(position, d_model):
    angles = np.multiply.outer(position, rates_of(d_model))
    return np.where(np.arange(d_model) % 2 == 0, np.cos(angles), np.sin(angles))


@EXERCISE.wrong(
    "sines first, then cosines",
    "The numbers are right, but their order is not: the first half holds all sines. In the paper they take turns: sine, cosine, sine, cosine.",
)
def halves(position, d_model):
    right_order = waves(position, rates_of(d_model))
    return np.concatenate([right_order[..., 0::2], right_order[..., 1::2]], axis=-1)


@EXERCISE.wrong("no cosine", "Every column is a sine. The odd columns are cosines of the same angle.")
def no_cosine(position, d_model):
    return np.sin(np.multiply.outer(position, rates_of(d_model)))


@EXERCISE.wrong(
    "positions counted from 1",
    "This is the encoding of the next position. Positions count from 0: the first token has the angle 0 everywhere.",
)
def from_one(position, d_model):
    return waves(position + 1, rates_of(d_model))


def name_and_sentence(formula):
    """Of one of these wrong formulas: the same mistake happens in the whole table and inside the module."""
    return next(
        (misconception.name, misconception.sentence)
        for misconception in EXERCISE.misconceptions
        if misconception.wrong is formula
    )


@EXERCISE.wrong(
    "no odd width",
    "An even width works. With an odd one the last pair has only its sine, and there is no column for a cosine: write it only if the column exists.",
)
def odd_width_loop(position, d_model):
    row = np.zeros(d_model)
    for column in range(0, d_model, 2):
        angle = position / 10000 ** (column / d_model)
        row[column] = np.sin(angle)
        row[column + 1] = np.cos(angle)
    return row


@EXERCISE.wrong(
    "angles in degrees",
    "The angles are taken for degrees. They are radians, which `sin` and `cos` take as they are: leave out the conversion.",
)
def in_degrees(position, d_model):
    return waves(np.radians(position), rates_of(d_model))


@EXERCISE.wrong(
    "last pair at 10,000",
    "The exponents run from 0 to 1, both included. In the paper pair i has 2i / d_model, so the last one stays below 1.",
)
def last_pair_at_the_base(position, d_model):
    pairs = (d_model + 1) // 2
    return waves(position, np.repeat(10000.0 ** -np.linspace(0, 1, pairs), 2)[:d_model])


@EXERCISE.wrong(
    "divided before the power",
    "The position is divided by 10,000 first, and the exponent then acts on both. Only 10,000 has the exponent: "
    "`position / 10000 ** (...)`.",
)
def divided_first(position, d_model):
    return waves(1.0, (position / 10000) ** (even(d_model) / d_model))


@EXERCISE.variant
def vectorised(position, d_model):
    return waves(position, rates_of(d_model))


@EXERCISE.variant
def phase(position, d_model):
    # a cosine is a sine a quarter of a turn later
    column = np.arange(d_model)
    return np.sin(position * np.exp(-math.log(10000.0) * (column - column % 2) / d_model) + column % 2 * math.pi / 2)


@EXERCISE.variant
def pairs(position, d_model):
    numbers = []
    for i in range((d_model + 1) // 2):
        angle = position * math.pow(10000, -2 * i / d_model)
        numbers += [math.sin(angle), math.cos(angle)]
    return np.array(numbers[:d_model])


@EXERCISE.variant
def with_torch(position, d_model):
    column = torch.arange(d_model, dtype=torch.float64)
    angle = position / torch.pow(10000, 2 * torch.floor(column / 2) / d_model)
    return torch.where(column % 2 == 0, torch.sin(angle), torch.cos(angle)).numpy()
