"""Lesson 2, the encoding: wrong implementations that people really write, and right ones written differently."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers import embeddings as right
from helpers.embeddings import positional_encoding, positional_encoding_at

# --- the formula of the encoding ------------------------------------------------------------------------------------
# Each takes one position or an array of positions: (d_model,) or (positions, d_model).


def waves(position, rates):
    angles = np.multiply.outer(position, rates)
    return np.where(np.arange(len(rates)) % 2 == 0, np.sin(angles), np.cos(angles))


def _even(d_model):
    return np.arange(d_model) // 2 * 2


def rates_of(d_model):
    return 10000.0 ** -(_even(d_model) / d_model)


def pair_counted_in_twos(position, d_model):
    return waves(position, 10000.0 ** -(2 * _even(d_model) / d_model))


def column_for_pair(position, d_model):
    return waves(position, 10000.0 ** -(2 * np.arange(d_model) / d_model))


def rate_for_each_column(position, d_model):
    return waves(position, 10000.0 ** -(np.arange(d_model) / d_model))


def factor_two_missing(position, d_model):
    return waves(position, 10000.0 ** -(np.arange(d_model) // 2 / d_model))


def base_one_thousand(position, d_model):
    return waves(position, 1000.0 ** -(_even(d_model) / d_model))


def multiplied(position, d_model):
    return waves(position, 10000.0 ** (_even(d_model) / d_model))


def whole_number_division(position, d_model):
    return waves(position, 10000.0 ** -(_even(d_model) // d_model))


def swapped(position, d_model):
    angles = np.multiply.outer(position, rates_of(d_model))
    return np.where(np.arange(d_model) % 2 == 0, np.cos(angles), np.sin(angles))


def halves(position, d_model):
    right_order = waves(position, rates_of(d_model))
    return np.concatenate([right_order[..., 0::2], right_order[..., 1::2]], axis=-1)


def no_cosine(position, d_model):
    return np.sin(np.multiply.outer(position, rates_of(d_model)))


def from_one(position, d_model):
    return waves(position + 1, rates_of(d_model))


def table_side_by_side(length, d_model):
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)  # one column too many for an odd width


def odd_width_loop(position, d_model):
    row = np.empty(d_model)
    for column in range(0, d_model, 2):
        angle = position / 10000 ** (column / d_model)
        row[column] = np.sin(angle)
        row[column + 1] = np.cos(angle)
    return row


def at_vectorised(position, d_model):
    return waves(position, rates_of(d_model))


def at_phase(position, d_model):
    # a cosine is a sine a quarter of a turn later
    column = np.arange(d_model)
    return np.sin(position * np.exp(-math.log(10000.0) * (column - column % 2) / d_model) + column % 2 * math.pi / 2)


def at_pairs(position, d_model):
    numbers = []
    for i in range((d_model + 1) // 2):
        angle = position * math.pow(10000, -2 * i / d_model)
        numbers += [math.sin(angle), math.cos(angle)]
    return np.array(numbers[:d_model])


def at_torch(position, d_model):
    column = torch.arange(d_model, dtype=torch.float64)
    angle = position / torch.pow(10000, 2 * torch.floor(column / 2) / d_model)
    return torch.where(column % 2 == 0, torch.sin(angle), torch.cos(angle)).numpy()


# --- the table of the encoding --------------------------------------------------------------------------------------


def table_of(formula):
    """The table of positions 0, 1, 2, ... that a formula of one position gives."""

    def table(length, d_model):
        return formula(np.arange(length), d_model)

    return table


def positions_as_columns(length, d_model):
    return positional_encoding(length, d_model).T


def sizes_exchanged(length, d_model):
    return positional_encoding(d_model, length)


def last_position_missing(length, d_model):
    return positional_encoding(length - 1, d_model)


def odd_width_slices(length, d_model):
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    encoding = np.zeros((length, d_model))
    encoding[:, 0::2] = np.sin(angles)
    encoding[:, 1::2] = np.cos(angles)
    return encoding


def table_by_rows(length, d_model):
    return np.array([positional_encoding_at(position, d_model) for position in range(length)])


def table_by_loops(length, d_model):
    encoding = np.zeros((length, d_model))
    for p in range(length):
        for i in range(0, d_model, 2):
            encoding[p, i] = math.sin(p / 10000 ** (i / d_model))
            if i + 1 < d_model:
                encoding[p, i + 1] = math.cos(p / 10000 ** (i / d_model))
    return encoding


def table_by_turning(length, d_model):
    # e to the power of i times the angle has the cosine and the sine as its two parts
    turns = np.exp(1j * np.outer(np.arange(length), 10000.0 ** (-np.arange(0, d_model, 2) / d_model)))
    return np.stack([turns.imag, turns.real], axis=-1).reshape(length, -1)[:, :d_model]


def table_torch(length, d_model):
    rates = torch.exp(torch.arange(0, d_model, 2).double() * (-math.log(10000.0) / d_model))
    angles = torch.outer(torch.arange(length).double(), rates)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :d_model].numpy()


# --- PositionalEncoding ---------------------------------------------------------------------------------------------


def module_of(table):
    """The module that uses another table than the right one."""

    class Module(right.PositionalEncoding):
        def __init__(self, d_model, max_length=5000, dropout=0.1):
            super().__init__(d_model, max_length, dropout)
            self.encoding = torch.from_numpy(table(max_length, d_model)).float()

    return Module


class TrainedEncoding(right.PositionalEncoding):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__(d_model, max_length, dropout)
        values = self.encoding
        del self.encoding
        self.encoding = nn.Parameter(values)


class PlainAttribute(right.PositionalEncoding):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__(d_model, max_length, dropout)
        values = self.encoding
        del self.encoding
        self.encoding = values


class NoLengthCheck(right.PositionalEncoding):
    def forward(self, x):
        return self.dropout(x + self.encoding[: x.shape[1]])


class CutToLength(right.PositionalEncoding):
    def forward(self, x):
        return super().forward(x[:, : len(self.encoding)])


class ConcatenatedModule(right.PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        rows = self.encoding[: x.shape[1]].expand(x.shape)
        return self.dropout(torch.cat([x, rows], dim=-1))


class SlicedByBatch(right.PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        return self.dropout(x + self.encoding[: x.shape[0]].unsqueeze(1))


class NoDropout(right.PositionalEncoding):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__(d_model, max_length, 0.0)


class DropoutAlways(right.PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        return F.dropout(x + self.encoding[: x.shape[1]], self.dropout.p)


class DropoutBeforeSum(right.PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        return self.dropout(x) + self.encoding[: x.shape[1]]


class DropoutOnEncoding(right.PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        return x + self.dropout(self.encoding[: x.shape[1]])


class DropoutIsShareKept(right.PositionalEncoding):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__(d_model, max_length, 1 - dropout)


class ScaledAgain(right.PositionalEncoding):
    def forward(self, x):
        return super().forward(x * math.sqrt(x.shape[-1]))


class EncodingInFloat32(nn.Module):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        rates = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        angles = torch.arange(max_length).unsqueeze(1) * rates
        pe = torch.zeros(1, max_length, d_model)
        pe[0, :, 0::2] = torch.sin(angles)
        pe[0, :, 1::2] = torch.cos(angles)[:, : pe[0, :, 1::2].shape[1]]
        self.register_buffer("pe", pe)
        self.drop = nn.Dropout(p=dropout)

    def forward(self, x):
        if self.pe.size(1) < x.size(1):
            raise ValueError("The sentence is longer than the encoding.")
        return self.drop(x + self.pe[:, : x.size(1)].requires_grad_(False))


class EncodingFunctional(nn.Module):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        self.share, self.longest = dropout, max_length
        self.register_buffer("table", torch.tensor(positional_encoding(max_length, d_model), dtype=torch.float32))

    def forward(self, x):
        _, length, _ = x.shape
        if length > self.longest:
            raise ValueError(length)
        return F.dropout(x + self.table.narrow(0, 0, length), p=self.share, training=self.training)


class EncodingByHand(nn.Module):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        self.register_buffer("table", torch.tensor(table_by_turning(max_length, d_model)))
        self.keep = 1 - dropout

    def forward(self, x):
        if x.shape[1] not in range(len(self.table) + 1):
            raise ValueError("no encoding for so many positions")
        total = (x.double() + self.table[: x.shape[1]]).float()
        if not self.training:
            return total
        return total * (torch.rand_like(total) < self.keep) / self.keep


class EncodingOneByOne(nn.Module):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        rows = at_vectorised(np.arange(max_length), d_model)
        self.register_buffer("rows", torch.as_tensor(rows.astype(np.float32)), persistent=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        if x.shape[1] > self.rows.shape[0]:
            raise ValueError("longer than the table")
        positions = torch.arange(x.shape[1], device=x.device)
        return self.dropout(torch.stack([sentence + F.embedding(positions, self.rows) for sentence in x]))
