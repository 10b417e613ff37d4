"""Lesson 2: the reference against independent paths."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from helpers.embeddings import (
    PositionalEncoding,
    TokenEmbedding,
    add_positions,
    embed,
    one_hot,
    positional_encoding,
    positional_encoding_at,
    shift_matrix,
)

widths = st.integers(1, 40)
even_widths = st.integers(1, 20).map(lambda half: 2 * half)


@pytest.mark.parametrize("shape", [(7,), (2, 5), (2, 3, 4)])
def test_one_hot_and_embed_agree_with_torch(shape):
    rng = np.random.default_rng(1)
    ids, table = rng.integers(0, 9, shape), rng.normal(size=(9, 6))
    rows = one_hot(ids, 9)
    assert rows.dtype == np.float64
    assert np.array_equal(rows, F.one_hot(torch.from_numpy(ids), 9).numpy())
    assert np.array_equal(embed(ids, table), F.embedding(torch.from_numpy(ids), torch.from_numpy(table)).numpy())
    assert np.allclose(embed(ids, table), rows @ table, atol=1e-15)


def test_embed_refuses_an_id_that_is_not_in_the_table():
    with pytest.raises(IndexError):
        embed(np.array([0, 4]), np.zeros((4, 2)))


@given(length=st.integers(1, 30), d_model=widths)
def test_encoding_is_the_paper_s_formula(length, d_model):
    expected = np.empty((length, d_model))
    for position in range(length):
        for i in range(math.ceil(d_model / 2)):
            # the turn of pair i, as a complex number
            turn = complex(0, position * math.exp(-2 * i / d_model * math.log(10000)))
            number = math.e**turn
            expected[position, 2 * i : 2 * i + 2] = [number.imag, number.real][: d_model - 2 * i]
    table = positional_encoding(length, d_model)
    assert table.shape == (length, d_model)
    assert np.allclose(table, expected, atol=1e-12)
    assert np.allclose([positional_encoding_at(p, d_model) for p in range(length)], expected, atol=1e-12)


@given(d_model=even_widths)
def test_every_row_of_the_encoding_is_equally_long(d_model):
    squares = (positional_encoding(50, d_model) ** 2).sum(axis=1)
    assert np.allclose(squares, d_model / 2)


def test_first_row_and_wavelengths():
    table = positional_encoding(8, 6)
    assert table[0].tolist() == [0, 1, 0, 1, 0, 1]
    assert np.allclose(table[:, 0], np.sin(np.arange(8)))
    assert np.allclose(table[:, 5], np.cos(np.arange(8) / 10000 ** (4 / 6)))


@given(offset=st.integers(-50, 50), position=st.integers(0, 5000), d_model=even_widths)
def test_shift_matrix_shifts(offset, position, d_model):
    here, there = positional_encoding_at(position, d_model), positional_encoding_at(position + offset, d_model)
    assert np.allclose(shift_matrix(offset, d_model) @ here, there, atol=1e-10)


@given(one=st.integers(-50, 50), other=st.integers(-50, 50), d_model=even_widths)
def test_shift_matrices_are_rotations_and_add_up(one, other, d_model):
    matrix = shift_matrix(one, d_model)
    assert np.allclose(matrix @ matrix.T, np.eye(d_model))
    assert np.allclose(matrix @ shift_matrix(other, d_model), shift_matrix(one + other, d_model))
    assert np.allclose(matrix.T, shift_matrix(-one, d_model))


def test_add_positions_broadcasts_and_leaves_its_input_alone():
    rng = np.random.default_rng(2)
    x, encoding = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(9, 5))
    before = x.copy()
    out = add_positions(x, encoding)
    assert np.array_equal(x, before)
    for index in np.ndindex(2, 3, 4):
        assert np.array_equal(out[index], x[index] + encoding[index[-1]])


# --- TokenEmbedding -------------------------------------------------------------------------------------------------


def test_token_embedding_agrees_with_nn_embedding():
    torch.manual_seed(3)
    mine, theirs = TokenEmbedding(11, 6, pad=2), nn.Embedding(11, 6, padding_idx=2)
    theirs.load_state_dict(mine.state_dict())
    ids = torch.tensor([[4, 2, 9, 4], [2, 2, 0, 1]])
    out, expected = mine(ids), theirs(ids) * math.sqrt(6)
    assert torch.equal(out, expected)
    probe = torch.randn_like(out)
    (out * probe).sum().backward()
    (expected * probe).sum().backward()
    assert torch.allclose(mine.weight.grad, theirs.weight.grad)
    assert not mine.weight.grad[2].any()


def test_token_embedding_starts_as_the_paper_s_weights_would():
    torch.manual_seed(4)
    module = TokenEmbedding(2000, 64, pad=5)
    assert list(module.state_dict()) == ["weight"]
    assert not module.weight[5].any()
    others = module.weight.detach()[torch.arange(2000) != 5]
    assert abs(others.mean()) < 1e-3
    assert abs(others.std() * 8 - 1) < 0.02
    assert abs(module(torch.arange(10, 2000)).std() - 1) < 0.02


def test_pad_row_stays_zero_in_training():
    torch.manual_seed(5)
    module = TokenEmbedding(7, 4)
    optimizer = torch.optim.Adam(module.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        (module(torch.tensor([[1, 2, 0, 0]])) - 1).square().sum().backward()
        optimizer.step()
    assert not module.weight[0].any()


# --- PositionalEncoding ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(length=st.integers(1, 12), d_model=widths)
def test_module_adds_the_encoding(length, d_model):
    module = PositionalEncoding(d_model, max_length=12).eval()
    x = torch.randn(2, length, d_model)
    expected = x.double() + torch.from_numpy(positional_encoding(length, d_model))
    assert torch.allclose(module(x).double(), expected, atol=1e-6)


def test_module_learns_nothing_and_moves_with_the_model():
    module = PositionalEncoding(8)
    assert list(module.parameters()) == []
    assert [tuple(buffer.shape) for buffer in module.buffers()] == [(5000, 8)]
    assert module.to(torch.float64)(torch.zeros(1, 3, 8, dtype=torch.float64)).dtype == torch.float64


def test_longer_input_is_refused():
    module = PositionalEncoding(4, max_length=9)
    assert module(torch.zeros(2, 9, 4)).shape == (2, 9, 4)
    with pytest.raises(ValueError, match="10"):
        module(torch.zeros(2, 10, 4))


def test_dropout_acts_on_the_sum_in_training_only():
    torch.manual_seed(6)
    module, x = PositionalEncoding(32, dropout=0.25), torch.full((4, 50, 32), 5.0)
    total = module.eval()(x)
    dropped = module.train()(x)
    kept = dropped != 0
    assert abs((~kept).float().mean() - 0.25) < 0.03
    assert torch.allclose(dropped[kept], total[kept] / 0.75)


def test_float32_leaves_what_the_contract_says():
    # the common way, in float32 from the start
    positions, columns = torch.arange(5000.0), torch.arange(0, 512, 2)
    angles = torch.outer(positions, torch.exp(columns * (-math.log(10000.0) / 512)))
    error = (angles.sin().double() - torch.from_numpy(positional_encoding(5000, 512)[:, 0::2])).abs()
    assert 1e-5 < error.max() < 5e-4
    assert error[:50].max() < 1e-5
