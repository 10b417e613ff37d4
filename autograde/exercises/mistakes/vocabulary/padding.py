"""Lesson 1, padding: the mistakes that are named, and right answers written differently."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
import torch

from autograde.exercise import Misconception
from helpers.vocabulary import pad_batch


def _pad_left(sequences, pad=0):
    longest = max(map(len, sequences))
    ids = torch.tensor([[pad] * (longest - len(s)) + list(s) for s in sequences])
    return ids, ids != pad


def _pad_cut(sequences, pad=0):
    shortest = min(map(len, sequences))
    ids = torch.tensor([list(s[:shortest]) for s in sequences])
    return ids, ids != pad


def _pad_with_last(sequences, pad=0):
    longest = max(map(len, sequences))
    ids = torch.tensor([[*s, *[s[-1]] * (longest - len(s))] for s in sequences])
    return ids, pad_batch(sequences, pad)[1]


def _pad_one_more(sequences, pad=0):
    longest = max(map(len, sequences)) + 1
    ids = torch.tensor([[*s, *[pad] * (longest - len(s))] for s in sequences])
    return ids, ids != pad


PAD_BATCH = (
    Misconception(
        "mask the wrong way round",
        lambda sequences, pad=0: (pad_batch(sequences, pad)[0], ~pad_batch(sequences, pad)[1]),
        "The mask is True at the padding. In this course True means keep: it stands at the original tokens.",
    ),
    Misconception(
        "padding in front",
        _pad_left,
        "The padding comes before the tokens. Fill up at the end, so that the first token stays in column 0.",
    ),
    Misconception(
        "cut to the shortest",
        _pad_cut,
        "Longer sequences are cut off. Take the length of the longest, and fill up the others.",
    ),
    Misconception(
        "ids as floats",
        lambda sequences, pad=0: (pad_batch(sequences, pad)[0].float(), pad_batch(sequences, pad)[1]),
        "The ids are floating-point numbers, which cannot be looked up in a table. Ask for `dtype=torch.int64`.",
    ),
    Misconception(
        "mask as numbers",
        lambda sequences, pad=0: (pad_batch(sequences, pad)[0], pad_batch(sequences, pad)[1].long()),
        "The mask holds 0 and 1 as whole numbers. A boolean tensor is asked for: a comparison gives one.",
    ),
    Misconception(
        "pad ignored",
        lambda sequences, pad=0: (pad_batch(sequences, 0)[0], pad_batch(sequences, pad)[1]),
        "The padding is always 0. Use the argument `pad`.",
    ),
    Misconception(
        "mask compared with 0",
        lambda sequences, pad=0: (pad_batch(sequences, pad)[0], pad_batch(sequences, pad)[0] != 0),
        "The mask compares with 0, whatever `pad` is. Compare with `pad`, or use the lengths.",
    ),
    Misconception(
        "no mask",
        lambda sequences, pad=0: pad_batch(sequences, pad)[0],
        "The ids come back alone. Return two values: the ids and the mask.",
    ),
    Misconception(
        "length first",
        lambda sequences, pad=0: tuple(part.T for part in pad_batch(sequences, pad)),
        "The result is turned round: one column per sequence. Each row is one sequence; `pad_sequence` wants "
        "`batch_first=True` for that.",
    ),
    Misconception(
        "last token repeated",
        _pad_with_last,
        "The gap is filled with the last token. Fill it with `pad`.",
    ),
    Misconception(
        "one column too many",
        _pad_one_more,
        "Even the longest sequence is padded. The width is the length of the longest sequence.",
    ),
    Misconception(
        "NumPy arrays",
        lambda sequences, pad=0: tuple(part.numpy() for part in pad_batch(sequences, pad)),
        "These are NumPy arrays. Return two `torch.Tensor`s.",
    ),
)


def _pad_with_torch(sequences, pad=0):
    tensors = [torch.tensor(sequence) for sequence in sequences]
    ids = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=pad)
    return ids, ids.ne(pad)


def _pad_by_rows(sequences, pad=0):
    ids = torch.full((len(sequences), max(map(len, sequences))), pad)
    keep = torch.zeros(ids.shape, dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.as_tensor(sequence)
        keep[row, : len(sequence)] = True
    return [ids, keep]


def _pad_by_columns(sequences, pad=0):
    ids = torch.tensor(list(zip(*zip_longest(*sequences, fillvalue=pad), strict=True)))
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return ids, torch.arange(ids.shape[1])[None, :] < lengths[:, None]


def _pad_with_numpy(sequences, pad=0):
    lengths = np.array([len(sequence) for sequence in sequences])
    keep = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(keep.shape, pad, dtype=np.int64)
    ids[keep] = np.concatenate(sequences)
    return torch.from_numpy(ids), torch.from_numpy(keep)


PAD_BATCH_RIGHT = (_pad_with_torch, _pad_by_rows, _pad_by_columns, _pad_with_numpy)
