"""Lesson 5: residual connection and layer normalization."""

from __future__ import annotations

import numpy as np

from autograde.exercise import MAIN, Call, Exercise, Made, Misconception
from autograde.exercises.libraries import MULTI_HEAD_ATTENTION, NORMALIZATION, TRANSFORMER
from autograde.exercises.mistakes import add_norm as code
from autograde.plain import TensorData
from helpers import add_norm as right

LESSON = "05_add_norm"
LEADING, EPS, GRADIENTS, DROPOUT = "leading axes", "eps", "gradients", "dropout"

# Of eps = 1e-5 these calls want to know nothing: where it stands is asked in calls of their own, with a large eps.
WITHOUT_EPS = 1e-4

IN_WORDS = 0.0  # what dropout does is compared in words: no float error has to be measured


def _rows(rng, *shape):
    """Rows whose means lie away from 0 and whose variances differ."""
    return rng.normal(size=shape) * rng.uniform(1, 3, (*shape[:-1], 1)) + rng.uniform(-3, 3, (*shape[:-1], 1))


def _gain(rng, *shape):
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2, shape)


def _float32(array) -> TensorData:
    return TensorData(np.asarray(array, np.float32))


def _drop(note) -> dict:
    """What the calls about dropout have in common."""
    return {"part": DROPOUT, "tolerance": IN_WORDS, "note": note}


# mistakes that happen in more than one place
_UNBIASED = (
    "The variance is a little too large: its sum is divided by the width minus 1, as `torch.var` and `ddof=1` do. Layer "
    "normalization divides by the width itself."
)
_DEVIATION_PLUS_EPS = (
    "`eps` is added to the standard deviation, after the root. It belongs to the variance, under the root: the two differ "
    "where the variance is small."
)
_IN_PLACE = "The caller's array is changed (`-=` and `+=` write into it). Use `x = x - ...`, which makes a new one."
_KEEPDIMS = (
    "The statistics lose the last axis, so they no longer fit to the rows of `x`. `keepdims=True` (in PyTorch "
    "`keepdim=True`) keeps it with size 1."
)

# --- row_statistics -------------------------------------------------------------------------------------------------


def _statistics_calls(rng):
    return [
        Call(
            (np.array([[0.0, 2, 4, 10], [-3, -3, -3, 1]]),),
            note="by hand: row 0 has the mean 4 and the deviations -4, -2, 0, 6",
        ),
        Call((_rows(rng, 5, 6),)),
        Call((_rows(rng, 7, 3),)),
        Call((_rows(rng, 2, 3, 4),), part=LEADING, note="a batch of two sentences"),
        Call((_rows(rng, 2, 4, 3, 5),), part=LEADING, note="two leading axes before the tokens"),
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
    several=True,
    misconceptions=(
        Misconception("unbiased variance", code.statistics_unbiased, _UNBIASED),
        Misconception(
            "standard deviation for variance",
            code.statistics_deviation,
            "The second result is the root of the variance, the standard deviation. Leave out the root: it is taken later, "
            "after `eps` has been added.",
        ),
        Misconception("keepdims missing", code.statistics_no_keepdims, _KEEPDIMS),
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
        Misconception("changes its input", code.statistics_in_place, _IN_PLACE),
    ),
    variants=(code.statistics_numpy, code.statistics_loop, code.statistics_of_squares, code.statistics_torch),
)

# --- normalize ------------------------------------------------------------------------------------------------------


def _normalize_calls(rng):
    small = _rows(rng, 4, 5) * 0.1
    small[2] = 0.5
    return [
        Call(
            (np.array([1.0, 2.0, 3.0]),),
            tolerance=WITHOUT_EPS,
            note="by hand: the mean is 2, the variance 2/3, its root 0.816",
        ),
        Call((_rows(rng, 5, 6),), tolerance=WITHOUT_EPS),
        Call((_rows(rng, 3, 7),), tolerance=WITHOUT_EPS),
        Call(
            (np.array([[0.0, 2, 4, 10], [-3, -3, -3, 1]]), 2.0),
            part=EPS,
            note="by hand: row 0 has the variance 14; with eps = 2 the root is that of 16",
        ),
        Call((small, 0.05), part=EPS, note="a large eps; row 2 consists of equal numbers"),
        Call(
            (_rows(rng, 3, 4) * 0.01,), part=EPS, note="eps is 1e-5 where nothing else is said; the variance is small"
        ),
        Call((_rows(rng, 2, 3, 4),), tolerance=WITHOUT_EPS, part=LEADING, note="a batch of two sentences"),
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
        Misconception("eps added to the standard deviation", code.normalize_deviation_plus_eps, _DEVIATION_PLUS_EPS),
        Misconception("unbiased variance", code.normalize_unbiased, _UNBIASED),
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
        Misconception("keepdims missing", code.normalize_no_keepdims, _KEEPDIMS),
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
        Misconception("changes its input", code.normalize_in_place, _IN_PLACE),
    ),
    variants=(code.normalize_numpy, code.normalize_loop, code.normalize_by_product, code.normalize_torch),
)

# --- layer_norm -----------------------------------------------------------------------------------------------------


