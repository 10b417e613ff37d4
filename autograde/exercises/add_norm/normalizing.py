"""Lesson 5: layer normalization, step by step."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.add_norm.inputs import gain, random_rows
from autograde.exercises.add_norm.parts import EPS, LEADING, WITHOUT_EPS
from autograde.exercises.add_norm.sentences import DEVIATION_PLUS_EPS, IN_PLACE, KEEPDIMS, UNBIASED
from autograde.exercises.libraries import NORMALIZATION
from autograde.exercises.mistakes.add_norm import normalizing as code
from autograde.harness.call import MAIN, Call
from helpers import add_norm as right

LESSON = "05_add_norm"

# --- row_statistics -------------------------------------------------------------------------------------------------


def _statistics_calls(rng):
    return [
        Call(
            (np.array([[0.0, 2, 4, 10], [-3, -3, -3, 1]]),),
            note="by hand: row 0 has the mean 4 and the deviations -4, -2, 0, 6",
        ),
        Call((random_rows(rng, 5, 6),)),
        Call((random_rows(rng, 7, 3),)),
        Call((random_rows(rng, 2, 3, 4),), part=LEADING, note="a batch of two sentences"),
        Call((random_rows(rng, 2, 4, 3, 5),), part=LEADING, note="two leading axes before the tokens"),
    ]


ROW_STATISTICS = Exercise(
    name="row_statistics",
    lesson=LESSON,
    title="mean and variance of every row",
    points=2,
    minutes=6,
    hints=(
        "`axis=-1` is the axis of the columns: a mean along it gives one number for each row. `keepdims=True` keeps that "
        "axis with size 1, so that the result still fits to `x`.",
        "The variance is a mean, too: the mean of the squared distances from the row's mean. `np.mean(..., axis=-1, "
        "keepdims=True)` twice, the second time of `(x - mean)` squared.",
    ),
    reference=right.row_statistics,
    make_calls=_statistics_calls,
    parts={MAIN: 0.7, LEADING: 0.3},
    multiple_outputs=True,
    misconceptions=(
        Misconception("unbiased variance", code.statistics_unbiased, UNBIASED),
        Misconception(
            "standard deviation for variance",
            code.statistics_deviation,
            "The second result is the root of the variance, the standard deviation. Leave out the root: it is taken later, "
            "after `eps` has been added.",
        ),
        Misconception("keepdims missing", code.statistics_no_keepdims, KEEPDIMS),
        Misconception(
            "statistics of the columns",
            code.statistics_of_columns,
            "The mean runs over the tokens, so there is one number for each column. Each row, that is each token, has "
            "statistics of its own: `axis=-1`.",
        ),
        Misconception(
            "over the first axis",
            code.statistics_axis_0,
            "The statistics run along axis 0: over the tokens of a sentence, or over the sentences of a batch. Take the "
            "last axis, `axis=-1`.",
        ),
        Misconception(
            "axis 1 for the last axis",
            code.statistics_axis_1,
            "Axis 1 is the last one for a single sentence, but not for a batch. Count from the end: `axis=-1`.",
        ),
        Misconception(
            "one mean for all numbers",
            code.statistics_of_everything,
            "All rows share one mean and one variance. Give `np.mean` the `axis`: every row has its own.",
        ),
        Misconception(
            "two numbers for the whole array",
            code.statistics_everything_scalar,
            "Without an `axis`, `mean` and `var` look at the whole array and give one number each. Every row has its own: "
            "`axis=-1, keepdims=True`.",
        ),
        Misconception(
            "variance first",
            code.statistics_swapped,
            "The two results are exchanged. The order is mean, variance.",
        ),
        Misconception(
            "sum of squares",
            code.statistics_sum_of_squares,
            "The squared deviations are added up but not divided by their number. The variance is their mean.",
        ),
        Misconception(
            "mean not subtracted",
            code.statistics_mean_square,
            "This is the mean of the squares of `x` itself. The variance takes the squares of the distances from the mean.",
        ),
        Misconception(
            "mean distance",
            code.statistics_absolute,
            "This is the mean of the absolute distances. The variance takes their squares.",
        ),
        Misconception("changes its input", code.statistics_in_place, IN_PLACE),
    ),
    variants=(code.statistics_numpy, code.statistics_loop, code.statistics_of_squares, code.statistics_torch),
)

# --- normalize ------------------------------------------------------------------------------------------------------


def _normalize_calls(rng):
    small = random_rows(rng, 4, 5) * 0.1
    small[2] = 0.5
    return [
        Call(
            (np.array([1.0, 2.0, 3.0]),),
            tolerance=WITHOUT_EPS,
            note="by hand: the mean is 2, the variance 2/3, its root 0.816",
        ),
        Call((random_rows(rng, 5, 6),), tolerance=WITHOUT_EPS),
        Call((random_rows(rng, 3, 7),), tolerance=WITHOUT_EPS),
        Call(
            (np.array([[0.0, 2, 4, 10], [-3, -3, -3, 1]]), 2.0),
            part=EPS,
            note="by hand: row 0 has the variance 14; with eps = 2 the root is that of 16",
        ),
        Call((small, 0.05), part=EPS, note="a large eps; row 2 consists of equal numbers"),
        Call(
            (random_rows(rng, 3, 4) * 0.01,),
            part=EPS,
            note="eps is 1e-5 where nothing else is said; the variance is small",
        ),
        Call((random_rows(rng, 2, 3, 4),), tolerance=WITHOUT_EPS, part=LEADING, note="a batch of two sentences"),
    ]


NORMALIZE = Exercise(
    name="normalize",
    lesson=LESSON,
    title="mean 0, variance 1",
    points=3,
    minutes=8,
    hints=(
        "You have the mean and the variance of each row from `row_statistics`. Subtract the one; divide by a root of the "
        "other. What stands under the root?",
        "Numerator: `x` minus the mean. Denominator: `np.sqrt` of a sum of two terms, the variance and `eps`. Mind the "
        "brackets around the numerator.",
    ),
    reference=right.normalize,
    forbidden=NORMALIZATION,
    make_calls=_normalize_calls,
    parts={MAIN: 0.5, EPS: 0.3, LEADING: 0.2},
    misconceptions=(
        Misconception("eps added to the standard deviation", code.normalize_deviation_plus_eps, DEVIATION_PLUS_EPS),
        Misconception("unbiased variance", code.normalize_unbiased, UNBIASED),
        Misconception(
            "unbiased deviation plus eps",
            code.normalize_unbiased_deviation_plus_eps,
            "Two things at once: the deviation divides by the width minus 1, and `eps` is added after the root. Take the "
            "variance from `row_statistics`, add `eps`, then take the root.",
        ),
        Misconception(
            "eps not used",
            code.normalize_no_eps,
            "`eps` does not take part, so a row of equal numbers becomes 0 / 0. Add it to the variance, under the root.",
        ),
        Misconception(
            "always the same eps",
            code.normalize_fixed_eps,
            "The code uses 1e-5 whatever `eps` says. Use the argument.",
        ),
        Misconception(
            "eps added at the end",
            code.normalize_eps_last,
            "`eps` is added to the finished result: look at the brackets. It belongs to the variance, under the root.",
        ),
        Misconception(
            "no root",
            code.normalize_variance,
            "The rows are divided by the variance itself. Divide by its root.",
        ),
        Misconception(
            "square for root",
            code.normalize_square,
            "The denominator is squared. The root is `np.sqrt(...)` or `** 0.5`.",
        ),
        Misconception(
            "mean not subtracted",
            code.normalize_not_centred,
            "The rows are divided by the right number, but their mean is not 0. Subtract the mean first.",
        ),
        Misconception(
            "not divided",
            code.normalize_only_centred,
            "The mean of each row is 0, the variance is still what it was. Divide by the root of variance plus `eps`.",
        ),
        Misconception(
            "brackets missing",
            code.normalize_no_brackets,
            "`a - b / c` divides only `b`. The difference is divided as a whole: put it in brackets.",
        ),
        Misconception(
            "multiplied for divided",
            code.normalize_multiplied,
            "The rows are multiplied by the root, so large ones become larger. Divide by it.",
        ),
        Misconception(
            "normalized over the first axis",
            code.normalize_columns,
            "The columns have mean 0 here, the rows do not. The statistics run along the last axis, one pair for each token.",
        ),
        Misconception(
            "axis 1 for the last axis",
            code.normalize_axis_1,
            "This works for one sentence; in a batch, axis 1 runs over the tokens. Count from the end: `axis=-1`.",
        ),
        Misconception(
            "one mean for all numbers",
            code.normalize_everything,
            "The whole array has mean 0 and variance 1, its rows do not. Every row has statistics of its own.",
        ),
        Misconception("keepdims missing", code.normalize_no_keepdims, KEEPDIMS),
        Misconception(
            "length 1 for variance 1",
            code.normalize_length,
            "The rows have length 1: the squares are added up, not averaged. The variance is a mean, so divide their sum by "
            "the width.",
        ),
        Misconception(
            "between 0 and 1",
            code.normalize_range,
            "The rows are stretched between their smallest and largest number. Layer normalization uses mean and variance.",
        ),
        Misconception("changes its input", code.normalize_in_place, IN_PLACE),
    ),
    variants=(code.normalize_numpy, code.normalize_loop, code.normalize_by_product, code.normalize_torch),
)

# --- layer_norm -----------------------------------------------------------------------------------------------------


def _norm_calls(rng):
    def learned(width):
        return gain(rng, width), gain(rng, width)

    return [
        Call(
            (np.array([[1.0, 2.0, 3.0]]), np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0])),
            tolerance=WITHOUT_EPS,
            note="by hand: normalized -1.22, 0, 1.22; times 2; plus 1",
        ),
        Call((random_rows(rng, 5, 6), *learned(6)), tolerance=WITHOUT_EPS),
        Call((random_rows(rng, 7, 4), *learned(4)), tolerance=WITHOUT_EPS),
        Call((random_rows(rng, 4, 5) * 0.2, *learned(5), 0.3), part=EPS, note="a large eps"),
        Call(
            (random_rows(rng, 2, 3, 4), *learned(4)),
            tolerance=WITHOUT_EPS,
            part=LEADING,
            note="a batch of two sentences",
        ),
    ]


LAYER_NORM = Exercise(
    name="layer_norm",
    lesson=LESSON,
    title="then scale and shift",
    points=3,
    minutes=5,
    hints=(
        "`normalize` does the first half. `gamma` and `beta` have one number for each column; NumPy lays them along the "
        "last axis by itself.",
        "First times `gamma`, then plus `beta`. Hand `eps` on to `normalize` as its second argument.",
    ),
    reference=right.layer_norm,
    forbidden=NORMALIZATION,
    make_calls=_norm_calls,
    parts={MAIN: 0.6, EPS: 0.2, LEADING: 0.2},
    misconceptions=(
        Misconception(
            "gamma missing",
            code.norm_no_gamma,
            "`beta` is added, but `gamma` is not used. Multiply the normalized rows by it first.",
        ),
        Misconception(
            "beta missing",
            code.norm_no_beta,
            "The rows are scaled by `gamma`, but not shifted. Add `beta`.",
        ),
        Misconception(
            "gamma and beta missing",
            code.norm_nothing_learned,
            "These are the normalized rows. Scale them by `gamma` and shift them by `beta`.",
        ),
        Misconception(
            "gamma and beta exchanged",
            code.norm_exchanged,
            "`beta` multiplies and `gamma` is added. It is the other way round: gamma scales, beta shifts.",
        ),
        Misconception(
            "beta added first",
            code.norm_beta_first,
            "`beta` is added before the multiplication, so `gamma` scales it, too. First times `gamma`, then plus `beta`.",
        ),
        Misconception(
            "beta subtracted",
            code.norm_beta_subtracted,
            "`beta` is subtracted. Add it.",
        ),
        Misconception(
            "divided by gamma",
            code.norm_divided_by_gamma,
            "The rows are divided by `gamma`. Multiply by it.",
        ),
        Misconception(
            "one plus gamma",
            code.norm_one_plus_gamma,
            "The rows are multiplied by 1 + `gamma`, as some models have it. Here gamma itself is the factor; it starts at 1.",
        ),
        Misconception(
            "scaled before normalizing",
            code.norm_scaled_first,
            "`gamma` and `beta` act on `x`, and the normalization comes afterwards and undoes most of it. Normalize first.",
        ),
        Misconception(
            "not normalized",
            code.norm_not_normalized,
            "`gamma` and `beta` act on `x` as it is. Normalize the rows first.",
        ),
        Misconception(
            "matrix product with gamma",
            code.norm_matrix_product,
            "`@` adds up along the row and leaves one number for each token. Every column has its own factor: use `*`.",
        ),
        Misconception(
            "gamma along the tokens",
            code.norm_gamma_of_token,
            "`gamma[:, np.newaxis]` lays gamma along the tokens. It has one number for each column, and fits as it is.",
        ),
        Misconception(
            "eps not handed on",
            code.norm_fixed_eps,
            "`normalize` is called without `eps`, so it uses its own 1e-5. Hand the argument on.",
        ),
        Misconception("eps added to the standard deviation", code.norm_deviation_plus_eps, DEVIATION_PLUS_EPS),
        Misconception(
            "normalized over the first axis",
            code.norm_columns,
            "The statistics run over axis 0. Every token has its own, along the last axis: use your `normalize`.",
        ),
        Misconception("changes its input", code.norm_in_place, IN_PLACE),
    ),
    variants=(code.norm_torch, code.norm_folded, code.norm_diagonal, code.norm_loop),
)

EXERCISES = (ROW_STATISTICS, NORMALIZE, LAYER_NORM)
