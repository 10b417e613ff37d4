"""Lesson 6: the feed-forward network and the whole encoder."""

from __future__ import annotations

import numpy as np

from autograde.exercise import MAIN, Call, Exercise, Misconception
from autograde.exercises.libraries import LINEAR, RELU, TRANSFORMER
from autograde.exercises.mistakes import feed_forward as code
from autograde.plain import TensorData
from helpers.feed_forward import (
    Encoder,
    EncoderLayer,
    FeedForward,
    encoder_parameters,
    feed_forward,
    linear,
    relu,
)

LESSON = "06_feed_forward"
LEADING, CHANGED = "leading axes", "gradients"


def _tensor(numbers):
    return TensorData(np.asarray(numbers, np.float32))


def _random(rng, *shape, scale=1.0):
    return (rng.normal(size=shape) * scale).astype(np.float32)


def _mask(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    order = rng.random(shape).argsort(axis=-1)
    return TensorData(order < rng.integers(1, shape[-1], (*shape[:-1], 1)))


# --- dropout --------------------------------------------------------------------------------------------------------

# Random numbers may be drawn in any order, so outputs in training mode are not compared number by number. The weights
# of these calls let dropout act on column 0 alone, through few units: then that column holds few different values, and
# both the values and how often each occurs follow from the rate. 6000 rows bring the shares within 0.02 of it.
ROWS = (1500, 4)


def dropout_view(call, value):
    """In training mode: the different values of the output's column 0, smallest first, and their shares in tenths."""
    if not call.training:
        return value
    numbers = np.sort(value.array[..., 0], axis=None)
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1e-3) + 1)
    return {
        "different values": np.array([group.mean() for group in groups], np.float32),
        "their shares": [round(len(group) / len(numbers), 1) for group in groups],
    }


def _same_rows(row):
    """A batch in which all tokens are the same."""
    return TensorData(np.tile(np.asarray(row, np.float32), (*ROWS, 1)))


# --- relu -----------------------------------------------------------------------------------------------------------


def _relu_calls(rng):
    return [
        Call((np.array([[1.5, -2.0, 0.0], [-0.5, 3.0, -1.0]]),), note="by hand: negative numbers become 0"),
        Call((rng.normal(size=(4, 5)) * 3,)),
        Call((np.array([-1e6, 1e6, -1e-6, 1e-6, 2.5]),), note="one row, large and small numbers"),
        Call((rng.normal(size=(2, 3, 4)),), part=LEADING, note="a batch"),
    ]


RELU = Exercise(
    name="relu",
    lesson=LESSON,
    title="negative numbers become 0",
    points=1,
    minutes=3,
    hints=(
        "Compare every number with 0 and keep the larger of the two. NumPy has one function that compares two arrays "
        "number by number, and another one that looks for the largest number of one array.",
        "`np.maximum` takes two arguments; 0 is stretched to the shape of `x`. (`np.max` is the other one.)",
    ),
    reference=relu,
    forbidden=RELU,
    make_calls=_relu_calls,
    parts={MAIN: 0.8, LEADING: 0.2},
    misconceptions=(
        Misconception(
            "absolute value",
            code.relu_absolute,
            "Negative numbers have turned positive. They become 0.",
        ),
        Misconception(
            "minimum",
            code.relu_minimum,
            "The positive numbers became 0 and the negative ones stayed. It is the other way round: the larger of "
            "the number and 0.",
        ),
        Misconception(
            "leaky",
            code.relu_leaky,
            "A small part of the negative numbers is left. That is a variant, the leaky ReLU; here they become 0.",
        ),
        Misconception(
            "step function",
            code.relu_step,
            "The result says where a number is positive, with 1 and 0. Positive numbers keep their value.",
        ),
        Misconception(
            "largest number of each column",
            code.relu_largest_of_axis,
            "`np.max(x, 0)` is the largest number along axis 0. The function that compares two arrays number by "
            "number is `np.maximum`.",
        ),
        Misconception(
            "Python's max",
            code.relu_builtin_max,
            "Python's `max` compares two things as a whole, which an array does not allow. `np.maximum` compares "
            "number by number.",
        ),
        Misconception(
            "negative numbers left out",
            code.relu_drops,
            "The result has fewer numbers than `x`. Every number keeps its place; the negative ones become 0.",
        ),
        Misconception(
            "changes its input",
            code.relu_in_place,
            "The numbers are right, but they were written into the caller's array. Make a new array, for instance "
            "with `np.maximum` or `np.where`.",
        ),
        Misconception(
            "cut off at 1",
            code.relu_clipped,
            "Numbers above 1 were cut off, too. ReLU has no upper end.",
        ),
        Misconception(
            "shifted up",
            code.relu_shifted,
            "The smallest number was subtracted from all, so that nothing is negative. ReLU leaves positive numbers "
            "as they are.",
        ),
        Misconception(
            "GELU",
            code.relu_gelu,
            "This is the GELU, a smooth relative of ReLU in later models. The paper has ReLU: 0 or the number itself.",
        ),
    ),
    variants=(code.relu_where, code.relu_product, code.relu_half, code.relu_loop, code.relu_torch),
)

# --- linear ---------------------------------------------------------------------------------------------------------