def _norm_calls(rng):
    def learned(width):
        return _gain(rng, width), _gain(rng, width)

    return [
        Call(
            (np.array([[1.0, 2.0, 3.0]]), np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0])),
            tolerance=WITHOUT_EPS,
            note="by hand: normalized -1.22, 0, 1.22; times 2; plus 1",
        ),
        Call((_rows(rng, 5, 6), *learned(6)), tolerance=WITHOUT_EPS),
        Call((_rows(rng, 7, 4), *learned(4)), tolerance=WITHOUT_EPS),
        Call((_rows(rng, 4, 5) * 0.2, *learned(5), 0.3), part=EPS, note="a large eps"),
        Call((_rows(rng, 2, 3, 4), *learned(4)), tolerance=WITHOUT_EPS, part=LEADING, note="a batch of two sentences"),
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
        Misconception("eps added to the standard deviation", code.norm_deviation_plus_eps, _DEVIATION_PLUS_EPS),
        Misconception(
            "normalized over the first axis",
            code.norm_columns,
            "The statistics run over axis 0. Every token has its own, along the last axis: use your `normalize`.",
        ),
        Misconception("changes its input", code.norm_in_place, _IN_PLACE),
    ),
    variants=(code.norm_torch, code.norm_folded, code.norm_diagonal, code.norm_loop),
)

# --- LayerNormalization ---------------------------------------------------------------------------------------------


def _learned(rng, width, prefix=""):
    return {f"{prefix}{name}": _gain(rng, width).astype(np.float32) for name in ("gamma", "beta")}


def _layer_calls(rng):
    by_hand = {"gamma": np.full(3, 2, np.float32), "beta": np.ones(3, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (_float32([[[1, 2, 3]]]),),
            new=(3,),
            weights=by_hand,
            tolerance=WITHOUT_EPS,
            note="by hand: normalized -1.22, 0, 1.22; gamma is 2, beta is 1",
        ),
        Call((_float32(_rows(rng, 3, 5, 6)),), new=(6,), weights=_learned(rng, 6), tolerance=WITHOUT_EPS),
        Call((_float32(_rows(rng, 2, 7, 4)),), new=(4,), weights=_learned(rng, 4), tolerance=WITHOUT_EPS),
        Call(
            (_float32(_rows(rng, 2, 4, 5)),),
            new=(5,),
            weights=_learned(rng, 5),
            report=everything,
            tolerance=1e-3,  # gradients are sums of such numbers
            part=GRADIENTS,
            note="backward, too",
        ),
        Call(
            (_float32(_rows(rng, 2, 3, 5) * 0.2),), new=(5, 0.5), weights=_learned(rng, 5), part=EPS, note="eps is 0.5"
        ),
        Call(
            (_float32(_rows(rng, 2, 5, 4) * 0.003),),
            new=(4,),
            weights=_learned(rng, 4),
            part=EPS,
            note="eps is 1e-5 where nothing else is said; the variance is as small",
        ),
        Call(
            new=(7,),
            method="",
            report=("parameters", "initial"),
            part="start",
            note="what is registered, and its start",
        ),
    ]


