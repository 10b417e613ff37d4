"""split_heads: cut each row into slices."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_tensor
from autograde.exercises.multi_head.common import WIDTH
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.multi_head import split_heads


def calls(rng):
    by_hand = 10 * np.arange(4)[:, None] + np.arange(6)  # token 2 is 20, 21, 22, 23, 24, 25
    return [
        FunctionCall(
            (TensorData(by_hand[None].astype(np.float32)), 3),
            note="by hand: the tens are the token, the units the column",
        ),
        FunctionCall((random_tensor(rng, 2, 5, 12), 3)),
        FunctionCall((random_tensor(rng, 3, 4, 10), 2)),
        FunctionCall((random_tensor(rng, 2, 6, 20), 4)),
        FunctionCall((random_tensor(rng, 3, 4, 5), 1), part="one head, or heads of width 1", note="one head"),
        FunctionCall(
            (random_tensor(rng, 3, 4, 5), 5), part="one head, or heads of width 1", note="as many heads as columns"
        ),
        FunctionCall((random_tensor(rng, 2, 3, 7), 4), part=WIDTH, note="4 heads do not divide a width of 7"),
        FunctionCall((random_tensor(rng, 4, 2, 8), 3), part=WIDTH, note="3 heads do not divide a width of 8"),
        FunctionCall(
            (random_tensor(rng, 2, 3, 6), 2),
            report=("output", "input_gradients"),
            part="gradients",
            note="backward, too",
        ),
        FunctionCall(
            (random_tensor(rng, 1, 1, 1), 1),
            part="one head, or heads of width 1",
            note="a batch of one sentence of one word, one head of width 1",
        ),
    ]


EXERCISE = Exercise(
    name="split_heads",
    title="cut each row into slices",
    points=3,
    minutes=10,
    hints=(
        "Two steps. First cut the last axis in two, and leave all other axes where they are: which four sizes does "
        "the tensor have then? After that, exchange two axes.",
        "`reshape` to (batch, length, heads, d_head), then `transpose` the axes 1 and 2. Before both, raise a "
        "`ValueError` if `d_model % num_heads` is not 0.",
    ),
    reference=split_heads,
    make_calls=calls,
    parts={MAIN: 0.5, "one head, or heads of width 1": 0.2, WIDTH: 0.2, "gradients": 0.1},
)


def _checked(x, num_heads):
    batch, length, d_model = x.shape
    if d_model % num_heads:
        raise ValueError(f"{num_heads} heads do not divide a width of {d_model}")
    return batch, length, d_model // num_heads


@EXERCISE.wrong(
    "no transpose",
    "Going straight to (batch, heads, length, d_head) mixes the tokens: a head gets whole rows of a few tokens. "
    "Cut the last axis first, then exchange two axes.",
)
def no_transpose(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.reshape(batch, num_heads, length, d_head)


@EXERCISE.wrong(
    "heads behind the tokens",
    "The rows are cut, and the axes are (batch, length, heads, d_head). The heads belong before the tokens: "
    "exchange the axes 1 and 2.",
)
def heads_behind_tokens(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.reshape(batch, length, num_heads, d_head)


@EXERCISE.wrong(
    "every h-th column",
    "A head gets every h-th column. Its columns are side by side: cut the last axis into (heads, d_head), in this "
    "order.",
)
def every_hth_column(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.reshape(batch, length, d_head, num_heads).permute(0, 3, 1, 2)


@EXERCISE.wrong(
    "number and width of the heads exchanged",
    "There are d_head heads of the width `num_heads` here. The number of heads is `num_heads`, the width is "
    "what the division gives.",
)
def number_and_width(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.reshape(batch, length, d_head, num_heads).transpose(1, 2)


@EXERCISE.wrong(
    "heads folded into the batch", "Batch and heads share one axis. Keep four axes: (batch, heads, length, d_head)."
)
def into_the_batch(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return split_heads(x, num_heads).reshape(batch * num_heads, length, d_head)


@EXERCISE.wrong(
    "heads before the batch", "The heads have become the first axis. The batch stays first, the heads come second."
)
def heads_first(x, num_heads):
    return split_heads(x, num_heads).transpose(0, 1)


@EXERCISE.wrong(
    "width before the tokens",
    "The last two axes are exchanged: (batch, heads, d_head, length). Here a token stays a row, so d_head is "
    "the last axis.",
)
def width_before_tokens(x, num_heads):
    return split_heads(x, num_heads).transpose(2, 3)


@EXERCISE.wrong(
    "the whole row for every head",
    "Every head gets all columns. Each head gets a slice of its own, d_model // num_heads columns wide.",
)
def whole_rows(x, num_heads):
    _checked(x, num_heads)
    return torch.stack([x] * num_heads, dim=1)


@EXERCISE.wrong(
    "a list of slices", "The slices are right and come in a list. Put them into one tensor with an axis for the heads."
)
def as_a_list(x, num_heads):
    _checked(x, num_heads)
    return list(x.chunk(num_heads, dim=-1))


@EXERCISE.wrong(
    "no check of the width",
    "A width that the heads do not divide ends in an error about shapes, which does not name the reason. Check it "
    "first, and raise a `ValueError`.",
)
def no_check(x, num_heads):
    batch, length, d_model = x.shape
    return x.reshape(batch, length, num_heads, d_model // num_heads).transpose(1, 2)


@EXERCISE.wrong(
    "assert in place of ValueError",
    "`assert` raises an AssertionError, and Python leaves it out when started with `-O`. Write `if ...: raise "
    "ValueError(...)`.",
)
def with_assert(x, num_heads):
    assert x.shape[-1] % num_heads == 0
    return split_heads(x, num_heads)


@EXERCISE.wrong(
    "columns dropped",
    "Where the heads do not divide the width, the last columns are lost without a word. Raise a `ValueError`.",
)
def columns_dropped(x, num_heads):
    d_head = x.shape[-1] // num_heads
    return split_heads(x[..., : num_heads * d_head], num_heads)


@EXERCISE.variant
def slices(x, num_heads):
    _, _, d_head = _checked(x, num_heads)
    return torch.stack([x[:, :, i * d_head : (i + 1) * d_head] for i in range(num_heads)], dim=1)


@EXERCISE.variant
def with_chunks(x, num_heads):
    width = x.size(-1)
    if num_heads * (width // num_heads) != width:
        raise ValueError
    return torch.cat([part.unsqueeze(1) for part in torch.chunk(x, num_heads, dim=2)], dim=1)


@EXERCISE.variant
def unflattened(x, num_heads):
    if x.shape[2] % num_heads != 0:
        raise ValueError("the heads have to divide the width")
    return x.unflatten(-1, (num_heads, -1)).permute(0, 2, 1, 3).contiguous()


@EXERCISE.variant
def transposed_first(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.transpose(1, 2).reshape(batch, num_heads, d_head, length).transpose(2, 3)


@EXERCISE.variant
def with_a_loop(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    out = torch.empty(batch, num_heads, length, d_head, dtype=x.dtype)
    for head in range(num_heads):
        for column in range(d_head):
            out[:, head, :, column] = x[:, :, head * d_head + column]
    return out
