"""Lesson 10, the debugging clinic: the repaired pieces against independent paths: PyTorch, plain loops, properties."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from helpers.clinic import (
    RepairedDecoderBlock,
    repair_attend,
    repair_fit,
    repair_generate,
    repair_loss,
    repair_sentence_vectors,
)
from helpers.decoder import DecoderLayer

seeds = st.integers(0, 10_000)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def close(one, other, atol=1e-5):
    torch.testing.assert_close(one, other, atol=atol, rtol=1e-4)


# --- repair_fit -----------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 6), st.floats(0.01, 1.0))
def test_fit_is_softmax_regression_in_float64(seed, steps, rate):
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(7, 4)), rng.integers(3, size=7)
    weight = rng.normal(size=(3, 4))
    model = nn.Linear(4, 3, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(weight))
    losses = repair_fit(model, torch.from_numpy(x).float(), torch.from_numpy(labels), steps, rate)

    expected = []
    for _ in range(steps):
        shares = np.exp(x @ weight.T)
        shares /= shares.sum(axis=1, keepdims=True)
        expected.append(-np.mean(np.log(shares[np.arange(7), labels])))
        weight = weight - rate * (shares - np.eye(3)[labels]).T @ x / 7
    np.testing.assert_allclose(losses, expected, atol=1e-4)
    np.testing.assert_allclose(model.weight.detach().numpy(), weight, atol=1e-4)


def test_fit_learns_with_any_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 3))
    before = copy.deepcopy(model.state_dict())
    labels = torch.arange(12) % 3
    losses = repair_fit(model, F.one_hot(labels, 4).float(), labels, 60, 1.0)
    assert losses[-1] < 0.1 * losses[0]
    assert all((model.state_dict()[name] != before[name]).any() for name in before)


# --- repair_attend --------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 7))
def test_attend_is_torchs_causal_attention(seed, length):
    g = generator(seed)
    query, key = torch.randn(2, length, 4, generator=g), torch.randn(2, length, 4, generator=g)
    value = torch.randn(2, length, 3, generator=g)
    close(repair_attend(query, key, value), F.scaled_dot_product_attention(query, key, value, is_causal=True))


@given(seeds, st.integers(0, 5))
def test_a_changed_word_changes_no_earlier_output(seed, place):
    g = generator(seed)
    query, key, value = (torch.randn(3, 6, 5, generator=g) for _ in range(3))
    before = repair_attend(query, key, value)
    for tensor in (query, key, value):
        tensor[:, place] += 1
    after = repair_attend(query, key, value)
    assert torch.equal(before[:, :place], after[:, :place])
    assert (before[:, place:] != after[:, place:]).all(dim=-1).any(dim=-1).all()


# --- repair_generate ------------------------------------------------------------------------------------------------


def small_model(seed, words=8, width=6):
    """A recurrent network: it reads from left to right, too, and has nothing to do with attention."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        embedding, network = nn.Embedding(words, width), nn.GRU(width, width, batch_first=True)
        output = nn.Linear(width, words)
    return lambda ids: output(network(embedding(ids))[0])


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(1, 6))
def test_every_new_word_is_the_best_one_in_a_pass_over_the_result(seed, n, steps):
    model = small_model(seed)
    start = torch.randint(8, (3, n), generator=generator(seed))
    new = repair_generate(model, start, steps)
    assert new.shape == (3, steps) and new.dtype == torch.int64
    logits = model(torch.cat([start, new], dim=1))[:, n - 1 : -1]
    chosen = logits.gather(2, new.unsqueeze(2)).squeeze(2)
    close(chosen, logits.amax(dim=-1))


def test_generate_steps_can_be_cut_in_two():
    model, start = small_model(3), torch.tensor([[1, 4], [5, 0]])
    first = repair_generate(model, start, 3)
    rest = repair_generate(model, torch.cat([start, first], dim=1), 4)
    assert torch.equal(repair_generate(model, start, 7), torch.cat([first, rest], dim=1))