LAYER = Exercise(
    name="LayerNormalization",
    lesson=LESSON,
    title="gamma and beta learn",
    points=4,
    minutes=12,
    hints=(
        "`nn.Parameter(tensor)` registers something that is learned. In PyTorch the axis is called `dim`, and `keepdims` "
        "is `keepdim`.",
        "`torch.ones(embed_dim)` and `torch.zeros(embed_dim)` are the two start values; keep `eps` as an attribute. In "
        "`forward`, `x.mean(dim=-1, keepdim=True)` is the mean. `x.var` is unbiased unless told otherwise "
        "(`correction=0`), so take the mean of the squared deviations yourself.",
    ),
    reference=right.LayerNormalization,
    forbidden=NORMALIZATION,
    make_calls=_layer_calls,
    parts={MAIN: 0.5, GRADIENTS: 0.2, EPS: 0.2, "start": 0.1},
    misconceptions=(
        Misconception(
            "gamma and beta not registered",
            code.NormUnregistered,
            "The module has no parameters, so nothing is learned. `gamma` and `beta` have to be `nn.Parameter`s, attributes "
            "of `self`.",
        ),
        Misconception(
            "other names",
            code.NormOtherNames,
            "The parameters are called `weight` and `bias`, as in PyTorch's own layer. Here they are `gamma` and `beta`.",
        ),
        Misconception(
            "gamma starts at zero",
            code.NormGammaZero,
            "With gamma = 0 the layer forgets its input at the start. Gamma starts with ones, beta with zeros.",
        ),
        Misconception(
            "beta starts at one",
            code.NormBetaOne,
            "Beta shifts every row by 1 at the start. Gamma starts with ones, beta with zeros.",
        ),
        Misconception(
            "random start",
            code.NormRandomStart,
            "Gamma and beta start with random numbers. They start as ones and zeros, so that the layer begins as a plain "
            "normalization.",
        ),
        Misconception(
            "one gamma for all columns",
            code.NormSingleNumbers,
            "Gamma and beta are single numbers. Every column has its own: `torch.ones(embed_dim)`.",
        ),
        Misconception("eps added to the standard deviation", code.NormDeviationPlusEps, _DEVIATION_PLUS_EPS),
        Misconception(
            "unbiased deviation plus eps",
            code.NormUnbiasedDeviationPlusEps,
            "`x.std(...)` divides by the width minus 1, and `eps` is added after the root. Take the biased variance, add "
            "`eps`, then take the root.",
        ),
        Misconception("unbiased variance", code.NormUnbiased, _UNBIASED),
        Misconception(
            "another eps",
            code.NormOtherEps,
            "With `eps` given the result is right; without, another number than 1e-5 is used. Look at the default value in "
            "`__init__`.",
        ),
        Misconception(
            "always the same eps",
            code.NormFixedEps,
            "The code uses 1e-5 whatever `eps` says. Keep the argument as `self.eps` and use it in `forward`.",
        ),
        Misconception(
            "eps not used",
            code.NormNoEps,
            "`eps` does not take part. Add it to the variance, under the root.",
        ),
        Misconception(
            "over the tokens",
            code.NormOverTokens,
            "The statistics run over the tokens of a sentence (`dim=1`). Every token has its own, along the width: `dim=-1`.",
        ),
        Misconception(
            "over the batch",
            code.NormOverBatch,
            "The statistics run over the sentences of the batch (`dim=0`). Every token has its own, along the width: "
            "`dim=-1`.",
        ),
        Misconception(
            "batch normalization",
            code.NormBatchNorm,
            "Every column is normalized over all tokens of the batch: that is batch normalization. Layer normalization looks "
            "along the width: `dim=-1`.",
        ),
        Misconception(
            "over the whole sentence",
            code.NormOverSentence,
            "All numbers of a sentence share one mean and one variance. Every token has its own: `dim=-1` alone.",
        ),
        Misconception("keepdim missing", code.NormNoKeepdim, _KEEPDIMS),
        Misconception(
            "gamma and beta exchanged",
            code.NormExchanged,
            "`beta` multiplies and `gamma` is added. It is the other way round: gamma scales, beta shifts.",
        ),
        Misconception(
            "beta added first",
            code.NormBetaFirst,
            "`beta` is added before the multiplication, so `gamma` scales it, too. First times `gamma`, then plus `beta`.",
        ),
        Misconception(
            "gamma and beta not used",
            code.NormGammaUnused,
            "The parameters are there, but `forward` does not use them. Scale by `gamma` and shift by `beta`.",
        ),
        Misconception(
            "statistics without a gradient",
            code.NormStatisticsDetached,
            "The output is right, the gradient of the input is not: mean and variance depend on `x`, too. Compute them "
            "without `torch.no_grad()`, `.detach()` or `.data`.",
        ),
        Misconception(
            "cut off from the gradient",
            code.NormDetached,
            "The numbers are right, but no gradient reaches gamma and beta. Leave out `torch.no_grad()`, `.detach()`, "
            "`.data` and the way through NumPy.",
        ),
        Misconception("changes its input", code.NormInPlace, _IN_PLACE),
    ),
    variants=(code.NormFunctional, code.NormVariance, code.NormSquares, code.NormLoop),
)

# --- add_and_norm ---------------------------------------------------------------------------------------------------


def _add_calls(rng):
    def inputs(*shape):
        return _rows(rng, *shape), _rows(rng, *shape), _gain(rng, shape[-1]), _gain(rng, shape[-1])

    by_hand = ([[1.0, 0, 2]], [[0.0, 2, 1]], [2.0, 2, 2], [1.0, 1, 1])
    return [
        Call(tuple(map(np.array, by_hand)), tolerance=WITHOUT_EPS, note="by hand: the sum is 1, 2, 3; then as before"),
        Call(inputs(5, 6), tolerance=WITHOUT_EPS),
        Call(inputs(3, 7), tolerance=WITHOUT_EPS),
        Call((*inputs(4, 5), 3.0), part=EPS, note="eps is 3"),
        Call(inputs(2, 3, 4), tolerance=WITHOUT_EPS, part=LEADING, note="a batch of two sentences"),
    ]


