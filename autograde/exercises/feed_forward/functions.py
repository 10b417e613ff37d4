"""Lesson 6: the feed-forward network, step by step."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.feed_forward.parts import LEADING
from autograde.exercises.libraries import LINEAR, RELU
from autograde.exercises.mistakes.feed_forward import functions as code
from autograde.harness.call import MAIN, Call
from helpers.feed_forward import feed_forward, linear, relu

LESSON = "06_feed_forward"

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

EXERCISES = (RELU, LINEAR, NETWORK)