def _linear_calls(rng):
    by_hand = (
        np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]]),
        np.array([[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, -1.0]]),
        np.array([10.0, 20.0, 30.0, 40.0]),
    )
    return [
        Call(by_hand, note="by hand: two tokens, from width 3 to width 4"),
        Call((rng.normal(size=(5, 4)), rng.normal(size=(4, 7)), rng.normal(size=7))),
        Call((rng.normal(size=(3, 6)), rng.normal(size=(6, 2)), rng.normal(size=2))),
        Call((rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)), note="a square weight"),
        Call((rng.normal(size=5), rng.normal(size=(5, 5)), rng.normal(size=5)), part=LEADING, note="one row alone"),
        Call(
            (rng.normal(size=(2, 5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)),
            part=LEADING,
            note="a batch of two sentences",
        ),
    ]


LINEAR = Exercise(
    name="linear",
    lesson=LESSON,
    title="a linear layer by hand",
    points=2,
    minutes=4,
    hints=(
        "A matrix product, then a sum. The tokens stay in the rows, so `x` stands on the left. One bias is added to "
        "every row: NumPy stretches it by itself.",
        "`@` is the matrix product, and `weight` is `(in, out)` already, so nothing is transposed. Then `+`.",
    ),
    reference=linear,
    forbidden=LINEAR,
    make_calls=_linear_calls,
    parts={MAIN: 0.8, LEADING: 0.2},
    misconceptions=(
        Misconception(
            "bias forgotten",
            code.linear_no_bias,
            "The product is right; the bias is missing. Add it.",
        ),
        Misconception(
            "weight transposed",
            code.linear_transposed,
            "The weight was transposed. Here it is `(in, out)`, so it fits as it is. (`nn.Linear` keeps `(out, in)`: "
            "that is where the `.T` is from.)",
        ),
        Misconception(
            "weight on the left",
            code.linear_weight_first,
            "The weight stands on the left of the product. Tokens are rows here, so `x` stands on the left.",
        ),
        Misconception(
            "tokens in the columns",
            code.linear_columns,
            "The result is transposed: one token per column. The tokens stay in the rows.",
        ),
        Misconception(
            "numbers multiplied one by one",
            code.linear_elementwise,
            "`*` multiplies number by number. The matrix product is `@`.",
        ),
        Misconception(
            "bias added before the product",
            code.linear_bias_before,
            "The bias was added to `x`. It has the width of the output: add it after the product.",
        ),
        Misconception(
            "bias subtracted",
            code.linear_bias_subtracted,
            "The bias has the wrong sign. It is added.",
        ),
        Misconception(
            "bias multiplied",
            code.linear_bias_multiplied,
            "The product was multiplied with the bias. The bias is added.",
        ),
        Misconception(
            "bias for the first token alone",
            code.linear_bias_once,
            "The bias reached the first row only. Every row gets the same bias.",
        ),
        Misconception(
            "sum of the bias",
            code.linear_bias_summed,
            "All columns got the same number, the sum of the bias. Column by column: `bias[j]` belongs to column j.",
        ),
        Misconception(
            "ReLU in the linear layer",
            code.linear_with_relu,
            "Negative results became 0. A linear layer has no ReLU; it comes in the next exercise.",
        ),
    ),
    variants=(
        code.linear_einsum,
        code.linear_torch,
        code.linear_column_of_ones,
        code.linear_loop,
        code.linear_sum_of_rows,
    ),
)

# --- feed_forward ---------------------------------------------------------------------------------------------------


def _network_calls(rng):
    by_hand = (
        np.array([[1.0, 2.0], [-1.0, 1.0], [0.0, -3.0]]),
        np.array([[1.0, 0.0, -1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]),
        np.array([0.0, -1.0, 0.5, 0.0]),
        np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [1.0, -1.0]]),
        np.array([0.1, -0.2]),
    )

    def weights(d_model, d_ff):
        shapes = (d_model, d_ff), (d_ff,), (d_ff, d_model), (d_model,)
        return [rng.normal(size=shape) for shape in shapes]

    return [
        Call(by_hand, note="by hand: three tokens of width 2, d_ff = 4"),
        Call((rng.normal(size=(5, 3)), *weights(3, 8))),
        Call((rng.normal(size=(4, 6)), *weights(6, 2)), note="d_ff may be smaller than d_model"),
        Call((rng.normal(size=(2, 5, 4)), *weights(4, 7)), part=LEADING, note="a batch of two sentences"),
        Call((rng.normal(size=(2, 3, 4, 5)), *weights(5, 6)), part=LEADING, note="two leading axes"),
    ]