ADD_AND_NORM = Exercise(
    name="add_and_norm",
    lesson=LESSON,
    title="add the input back, then normalize",
    points=2,
    minutes=5,
    hints=(
        "The formula of the paper is LayerNorm(x + Sublayer(x)). Read it from the inside: what happens first?",
        "The first argument of `layer_norm` is a sum. The other three are handed on as they are, `eps` too.",
    ),
    reference=right.add_and_norm,
    forbidden=NORMALIZATION,
    make_calls=_add_calls,
    parts={MAIN: 0.6, EPS: 0.2, LEADING: 0.2},
    misconceptions=(
        Misconception(
            "only the sublayer normalized",
            code.add_norm_of_sublayer,
            "The sublayer's output is normalized, then `x` is added. In the paper the sum is normalized: add first.",
        ),
        Misconception(
            "only x normalized",
            code.add_norm_of_x,
            "`x` is normalized, then the sublayer's output is added. In the paper the sum is normalized: add first.",
        ),
        Misconception(
            "no residual connection",
            code.add_no_residual,
            "`x` does not take part: the sublayer's output alone is normalized. Add `x` to it first.",
        ),
        Misconception(
            "sublayer's output not used",
            code.add_only_x,
            "The result depends on `x` alone. Normalize the sum of `x` and `sublayer_output`.",
        ),
        Misconception(
            "not normalized",
            code.add_not_normalized,
            "This is the sum. Normalize it with `layer_norm`.",
        ),
        Misconception(
            "both normalized, then added",
            code.add_both_normalized,
            "Both parts are normalized before the sum. Add first, then normalize once.",
        ),
        Misconception(
            "normalized twice",
            code.add_normalized_first,
            "The sublayer's output is normalized before the sum and the sum once more. One normalization, of the sum.",
        ),
        Misconception(
            "x added once more",
            code.add_x_again,
            "`x` is added again after the normalization. It belongs into the sum, and nowhere else.",
        ),
        Misconception(
            "subtracted",
            code.add_difference,
            "The sublayer's output is subtracted from `x`. The two are added.",
        ),
        Misconception(
            "average for the sum",
            code.add_average,
            "Half of the sum is normalized. That looks the same until `eps` counts. Take the sum as it is.",
        ),
        Misconception(
            "product for the sum",
            code.add_product,
            "The two are multiplied. A residual connection adds.",
        ),
        Misconception(
            "concatenated",
            code.add_concatenated,
            "The two are put side by side, which doubles the width. They are added.",
        ),
        Misconception(
            "gamma and beta exchanged",
            code.add_exchanged,
            "`layer_norm` gets `beta` where it expects `gamma`. The order is `x, gamma, beta, eps`.",
        ),
        Misconception(
            "gamma and beta missing",
            code.add_nothing_learned,
            "The sum is normalized, but neither scaled nor shifted. Use `layer_norm`, with `gamma` and `beta`.",
        ),
        Misconception(
            "eps not handed on",
            code.add_fixed_eps,
            "`layer_norm` is called without `eps`, so it uses its own 1e-5. Hand the argument on.",
        ),
        Misconception("changes its input", code.add_in_place, _IN_PLACE),
    ),
    variants=(code.add_torch, code.add_stacked, code.add_rows, code.add_in_a_copy),
)

# --- AddNorm --------------------------------------------------------------------------------------------------------


def _plain_norm(x, gamma, beta):
    x, gamma, beta = (np.asarray(one, np.float64) for one in (x, gamma, beta))
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def _what_dropout_did(factors, used) -> dict[str, str]:
    """In words, what became of the numbers of the sublayer's output. `factors`: what each was multiplied by; `used`:
    which of them are known. Thousands of numbers: the share varies by less than 0.01."""
    dropped = (np.abs(factors) < 0.01) & used
    rest = factors[used & ~dropped]
    factor = float(np.median(rest)) if rest.size else 0.0
    if not np.allclose(rest, factor, rtol=0.02):
        return {"the sublayer's output": "no multiple of it"}
    rows = dropped.sum(-1)
    mixed = (rows > 0) & (rows < used.sum(-1))
    words = f"a share of {dropped.sum() / used.sum():.1f} dropped, the rest times {factor:.2f}"
    whole = bool(dropped.any()) and mixed.mean() < 0.5
    return {"the sublayer's output": words + (", whole rows at once" if whole else "")}


def _what_add_norm_did(output, x, sublayer_output, gamma, beta) -> dict[str, str]:
    """Statistics of an output in which numbers of the sublayer's output may have been dropped.

    Where columns 0 and 1 of the sublayer's output are 0, the sum there is x itself whatever was dropped. These two points
    show what the normalization has done with the row, so all its other sums can be computed back.
    """
    if output.shape != x.shape:
        return {"shape": str(output.shape)}
    same = np.isclose(output, _plain_norm(x + sublayer_output, gamma, beta), atol=1e-3).all(-1)
    words = {"zeros": f"{np.mean(output == 0):.1f}", "rows as without dropout": f"{same.mean():.1f}"}
    rows = (output - beta.astype(np.float64)) / gamma
    if not np.ptp(x) and np.ptp(sublayer_output) == 0:  # all equal: how many different numbers does a row hold?
        words["different numbers in a row"] = str(int((np.diff(np.sort(rows, -1), axis=-1) > 0.02).sum(-1).max()) + 1)
    elif not sublayer_output[..., :2].any() and sublayer_output.any():
        used = np.abs(sublayer_output) > 0.1
        slope = (x[..., 1:2] - x[..., :1]) / (rows[..., 1:2] - rows[..., :1])
        added = x[..., :1] + slope * (rows - rows[..., :1]) - x
        words |= _what_dropout_did(np.divide(added, sublayer_output, where=used, out=np.zeros_like(added)), used)
    return words


def _view_add_norm(call, value):
    if call.part != DROPOUT:
        return value
    x, sublayer_output = (one.array for one in call.args)
    return _what_add_norm_did(value.array, x, sublayer_output, call.weights["norm.gamma"], call.weights["norm.beta"])


