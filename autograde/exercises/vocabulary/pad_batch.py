"""pad_batch: one tensor for many sentences."""

from itertools import zip_longest

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.vocabulary.common import shuffled
from autograde.harness.call import MAIN, FunctionCall
from helpers.vocabulary import pad_batch


def _sequences(rng, lengths, low, high):
    return [[int(i) for i in rng.integers(low, high, size=length)] for length in lengths]


def calls(rng):
    return [
        FunctionCall(([[4, 5, 6, 4, 7], [4, 8, 9]],), note="by hand: 2 rows of 5; the second ends with two zeros"),
        FunctionCall((_sequences(rng, shuffled(rng, [2, 3, 5, 7]), 1, 30),)),
        FunctionCall((_sequences(rng, [3, 1, 6], 4, 99),)),
        FunctionCall((_sequences(rng, [4], 1, 9),), note="a single sequence: nothing to fill up"),
        FunctionCall(
            ([[0, 3, 1], [2, 0, 0, 5, 1]],),
            {"pad": 9},
            part="other padding",
            note="padding is 9 here, and 0 is a token like others",
        ),
        FunctionCall((_sequences(rng, shuffled(rng, [1, 4, 6]), 0, 50),), {"pad": 77}, part="other padding"),
        FunctionCall(([[5], [8]],), note="two sequences of one id: nothing to fill up"),
    ]


EXERCISE = Exercise(
    name="pad_batch",
    title="one tensor for many sentences",
    points=3,
    minutes=7,
    hints=(
        "How long is the longest sequence? Each row is a sequence, followed by one `pad` for each place that is "
        "missing. The mask is True where there is a token, and no token equals `pad`.",
        "`[pad] * n` is a list of n times `pad`. Build the list of padded rows, give it to `torch.tensor` with "
        "`dtype=torch.int64`, and compare the tensor with `pad` for the mask.",
    ),
    reference=pad_batch,
    make_calls=calls,
    parts={MAIN: 0.7, "other padding": 0.3},
    multiple_outputs=True,
)


EXERCISE.wrong(
    "mask the wrong way round",
    "The mask is True at the padding. In this course True means keep: it belongs at the original tokens.",
)(lambda sequences, pad=0: (pad_batch(sequences, pad)[0], ~pad_batch(sequences, pad)[1]))


@EXERCISE.wrong(
    "padding in front",
    "The padding comes before the tokens. Fill up at the end, so that the first token stays in column 0.",
)
def left(sequences, pad=0):
    longest = max(map(len, sequences))
    ids = torch.tensor([[pad] * (longest - len(s)) + list(s) for s in sequences])
    return ids, ids != pad


@EXERCISE.wrong(
    "cut to the shortest", "Longer sequences are cut off. Take the length of the longest, and fill up the others."
)
def cut(sequences, pad=0):
    shortest = min(map(len, sequences))
    ids = torch.tensor([list(s[:shortest]) for s in sequences])
    return ids, ids != pad


EXERCISE.wrong(
    "ids as floats",
    "The ids are floating-point numbers, which cannot be looked up in a table. Ask for `dtype=torch.int64`.",
)(lambda sequences, pad=0: (pad_batch(sequences, pad)[0].float(), pad_batch(sequences, pad)[1]))

EXERCISE.wrong(
    "mask as numbers", "The mask holds 0 and 1 as whole numbers. Return a boolean tensor: a comparison gives one."
)(lambda sequences, pad=0: (pad_batch(sequences, pad)[0], pad_batch(sequences, pad)[1].long()))

EXERCISE.wrong("pad ignored", "The padding is always 0. Use the argument `pad`.")(
    lambda sequences, pad=0: (pad_batch(sequences, 0)[0], pad_batch(sequences, pad)[1])
)

EXERCISE.wrong(
    "mask compared with 0", "The mask compares with 0, whatever `pad` is. Compare with `pad`, or use the lengths."
)(lambda sequences, pad=0: (pad_batch(sequences, pad)[0], pad_batch(sequences, pad)[0] != 0))

EXERCISE.wrong("no mask", "Only the ids come back. Return two values: the ids and the mask.")(
    lambda sequences, pad=0: pad_batch(sequences, pad)[0]
)

EXERCISE.wrong(
    "length first",
    "The result is on its side: one column per sequence. Each row is one sequence; `pad_sequence` wants "
    "`batch_first=True` for that.",
)(lambda sequences, pad=0: tuple(part.T for part in pad_batch(sequences, pad)))


@EXERCISE.wrong("last token repeated", "The gap is filled with the last token. Fill it with `pad`.")
def with_last(sequences, pad=0):
    longest = max(map(len, sequences))
    ids = torch.tensor([[*s, *[s[-1]] * (longest - len(s))] for s in sequences])
    return ids, pad_batch(sequences, pad)[1]


@EXERCISE.wrong(
    "one column too many", "Even the longest sequence is padded. The width is the length of the longest sequence."
)
def one_more(sequences, pad=0):
    longest = max(map(len, sequences)) + 1
    ids = torch.tensor([[*s, *[pad] * (longest - len(s))] for s in sequences])
    return ids, ids != pad


EXERCISE.wrong("NumPy arrays", "These are NumPy arrays. Return two `torch.Tensor`s.")(
    lambda sequences, pad=0: tuple(part.numpy() for part in pad_batch(sequences, pad))
)


@EXERCISE.variant
def with_torch(sequences, pad=0):
    tensors = [torch.tensor(sequence) for sequence in sequences]
    ids = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=pad)
    return ids, ids.ne(pad)


@EXERCISE.variant
def by_rows(sequences, pad=0):
    ids = torch.full((len(sequences), max(map(len, sequences))), pad)
    keep = torch.zeros(ids.shape, dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.as_tensor(sequence)
        keep[row, : len(sequence)] = True
    return [ids, keep]


@EXERCISE.variant
def by_columns(sequences, pad=0):
    ids = torch.tensor(list(zip(*zip_longest(*sequences, fillvalue=pad), strict=True)))
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return ids, torch.arange(ids.shape[1])[None, :] < lengths[:, None]


@EXERCISE.variant
def with_numpy(sequences, pad=0):
    lengths = np.array([len(sequence) for sequence in sequences])
    keep = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(keep.shape, pad, dtype=np.int64)
    ids[keep] = np.concatenate(sequences)
    return torch.from_numpy(ids), torch.from_numpy(keep)
