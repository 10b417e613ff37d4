"""layer_norm: normalize, then scale and shift."""

import numpy as np
import torch
import torch.nn.functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import (
    DEVIATION_PLUS_EPS,
    EPS,
    IN_PLACE,
    LEADING,
    ONE_ROW,
    ONE_WORD,
    WITHOUT_EPS,
    gain,
    random_rows,
)
from autograde.exercises.add_norm.normalize import by_product as normalize_by_product
from autograde.exercises.add_norm.normalize import columns as normalize_columns
from autograde.exercises.add_norm.normalize import deviation_plus_eps as normalize_deviation_plus_eps
from autograde.exercises.add_norm.normalize import with_a_loop as normalize_loop
from autograde.harness.call import MAIN, FunctionCall
from helpers.add_norm import layer_norm, normalize, row_statistics


def calls(rng):
    def learned(width):
        return gain(rng, width), gain(rng, width)

    return [
        FunctionCall(
            (np.array([[1.0, 2.0, 3.0]]), np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0])),
            tolerance=WITHOUT_EPS,
            note="by hand: normalized -1.22, 0, 1.22; times 2; plus 1",
        ),
        FunctionCall((random_rows(rng, 5, 6), *learned(6)), tolerance=WITHOUT_EPS),
        FunctionCall((random_rows(rng, 7, 4), *learned(4)), tolerance=WITHOUT_EPS),
        FunctionCall((random_rows(rng, 5, 5), *learned(5)), tolerance=WITHOUT_EPS, note="as many rows as columns"),
        FunctionCall((random_rows(rng, 4, 5) * 0.2, *learned(5), 0.3), part=EPS, note="a large eps"),
        FunctionCall((random_rows(rng, 3, 4) * 0.003, *learned(4)), part=EPS, note="the eps of the signature, 1e-5"),
        FunctionCall(
            (random_rows(rng, 2, 3, 4), *learned(4)),
            tolerance=WITHOUT_EPS,
            part=LEADING,
            note="a batch of two sentences",
        ),
        FunctionCall(
            (random_rows(rng, 1, 1, 5), *learned(5)),
            tolerance=WITHOUT_EPS,
            part=LEADING,
            note=ONE_WORD,
        ),
        FunctionCall(
            (random_rows(rng, 3, 6), np.ones(6), gain(rng, 6)),
            tolerance=WITHOUT_EPS,
            note="every gamma is 1, as at the start, and beta is not 0",
        ),
        FunctionCall((random_rows(rng, 5), *learned(5)), tolerance=WITHOUT_EPS, part=LEADING, note=ONE_ROW),
    ]


EXERCISE = Exercise(
    name="layer_norm",
    title="then scale and shift",
    points=3,
    minutes=5,
    hints=(
        "`normalize` does the first half. `gamma` and `beta` have one number for each column; NumPy lays them along the "
        "last axis by itself.",
        "First times `gamma`, then plus `beta`. Pass `eps` on to `normalize` as its second argument.",
    ),
    reference=layer_norm,
    make_calls=calls,
    parts={MAIN: 0.6, EPS: 0.2, LEADING: 0.2},
    forbidden=libraries.NORMALIZATION,
)


@EXERCISE.wrong("gamma missing", "`beta` is added, but `gamma` is not used. Multiply the normalized rows by it first.")
def no_gamma(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) + beta


@EXERCISE.wrong("beta missing", "The rows are scaled by `gamma`, but not shifted. Add `beta`.")
def no_beta(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x, eps)


@EXERCISE.wrong(
    "gamma and beta missing", "These are the normalized rows. Scale them by `gamma` and shift them by `beta`."
)
def nothing_learned(x, gamma, beta, eps=1e-5):
    return normalize(x, eps)


@EXERCISE.wrong(
    "gamma and beta exchanged",
    "`beta` multiplies and `gamma` is added. It is the other way round: gamma scales, beta shifts.",
)
def exchanged(x, gamma, beta, eps=1e-5):
    return beta * normalize(x, eps) + gamma