def _marked(rng, *shape):
    """x and a sublayer's output whose columns 0 and 1 are 0, for `_what_add_norm_did`."""
    x, sublayer_output = rng.normal(size=shape), _gain(rng, *shape)
    x[..., 0], x[..., 1], sublayer_output[..., :2] = 2, -2, 0
    return _float32(x), _float32(sublayer_output)


def _add_norm_calls(rng):
    def weights(width):
        return _learned(rng, width, "norm.")

    def inputs(*shape):
        return _float32(_rows(rng, *shape)), _float32(_rows(rng, *shape))

    def dropped(pair, note, training=True, dropout=(0.3,)):
        width = pair[0].array.shape[-1]
        return Call(pair, new=(width, *dropout), weights=weights(width), training=training, **_drop(note))

    by_hand = {"norm.gamma": np.full(3, 2, np.float32), "norm.beta": np.ones(3, np.float32)}
    some = _float32(rng.normal(size=(2, 5, 40)))
    nothing, one = _float32(np.zeros((2, 5, 40))), _float32(np.ones((2, 5, 40)))
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (_float32([[[1, 0, 2]]]), _float32([[[0, 2, 1]]])),
            new=(3, 0.0),
            weights=by_hand,
            note="by hand: the sum is 1, 2, 3; gamma is 2, beta is 1",
        ),
        Call(new=(7,), method="", report=("parameters",), note="what the module has registered"),
        Call(inputs(3, 5, 6), new=(6, 0.0), weights=weights(6)),
        Call(inputs(2, 7, 4), new=(4, 0.0), weights=weights(4)),
        Call(
            inputs(2, 4, 5), new=(5, 0.0), weights=weights(5), report=everything, part=GRADIENTS, note="backward, too"
        ),
        dropped(_marked(rng, 4, 40, 50), "in training mode, with dropout 0.3"),
        dropped(_marked(rng, 4, 40, 50), "in training mode, with the default dropout", dropout=()),
        dropped(inputs(2, 5, 40), "in evaluation mode, with dropout 0.6", training=False, dropout=(0.6,)),
        dropped((some, nothing), "in training mode; the sublayer's output is 0, so that there is nothing to drop"),
        dropped((nothing, some), "in training mode; x is 0"),
        dropped((one, one), "in training mode; x and the sublayer's output are 1"),
    ]


# mistakes about dropout: in AddNorm, in the attention block, in the pre-norm block
_AFTER_ADD = "Dropout acts on the sum, so parts of `x` are lost, too. It acts on the sublayer's output, before the add."
_NO_DROPOUT = "In training mode nothing is dropped. Apply an `nn.Dropout(dropout)` to the sublayer's output."
_ALWAYS = (
    "Numbers are dropped although the module is in evaluation mode. `F.dropout` drops by default; `nn.Dropout` knows the "
    "mode of the module."
)
_KEPT = "Most numbers are dropped. `nn.Dropout(p)` wants the share that is set to zero; hand `dropout` on as it is."
_OTHER_SHARE = (
    "Half of the numbers are dropped whatever `dropout` says: `nn.Dropout()` has a default. Hand the share on."
)

ADD_NORM = Exercise(
    name="AddNorm",
    lesson=LESSON,
    title="add and normalize as a module",
    points=4,
    minutes=10,
    hints=(
        "Two parts in `__init__`: your `LayerNormalization` under the name `norm`, and an `nn.Dropout`. `nn.Dropout` looks "
        "after training and evaluation mode by itself.",
        "Read `forward` from the inside: dropout of `sublayer_output`, plus `x`, and `self.norm` of all that. The "
        "module does not run the sublayer; it gets its finished output.",
    ),
    reference=right.AddNorm,
    make_calls=_add_norm_calls,
    parts={MAIN: 0.5, GRADIENTS: 0.2, DROPOUT: 0.3},
    view=_view_add_norm,
    misconceptions=(
        Misconception(
            "only the sublayer normalized",
            code.AddNormOfSublayer,
            "The sublayer's output is normalized, then `x` is added. In the paper the sum is normalized: add first.",
        ),
        Misconception(
            "only x normalized",
            code.AddNormOfX,
            "`x` is normalized, then the sublayer's output is added. In the paper the sum is normalized: add first.",
        ),
        Misconception(
            "no residual connection",
            code.AddNormNoResidual,
            "`x` does not take part: the sublayer's output alone is normalized. Add `x` to it first.",
        ),
        Misconception(
            "not normalized",
            code.AddNormNotNormalized,
            "This is the sum. Apply `self.norm` to it.",
        ),
        Misconception(
            "normalized twice",
            code.AddNormTwice,
            "The sublayer's output is normalized before the sum and the sum once more. One normalization, of the sum.",
        ),
        Misconception(
            "sublayer called",
            code.AddNormCallsSublayer,
            "The second argument is called like a function. It is the sublayer's finished output, a tensor.",
        ),
        Misconception(
            "residual cut off from the gradient",
            code.AddNormResidualDetached,
            "The output is right, but no gradient reaches `x`. The residual connection lets gradients pass: leave out "
            "`.detach()` and `.data`.",
        ),
        Misconception(
            "PyTorch's layer norm inside",
            code.AddNormTorchNorm,
            "`norm` is an `nn.LayerNorm`, whose parameters have other names. Use your `LayerNormalization`.",
        ),
        Misconception(
            "another name for norm",
            code.AddNormOtherName,
            "The normalization lies under the name `layer_norm`. The attribute is asked to be called `norm`.",
        ),
        Misconception("changes its input", code.AddNormInPlace, _IN_PLACE),
        Misconception("dropout after the add", code.AddNormDropAfterAdd, _AFTER_ADD),
        Misconception(
            "dropout after the normalization",
            code.AddNormDropLast,
            "Dropout acts on the finished result. It acts on the sublayer's output, before the add.",
        ),
        Misconception(
            "dropout on x",
            code.AddNormDropX,
            "Dropout acts on `x`, the residual connection, which is to stay whole. It acts on the sublayer's output.",
        ),
        Misconception(
            "dropout on both",
            code.AddNormDropBoth,
            "Dropout acts on `x`, too. The residual connection stays whole: drop in the sublayer's output alone.",
        ),
        Misconception("no dropout", code.AddNormNoDropout, _NO_DROPOUT),
        Misconception("dropout in evaluation too", code.AddNormDropAlways, _ALWAYS),
        Misconception("dropout as the share that is kept", code.AddNormShareKept, _KEPT),
        Misconception("dropout share not handed on", code.AddNormDropDefault, _OTHER_SHARE),
        Misconception(
            "dropout without rescaling",
            code.AddNormNotRescaled,
            "Numbers are dropped, but the others keep their size. They are divided by 1 - dropout, so that the mean stays "
            "the same; `nn.Dropout` does it.",
        ),
    ),
    variants=(code.AddNormFunctional, code.AddNormByHand, code.AddNormSequential, code.AddNormRows),
)

