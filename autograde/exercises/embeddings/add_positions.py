"""add_positions: word plus position."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.harness.call import MAIN, FunctionCall
from helpers.embeddings import add_positions


def calls(rng):
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    encoding = np.array([[0.5, 0.0, -1.0], [0.25, 1.0, 0.0], [9.0, 9.0, 9.0], [8.0, 8.0, 8.0]])
    batch = rng.normal(size=(2, 5, 7)), rng.normal(size=(11, 7))
    deeper = rng.normal(size=(2, 3, 4, 6)), rng.normal(size=(25, 6))
    return [
        FunctionCall((x, encoding), note="by hand: two tokens, so only the first two rows of the encoding count"),
        FunctionCall((rng.normal(size=(6, 5)), rng.normal(size=(9, 5)))),
        FunctionCall((rng.normal(size=(4, 8)), rng.normal(size=(4, 8))), note="exactly as many rows as needed"),
        FunctionCall(batch, part="leading axes", note="a batch: every sentence starts at position 0"),
        FunctionCall(deeper, part="leading axes", note="two leading axes"),
        FunctionCall(
            (rng.normal(size=(1, 1, 1)), rng.normal(size=(3, 1))),
            part="leading axes",
            note="a batch of one sentence of one word, and a width of 1",
        ),
    ]


EXERCISE = Exercise(
    name="add_positions",
    title="word plus position",
    points=2,
    minutes=5,
    hints=(
        "The encoding may have more rows than the sentence has words. How many does `x` need? Look at its shape, from "
        "the end.",
        "`x.shape[-2]` is the number of tokens, however many axes come before. Cut `encoding` to that many rows; "
        "broadcasting then adds them to every sentence of a batch.",
    ),
    reference=add_positions,
    make_calls=calls,
    parts={MAIN: 0.7, "leading axes": 0.3},
)


@EXERCISE.wrong(
    "concatenated",
    "The encoding is put beside the embedding, which doubles the width. The paper adds the two: the shape of `x` stays.",
)
def concatenated(x, encoding):
    rows = np.broadcast_to(encoding[: x.shape[-2]], x.shape)
    return np.concatenate([x, rows], axis=-1)


@EXERCISE.wrong(
    "encoding not cut",
    "The whole encoding is added, whatever the length of the sentence. Take only its first `length` rows.",
)
def not_sliced(x, encoding):
    return x + encoding


@EXERCISE.wrong(
    "cut by the first axis",
    "The first axis of `x` is that of the tokens for one sentence only; in a batch it is that of the sentences. "
    "Count the tokens from the end of the shape.",
)
def sliced_by_first_axis(x, encoding):
    return x + encoding[: len(x)]


@EXERCISE.wrong(
    "last rows in place of the first",
    "The rows come from the end of the encoding. The first token has position 0, the first row.",
)
def last_rows(x, encoding):
    return x + encoding[len(encoding) - x.shape[-2] :]


@EXERCISE.wrong(
    "one row later", "The first token gets row 1 of the encoding. Positions count from 0: begin with row 0."
)
def one_row_later(x, encoding):
    return x + encoding[1 : x.shape[-2] + 1]


@EXERCISE.wrong(
    "the same row for all tokens",
    "All tokens get the same row of the encoding, so they cannot be told apart by it. Token p gets row p.",
)
def first_row_for_all(x, encoding):
    return x + encoding[0]


@EXERCISE.wrong(
    "multiplied in place of added", "Embedding and encoding are multiplied number by number. They are added."
)
def times_encoding(x, encoding):
    return x * encoding[: x.shape[-2]]


@EXERCISE.wrong(
    "changes its input", "The code writes into the caller's array, as `+=` does. Use `x + ...`, which makes a new one."
)
def into_the_input(x, encoding):
    x += encoding[: x.shape[-2]]
    return x


@EXERCISE.wrong(
    "counted through the batch",
    "The second sentence goes on counting where the first one ended. Every sentence starts at position 0; broadcasting does that.",
)
def counted_through_the_batch(x, encoding):
    rows = x.size // x.shape[-1]
    return x + encoding[:rows].reshape(x.shape)


@EXERCISE.wrong(
    "scaled here",
    "`x` is multiplied by the root of the width first. `TokenEmbedding` does that; this function only adds.",
)
def scaled_and_added(x, encoding):
    return x * np.sqrt(x.shape[-1]) + encoding[: x.shape[-2]]


@EXERCISE.wrong(
    "last row for all tokens",
    "`encoding[length - 1]` is a single row, and all tokens get it. Token p gets row p: a slice, `encoding[:length]`.",
)
def last_row_for_all(x, encoding):
    return x + encoding[x.shape[-2] - 1]


@EXERCISE.variant
def with_a_loop(x, encoding):
    out = np.array(x)
    for index in np.ndindex(x.shape[:-1]):
        out[index] = out[index] + encoding[index[-1]]
    return out


@EXERCISE.variant
def by_product(x, encoding):
    first_rows = np.eye(x.shape[-2], len(encoding))
    return x + first_rows @ encoding


@EXERCISE.variant
def by_row_numbers(x, encoding):
    return np.add(x, np.take(encoding, np.arange(x.shape[-2]), axis=0))


@EXERCISE.variant
def with_torch(x, encoding):
    return (torch.from_numpy(x) + torch.from_numpy(encoding).narrow(0, 0, x.shape[-2])).numpy()
