"""Lesson 5: residual connection and layer normalization together."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.add_norm.dropout import drop, what_add_norm_did
from autograde.exercises.add_norm.inputs import as_float32, gain, learned, random_rows
from autograde.exercises.add_norm.parts import DROPOUT, EPS, GRADIENTS, LEADING, WITHOUT_EPS
from autograde.exercises.add_norm.sentences import AFTER_ADD, ALWAYS, IN_PLACE, KEPT, NO_DROPOUT, OTHER_SHARE
from autograde.exercises.libraries import NORMALIZATION
from autograde.exercises.mistakes.add_norm import residual as code
from autograde.harness.call import MAIN, Call
from helpers import add_norm as right

LESSON = "05_add_norm"

# --- add_and_norm ---------------------------------------------------------------------------------------------------


def _add_calls(rng):
    def inputs(*shape):
        return random_rows(rng, *shape), random_rows(rng, *shape), gain(rng, shape[-1]), gain(rng, shape[-1])

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
        Misconception("changes its input", code.add_in_place, IN_PLACE),
    ),
    variants=(code.add_torch, code.add_stacked, code.add_rows, code.add_in_a_copy),
)

# --- AddNorm --------------------------------------------------------------------------------------------------------


def _view_add_norm(call, value):
    if call.part != DROPOUT:
        return value
    x, sublayer_output = (one.array for one in call.args)
    return what_add_norm_did(value.array, x, sublayer_output, call.weights["norm.gamma"], call.weights["norm.beta"])


def _marked(rng, *shape):
    """x and a sublayer's output whose columns 0 and 1 are 0, for `what_add_norm_did`."""
    x, sublayer_output = rng.normal(size=shape), gain(rng, *shape)
    x[..., 0], x[..., 1], sublayer_output[..., :2] = 2, -2, 0
    return as_float32(x), as_float32(sublayer_output)


def _add_norm_calls(rng):
    def weights(width):
        return learned(rng, width, "norm.")

    def inputs(*shape):
        return as_float32(random_rows(rng, *shape)), as_float32(random_rows(rng, *shape))

    def dropped(pair, note, training=True, dropout=(0.3,)):
        width = pair[0].array.shape[-1]
        return Call(pair, new=(width, *dropout), weights=weights(width), training=training, **drop(note))

    by_hand = {"norm.gamma": np.full(3, 2, np.float32), "norm.beta": np.ones(3, np.float32)}
    some = as_float32(rng.normal(size=(2, 5, 40)))
    nothing, one = as_float32(np.zeros((2, 5, 40))), as_float32(np.ones((2, 5, 40)))
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (as_float32([[[1, 0, 2]]]), as_float32([[[0, 2, 1]]])),
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
    projection=_view_add_norm,
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
        Misconception("changes its input", code.AddNormInPlace, IN_PLACE),
        Misconception("dropout after the add", code.AddNormDropAfterAdd, AFTER_ADD),
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
        Misconception("no dropout", code.AddNormNoDropout, NO_DROPOUT),
        Misconception("dropout in evaluation too", code.AddNormDropAlways, ALWAYS),
        Misconception("dropout as the share that is kept", code.AddNormShareKept, KEPT),
        Misconception("dropout share not handed on", code.AddNormDropDefault, OTHER_SHARE),
        Misconception(
            "dropout without rescaling",
            code.AddNormNotRescaled,
            "Numbers are dropped, but the others keep their size. They are divided by 1 - dropout, so that the mean stays "
            "the same; `nn.Dropout` does it.",
        ),
    ),
    variants=(code.AddNormFunctional, code.AddNormByHand, code.AddNormSequential, code.AddNormRows),
)

EXERCISES = (ADD_AND_NORM, ADD_NORM)