NETWORK = Exercise(
    name="feed_forward",
    lesson=LESSON,
    title="linear, ReLU, linear",
    points=2,
    minutes=6,
    hints=(
        "Three steps, and you have written a function for each of them. ReLU stands between the two linear maps. What "
        "comes out has the width that went in.",
        "From the inside out: `linear` with `w1` and `b1`, then `relu`, then `linear` again with the other two. "
        "Nothing comes after it.",
    ),
    reference=feed_forward,
    make_calls=_network_calls,
    parts={MAIN: 0.8, LEADING: 0.2},
    misconceptions=(
        Misconception(
            "no ReLU",
            code.network_no_relu,
            "There is no ReLU between the linear maps. Without it the two are one linear map: the experiment below "
            "shows it.",
        ),
        Misconception(
            "ReLU after the second linear map",
            code.network_relu_last,
            "ReLU comes last here, so no output is negative. It belongs between the two linear maps.",
        ),
        Misconception(
            "ReLU after both",
            code.network_relu_twice,
            "There is a second ReLU, after the second linear map, so no output is negative. The second map has none.",
        ),
        Misconception(
            "ReLU on the input",
            code.network_relu_first,
            "ReLU was applied to `x`, and not to what the first linear map gives.",
        ),
        Misconception(
            "first half alone",
            code.network_first_half,
            "The result has the width `d_ff`: the second linear map, back to `d_model`, is missing.",
        ),
        Misconception(
            "first bias missing",
            code.network_no_first_bias,
            "`b1` is not used. It decides from where on a hidden unit fires.",
        ),
        Misconception(
            "second bias missing",
            code.network_no_second_bias,
            "`b2` is not used. Add it after the second product.",
        ),
        Misconception(
            "first bias after the ReLU",
            code.network_bias_after_relu,
            "`b1` was added after the ReLU. It belongs to the first linear map, before the ReLU.",
        ),
        Misconception(
            "input added",
            code.network_residual,
            "`x` was added to the result. The residual connection is not a part of the network: the add & norm "
            "around it does that.",
        ),
        Misconception(
            "softmax for ReLU",
            code.network_softmax,
            "The hidden units are shares that add up to 1, as in attention. Here each unit is on its own: ReLU.",
        ),
        Misconception(
            "GELU for ReLU",
            code.network_gelu,
            "The hidden units went through a GELU, as in later models. The paper has ReLU.",
        ),
        Misconception(
            "first token for all",
            code.network_first_token,
            "Every row holds the result of the first token. Each row has a result of its own.",
        ),
        Misconception(
            "average of the tokens",
            code.network_mean,
            "The tokens were averaged first, so all rows are equal. The network reads each row alone.",
        ),
        Misconception(
            "sentence laid out as one row",
            code.network_flattened,
            "The rows of `x` were laid one behind the other, so that the width no longer fits to `w1`. Leave the "
            "shape as it is: `@` works on each row.",
        ),
    ),
    variants=(
        code.network_one_line,
        code.network_rows,
        code.network_units,
        code.network_torch,
        code.network_einsum,
    ),
)

# --- FeedForward ----------------------------------------------------------------------------------------------------


def _network_weights(rng, d_model, d_ff, prefix=""):
    return {
        f"{prefix}inner.weight": _random(rng, d_ff, d_model, scale=0.8),
        f"{prefix}inner.bias": _random(rng, d_ff, scale=0.5),
        f"{prefix}outer.weight": _random(rng, d_model, d_ff, scale=0.6),
        f"{prefix}outer.bias": _random(rng, d_model, scale=0.5),
    }


def _dropping_network(d_model, d_ff, prefix="", bias=0.7):
    """One hidden unit, 1 + 0.5 * column 0 of x, reaches column 0 of the output, times 0.8."""
    inner, outer = np.zeros((d_ff, d_model), np.float32), np.zeros((d_model, d_ff), np.float32)
    inner[1, 0], outer[0, 1] = 0.5, 0.8
    return {
        f"{prefix}inner.weight": inner,
        f"{prefix}inner.bias": np.ones(d_ff, np.float32),
        f"{prefix}outer.weight": outer,
        f"{prefix}outer.bias": np.array([bias] + [0.0] * (d_model - 1), np.float32),
    }