# --- AttentionBlock -------------------------------------------------------------------------------------------------


def _block_weights(rng, width):
    scale = 1.2 / np.sqrt(width)
    weights = {
        f"attention.{name}.weight": (rng.normal(size=(width, width)) * scale).astype(np.float32)
        for name in ("query", "key", "value", "out")
    }
    return weights | _learned(rng, width, "add_norm.norm.")


def _view_block(call, value):
    if call.part != DROPOUT:
        return value
    import torch

    width, heads = call.new[:2]
    attention = right.MultiHeadAttention(width, heads)
    with torch.no_grad():
        for name, parameter in attention.named_parameters():
            parameter.copy_(torch.from_numpy(call.weights[f"attention.{name}"]))
        attended = attention(torch.from_numpy(call.args[0].array))[0].numpy()
    gamma, beta = (call.weights[f"add_norm.norm.{name}"] for name in ("gamma", "beta"))
    return _what_add_norm_did(value.array, call.args[0].array, attended, gamma, beta)


def _some_true(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    return rng.random(shape).argsort(axis=-1) < rng.integers(1, shape[-1], (*shape[:-1], 1))


def _block_calls(rng):
    def inputs(*shape):
        return (_float32(rng.normal(size=shape)),)

    def dropped(note, training=True, dropout=(0.3,), rows=2):
        x, weights = rng.normal(size=(3, 32, 24)) + 2 * rng.normal(size=(3, 1, 24)), _block_weights(rng, 24)
        x[..., 0], x[..., 1] = 2, -2
        weights["attention.out.weight"][:rows] = 0
        return Call((_float32(x),), new=(24, 4, *dropout), weights=weights, training=training, **_drop(note))

    by_hand = {f"attention.{name}.weight": np.zeros((2, 2), np.float32) for name in ("query", "key")}
    by_hand |= {f"attention.{name}.weight": np.eye(2, dtype=np.float32) for name in ("value", "out")}
    by_hand |= {"add_norm.norm.gamma": np.array([2, 3], np.float32), "add_norm.norm.beta": np.ones(2, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (_float32([[[3, 0], [1, 4]]]),),
            new=(2, 1, 0.0),
            weights=by_hand,
            note="by hand: both tokens attend evenly, so 2, 2 is added to each row: 5, 2 and 3, 6",
        ),
        Call(new=(12, 3), method="", report=("parameters",), note="what the module has registered"),
        Call(inputs(2, 5, 12), new=(12, 3, 0.0), weights=_block_weights(rng, 12)),
        Call(inputs(3, 7, 8), new=(8, 4, 0.0), weights=_block_weights(rng, 8)),
        Call(
            inputs(2, 4, 6),
            new=(6, 3, 0.0),
            weights=_block_weights(rng, 6),
            report=everything,
            part=GRADIENTS,
            note="backward, too",
        ),
        Call(
            inputs(3, 5, 12),
            {"mask": TensorData(_some_true(rng, 5, 5))},
            new=(12, 4, 0.0),
            weights=_block_weights(rng, 12),
            part="mask",
            note="one mask for the whole batch",
        ),
        Call(
            inputs(3, 4, 10),
            {"mask": TensorData(_some_true(rng, 3, 1, 4))},
            new=(10, 2, 0.0),
            weights=_block_weights(rng, 10),
            part="mask",
            note="one mask row per sentence",
        ),
        dropped("in training mode, with dropout 0.3"),
        dropped("in training mode, with the default dropout", dropout=()),
        dropped("in evaluation mode, with dropout 0.7", training=False, dropout=(0.7,)),
        dropped("in training mode; the attention gives 0, so that there is nothing to drop", rows=24),
    ]


ATTENTION_BLOCK = Exercise(
    name="AttentionBlock",
    lesson=LESSON,
    title="attention, add, normalize",
    points=4,
    minutes=8,
    hints=(
        "Two parts in `__init__`: `MultiHeadAttention` of lesson 4 and your `AddNorm`. The attention returns two things; "
        "which one goes on?",
        "`attended, _ = ...` takes the pair apart. In the call of `self.attention` name the mask, `mask=mask`: the second "
        "place belongs to the key input. Then `self.add_norm` of `x` and what came back, in this order.",
    ),
    reference=right.AttentionBlock,
    forbidden=(*MULTI_HEAD_ATTENTION, *TRANSFORMER),
    make_calls=_block_calls,
    parts={MAIN: 0.5, GRADIENTS: 0.1, "mask": 0.2, DROPOUT: 0.2},
    view=_view_block,
    misconceptions=(
        Misconception(
            "mask ignored",
            code.BlockMaskIgnored,
            "The mask changes nothing. Hand it on to the attention: `mask=mask`.",
        ),
        Misconception(
            "mask upside down",
            code.BlockMaskUpsideDown,
            "The mask is inverted on its way. True means *may attend*, here and in `MultiHeadAttention`: hand it on as it is.",
        ),
        Misconception(
            "mask in the place of the key",
            code.BlockMaskAsKey,
            "The second argument of the attention is the key input, so the mask is taken for keys. Name it: `mask=mask`.",
        ),
        Misconception(
            "no residual connection",
            code.BlockNoResidual,
            "The attention's output alone is normalized, perhaps because `x` was overwritten. Keep `x`, and give it to "
            "`self.add_norm`, too.",
        ),
        Misconception(
            "x added twice",
            code.BlockAddTwice,
            "`x` is added before `self.add_norm` adds it again. Hand over the attention's output as it is.",
        ),
        Misconception(
            "arguments of add_norm exchanged",
            code.BlockExchanged,
            "Without dropout the two are the same sum; with it, parts of `x` are dropped. The order is `x`, then the "
            "attention's output.",
        ),
        Misconception(
            "pre-norm",
            code.BlockPreNorm,
            "The input of the attention is normalized, and the sum is not: that is the pre-norm variant, the last exercise. "
            "Here the sum is normalized.",
        ),
        Misconception(
            "normalized before and after",
            code.BlockNormBefore,
            "The attention gets a normalized `x`, and the sum is normalized, too. The attention gets `x` as it is.",
        ),
        Misconception(
            "only the attention normalized",
            code.BlockNormOfSublayer,
            "The attention's output is normalized, then `x` is added. The sum is normalized: `self.add_norm` does both.",
        ),
        Misconception(
            "the whole pair handed on",
            code.BlockWholeTuple,
            "`MultiHeadAttention` returns two things, output and weights, and both went on. Take the output alone.",
        ),
        Misconception(
            "weights returned, too",
            code.BlockReturnsWeights,
            "A block returns one tensor, so that the next one can take it. Leave out the weights.",
        ),
        Misconception(
            "one head",
            code.BlockOneHead,
            "`num_heads` is not handed on, so there is a single head. Give both sizes to `MultiHeadAttention`.",
        ),
        Misconception(
            "bias in the attention",
            code.BlockBias,
            "The attention has biases. Leave the argument `bias` of `MultiHeadAttention` as it is.",
        ),
        Misconception(
            "PyTorch's attention inside",
            code.BlockTorchAttention,
            "`attention` is an `nn.MultiheadAttention`, which keeps its weights under other names and reads masks the other "
            "way round. Use `MultiHeadAttention` of lesson 4.",
        ),
        Misconception(
            "dropout share not handed on",
            code.BlockDropoutNotPassed,
            "`AddNorm` is made without `dropout`, so it uses its own 0.1. Hand the argument on.",
        ),
        Misconception("no dropout", code.BlockNoDropout, _NO_DROPOUT),
        Misconception(
            "dropout after the normalization",
            code.BlockDropLast,
            "Dropout acts on the finished result. It acts on the attention's output, before the add: `AddNorm` does it.",
        ),
        Misconception(
            "attention cut off from the gradient",
            code.BlockDetached,
            "The numbers are right, but no gradient reaches the weights of the attention. Leave out `torch.no_grad()` and "
            "`.detach()`.",
        ),
    ),
    variants=(code.BlockWithWeights, code.BlockOtherParts, code.BlockEachSentence, code.BlockSpelledOut),
)

# --- PreNormBlock ---------------------------------------------------------------------------------------------------


def _linear(rng, width) -> Made:
    weight = rng.normal(size=(width, width)) * 1.2 / np.sqrt(width)
    return Made("linear", (weight.astype(np.float32), _gain(rng, width).astype(np.float32)))


def _view_pre_norm(call, value):
    if call.part != DROPOUT:
        return value
    x, output = call.args[0].array.astype(np.float64), value.array
    if output.shape != x.shape:
        return {"shape": str(output.shape)}
    weight, bias = call.new[1].args
    changed = _plain_norm(x, call.weights["norm.gamma"], call.weights["norm.beta"]) @ weight.T + bias
    used = np.abs(changed) > 0.1
    factors = np.divide(output - x, changed, where=used, out=np.zeros_like(x))
    return {"zeros": f"{np.mean(output == 0):.1f}", **_what_dropout_did(factors, used)}


def _pre_norm_calls(rng):
    def call(*shape, dropout=(0.0,), **more):
        width = shape[-1]
        new = (width, _linear(rng, width), *dropout)
        return Call((_float32(_rows(rng, *shape)),), new=new, weights=_learned(rng, width, "norm."), **more)

    turned = Made("linear", (np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32), np.array([0, 0, 10], np.float32)))
    by_hand = {"norm.gamma": np.full(3, 2, np.float32), "norm.beta": np.ones(3, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (_float32([[[1, 2, 3]]]),),
            new=(3, turned, 0.0),
            weights=by_hand,
            note="by hand: layer norm gives -1.45, 1, 3.45; the sublayer gives 1, 3.45, -1.45 + 10",
        ),
        Call(new=(4, _linear(rng, 4)), method="", report=("parameters",), note="what the module has registered"),
        call(3, 5, 6),
        call(2, 7, 4),
        call(2, 4, 5, report=everything, part=GRADIENTS, note="backward, too"),
        call(4, 40, 50, dropout=(0.3,), training=True, **_drop("in training mode, with dropout 0.3")),
        call(4, 40, 50, dropout=(), training=True, **_drop("in training mode, with the default dropout")),
        call(2, 5, 40, dropout=(0.6,), **_drop("in evaluation mode, with dropout 0.6")),
    ]


