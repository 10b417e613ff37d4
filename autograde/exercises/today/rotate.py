"""rotate: rotary positions."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_tensor, tensor
from autograde.exercises.today.common import GRADIENTS, LEADING
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.today import rotate

FAR = 2e-3  # an angle of 900 in float32 is right to 6e-5; sine and cosine of it differ by as much


def calls(rng):
    def positions(*numbers):
        return TensorData(np.array(numbers, np.int64))

    far = rng.choice(np.arange(200, 1000), 4, replace=False)
    return [
        FunctionCall(
            (tensor([[1, 0], [1, 0], [0, 1]]), positions(0, 1, 1)),
            note="by hand: at position 0 nothing turns; at position 1, (1, 0) becomes (cos 1, sin 1), (0, 1) (-sin 1, cos 1)",
        ),
        FunctionCall((random_tensor(rng, 5, 6), positions(0, 1, 2, 3, 4))),
        FunctionCall(
            (random_tensor(rng, 4, 8), positions(7, 2, 30, 11)),
            tolerance=FAR,
            note="positions that are not 0, 1, 2, ...",
        ),
        FunctionCall(
            (random_tensor(rng, 4, 6), positions(*map(int, far))), tolerance=FAR, note="far from the start of a text"
        ),
        FunctionCall((random_tensor(rng, 5, 6), positions(3, 4, 5, 6, 7), 50.0), part="base", note="base = 50"),
        FunctionCall(
            (random_tensor(rng, 2, 3, 5, 8), positions(0, 1, 2, 3, 4)), part=LEADING, note="2 sentences, 3 heads"
        ),
        FunctionCall((random_tensor(rng, 3, 4, 6), positions(9, 8, 3, 1)), part=LEADING, note="one leading axis"),
        FunctionCall(
            (random_tensor(rng, 4, 6), positions(0, 2, 3, 5)),
            report=("output", "input_gradients"),
            part=GRADIENTS,
            note="backward, too",
        ),
        FunctionCall(
            (random_tensor(rng, 1, 1, 1, 4), positions(6)), part=LEADING, note="one sentence, one head, one token"
        ),
    ]


EXERCISE = Exercise(
    name="rotate",
    title="rotary positions",
    points=4,
    minutes=15,
    hints=(
        "First the angles: one for each position and each pair of columns, `(length, d_head / 2)`. Then take the even columns (`x[..., 0::2]`) and the odd ones, turn them, and put them back into their places.",
        "`positions.unsqueeze(-1) * base ** (-torch.arange(0, d_head, 2) / d_head)` are the angles. With a and b as the even and odd columns, `torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1)` lays each pair side by side, and `.flatten(-2)` makes one row of them.",
    ),
    reference=rotate,
    make_calls=calls,
    parts={MAIN: 0.5, "base": 0.15, LEADING: 0.25, GRADIENTS: 0.1},
)


def _angles(x, positions, base):
    d_head = x.shape[-1]
    return positions.unsqueeze(-1) * base ** (-torch.arange(0, d_head, 2) / d_head)


def _turned(x, angles):
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1).flatten(-2)


@EXERCISE.wrong(
    "turned backwards",
    "The pairs turn the other way. (a, b), even and odd column, becomes (a cos - b sin, a sin + b cos).",
)
def backwards(x, positions, base=10000.0):
    return rotate(x, -positions, base)


@EXERCISE.wrong(
    "column i with column i + d_head / 2",
    "The first half of the columns is paired with the second half, as some libraries do it. Here neighbours are a pair: columns 0 and 1, 2 and 3.",
)
def halves(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1)


@EXERCISE.wrong(
    "pairs not put back side by side",
    "The turned even columns come first and all odd ones after them. Each pair goes back into its own two columns: `stack` on a new last axis, then `flatten(-2)`.",
)
def not_interleaved(x, positions, base=10000.0):
    turned = rotate(x, positions, base)
    return torch.cat([turned[..., 0::2], turned[..., 1::2]], dim=-1)


@EXERCISE.wrong(
    "one angle for all pairs",
    "Every pair turns by the position itself. Pair i turns by `positions * base ** (-2i / d_head)`: later pairs are slower.",
)
def one_speed(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, 1.0))


@EXERCISE.wrong(
    "i in place of 2i",
    "The pairs slow down half as fast as they should. The exponent is -2i / d_head, where i counts pairs.",
)
def half_exponent(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, base**0.5))


@EXERCISE.wrong(
    "faster pair by pair", "Later pairs turn faster here. The exponent is negative: `base ** (-2i / d_head)`."
)
def faster(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, 1 / base))


@EXERCISE.wrong("base ignored", "The base is always 10000. Use the argument: in Llama 3, for example, it is 500,000.")
def fixed_base(x, positions, base=10000.0):
    return rotate(x, positions)


@EXERCISE.wrong(
    "positions ignored",
    "The rows are turned as if they were at 0, 1, 2, ... Use `positions`: a cache adds a word that is further on.",
)
def counted(x, positions, base=10000.0):
    return rotate(x, torch.arange(x.shape[-2]), base)


@EXERCISE.wrong(
    "encoding added",
    "Sines and cosines are added to `x`, as in lesson 2. Rotary positions turn the pair: its length stays the same.",
)
def added(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    return x + torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


@EXERCISE.wrong(
    "the second of a pair from the turned first",
    "Even columns are right, odd ones are not: the second of a pair becomes a sin + b cos, with the a from before the turn. "
    "Keep it until both are computed.",
)
def overwritten(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    a = x[..., 0::2] * angles.cos() - x[..., 1::2] * angles.sin()
    return torch.stack([a, a * angles.sin() + x[..., 1::2] * angles.cos()], dim=-1).flatten(-2)


@EXERCISE.wrong(
    "changes its input", "The caller's tensor is changed. Make a new one, or write into `torch.empty_like(x)`."
)
def in_place(x, positions, base=10000.0):
    x[...] = rotate(x, positions, base)
    return x


@EXERCISE.wrong(
    "only one leading axis",
    "This works for `(length, d_head)` only. With `x[..., 0::2]` and `dim=-1` any number of axes may come first.",
)
def no_leading(x, positions, base=10000.0):
    length, d_head = x.shape
    return rotate(x.reshape(length, d_head), positions, base)


@EXERCISE.wrong(
    "overwritten, and its input changed",
    "`x[..., 0::2]` shows a part of `x` itself: after it has been written, the second line reads turned numbers, and the "
    "caller's tensor is changed. Make a new tensor.",
)
def overwritten_in_place(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    a, b = x[..., 0::2], x[..., 1::2]
    x[..., 0::2] = a * angles.cos() - b * angles.sin()
    x[..., 1::2] = a * angles.sin() + b * angles.cos()
    return x


@EXERCISE.wrong(
    "no minus before the sine", "(a, b) becomes (a cos - b sin, a sin + b cos): the minus before b sin is missing."
)
def no_minus(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * angles.cos() + b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1).flatten(-2)


@EXERCISE.wrong(
    "2i counted twice",
    "The pairs slow down twice as fast as they should. `torch.arange(0, d_head, 2)` is 2i already: the exponent is that, "
    "divided by -d_head.",
)
def double_exponent(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, base**2))


@EXERCISE.wrong(
    "positions counted from 1",
    "Every row turns one step too far. Use `positions` as they are: at position 0 nothing turns.",
)
def from_one(x, positions, base=10000.0):
    return rotate(x, positions + 1, base)


@EXERCISE.wrong(
    "pairs on an axis of their own",
    "There is one axis too many: each pair has its own. `flatten(-2)` makes one row of them.",
)
def not_flattened(x, positions, base=10000.0):
    return rotate(x, positions, base).unflatten(-1, (-1, 2))


@EXERCISE.wrong(
    "angles without an axis for the columns",
    "`positions` run along the columns here. Give them a last axis of size 1, `positions.unsqueeze(-1)`: one row of angles "
    "for each position.",
    only=r"unsqueeze\(0\)|\[None\b|None, :",
)
def along_the_columns(x, positions, base=10000.0):
    d_head = x.shape[-1]
    return _turned(x, positions.unsqueeze(0) * base ** (-torch.arange(0, d_head, 2) / d_head))


@EXERCISE.variant
def with_matrices(x, positions, base=10000.0):
    """One matrix for each position, as in lesson 2."""
    d_head = x.shape[-1]
    matrices = torch.zeros(len(positions), d_head, d_head)
    for place, position in enumerate(positions.tolist()):
        for column in range(0, d_head, 2):
            angle = torch.tensor(position * base ** (-column / d_head))
            matrices[place, column, column] = matrices[place, column + 1, column + 1] = torch.cos(angle)
            matrices[place, column + 1, column] = torch.sin(angle)
            matrices[place, column, column + 1] = -torch.sin(angle)
    return torch.einsum("lij,...lj->...li", matrices, x)


@EXERCISE.variant
def with_complex_numbers(x, positions, base=10000.0):
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    angles = _angles(x, positions, base)
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@EXERCISE.variant
def into_an_empty_tensor(x, positions, base=10000.0):
    pair = torch.arange(x.shape[-1] // 2)
    angles = torch.outer(positions.double(), 1 / base ** (2 * pair.double() / x.shape[-1])).float()
    out = torch.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * torch.cos(angles) - x[..., 1::2] * torch.sin(angles)
    out[..., 1::2] = x[..., 1::2] * torch.cos(angles) + x[..., 0::2] * torch.sin(angles)
    return out


@EXERCISE.variant
def with_a_turned_copy(x, positions, base=10000.0):
    angles = _angles(x, positions, base).repeat_interleave(2, dim=-1)
    quarter = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).reshape(x.shape)
    return x * angles.cos() + quarter * angles.sin()