def _network_module_calls(rng):
    by_hand = {
        "inner.weight": np.array([[1, 0], [0, 1], [-1, 0]], np.float32),
        "inner.bias": np.array([0, -1, 0.5], np.float32),
        "outer.weight": np.array([[1, 0, 3], [0, 2, 0]], np.float32),
        "outer.bias": np.array([0.1, -0.2], np.float32),
    }
    return [
        Call(
            (_tensor([[[1, 2], [-1, 1], [0, -3], [2, 2]]]),),
            new=(2, 3),
            weights=by_hand,
            note="by hand: four tokens of width 2, d_ff = 3",
        ),
        Call(new=(5, 7), method="", report=("parameters",), note="the parameters and their shapes"),
        Call((TensorData(_random(rng, 2, 3, 4)),), new=(4, 6), weights=_network_weights(rng, 4, 6)),
        Call((TensorData(_random(rng, 3, 4, 6)),), new=(6, 5, 0.5), weights=_network_weights(rng, 6, 5)),
        Call(
            (TensorData(_random(rng, 2, 5, 3)),),
            new=(3, 8),
            weights=_network_weights(rng, 3, 8),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        Call(
            (_same_rows([0.5, -1.0, 2.0]),),
            new=(3, 5, 0.3),
            weights=_dropping_network(3, 5),
            training=True,
            part="dropout",
            note="training mode: column 0 of the output is 0.7 + 0.8 * a hidden unit",
        ),
        Call(
            (_same_rows([0.5, -1.0]),),
            new=(2, 3),
            weights=_dropping_network(2, 3),
            training=True,
            part="dropout",
            note="training mode, with the dropout that stands in the signature",
        ),
    ]


FEED_FORWARD = Exercise(
    name="FeedForward",
    lesson=LESSON,
    title="the network as a module",
    points=3,
    minutes=9,
    hints=(
        "`nn.Linear(in, out)` holds a weight and a bias. You need two of them, called `inner` and `outer`, and an "
        "`nn.Dropout`. `torch.relu` is ReLU.",
        "`inner` leads from `d_model` to `d_ff`, `outer` back. In `forward` the row goes through inner, ReLU, dropout, "
        "outer, in this order; dropout stands on the hidden units, not on the result.",
    ),
    reference=FeedForward,
    forbidden=TRANSFORMER,
    make_calls=_network_module_calls,
    parts={MAIN: 0.6, CHANGED: 0.1, "dropout": 0.3},
    view=dropout_view,
    misconceptions=(
        Misconception(
            "one linear layer",
            code.NetworkOneLayer,
            "There is one linear layer. The paper has two, `inner` and `outer`, with ReLU between them.",
        ),
        Misconception(
            "no ReLU",
            code.NetworkNoReLU,
            "There is no ReLU between `inner` and `outer`, so the two are one linear map.",
        ),
        Misconception(
            "ReLU after the second layer",
            code.NetworkReLULast,
            "ReLU comes after `outer`, so no output is negative. It stands between the layers.",
        ),
        Misconception(
            "ReLU after both layers",
            code.NetworkReLUTwice,
            "There is a second ReLU, after `outer`, so no output is negative. `outer` has none.",
        ),
        Misconception(
            "d_ff unused",
            code.NetworkWidthUnused,
            "Both layers lead from `d_model` to `d_model`. The hidden layer between them has the width `d_ff`.",
        ),
        Misconception(
            "always four times d_model",
            code.NetworkFourTimes,
            "The hidden layer has the width `4 * d_model`. That is so in the paper's model; here the argument `d_ff` "
            "decides.",
        ),
        Misconception(
            "no bias",
            code.NetworkNoBias,
            "The linear layers have no bias. Those of the feed-forward network have one; `nn.Linear` makes it unless "
            "told otherwise.",
        ),
        Misconception(
            "sizes exchanged",
            code.NetworkSizesExchanged,
            "`inner` reads `d_ff` numbers and `outer` gives `d_ff`. It is the other way round: `nn.Linear(in, out)`.",
        ),
        Misconception(
            "input added",
            code.NetworkResidual,
            "`x` was added to the result. The add & norm around the network does that.",
        ),
        Misconception(
            "GELU for ReLU",
            code.NetworkGELU,
            "The hidden units go through a GELU, as in later models. The paper has ReLU.",
        ),
        Misconception(
            "layers not registered",
            code.NetworkUnregistered,
            "The module has no parameters: layers in a Python list are not found by the optimizer. Make them in "
            "`__init__` as `self.inner` and `self.outer`.",
        ),
        Misconception(
            "no dropout",
            code.NetworkNoDropout,
            "In training mode nothing is dropped. Dropout stands after the ReLU.",
        ),
        Misconception(
            "dropout on the result",
            code.NetworkDropoutLast,
            "Dropout stands after `outer`. It belongs on the hidden units, after the ReLU; the result gets its own in "
            "add & norm.",
        ),
        Misconception(
            "dropout on the input",
            code.NetworkDropoutFirst,
            "Dropout stands before `inner`. It belongs on the hidden units, after the ReLU.",
        ),
        Misconception(
            "dropout twice",
            code.NetworkDropoutTwice,
            "Dropout acts on the hidden units and again on the result. The second one is a part of add & norm.",
        ),
        Misconception(
            "argument dropout not used",
            code.NetworkAlwaysTenPercent,
            "The share of dropped units is always 0.1. Give the argument `dropout` to `nn.Dropout`.",
        ),
        Misconception(
            "dropout in evaluation, too",
            code.NetworkDropoutAlways,
            "Units are dropped in evaluation mode, too. `nn.Dropout` knows the mode; `F.dropout` has to be told: "
            "`training=self.training`.",
        ),
        Misconception(
            "cut off from the gradient",
            code.NetworkDetached,
            "The numbers are right, but no gradient reaches `inner`. Leave out `.detach()`, `.data`, "
            "`torch.no_grad()` and the way through NumPy.",
        ),
    ),
    variants=(
        code.NetworkFunctional,
        code.NetworkDropoutBeforeReLU,
        code.NetworkClamped,
        code.NetworkByHand,
        code.NetworkTokenByToken,
    ),
)

# --- EncoderLayer ---------------------------------------------------------------------------------------------------


def _norm_weights(rng, d_model, name):
    return {
        f"{name}.norm.gamma": (1 + _random(rng, d_model, scale=0.3)).astype(np.float32),
        f"{name}.norm.beta": _random(rng, d_model, scale=0.5),
    }


def _layer_weights(rng, d_model, d_ff, prefix=""):
    return {
        **{
            f"{prefix}attention.{name}.weight": _random(rng, d_model, d_model, scale=0.7)
            for name in ("query", "key", "value", "out")
        },
        **_norm_weights(rng, d_model, f"{prefix}add_norm_1"),
        **_network_weights(rng, d_model, d_ff, f"{prefix}feed_forward."),
        **_norm_weights(rng, d_model, f"{prefix}add_norm_2"),
    }


def _stack_weights(rng, num_layers, d_model, d_ff):
    weights = {}
    for index in range(num_layers):
        weights |= _layer_weights(rng, d_model, d_ff, f"layers.{index}.")
    return weights


def _layer_by_hand(prefix=""):
    """Attention that averages the tokens, and add & norm of two numbers, which gives (1, -1) or (-1, 1)."""
    zero, one = np.zeros((2, 2), np.float32), np.eye(2, dtype=np.float32)
    return {
        f"{prefix}attention.query.weight": zero,
        f"{prefix}attention.key.weight": one,
        f"{prefix}attention.value.weight": one,
        f"{prefix}attention.out.weight": one,
        f"{prefix}add_norm_1.norm.gamma": np.array([1, 1], np.float32),
        f"{prefix}add_norm_1.norm.beta": np.array([0, 0], np.float32),
        f"{prefix}feed_forward.inner.weight": np.array([[1, 0], [0, 1], [1, 1]], np.float32),
        f"{prefix}feed_forward.inner.bias": np.array([0, 0, 2], np.float32),
        f"{prefix}feed_forward.outer.weight": np.array([[1, 0, 1], [0, 3, 1]], np.float32),
        f"{prefix}feed_forward.outer.bias": np.array([-1, 0], np.float32),
        f"{prefix}add_norm_2.norm.gamma": np.array([2, 3], np.float32),
        f"{prefix}add_norm_2.norm.beta": np.array([0.5, -0.5], np.float32),
    }


def _dropping_layer(d_model, d_ff, attended, prefix=""):
    """Attention gives `attended` in column 0 for tokens (1, 1, ...), and 0 elsewhere; the network as above, or 0."""
    norm, zero = np.linspace(0.8, 1.3, d_model, dtype=np.float32), np.zeros((d_model, d_model), np.float32)
    out = zero.copy()
    out[0] = attended / d_model
    weights = {
        f"{prefix}attention.query.weight": zero,
        f"{prefix}attention.key.weight": zero,
        f"{prefix}attention.value.weight": np.eye(d_model, dtype=np.float32),
        f"{prefix}attention.out.weight": out,
        **_dropping_network(d_model, d_ff, f"{prefix}feed_forward."),
    }
    if attended:
        weights |= {
            f"{prefix}feed_forward.outer.weight": np.zeros((d_model, d_ff), np.float32),
            f"{prefix}feed_forward.outer.bias": np.zeros(d_model, np.float32),
        }
    for name in ("add_norm_1", "add_norm_2"):
        weights[f"{prefix}{name}.norm.gamma"] = norm
        weights[f"{prefix}{name}.norm.beta"] = norm - 1
    return weights


def _layer_calls(rng):
    return [
        Call(
            (_tensor([[[3, 1], [1, 4]]]),),
            new=(2, 1, 3),
            weights=_layer_by_hand(),
            note="by hand: two tokens of width 2; both scores are 0, so attention gives the average of the tokens",
        ),
        Call(new=(6, 2, 9), method="", report=("parameters",), note="the parameters and their shapes"),
        Call((TensorData(_random(rng, 3, 5, 6)),), new=(6, 2, 7), weights=_layer_weights(rng, 6, 7)),
        Call((TensorData(_random(rng, 2, 3, 8)),), new=(8, 4, 5, 0.5), weights=_layer_weights(rng, 8, 5)),
        Call(
            (TensorData(_random(rng, 2, 5, 4)),),
            new=(4, 2, 7),
            weights=_layer_weights(rng, 4, 7),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        Call(
            (TensorData(_random(rng, 3, 5, 6)),),
            {"mask": _mask(rng, 3, 1, 5)},
            new=(6, 2, 4),
            weights=_layer_weights(rng, 6, 4),
            part="mask",
            note="one mask row per sentence, as for padding",
        ),
        Call(
            (TensorData(_random(rng, 2, 4, 6)), _mask(rng, 4, 4)),
            new=(6, 3, 5),
            weights=_layer_weights(rng, 6, 5),
            part="mask",
            note="one mask for the whole batch",
        ),
        Call(
            (_same_rows([1] * 6),),
            new=(6, 2, 5, 0.3),
            weights=_dropping_layer(6, 5, 1.5),
            training=True,
            part="dropout",
            note="training mode: attention adds 1.5 to column 0, the network adds nothing",
        ),
        Call(
            (_same_rows([1] * 6),),
            new=(6, 2, 5, 0.3),
            weights=_dropping_layer(6, 5, 0.0),
            training=True,
            part="dropout",
            note="training mode: attention adds nothing, the network adds 0.7 + 0.8 * a hidden unit to column 0",
        ),
        Call(
            (_same_rows([1] * 4),),
            new=(4, 2, 3),
            weights=_dropping_layer(4, 3, 0.0),
            training=True,
            part="dropout",
            note="training mode, with the dropout that stands in the signature",
        ),
    ]


ENCODER_LAYER = Exercise(
    name="EncoderLayer",
    lesson=LESSON,
    title="one layer of the encoder",
    points=4,
    minutes=14,
    hints=(
        "Four parts that you have: `MultiHeadAttention`, `AddNorm`, your `FeedForward` and another `AddNorm`. "
        "`forward` has two halves of the same form: a sublayer reads x, and add & norm gets x and what the sublayer "
        "gave. The result of the first half is the x of the second one.",
        "Attention returns a pair, and only the first of the two goes on. Its second argument is the key's input, so "
        "hand the mask over by name, `mask=...`. Each `AddNorm(...)` and the `FeedForward(...)` get `dropout` as their "
        "last argument.",
    ),
    reference=EncoderLayer,
    forbidden=TRANSFORMER,
    make_calls=_layer_calls,
    parts={MAIN: 0.5, CHANGED: 0.1, "mask": 0.2, "dropout": 0.2},
    view=dropout_view,
    misconceptions=(
        Misconception(
            "one norm shared by both halves",
            code.LayerOneNorm,
            "`add_norm_1` and `add_norm_2` are one and the same module. Each half learns a gamma and a beta of its own.",
        ),
        Misconception(
            "first add & norm used twice",
            code.LayerFirstNormTwice,
            "`add_norm_1` is called in both halves, and `add_norm_2` never. The second half uses `add_norm_2`.",
        ),
        Misconception(
            "residual from the layer's input",
            code.LayerResidualFromInput,
            "The second add & norm adds the input of the layer. It adds the input of *its* sublayer: what the first "
            "half gave.",
        ),
        Misconception(
            "network reads the layer's input",
            code.LayerNetworkReadsInput,
            "The feed-forward network reads the input of the layer, past attention. It reads what the first add & "
            "norm gave.",
        ),
        Misconception(
            "network reads attention's output",
            code.LayerNetworkReadsAttention,
            "The feed-forward network reads attention's output as it is. It reads what the first add & norm made of "
            "it.",
        ),
        Misconception(
            "network before attention",
            code.LayerNetworkFirst,
            "The feed-forward network comes first. The order is attention, add & norm, feed-forward, add & norm.",
        ),
        Misconception(
            "mask not passed on",
            code.LayerMaskIgnored,
            "The mask changes nothing. `forward` has to hand it to attention.",
        ),
        Misconception(
            "mask upside down",
            code.LayerMaskUpsideDown,
            "The mask was turned round before it went to attention. In this course True means *may attend*, here and "
            "in `MultiHeadAttention`.",
        ),
        Misconception(
            "mask handed over as the key",
            code.LayerMaskAsKey,
            "The second argument of attention is the key's input, so the mask was taken for tokens. Hand it over by "
            "name: `mask=...`.",
        ),
        Misconception(
            "no residual around the network",
            code.LayerNoSecondResidual,
            "What the feed-forward network reads is not added to its output. `add_norm_2` wants both: the input of "
            "the sublayer and its output.",
        ),
        Misconception(
            "no norm at the end",
            code.LayerNoSecondNorm,
            "The second half adds, but does not normalize. Call `add_norm_2`, which does both.",
        ),
        Misconception(
            "no add & norm after attention",
            code.LayerNoFirstAddNorm,
            "Attention's output goes on without `add_norm_1`: the input is neither added nor normalized.",
        ),
        Misconception(
            "input added twice",
            code.LayerAddedTwice,
            "x is added before add & norm, which adds it again. Give it the sublayer's output alone.",
        ),
        Misconception(
            "norm before the sublayer",
            code.LayerPreNorm,
            "This normalizes what a sublayer reads: the pre-norm variant of lesson 5. The paper adds first, then "
            "normalizes the sum.",
        ),
        Misconception(
            "norm before the sum",
            code.LayerNormOfSublayer,
            "The sublayer's output is normalized, then x is added. Add first, then normalize the sum.",
        ),
        Misconception(
            "weights returned, too",
            code.LayerPair,
            "Two things come back. A layer returns its output alone, so that the next layer can read it.",
        ),
        Misconception(
            "attention's pair not taken apart",
            code.LayerAttentionNotUnpacked,
            "Attention returns a pair, output and weights, and the pair went into add & norm. Take the first of the "
            "two.",
        ),
        Misconception(
            "d_ff unused",
            code.LayerWidthUnused,
            "The network has the width `4 * d_model`. Give it the argument `d_ff`.",
        ),
        Misconception(
            "num_heads and d_ff exchanged",
            code.LayerHeadsAndWidthExchanged,
            "The network got `num_heads` as its width, and attention got `d_ff` heads. Look at the order of the "
            "arguments.",
        ),
        Misconception(
            "bias in attention",
            code.LayerAttentionBias,
            "The linear layers of attention have a bias. `MultiHeadAttention` makes none unless told so.",
        ),
        Misconception(
            "one head alone",
            code.LayerOneHead,
            "Attention has a single head. Give it the argument `num_heads`.",
        ),
        Misconception(
            "dropout not passed on",
            code.LayerDropoutNotGivenOn,
            "All parts drop 0.1, whatever the layer is told. Give `dropout` to the network and to both add & norms.",
        ),
        Misconception(
            "dropout not passed on to the network",
            code.LayerNetworkWithoutDropout,
            "The feed-forward network drops 0.1, whatever the layer is told. Give it `dropout` as well.",
        ),
        Misconception(
            "dropout not passed on to add & norm",
            code.LayerNormsWithoutDropout,
            "Both add & norms drop 0.1, whatever the layer is told. Give `dropout` to them as well.",
        ),
    ),
    variants=(
        code.LayerWrittenOut,
        code.LayerMadeInAnotherOrder,
        code.LayerOwnAddNorm,
        code.LayerSentenceBySentence,
    ),
)

# --- Encoder --------------------------------------------------------------------------------------------------------


def _encoder_calls(rng):
    return [
        Call(
            (_tensor([[[3, 1], [1, 4]]]),),
            new=(2, 2, 1, 3),
            weights=_layer_by_hand("layers.0.") | _layer_by_hand("layers.1."),
            note="by hand: the layer of the exercise before, twice",
        ),
        Call(new=(3, 6, 2, 9), method="", report=("parameters",), note="the parameters and their shapes"),
        Call((TensorData(_random(rng, 3, 5, 6)),), new=(3, 6, 2, 7), weights=_stack_weights(rng, 3, 6, 7)),
        Call((TensorData(_random(rng, 2, 3, 8)),), new=(1, 8, 4, 5), weights=_stack_weights(rng, 1, 8, 5)),
        Call(
            (TensorData(_random(rng, 2, 5, 4)),),
            new=(2, 4, 2, 7),
            weights=_stack_weights(rng, 2, 4, 7),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        Call(
            (TensorData(_random(rng, 3, 5, 6)),),
            {"mask": _mask(rng, 3, 1, 5)},
            new=(2, 6, 2, 4),
            weights=_stack_weights(rng, 2, 6, 4),
            part="mask",
            note="one mask row per sentence, as for padding",
        ),
        Call(
            (TensorData(_random(rng, 2, 4, 6)), _mask(rng, 2, 4, 4)),
            new=(3, 6, 3, 5),
            weights=_stack_weights(rng, 3, 6, 5),
            part="mask",
            note="a mask of its own for every sentence",
        ),
        Call(new=(1,), method="", report=("parameters",), part="defaults", note="one layer of the paper's size"),
        Call(
            (TensorData(_random(rng, 2, 3, 16)),),
            new=(),
            new_kwargs={"d_model": 16, "d_ff": 5},
            weights=_stack_weights(rng, 6, 16, 5),
            part="defaults",
            note="6 layers and 8 heads, unless told otherwise",
        ),
        Call(
            (_same_rows([1] * 6),),
            new=(1, 6, 2, 5, 0.3),
            weights=_dropping_layer(6, 5, 0.0, "layers.0."),
            training=True,
            part="dropout",
            note="training mode: attention adds nothing, the network adds 0.7 + 0.8 * a hidden unit to column 0",
        ),
        Call(
            (_same_rows([1] * 4),),
            new=(1, 4, 2, 3),
            weights=_dropping_layer(4, 3, 0.0, "layers.0."),
            training=True,
            part="dropout",
            note="training mode, with the dropout that stands in the signature",
        ),
    ]


ENCODER = Exercise(
    name="Encoder",
    lesson=LESSON,
    title="a stack of layers",
    points=4,
    minutes=10,
    hints=(
        "The layers stand in an `nn.ModuleList`, so that PyTorch finds their weights. Make each of them anew: a list "
        "made with `[layer] * n` holds one layer n times. In `forward` the output of a layer is the input of the next.",
        "`nn.ModuleList` takes a list or a generator with a `for _ in range(...)`. In `forward`, a loop over "
        "`self.layers` replaces x by what the layer makes of x and the mask.",
    ),
    reference=Encoder,
    forbidden=TRANSFORMER,
    make_calls=_encoder_calls,
    parts={MAIN: 0.5, CHANGED: 0.05, "mask": 0.2, "defaults": 0.1, "dropout": 0.15},
    view=dropout_view,
    misconceptions=(
        Misconception(
            "shared layers",
            code.EncoderShared,
            "All layers are one and the same object: `[layer] * n` repeats a reference, not a layer. Make a new "
            "`EncoderLayer` for each place.",
        ),
        Misconception(
            "layers in a Python list",
            code.EncoderPythonList,
            "The module has no parameters: PyTorch does not look into Python lists. Use `nn.ModuleList`.",
        ),
        Misconception(
            "each layer reads the encoder's input",
            code.EncoderEachReadsInput,
            "Every layer reads the same input, so only the last one counts. A layer reads what the layer before it "
            "gave.",
        ),
        Misconception(
            "return inside the loop",
            code.EncoderFirstLayerAlone,
            "Only the first layer acts: the `return` stands inside the loop. Return after it.",
        ),
        Misconception(
            "mask not passed on",
            code.EncoderMaskIgnored,
            "The mask changes nothing. Hand it to every layer.",
        ),
        Misconception(
            "mask for the first layer alone",
            code.EncoderMaskFirstLayer,
            "The first layer gets the mask, the later ones don't, so they attend to what is masked. Hand it to every "
            "layer.",
        ),
        Misconception(
            "mask upside down",
            code.EncoderMaskUpsideDown,
            "The mask was turned round before it went to the layers. In this course True means *may attend* "
            "everywhere.",
        ),
        Misconception(
            "always six layers",
            code.EncoderSix,
            "There are 6 layers, whatever `num_layers` says. 6 is its default value only.",
        ),
        Misconception(
            "one layer too few",
            code.EncoderOneTooFew,
            "One layer is missing. `range(n)` already has n items, from 0 to n - 1.",
        ),
        Misconception(
            "norm at the end of the stack",
            code.EncoderFinalNorm,
            "There is one more norm after the last layer. Stacks of pre-norm layers need it; here every layer ends "
            "with a norm.",
        ),
        Misconception(
            "outputs of all layers",
            code.EncoderAllOutputs,
            "A list with the output of every layer comes back. Return the output of the last one alone.",
        ),
        Misconception(
            "residual around the layers",
            code.EncoderResidual,
            "The input of each layer is added to its output. A layer has its residual connections inside.",
        ),
        Misconception(
            "layers in reverse",
            code.EncoderReversed,
            "The last layer acts first. Go through `self.layers` from the front.",
        ),
        Misconception(
            "mask given to nn.Sequential",
            code.EncoderSequentialWithMask,
            "`nn.Sequential` passes a single argument from layer to layer, so it can't take the mask. Use "
            "`nn.ModuleList` and a loop.",
        ),
        Misconception(
            "always four times d_model",
            code.EncoderFourTimes,
            "The networks have the width `4 * d_model`. Give the layers the argument `d_ff`.",
        ),
        Misconception(
            "num_heads and d_ff exchanged",
            code.EncoderHeadsAndWidthExchanged,
            "The layers got `d_ff` heads and a network as wide as `num_heads`. Look at the order of the arguments.",
        ),
        Misconception(
            "dropout not passed on",
            code.EncoderDropoutNotGivenOn,
            "The layers drop 0.1, whatever the encoder is told. Give them `dropout` as well.",
        ),
        Misconception(
            "no default sizes",
            code.EncoderNoDefaults,
            "`Encoder()` without sizes has to work: the signature gives the paper's sizes as default values.",
        ),
    ),
    variants=(
        code.EncoderDeepCopies,
        code.EncoderAppended,
        code.EncoderSequential,
        code.EncoderRecursive,
    ),
)

# --- encoder_parameters ---------------------------------------------------------------------------------------------

# the answers are whole numbers and are compared exactly


def _parameters_calls(rng):
    return [
        Call((1, 2, 3), note="by hand: attention has 16, the network 17, the norms 8"),
        Call((2, 6, 8), note="two layers of the running example's size"),
        Call((6, 512, 2048), note="the paper's encoder"),
        *(Call((int(n), int(rng.integers(10, 99)), int(rng.integers(100, 999)))) for n in rng.integers(3, 12, 3)),
    ]


def _wrong_count(attention=lambda m, f: 4 * m * m, network=lambda m, f: 2 * m * f + m + f, norms=lambda m, f: 4 * m):
    return lambda num_layers, d_model, d_ff: (
        num_layers * sum(part(d_model, d_ff) for part in (attention, network, norms))
    )


PARAMETERS = Exercise(
    name="encoder_parameters",
    lesson=LESSON,
    title="count what is learned",
    points=2,
    minutes=8,
    hints=(
        "Count one layer, part by part, then multiply. Attention has four square matrices without a bias. The network "
        "has two matrices and two biases, which are not equally long. Each of the two norms has gamma and beta.",
        "The network: `d_model * d_ff` appears twice, its biases have `d_ff` and `d_model` numbers. The norms together "
        "have 4 rows of `d_model` numbers.",
    ),
    reference=encoder_parameters,
    make_calls=_parameters_calls,
    misconceptions=(
        Misconception(
            "one layer alone",
            lambda num_layers, d_model, d_ff: encoder_parameters(1, d_model, d_ff),
            "This is the count of one layer. Every layer has weights of its own.",
        ),
        Misconception(
            "matrices alone",
            _wrong_count(network=lambda m, f: 2 * m * f, norms=lambda m, f: 0),
            "The matrices are all there. The network also has two biases, and each norm a gamma and a beta.",
        ),
        Misconception(
            "biases of the network left out",
            _wrong_count(network=lambda m, f: 2 * m * f),
            "The two linear layers of the network have a bias each: `d_ff` and `d_model` numbers.",
        ),
        Misconception(
            "biases of equal length",
            _wrong_count(network=lambda m, f: 2 * m * f + 2 * m),
            "Both biases were counted with `d_model` numbers. A bias is as long as its layer's *output* is wide.",
        ),
        Misconception(
            "norms left out",
            _wrong_count(norms=lambda m, f: 0),
            "The norms learn, too: gamma and beta, in both of them.",
        ),
        Misconception(
            "half of the norms",
            _wrong_count(norms=lambda m, f: 2 * m),
            "`2 * d_model` values were counted for the norms of a layer. There are two norms, one after each sublayer, "
            "and each has a gamma *and* a beta.",
        ),
        Misconception(
            "biases in attention",
            _wrong_count(attention=lambda m, f: 4 * (m * m + m)),
            "Four biases of attention were counted. Our attention has none. (PyTorch's has, unless `bias=False`.)",
        ),
        Misconception(
            "output matrix left out",
            _wrong_count(attention=lambda m, f: 3 * m * m),
            "Attention has four matrices: query, key, value and the one that mixes the heads.",
        ),
        Misconception(
            "one linear layer in the network",
            _wrong_count(network=lambda m, f: m * f + f),
            "One linear layer of the network was counted. It has two: to the width `d_ff`, and back.",
        ),
        Misconception(
            "d_ff taken for four times d_model",
            lambda num_layers, d_model, d_ff: encoder_parameters(num_layers, d_model, 4 * d_model),
            "The count does not depend on `d_ff`. `4 * d_model` is the paper's choice; use the argument.",
        ),
        Misconception(
            "norm at the end of the stack",
            lambda num_layers, d_model, d_ff: encoder_parameters(num_layers, d_model, d_ff) + 2 * d_model,
            "One more norm, after the last layer, was counted. The paper's encoder ends with its last layer.",
        ),
    ),
    variants=(
        code.parameters_counted,
        code.parameters_of_shapes,
        code.parameters_gathered,
        code.parameters_added_up,
    ),
)

EXERCISES = (RELU, LINEAR, NETWORK, FEED_FORWARD, ENCODER_LAYER, ENCODER, PARAMETERS)
