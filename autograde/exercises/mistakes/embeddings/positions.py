"""Lesson 2, positions: wrong implementations that people really write, and right ones written differently."""

from __future__ import annotations

import numpy as np
import torch

from autograde.exercises.mistakes.embeddings.encoding import rates_of, waves
from helpers import embeddings as right
from helpers.embeddings import positional_encoding_at

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
    before, after = waves(positions, rates_of(d_model)), waves(positions + offset, rates_of(d_model))
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
