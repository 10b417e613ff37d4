"""Lesson 2: embeddings and positional encoding."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def one_hot(ids, vocab_size):
    """Turn each id into a row of zeros with a single 1, in the column of the id.

    ids: whole numbers from 0 to vocab_size - 1, any shape (...). Returns float64 of shape (..., vocab_size).
    """
    columns = np.arange(vocab_size)
    return (np.asarray(ids)[..., np.newaxis] == columns).astype(float)


def embed(ids, table):
    """Look up one row of `table` for each id; the same as `one_hot(ids, len(table)) @ table`.

    ids: whole numbers, any shape (...); table: (vocab_size, d_model). Returns (..., d_model). An id that is not in the
    table raises IndexError. Source: "Attention Is All You Need", section 3.4.
    """
    return table[ids]


def positional_encoding_at(position, d_model):
    """The positional encoding of one position, as the paper writes it, number by number.

    position: 0, 1, 2, ...; d_model: the width, also an odd one. Returns float64 of shape (d_model,).
    Source: "Attention Is All You Need", section 3.5.
    """
    row = np.zeros(d_model)
    for column in range(d_model):
        pair = column // 2  # the i of the paper: columns 2i and 2i + 1 share one angle
        angle = position / 10000 ** (2 * pair / d_model)
        row[column] = np.sin(angle) if column % 2 == 0 else np.cos(angle)
    return row


def positional_encoding(length, d_model):
    """The positional encoding of the positions 0 to length - 1, all at once.

    Returns float64 of shape (length, d_model); odd widths work. Source: "Attention Is All You Need", section 3.5.
    """
    positions = np.arange(length)[:, np.newaxis]
    even_columns = np.arange(0, d_model, 2)
    angles = positions / 10000 ** (even_columns / d_model)
    encoding = np.zeros((length, d_model))
    encoding[:, 0::2] = np.sin(angles)
    encoding[:, 1::2] = np.cos(angles[:, : d_model // 2])  # an odd width has one cosine fewer
    return encoding


def add_positions(x, encoding):
    """Add the first rows of `encoding` to the rows of `x`.

    x: (..., length, d_model); encoding: (at least length, d_model). Returns an array of the shape of x.
    Source: "Attention Is All You Need", section 3.5 ("the two can be summed").
    """
    length = x.shape[-2]
    return x + encoding[:length]


def shift_matrix(offset, d_model):
    """The matrix M with PE(p + offset) = M @ PE(p) for every position p: one rotation for each pair of columns.

    offset: a whole number, also a negative one; d_model: even. Returns float64 of shape (d_model, d_model).
    Source: "Attention Is All You Need", section 3.5 ("a linear function of PE_pos").
    """
    matrix = np.zeros((d_model, d_model))
    for column in range(0, d_model, 2):
        angle = offset / 10000 ** (column / d_model)
        matrix[column, column : column + 2] = np.cos(angle), np.sin(angle)
        matrix[column + 1, column : column + 2] = -np.sin(angle), np.cos(angle)
    return matrix


class TokenEmbedding(nn.Module):
    """The learned table of word vectors: looks up rows and scales them by sqrt(d_model).

    Parameter `weight`: (vocab_size, d_model), mean 0, standard deviation 1 / sqrt(d_model), the row `pad` zero.
    forward: ids, int64 of any shape (...), to float32 (..., d_model). The lookup gives the row `pad` no gradient.
    Source: "Attention Is All You Need", section 3.4.
    """

    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        self.d_model = d_model
        self.pad = pad
        weight = torch.randn(vocab_size, d_model) / math.sqrt(d_model)
        weight[pad] = 0
        self.weight = nn.Parameter(weight)

    def forward(self, ids):
        rows = F.embedding(ids, self.weight, padding_idx=self.pad)
        return rows * math.sqrt(self.d_model)


class PositionalEncoding(nn.Module):
    """Adds the positional encoding to a batch, then applies dropout.

    The encoding is a buffer: it moves with the module to another device, and is not trained.
    forward: x, float32 (batch, length, d_model), to the same shape; ValueError if length is larger than max_length.
    Source: "Attention Is All You Need", sections 3.5 and 5.4.
    """

    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        encoding = torch.from_numpy(positional_encoding(max_length, d_model)).float()
        self.register_buffer("encoding", encoding, persistent=False)  # computed again, never saved
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        length, max_length = x.shape[1], len(self.encoding)
        if length > max_length:
            raise ValueError(f"the input has {length} rows, the encoding has {max_length}")
        return self.dropout(x + self.encoding[:length])
