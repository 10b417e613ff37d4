"""Lesson 2: wrong implementations that people really write, and right ones written differently."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers import embeddings as right
from helpers.embeddings import positional_encoding, positional_encoding_at

# --- one_hot --------------------------------------------------------------------------------------------------------


def ids_from_one(ids, vocab_size):
    return right.one_hot((ids - 1) % vocab_size, vocab_size)


def width_of_largest_id(ids, vocab_size):
    return right.one_hot(ids, int(ids.max()) + 1)


def many_hot(ids, vocab_size):
    return right.one_hot(ids, vocab_size).max(axis=-2)


def words_as_columns(ids, vocab_size):
    return np.swapaxes(right.one_hot(ids, vocab_size), -1, -2)


def id_in_place_of_one(ids, vocab_size):
    return right.one_hot(ids, vocab_size) * ids[..., np.newaxis]


def one_axis_only(ids, vocab_size):
    rows = np.zeros((len(ids), vocab_size))
    rows[np.arange(len(ids)), ids] = 1
    return rows


def leading_axes_lost(ids, vocab_size):
    return right.one_hot(ids.reshape(-1), vocab_size)


def zero_for_padding(ids, vocab_size):
    rows = right.one_hot(ids, vocab_size)
    rows[..., 0] = 0
    return rows


def one_hot_loop(ids, vocab_size):
    rows = np.zeros((*ids.shape, vocab_size))
    for index in np.ndindex(ids.shape):
        rows[index][ids[index]] = 1.0
    return rows


def one_hot_identity(ids, vocab_size):
    return np.identity(vocab_size)[ids]


def one_hot_put(ids, vocab_size):
    rows = np.zeros((*ids.shape, vocab_size), dtype=int)
    np.put_along_axis(rows, ids[..., None], 1, axis=-1)
    return rows


def one_hot_torch(ids, vocab_size):
    return F.one_hot(torch.from_numpy(ids), vocab_size).numpy()


# --- embed ----------------------------------------------------------------------------------------------------------


def columns_for_rows(ids, table):
    return table[:, ids]


def take_without_axis(ids, table):
    return np.take(table, ids)


def row_before(ids, table):
    return table[ids - 1]


def mean_of_rows(ids, table):
    return table[ids].mean(axis=-2)


def sorted_unique_rows(ids, table):
    return table[np.unique(ids)]


def rows_flattened(ids, table):
    return table[ids.reshape(-1)]


def vectors_as_columns(ids, table):
    return np.swapaxes(table[ids], -1, -2)


def scaled_already(ids, table):
    return table[ids] * np.sqrt(table.shape[1])


def embed_product(ids, table):
    return (ids[..., None] == np.arange(len(table))).astype(float) @ table


def embed_loop(ids, table):
    out = np.empty((*ids.shape, table.shape[1]))
    for index in np.ndindex(ids.shape):
        out[index] = table[ids[index]]
    return out


def embed_take(ids, table):
    return np.take(table, ids, axis=0)


def embed_torch(ids, table):
    return F.embedding(torch.from_numpy(ids), torch.from_numpy(table)).numpy()


# --- the formula of the encoding ------------------------------------------------------------------------------------
# Each takes one position or an array of positions: (d_model,) or (positions, d_model).


def _waves(position, rates):
    angles = np.multiply.outer(position, rates)
    return np.where(np.arange(len(rates)) % 2 == 0, np.sin(angles), np.cos(angles))


def _even(d_model):
    return np.arange(d_model) // 2 * 2


def _rates(d_model):
    return 10000.0 ** -(_even(d_model) / d_model)


def pair_counted_in_twos(position, d_model):
    return _waves(position, 10000.0 ** -(2 * _even(d_model) / d_model))


def column_for_pair(position, d_model):
    return _waves(position, 10000.0 ** -(2 * np.arange(d_model) / d_model))


def rate_for_each_column(position, d_model):
    return _waves(position, 10000.0 ** -(np.arange(d_model) / d_model))


def factor_two_missing(position, d_model):
    return _waves(position, 10000.0 ** -(np.arange(d_model) // 2 / d_model))


def base_one_thousand(position, d_model):
    return _waves(position, 1000.0 ** -(_even(d_model) / d_model))


def multiplied(position, d_model):
    return _waves(position, 10000.0 ** (_even(d_model) / d_model))


def whole_number_division(position, d_model):
    return _waves(position, 10000.0 ** -(_even(d_model) // d_model))


def swapped(position, d_model):
    angles = np.multiply.outer(position, _rates(d_model))
    return np.where(np.arange(d_model) % 2 == 0, np.cos(angles), np.sin(angles))


def halves(position, d_model):
    right_order = _waves(position, _rates(d_model))
    return np.concatenate([right_order[..., 0::2], right_order[..., 1::2]], axis=-1)


def no_cosine(position, d_model):
    return np.sin(np.multiply.outer(position, _rates(d_model)))


def from_one(position, d_model):
    return _waves(position + 1, _rates(d_model))


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
    return _waves(position, _rates(d_model))


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


# --- add_positions --------------------------------------------------------------------------------------------------


def concatenated(x, encoding):
    rows = np.broadcast_to(encoding[: x.shape[-2]], x.shape)
    return np.concatenate([x, rows], axis=-1)


def not_sliced(x, encoding):
    return x + encoding


def sliced_by_first_axis(x, encoding):
    return x + encoding[: len(x)]


def last_rows(x, encoding):
    return x + encoding[len(encoding) - x.shape[-2] :]


def one_row_later(x, encoding):
    return x + encoding[1 : x.shape[-2] + 1]


def first_row_for_all(x, encoding):
    return x + encoding[0]


def times_encoding(x, encoding):
    return x * encoding[: x.shape[-2]]


def into_the_input(x, encoding):
    x += encoding[: x.shape[-2]]
    return x


def counted_through_the_batch(x, encoding):
    rows = x.size // x.shape[-1]
    return x + encoding[:rows].reshape(x.shape)


def scaled_and_added(x, encoding):
    return x * np.sqrt(x.shape[-1]) + encoding[: x.shape[-2]]


def add_loop(x, encoding):
    out = np.array(x)
    for index in np.ndindex(x.shape[:-1]):
        out[index] = out[index] + encoding[index[-1]]
    return out


def add_by_product(x, encoding):
    first_rows = np.eye(x.shape[-2], len(encoding))
    return x + first_rows @ encoding


def add_by_row_numbers(x, encoding):
    return np.add(x, np.take(encoding, np.arange(x.shape[-2]), axis=0))


def add_torch(x, encoding):
    return (torch.from_numpy(x) + torch.from_numpy(encoding).narrow(0, 0, x.shape[-2])).numpy()


# --- shift_matrix ---------------------------------------------------------------------------------------------------


def _blocks(offset, rates, minus_sine=-1.0):
    matrix = np.zeros((2 * len(rates), 2 * len(rates)))
    for pair, rate in enumerate(rates):
        cosine, sine = np.cos(offset * rate), np.sin(offset * rate)
        matrix[2 * pair : 2 * pair + 2, 2 * pair : 2 * pair + 2] = [[cosine, sine], [minus_sine * sine, cosine]]
    return matrix


def shifted_back(offset, d_model):
    return right.shift_matrix(offset, d_model).T


def one_rate(offset, d_model):
    return _blocks(offset, np.ones(d_model // 2))


def one_block(offset, d_model):
    matrix = np.identity(d_model)
    matrix[:2, :2] = _blocks(offset, np.ones(1))
    return matrix


def minus_missing(offset, d_model):
    return _blocks(offset, 10000.0 ** -(np.arange(0, d_model, 2) / d_model), minus_sine=1.0)


def rates_counted_in_twos(offset, d_model):
    return _blocks(offset, 10000.0 ** -(2 * np.arange(0, d_model, 2) / d_model))


def shift_in_halves(offset, d_model):
    angles = offset * 10000.0 ** -(np.arange(0, d_model, 2) / d_model)
    cosine, sine = np.diag(np.cos(angles)), np.diag(np.sin(angles))
    return np.block([[cosine, sine], [-sine, cosine]])


def columns_moved(offset, d_model):
    return np.roll(np.identity(d_model), offset, axis=0)


def encoding_on_the_diagonal(offset, d_model):
    return np.diag(positional_encoding_at(offset, d_model))


def cosine_and_sine_exchanged(offset, d_model):
    quarter = np.pi / 2
    angles = quarter - offset * 10000.0 ** -(np.arange(0, d_model, 2) / d_model)
    return _blocks(1.0, angles)


def shift_solved(offset, d_model):
    # the matrix that fits so many positions that no other one does
    positions = np.concatenate([np.arange(0, 40), np.arange(40, 60000, 97)])
    before, after = _waves(positions, _rates(d_model)), _waves(positions + offset, _rates(d_model))
    return np.linalg.lstsq(before, after, rcond=None)[0].T


def shift_kronecker(offset, d_model):
    angles = offset / 10000 ** (np.arange(0, d_model, 2) / d_model)
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    return np.kron(np.diag(np.cos(angles)), np.eye(2)) + np.kron(np.diag(np.sin(angles)), turn)


def shift_from_encoding(offset, d_model):
    row = positional_encoding_at(offset, d_model)  # holds every sine and cosine that is needed
    sine, cosine = np.repeat(row[0::2], 2), np.repeat(row[1::2], 2)
    matrix = np.diag(cosine)
    for i in range(d_model):
        matrix[i, i ^ 1] = sine[i] if i % 2 == 0 else -sine[i]
    return matrix


def shift_torch(offset, d_model):
    angles = offset * torch.pow(10000.0, -torch.arange(0, d_model, 2).double() / d_model)
    cosine, sine = angles.cos(), angles.sin()
    blocks = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], -2)
    return torch.block_diag(*blocks).numpy()


# --- TokenEmbedding -------------------------------------------------------------------------------------------------


class NoScaling(right.TokenEmbedding):
    def forward(self, ids):
        return F.embedding(ids, self.weight, padding_idx=self.pad)


class Divided(right.TokenEmbedding):
    def forward(self, ids):
        return F.embedding(ids, self.weight, padding_idx=self.pad) / math.sqrt(self.d_model)


class TimesWidth(right.TokenEmbedding):
    def forward(self, ids):
        return F.embedding(ids, self.weight, padding_idx=self.pad) * self.d_model


class RootOfVocabulary(right.TokenEmbedding):
    def forward(self, ids):
        return F.embedding(ids, self.weight, padding_idx=self.pad) * math.sqrt(len(self.weight))


class StandardDeviationOne(right.TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        self.weight = nn.Parameter(self.weight.detach() * math.sqrt(d_model))


class BetweenZeroAndOne(right.TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        weight = torch.rand(vocab_size, d_model)
        weight[pad] = 0
        self.weight = nn.Parameter(weight)


class PadRowRandom(right.TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        self.weight = nn.Parameter(torch.randn(vocab_size, d_model) / math.sqrt(d_model))


class PadRowLearns(right.TokenEmbedding):
    def forward(self, ids):
        return self.weight[ids] * math.sqrt(self.d_model)


class PadForgotten(PadRowRandom):
    def forward(self, ids):
        return self.weight[ids] * math.sqrt(self.d_model)


class PadIsZeroAlways(right.TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model)


class PlainTensor(right.TokenEmbedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, pad)
        weight = self.weight.detach()
        del self.weight
        self.weight = weight


class InnerLayer(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model, padding_idx=pad)
        self.scale = math.sqrt(d_model)

    def forward(self, ids):
        return self.embedding(ids) * self.scale


class EmbeddingSubclass(nn.Embedding):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__(vocab_size, d_model, padding_idx=pad)
        nn.init.normal_(self.weight, std=d_model**-0.5)
        with torch.no_grad():
            self.weight[pad].zero_()

    def forward(self, ids):
        return super().forward(ids) * self.embedding_dim**0.5


class EmbeddingMasked(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        bound = math.sqrt(3 / d_model)  # a uniform distribution of the same standard deviation
        self.weight = nn.Parameter(torch.empty(vocab_size, d_model).uniform_(-bound, bound))
        self.weight.data[pad] = 0.0
        self.pad, self.scale = pad, d_model**0.5

    def forward(self, ids):
        keep = (ids != self.pad).unsqueeze(-1)
        return self.scale * torch.where(keep, self.weight[ids], torch.zeros(()))


class EmbeddingProduct(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        keep = torch.ones(vocab_size, 1)
        keep[pad] = 0
        self.register_buffer("keep", keep)
        self.weight = nn.Parameter(keep * torch.normal(0.0, math.sqrt(1 / d_model), (vocab_size, d_model)))

    def forward(self, ids):
        rows = F.one_hot(ids, len(self.weight)).to(self.weight.dtype)
        return rows @ (self.weight * self.keep) * math.sqrt(self.weight.shape[1])


class EmbeddingShared(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        layer = nn.Embedding(vocab_size, d_model, padding_idx=pad)
        layer.weight.data.div_(math.sqrt(d_model))
        self.weight = layer.weight
        self.lookup = [layer]  # a list hides the layer, so that its weight has one name

    def forward(self, ids):
        return self.lookup[0](ids).mul(self.weight.size(1) ** 0.5)


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
