"""repeat_kv: a partner for every query head."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_tensor
from autograde.exercises.today.common import GRADIENTS
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.today import repeat_kv


def calls(rng):
    by_hand = np.array([[[[0, 1]], [[10, 11]]]], np.float32)  # one sentence, two heads, one token of width 2
    return [
        FunctionCall(
            (TensorData(by_hand), 2),
            note="by hand: the heads (0, 1) and (10, 11) become (0, 1), (0, 1), (10, 11), (10, 11)",
        ),
        FunctionCall((random_tensor(rng, 3, 2, 5, 4), 3)),
        FunctionCall((random_tensor(rng, 2, 4, 3, 6), 2)),
        FunctionCall((random_tensor(rng, 2, 3, 5, 4), 1), part="one head, or once", note="once: nothing changes"),
        FunctionCall((random_tensor(rng, 2, 1, 5, 3), 4), part="one head, or once", note="one head for all"),
        FunctionCall(
            (random_tensor(rng, 2, 2, 3, 4), 3),
            report=("output", "input_gradients"),
            part=GRADIENTS,
            note="backward, too",
        ),
    ]


EXERCISE = Exercise(
    name="repeat_kv",
    title="a partner for every query head",
    points=1,
    minutes=4,
    hints=(
        "The axis of the heads is axis 1. The copies of a head are next to one another: 1, 1, 2, 2, and not 1, 2, 1, 2.",
        "`repeat_interleave` takes a number of repeats and an axis. (`repeat` lays whole copies one after the other.)",
    ),
    reference=repeat_kv,
    make_calls=calls,
    parts={MAIN: 0.7, "one head, or once": 0.2, GRADIENTS: 0.1},
)


@EXERCISE.wrong(
    "heads in turns",
    "The heads come as 1, 2, 1, 2. The copies of a head belong side by side, 1, 1, 2, 2: use `repeat_interleave`.",
)
def in_turns(x, times):
    return x.repeat(1, times, 1, 1)


@EXERCISE.wrong("tokens repeated", "Each token is repeated. The axis of the heads is axis 1.")
def tokens(x, times):
    return x.repeat_interleave(times, dim=2)


@EXERCISE.wrong("columns repeated", "Each column is repeated. The axis of the heads is axis 1.")
def columns(x, times):
    return x.repeat_interleave(times, dim=3)


@EXERCISE.wrong("sentences repeated", "Each sentence is repeated. The axis of the heads is axis 1.")
def sentences(x, times):
    return x.repeat_interleave(times, dim=0)


@EXERCISE.wrong(
    "copies on an axis of their own",
    "There are five axes: the copies have an axis of their own. Join it with the heads, for example by `flatten(1, 2)`.",
)
def own_axis(x, times):
    return x.unsqueeze(2).repeat(1, 1, times, 1, 1)


@EXERCISE.wrong("nothing repeated", "The heads come back as they are. Each is repeated `times` times.")
def nothing(x, times):
    return x


@EXERCISE.wrong(
    "flattened in one", "The result has only one axis: `repeat_interleave` without `dim` flattens. Say `dim=1`."
)
def flattened(x, times):
    return x.repeat_interleave(times)


@EXERCISE.wrong(
    "multiplied by times",
    "The numbers are multiplied by `times`. Each head is repeated `times` times: `repeat_interleave`.",
)
def multiplied(x, times):
    return x * times


@EXERCISE.wrong("once too often", "There are `times + 1` copies in all. The head itself is one of the `times`.")
def once_too_often(x, times):
    return x.repeat_interleave(times + 1, dim=1)


@EXERCISE.wrong(
    "whole copies, and once too often",
    "There are `times + 1` copies of all heads, one set after the other. The copies of a head belong side by side, "
    "1, 1, 2, 2: use `repeat_interleave`.",
)
def copies_too_often(x, times):
    return x.repeat(1, times + 1, 1, 1)


@EXERCISE.wrong(
    "single numbers repeated",
    "Each number is repeated, and a `reshape` only hides that. The axis of the heads is axis 1.",
)
def single_numbers(x, times):
    batch, heads, length, d_head = x.shape
    return x.repeat_interleave(times).reshape(batch, heads * times, length, d_head)


@EXERCISE.wrong(
    "tokens repeated, then reshaped",
    "Each token is repeated, and a `reshape` only hides that. The axis of the heads is axis 1.",
)
def tokens_reshaped(x, times):
    batch, heads, length, d_head = x.shape
    return x.repeat_interleave(times, dim=2).reshape(batch, heads * times, length, d_head)


@EXERCISE.wrong(
    "as many heads as sentences",
    "The loop takes as many heads as there are sentences: `len(x)` is the batch. The heads are axis 1, `x.shape[1]`.",
)
def as_many_as_sentences(x, times):
    return torch.stack([x[:, head] for head in range(len(x)) for _ in range(times)], dim=1)


@EXERCISE.wrong(
    "times taken for the number of query heads",
    "`times` is divided by the number of heads of `x`. It is already how often each head is repeated.",
    only=r"//|/",
)
def times_divided(x, times):
    return x.repeat_interleave(times // x.shape[1], dim=1)


@EXERCISE.variant
def expanded(x, times):
    batch, heads, length, d_head = x.shape
    return x[:, :, None].expand(batch, heads, times, length, d_head).reshape(batch, heads * times, length, d_head)


@EXERCISE.variant
def by_index(x, times):
    return x[:, torch.arange(x.shape[1] * times) // times]


@EXERCISE.variant
def stacked(x, times):
    return torch.stack([x] * times, dim=2).flatten(1, 2)


@EXERCISE.variant
def concatenated(x, times):
    return torch.cat([head for head in x.split(1, dim=1) for _ in range(times)], dim=1)
