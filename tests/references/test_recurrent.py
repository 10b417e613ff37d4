"""The recurrent copier of lesson 0, and what the lesson says about it."""

from __future__ import annotations

import pytest
import torch

from helpers.recurrent import SYMBOLS, Recurrent, copied, read_and_write, sequences, train_copier


@pytest.fixture(autouse=True)
def one_thread():
    """Many steps with small matrices: threads that wait for each other take minutes on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_without_attention_a_copier_sees_the_source_through_its_last_state_only():
    """With attention another reading of the same last state changes what is written."""
    torch.manual_seed(0)
    source = sequences(5, 3, torch.Generator().manual_seed(0))
    assert source.shape == (3, 5) and source.min() >= 1 and source.max() <= SYMBOLS
    for attention in (False, True):
        model = Recurrent(attention).eval()
        reader = model.reader.forward
        before = read_and_write(model, source)
        model.reader.forward = lambda x, reader=reader: (torch.zeros_like(x), reader(x)[1])
        after = read_and_write(model, source)
        assert before.shape == (3, 5, SYMBOLS + 1)
        assert torch.equal(before, after) == (not attention)


def test_a_guess_sees_only_the_symbols_before_it():
    torch.manual_seed(0)
    model = Recurrent(attention=True).eval()
    source = sequences(6, 2, torch.Generator().manual_seed(0))
    read = source.clone()
    start = torch.zeros(2, 1, dtype=torch.int64)
    other = torch.cat([start, source[:, :2], source[:, 3:] % SYMBOLS + 1], dim=1)
    first, second = model(read, torch.cat([start, source[:, :-1]], dim=1)), model(read, other)
    torch.testing.assert_close(first[:, :3], second[:, :3])
    assert not torch.allclose(first[:, 3:], second[:, 3:])


def test_through_one_vector_copying_fails_with_the_length_and_with_attention_it_does_not():
    squeezed, attentive = train_copier(attention=False), train_copier(attention=True)
    assert copied(squeezed, 2) > 0.98 and copied(squeezed, 16) < 0.5
    assert copied(attentive, 2) > 0.98 and 0.92 < copied(attentive, 16) < 0.98  # "nineteen of twenty"
    assert copied(attentive, 24) > 2 * copied(squeezed, 24)
