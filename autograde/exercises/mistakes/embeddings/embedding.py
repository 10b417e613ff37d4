"""Lesson 2, embeddings: wrong implementations that people really write, and right ones written differently."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers import embeddings as right

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