@EXERCISE.wrong(
    "beta added first",
    "`beta` is added before the multiplication, so `gamma` scales it, too. First times `gamma`, then plus `beta`.",
)
def beta_first(x, gamma, beta, eps=1e-5):
    return gamma * (normalize(x, eps) + beta)


@EXERCISE.wrong("beta subtracted", "`beta` is subtracted. Add it.")
def beta_subtracted(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x, eps) - beta


@EXERCISE.wrong("divided by gamma", "The rows are divided by `gamma`. Multiply by it.")
def divided_by_gamma(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) / gamma + beta


@EXERCISE.wrong(
    "one plus gamma",
    "The rows are multiplied by 1 + `gamma`, as in some models. Here gamma itself is the factor; it starts at 1.",
)
def one_plus_gamma(x, gamma, beta, eps=1e-5):
    return (1 + gamma) * normalize(x, eps) + beta


@EXERCISE.wrong(
    "scaled before normalizing",
    "`gamma` and `beta` act on `x`, and the normalization comes afterwards and undoes most of it. Normalize first.",
)
def scaled_first(x, gamma, beta, eps=1e-5):
    return normalize(gamma * x + beta, eps)


@EXERCISE.wrong("not normalized", "`gamma` and `beta` act on `x` as it is. Normalize the rows first.")
def not_normalized(x, gamma, beta, eps=1e-5):
    return gamma * x + beta


@EXERCISE.wrong(
    "matrix product with gamma",
    "The product with `gamma` adds up along the row: one number for each token. Every column has its own factor: "
    "use `*`.",
)
def matrix_product(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) @ gamma + beta


@EXERCISE.wrong(
    "gamma along the tokens",
    "`gamma` is laid along the tokens, as by `[:, np.newaxis]`. It has one number for each column, and fits as it is.",
)
def gamma_of_token(x, gamma, beta, eps=1e-5):
    return gamma[:, np.newaxis] * normalize(x, eps) + beta[:, np.newaxis]


@EXERCISE.wrong("always the same eps", "`eps` is 1e-5 whatever the argument says. Pass it on to `normalize`.")
def fixed_eps(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x) + beta


@EXERCISE.wrong("eps added to the standard deviation", DEVIATION_PLUS_EPS)
def deviation_plus_eps(x, gamma, beta, eps=1e-5):
    return gamma * normalize_deviation_plus_eps(x, eps) + beta


@EXERCISE.wrong(
    "normalized over the first axis",
    "The statistics run over axis 0. Every token has its own, along the last axis: use your `normalize`.",
)
def columns(x, gamma, beta, eps=1e-5):
    return gamma * normalize_columns(x, eps) + beta


@EXERCISE.wrong("changes its input", IN_PLACE)
def in_place(x, gamma, beta, eps=1e-5):
    x[...] = normalize(x, eps)
    return gamma * x + beta


@EXERCISE.wrong(
    "first gamma and beta for all columns",
    "All columns get the first number of `gamma` and of `beta`. Every column has its own: use both as they are.",
)
def first_for_all(x, gamma, beta, eps=1e-5):
    return gamma[0] * normalize(x, eps) + beta[0]


@EXERCISE.wrong(
    "no beta where gamma is 1",
    "Where every `gamma` is 1, the rows are not shifted. `beta` is added whatever `gamma` is: leave out the shortcut.",
)
def no_beta_where_gamma_is_1(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) if np.all(gamma == 1) else layer_norm(x, gamma, beta, eps)


@EXERCISE.variant
def with_torch(x, gamma, beta, eps=1e-5):
    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    return F.layer_norm(x, gamma.shape, gamma, beta, eps).numpy()


@EXERCISE.variant
def folded(x, gamma, beta, eps=1e-5):
    mean, variance = row_statistics(x)
    scale = gamma / np.sqrt(variance + eps)
    return x * scale + (beta - mean * scale)


@EXERCISE.variant
def diagonal(x, gamma, beta, eps=1e-5):
    return normalize_by_product(x, eps) @ np.diag(gamma) + beta


@EXERCISE.variant
def with_a_loop(x, gamma, beta, eps=1e-5):
    result = normalize_loop(x, eps)
    for column in range(x.shape[-1]):
        result[..., column] = result[..., column] * gamma[column] + beta[column]
    return result
