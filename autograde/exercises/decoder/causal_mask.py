"""causal_mask: no look into the future."""

import math

import torch

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import FunctionCall
from helpers.decoder import causal_mask


def calls(rng):
    return [
        FunctionCall((3,), note="by hand: row i may see the columns 0 to i"),
        FunctionCall((int(rng.integers(4, 7)),)),
        FunctionCall((int(rng.integers(7, 10)),)),
        FunctionCall((1,), note="a single token sees itself"),
        FunctionCall((600,), note="a long text"),
    ]


EXERCISE = Exercise(
    name="causal_mask",
    title="no look into the future",
    points=2,
    minutes=4,
    hints=(
        "Rows are queries, columns are keys. Row 0 may see column 0, row 1 may see columns 0 and 1, and so on: "
        "everything on and below the diagonal. PyTorch has a method that keeps this part of a matrix.",
        "Start from a square matrix of True, `torch.ones(..., dtype=torch.bool)`; `tril` sets what is above the diagonal to False. Comparing two `torch.arange(length)`, one as a column, works as well.",
    ),
    reference=causal_mask,
    make_calls=calls,
    forbidden=libraries.TRANSFORMER,
)


@EXERCISE.wrong(
    "the future in place of the past",
    "The True entries are above the diagonal: a token sees itself and what comes after. Take the lower triangle, `tril`.",
)
def future(length):
    return torch.ones(length, length, dtype=torch.bool).triu()


@EXERCISE.wrong(
    "mask upside down",
    "True is where a token may *not* look. In this course True means *may attend*; invert the mask.",
)
def upside_down(length):
    return torch.ones(length, length, dtype=torch.bool).triu(diagonal=1)


@EXERCISE.wrong(
    "a token does not see itself",
    "The diagonal is False, so the first token has nothing to attend to. Row i may see the columns 0 to i, itself included.",
)
def hides_itself(length):
    return torch.ones(length, length, dtype=torch.bool).tril(diagonal=-1)


@EXERCISE.wrong(
    "one step into the future",
    "Each token sees the one after it, which is the very word it has to predict. Row i may see the columns 0 to i.",
)
def one_ahead(length):
    return torch.ones(length, length, dtype=torch.bool).tril(diagonal=1)


@EXERCISE.wrong(
    "a token sees only itself", "Only the diagonal is True. Everything below it is the past, which may be seen."
)
def itself_alone(length):
    return torch.eye(length, dtype=torch.bool)


@EXERCISE.wrong(
    "numbers in place of truth values",
    "The pattern is right, but the entries are numbers. A mask is boolean: `dtype=torch.bool`, or `.bool()`.",
)
def numbers(length):
    return torch.ones(length, length).tril()


@EXERCISE.wrong(
    "a mask to be added", "These are 0 and -inf, to be added to scores. Here a mask is boolean, True = may attend."
)
def added(length):
    return torch.full((length, length), -math.inf).triu(diagonal=1)


@EXERCISE.wrong(
    "a batch axis too many",
    "There is an axis of size 1 in front. This mask is the same for all sentences: `(length, length)`.",
)
def batch_axis(length):
    return causal_mask(length).unsqueeze(0)


@EXERCISE.wrong(
    "a NumPy array", "The values are right, in a NumPy array. The masks of this lesson are tensors: `torch.ones`."
)
def with_numpy(length):
    return causal_mask(length).numpy()


@EXERCISE.wrong(
    "cut out of a mask of fixed size",
    "The mask is cut out of a larger one of fixed size, and a longer text gets too small a mask. Make it from `length`.",
)
def fixed(length):
    return causal_mask(512)[:length, :length]


@EXERCISE.wrong("nothing hidden", "Every entry is True. `tril` returns a new tensor, which has to be returned.")
def everything(length):
    return torch.ones(length, length, dtype=torch.bool)


@EXERCISE.wrong(
    "first row empty",
    "Row 0 is False everywhere, so the first token has nothing to attend to. It sees itself: row i may see the columns 0 "
    "to i, row 0 too.",
)
def first_row_empty(length):
    mask = torch.ones(length, length, dtype=torch.bool).tril()
    mask[:1] = False
    return mask


@EXERCISE.variant
def compared(length):
    places = torch.arange(length)
    return places[:, None] >= places


@EXERCISE.variant
def with_a_loop(length):
    mask = torch.zeros(length, length, dtype=torch.bool)
    for query in range(length):
        mask[query, : query + 1] = True
    return mask


@EXERCISE.variant
def not_the_future(length):
    return ~torch.triu(torch.ones((length, length)), 1).bool()


@EXERCISE.variant
def with_lists(length):
    return torch.tensor([[key <= query for key in range(length)] for query in range(length)])