# --- repair_loss ----------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from([0.1, 1.0, 30.0, 1000.0]), st.floats(-1000, 1000))
def test_loss_is_cross_entropy_and_so_is_its_gradient(seed, scale, level):
    g = generator(seed)
    logits = (torch.randn(2, 3, 5, generator=g) * scale + level).requires_grad_(True)
    labels = torch.randint(5, (2, 3), generator=g)
    loss = repair_loss(logits, labels)
    loss.backward()
    other = logits.detach().double().requires_grad_(True)
    expected = F.cross_entropy(other.flatten(0, 1), labels.flatten())
    expected.backward()
    close(loss.double(), expected, atol=1e-3)
    close(logits.grad.double(), other.grad, atol=1e-3)


def test_loss_of_a_hopeless_label():
    loss = repair_loss(torch.tensor([[[0.0, 200.0, 0.0]]]), torch.tensor([[0]]))
    assert loss.shape == () and loss.item() == pytest.approx(200)


# --- RepairedDecoderBlock -------------------------------------------------------------------------------------------


def test_block_is_the_first_two_thirds_of_a_decoder_layer():
    torch.manual_seed(0)
    block, layer = RepairedDecoderBlock(6, 3), DecoderLayer(6, 3, 4, dropout=0.0)
    layer.load_state_dict(block.state_dict(), strict=False)
    seen = []
    layer.feed_forward.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    x, memory = torch.randn(2, 4, 6), torch.randn(2, 5, 6)
    layer(x, memory)
    close(block(x, memory), seen[0])


def test_block_against_torchs_attention():
    torch.manual_seed(1)
    block = RepairedDecoderBlock(6, 2)
    x, memory = torch.randn(2, 4, 6), torch.randn(2, 5, 6)

    def attend(part, query, key):
        theirs = nn.MultiheadAttention(6, 2, bias=False, batch_first=True)
        theirs.in_proj_weight = nn.Parameter(torch.cat([part.query.weight, part.key.weight, part.value.weight]))
        theirs.out_proj.weight = nn.Parameter(part.out.weight)
        return theirs(query, key, key)[0]

    y = F.layer_norm(x + attend(block.self_attention, x, x), (6,))
    close(block(x, memory), F.layer_norm(y + attend(block.cross_attention, y, memory), (6,)))


@given(seeds)
def test_the_source_matters_and_gets_a_gradient(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        block = RepairedDecoderBlock(8, 2)
        x, memory = torch.randn(2, 3, 8), torch.randn(2, 5, 8, requires_grad=True)
    output = block(x, memory)
    assert (output - block(x, memory + 1)).abs().max() > 1e-4
    (output * torch.arange(48.0).reshape(2, 3, 8)).sum().backward()
    assert memory.grad.abs().max() > 0


# --- repair_sentence_vectors ----------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_a_sentence_has_the_same_vector_alone_and_in_a_batch(seed):
    g = generator(seed)
    x = torch.randn(4, 6, 3, generator=g)
    keep = torch.rand(4, 6, generator=g) < 0.6
    keep[:, 2] = True
    together = repair_sentence_vectors(x, keep)
    for row, real, vector in zip(x, keep, together, strict=True):
        words = row[real].unsqueeze(0)
        alone = repair_sentence_vectors(words, torch.ones(words.shape[:2], dtype=torch.bool))
        close(alone, vector.unsqueeze(0))
        scores = words @ words.transpose(1, 2) / math.sqrt(3)
        close((scores.softmax(dim=-1) @ words).mean(dim=1), vector.unsqueeze(0))


def test_what_stands_in_padded_rows_is_not_seen():
    x, keep = torch.randn(3, 5, 4, generator=generator(0)), torch.arange(5) < torch.tensor([[2], [5], [1]])
    other = torch.where(keep.unsqueeze(2), x, 100 * torch.ones_like(x))
    close(repair_sentence_vectors(x, keep), repair_sentence_vectors(other, keep))
