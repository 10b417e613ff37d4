"""add_and_norm: add the input back, then normalize."""

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import (
    EPS,
    IN_PLACE,
    LEADING,
    ONE_ROW,
    ONE_WORD,
    WITHOUT_EPS,
    gain,
    random_rows,
)
from autograde.exercises.add_norm.layer_norm import folded as norm_folded
from autograde.exercises.add_norm.layer_norm import with_a_loop as norm_loop
from autograde.exercises.add_norm.layer_norm import with_torch as norm_torch
from autograde.exercises.add_norm.normalize import by_product as normalize_by_product
from autograde.harness.call import MAIN, FunctionCall
from helpers.add_norm import add_and_norm, layer_norm, normalize


def calls(rng):
    def inputs(*shape, scale=1.0):
        rows = random_rows(rng, *shape) * scale, random_rows(rng, *shape) * scale
        return *rows, gain(rng, shape[-1]), gain(rng, shape[-1])

    by_hand = ([[1.0, 0, 2]], [[0.0, 2, 1]], [2.0, 2, 2], [1.0, 1, 1])
    return [
        FunctionCall(
            tuple(map(np.array, by_hand)), tolerance=WITHOUT_EPS, note="by hand: the sum is 1, 2, 3; then as before"
        ),
        FunctionCall(inputs(5, 6), tolerance=WITHOUT_EPS),
        FunctionCall(inputs(3, 7), tolerance=WITHOUT_EPS),
        FunctionCall((*inputs(4, 5), 3.0), part=EPS, note="eps is 3"),
        FunctionCall((*inputs(3, 4, scale=0.003),), part=EPS, note="the eps of the signature, 1e-5"),
        FunctionCall(inputs(2, 3, 4), tolerance=WITHOUT_EPS, part=LEADING, note="a batch of two sentences"),
        FunctionCall(inputs(1, 1, 5), tolerance=WITHOUT_EPS, part=LEADING, note=ONE_WORD),
        FunctionCall(inputs(4), tolerance=WITHOUT_EPS, part=LEADING, note=ONE_ROW),
    ]


EXERCISE = Exercise(
    name="add_and_norm",
    title="add the input back, then normalize",
    points=2,
    minutes=5,
    hints=(
        "The formula of the paper is LayerNorm(x + Sublayer(x)). Read it from the inside: what happens first?",
        "The first argument of `layer_norm` is a sum. The other three are passed on as they are, `eps` too.",
    ),
    reference=add_and_norm,
    make_calls=calls,
    parts={MAIN: 0.6, EPS: 0.2, LEADING: 0.2},
    forbidden=libraries.NORMALIZATION,
)


@EXERCISE.wrong(
    "only the sublayer normalized",
    "The sublayer's output is normalized, then `x` is added. In the paper the sum is normalized: add first.",
)
def norm_of_sublayer(x, sublayer_output, gamma, beta, eps=1e-5):
    return x + layer_norm(sublayer_output, gamma, beta, eps)


@EXERCISE.wrong(
    "only x normalized",
    "`x` is normalized, then the sublayer's output is added. In the paper the sum is normalized: add first.",
)
def norm_of_x(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x, gamma, beta, eps) + sublayer_output


@EXERCISE.wrong(
    "no residual connection", "`x` does not take part: only the sublayer's output is normalized. Add `x` to it first."
)
def no_residual(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(sublayer_output, gamma, beta, eps)


@EXERCISE.wrong(
    "sublayer's output not used", "The result depends only on `x`. Normalize the sum of `x` and `sublayer_output`."
)
def only_x(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x, gamma, beta, eps)


@EXERCISE.wrong("not normalized", "This is the sum. Normalize it with `layer_norm`.")
def not_normalized(x, sublayer_output, gamma, beta, eps=1e-5):
    return x + sublayer_output


@EXERCISE.wrong(
    "both normalized, then added", "Both parts are normalized before the sum. Add first, then normalize once."
)
def both_normalized(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x, gamma, beta, eps) + layer_norm(sublayer_output, gamma, beta, eps)


@EXERCISE.wrong(
    "normalized twice",
    "The sublayer's output is normalized before the sum and the sum once more. One normalization, of the sum.",
)
def normalized_first(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x + layer_norm(sublayer_output, gamma, beta, eps), gamma, beta, eps)


@EXERCISE.wrong(
    "x added once more", "`x` is added again after the normalization. It belongs in the sum, and nowhere else."
)
def x_again(x, sublayer_output, gamma, beta, eps=1e-5):
    return x + layer_norm(x + sublayer_output, gamma, beta, eps)


@EXERCISE.wrong("subtracted", "The sublayer's output is subtracted from `x`. The two are added.")
def difference(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x - sublayer_output, gamma, beta, eps)


@EXERCISE.wrong(
    "average for the sum",
    "Half of the sum is normalized. That looks the same until `eps` counts. Take the sum as it is.",
)
def average(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm((x + sublayer_output) / 2, gamma, beta, eps)


@EXERCISE.wrong("product for the sum", "The two are multiplied. A residual connection adds.")
def by_product(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x * sublayer_output, gamma, beta, eps)


@EXERCISE.wrong("concatenated", "The two are put side by side, which doubles the width. They are added.")
def concatenated(x, sublayer_output, gamma, beta, eps=1e-5):
    both = np.concatenate([x, sublayer_output], axis=-1)
    return layer_norm(both, np.tile(gamma, 2), np.tile(beta, 2), eps)


@EXERCISE.wrong(
    "gamma and beta exchanged",
    "`beta` scales and `gamma` shifts here. The order of `layer_norm` is `x, gamma, beta, eps`.",
)
def exchanged(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x + sublayer_output, beta, gamma, eps)


@EXERCISE.wrong(
    "gamma and beta missing",
    "The sum is normalized, but neither scaled nor shifted. Use `layer_norm`, with `gamma` and `beta`.",
)
def nothing_learned(x, sublayer_output, gamma, beta, eps=1e-5):
    return normalize(x + sublayer_output, eps)


@EXERCISE.wrong("always the same eps", "`eps` is 1e-5 whatever the argument says. Pass it on to `layer_norm`.")
def fixed_eps(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x + sublayer_output, gamma, beta)


@EXERCISE.wrong("changes its input", IN_PLACE)
def in_place(x, sublayer_output, gamma, beta, eps=1e-5):
    x += sublayer_output
    return layer_norm(x, gamma, beta, eps)


@EXERCISE.wrong(
    "normalized before the sum",
    "`x` and the sublayer's output are normalized, each for itself, and then added. In the paper their sum is normalized: "
    "add first.",
)
def each_normalized(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x, gamma, beta, eps) + gamma * normalize(sublayer_output, eps)


@EXERCISE.variant
def with_torch(x, sublayer_output, gamma, beta, eps=1e-5):
    return norm_torch(np.add(x, sublayer_output), gamma, beta, eps)


@EXERCISE.variant
def stacked(x, sublayer_output, gamma, beta, eps=1e-5):
    return norm_folded(np.stack([sublayer_output, x]).sum(axis=0), gamma, beta, eps)


@EXERCISE.variant
def rows(x, sublayer_output, gamma, beta, eps=1e-5):
    width = x.shape[-1]
    pairs = zip(x.reshape(-1, width), sublayer_output.reshape(-1, width), strict=True)
    return np.stack([norm_loop(row + other, gamma, beta, eps) for row, other in pairs]).reshape(x.shape)


@EXERCISE.variant
def in_a_copy(x, sublayer_output, gamma, beta, eps=1e-5):
    total = x.copy()
    total += sublayer_output
    return gamma * normalize_by_product(total, eps) + beta
