"""merge_heads: put the slices side by side."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_tensor
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.multi_head import merge_heads


def calls(rng):
    token, column = 10 * np.arange(4)[:, None], np.arange(2)
    by_hand = np.stack([token + 2 * head + column for head in range(3)])
    return [
        FunctionCall(
            (TensorData(by_hand[None].astype(np.float32)),),
            note="by hand: what `split_heads` made; token 2 has to become 20, 21, 22, 23, 24, 25",
        ),
        FunctionCall((random_tensor(rng, 2, 3, 5, 4),)),
        FunctionCall((random_tensor(rng, 3, 2, 4, 5),)),
        FunctionCall((random_tensor(rng, 2, 5, 3, 4),)),
        FunctionCall((random_tensor(rng, 2, 1, 4, 5),), part="one head, or heads of width 1", note="one head"),
        FunctionCall((random_tensor(rng, 3, 5, 4, 1),), part="one head, or heads of width 1", note="heads of width 1"),
        FunctionCall(
            (random_tensor(rng, 2, 3, 4, 2),),
            report=("output", "input_gradients"),
            part="gradients",
            note="backward, too",
        ),
        FunctionCall(
            (random_tensor(rng, 1, 1, 1, 1),),
            part="one head, or heads of width 1",
            note="a batch of one sentence of one word, one head of width 1",
        ),
    ]


EXERCISE = Exercise(
    name="merge_heads",
    title="put the slices side by side",
    points=2,
    minutes=6,
    hints=(
        "Undo the two steps of `split_heads` in the opposite order. What did it do last?",
        "Exchange the axes 1 and 2 back, then `reshape` to three axes. (`view` in place of `reshape` fails "
        "for several tokens and heads, because the numbers are no longer one after the other in memory.)",
    ),
    reference=merge_heads,
    make_calls=calls,
    parts={MAIN: 0.7, "one head, or heads of width 1": 0.2, "gradients": 0.1},
)


@EXERCISE.wrong(
    "not transposed back",
    "Rows of the same head are put together, so tokens get mixed. Exchange the axes 1 and 2 first, then all heads "
    "of a token are one after the other.",
)
def no_transpose(x):
    batch, heads, length, d_head = x.shape
    return x.reshape(batch, length, heads * d_head)


@EXERCISE.wrong(
    "view after transpose",
    "`view` needs numbers that are one after the other in memory, and after a transpose they are not. Use "
    "`reshape`, which copies where it must. (Changing the order of the two steps would hide the error and mix "
    "the tokens.)",
)
def with_view(x):
    batch, heads, length, d_head = x.shape
    return x.transpose(1, 2).view(batch, length, heads * d_head)


@EXERCISE.wrong(
    "columns of the heads interleaved",
    "The columns take turns, one from each head. First all columns of head 1, then all of head 2: heads before "
    "d_head when you join the axes.",
)
def interleaved(x):
    return x.permute(0, 2, 3, 1).flatten(2)


@EXERCISE.wrong(
    "heads added up",
    "The heads are added, and the row is only d_head wide. Lay them side by side: heads * d_head columns.",
)
def added(x):
    return x.sum(dim=1)


@EXERCISE.wrong(
    "heads averaged",
    "The heads are averaged, and the row is only d_head wide. Lay them side by side: heads * d_head columns.",
)
def averaged(x):
    return x.mean(dim=1)


@EXERCISE.wrong(
    "heads one below another", "There are heads * length rows. One token is one row: lay its heads side by side."
)
def below(x):
    return x.flatten(1, 2)


@EXERCISE.wrong("heads still apart", "The axes are exchanged and there are still four of them. Join the last two.")
def still_apart(x):
    return x.transpose(1, 2)


@EXERCISE.wrong(
    "length and heads exchanged",
    "Length and number of heads are exchanged. In `x` the heads come second; after the transpose they come third.",
)
def axes_misnamed(x):
    batch, length, heads, d_head = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * d_head)


@EXERCISE.wrong(
    "sentences joined", "The batch is gone: all tokens are in one long list. Keep (batch, length, d_model)."
)
def batch_too(x):
    return x.transpose(1, 2).flatten(2).flatten(0, 1)


@EXERCISE.wrong(
    "width exchanged with the heads",
    "The axes 1 and 3 are exchanged. The tokens have to come second, so exchange the axes 1 and 2.",
)
def width_exchanged(x):
    return x.transpose(1, 3).flatten(2)


@EXERCISE.wrong(
    "turns the caller's tensor",
    "`transpose_` with an underscore changes the caller's tensor. `transpose` makes a new view of it.",
)
def in_place(x):
    return x.transpose_(1, 2).flatten(2)


@EXERCISE.wrong(
    "tokens exchanged with the width",
    "The axes 2 and 3 are exchanged. The heads have to come next to the width, so exchange the axes 1 and 2.",
)
def tokens_and_width(x):
    batch, heads, length, d_head = x.shape
    return x.transpose(2, 3).reshape(batch, length, heads * d_head)


@EXERCISE.wrong("heads in the opposite order", "The last head comes first. Keep their order: head 1 is on the left.")
def in_reverse(x):
    return x.flip(1).transpose(1, 2).flatten(2)


@EXERCISE.wrong(
    "sentences side by side",
    "The sentences are laid side by side, as if axis 0 had the heads. It is the batch; the heads are axis 1.",
)
def sentences_side_by_side(x):
    return torch.cat(list(x), dim=-1)


@EXERCISE.wrong(
    "as many heads as sentences",
    "The loop takes as many heads as there are sentences: `x.shape[0]` is the batch. The heads are axis 1, `x.shape[1]`.",
)
def as_many_as_sentences(x):
    return torch.cat([x[:, head] for head in range(x.shape[0])], dim=-1)


@EXERCISE.variant
def side_by_side(x):
    return torch.cat([x[:, head] for head in range(x.shape[1])], dim=-1)


@EXERCISE.variant
def with_contiguous(x):
    x = x.permute(0, 2, 1, 3).contiguous()
    return x.view(x.size(0), x.size(1), -1)


@EXERCISE.variant
def flattened(x):
    return x.swapaxes(1, 2).flatten(start_dim=2)


@EXERCISE.variant
def with_a_loop(x):
    batch, heads, length, d_head = x.shape
    out = x.new_zeros(batch, length, heads * d_head)
    for head in range(heads):
        out[..., head * d_head : (head + 1) * d_head] = x[:, head]
    return out


@EXERCISE.variant
def unbound(x):
    return torch.hstack([head.mT for head in torch.unbind(x, dim=1)]).mT