PRE_NORM_BLOCK = Exercise(
    name="PreNormBlock",
    lesson=LESSON,
    title="the variant: normalize first",
    points=3,
    minutes=8,
    extra=True,
    hints=(
        "The same four parts as in post-norm, in another order. The residual connection goes around everything: what is "
        "added at the end is the `x` that came in.",
        "From the inside: `self.norm` of `x`, then `self.sublayer`, then dropout. The sum with `x` comes last, and nothing "
        "comes after it.",
    ),
    reference=right.PreNormBlock,
    forbidden=TRANSFORMER,
    make_calls=_pre_norm_calls,
    parts={MAIN: 0.6, GRADIENTS: 0.2, DROPOUT: 0.2},
    view=_view_pre_norm,
    misconceptions=(
        Misconception(
            "post-norm",
            code.PrePostNorm,
            "The sum is normalized: that is the paper's order. Here the norm comes first, in front of the sublayer.",
        ),
        Misconception(
            "no residual connection",
            code.PreNoResidual,
            "`x` is not added at the end. Without it there is no path around the sublayer.",
        ),
        Misconception(
            "residual from the normalized x",
            code.PreNormalizedResidual,
            "The normalized rows are added at the end, probably because `x` was overwritten. Add the `x` that came in.",
        ),
        Misconception(
            "norm after the sublayer",
            code.PreNormAfterSublayer,
            "The sublayer gets `x` as it is, and its output is normalized. Normalize what goes into the sublayer.",
        ),
        Misconception(
            "not normalized",
            code.PreNotNormalized,
            "The sublayer gets `x` as it is. Apply `self.norm` to it first.",
        ),
        Misconception(
            "normalized before and after",
            code.PreNormTwice,
            "The sum is normalized once more. In a pre-norm block nothing comes after the sum.",
        ),
        Misconception(
            "sublayer not called",
            code.PreWithoutSublayer,
            "The normalized rows are added to `x`; the sublayer does not run. Call `self.sublayer` on them.",
        ),
        Misconception(
            "sublayer not registered",
            code.PreUnregistered,
            "The sublayer's parameters are not found: a module in a Python list is not registered. Keep it as "
            "`self.sublayer`.",
        ),
        Misconception(
            "sublayer cut off from the gradient",
            code.PreDetached,
            "The output is right, but the gradient of `x` passes only along the residual connection. Leave out `.detach()` "
            "and `.data`.",
        ),
        Misconception("changes its input", code.PreInPlace, _IN_PLACE),
        Misconception("dropout after the add", code.PreDropAfterAdd, _AFTER_ADD),
        Misconception(
            "dropout before the sublayer",
            code.PreDropBeforeSublayer,
            "Dropout acts on what goes into the sublayer. It acts on what comes out of it, before the add.",
        ),
        Misconception("no dropout", code.PreNoDropout, _NO_DROPOUT),
        Misconception("dropout in evaluation too", code.PreDropAlways, _ALWAYS),
        Misconception("dropout share not handed on", code.PreDropDefault, _OTHER_SHARE),
        Misconception("dropout as the share that is kept", code.PreShareKept, _KEPT),
    ),
    variants=(code.PreFunctional, code.PreByHand, code.PreSequential, code.PreRows),
)

EXERCISES = (ROW_STATISTICS, NORMALIZE, LAYER_NORM, LAYER, ADD_AND_NORM, ADD_NORM, ATTENTION_BLOCK, PRE_NORM_BLOCK)
