"""Lesson 3: the reference against independent paths: PyTorch, plain loops, properties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from helpers.single_head import (
    SelfAttentionHead,
    attention_scores,
    attention_weights,
    convolution_cost,
    project,
    recurrent_cost,
    scaled_dot_product_attention,
    self_attention_cost,
    softmax,
)

pytestmark = pytest.mark.usefixtures("no_warnings")
# leading axes, then (n_queries, n_keys, d_head, d_value), all different
SHAPES = [((), (2, 3, 4, 5)), ((2,), (3, 5, 4, 6)), ((2, 3), (5, 4, 6, 7))]
seeds = st.integers(0, 10_000)


def tokens(leading, sizes, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    n_queries, n_keys, d_head, d_value = sizes
    shapes = (n_queries, d_head), (n_keys, d_head), (n_keys, d_value)
    return [rng.normal(size=(*leading, *shape)) * scale for shape in shapes]


def masks(leading, sizes, seed=0):
    """None, one mask for all, one row per sentence, one for everything; some rows with nothing to attend to."""
    rng = np.random.default_rng(seed)
    n_queries, n_keys = sizes[:2]
    for shape in ((n_queries, n_keys), (*leading, 1, n_keys), (*leading, n_queries, n_keys)):
        mask = rng.random(shape) < 0.6
        mask[..., 0, :] = False
        yield mask
    yield None


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_agrees_with_torch(axis):
    x = np.random.default_rng(1).normal(size=(3, 4, 5)) * 5
    assert np.allclose(softmax(x, axis), torch.softmax(torch.from_numpy(x), dim=axis).numpy(), atol=1e-15, rtol=1e-13)


@given(seeds, st.floats(-5000, 5000))
def test_softmax_gives_shares_that_do_not_change_with_a_shift(seed, shift):
    x = np.random.default_rng(seed).normal(size=(3, 5)) * 4
    shares = softmax(x)
    assert np.allclose(shares.sum(-1), 1, atol=1e-14) and (shares >= 0).all()
    assert np.allclose(softmax(x + shift), shares, atol=1e-11)


def test_softmax_gives_nothing_to_minus_infinity():
    assert np.array_equal(softmax(np.array([[0.0, -np.inf, 0.0]])), [[0.5, 0, 0.5]])


def test_project_is_three_linear_layers():
    rng = np.random.default_rng(2)
    x, weights = rng.normal(size=(2, 5, 6)), [rng.normal(size=(6, width)) for width in (3, 3, 4)]
    for part, weight in zip(project(x, *weights), weights, strict=True):
        layer = F.linear(torch.from_numpy(x), torch.from_numpy(weight).T)
        assert np.allclose(part, layer.numpy(), atol=1e-13)


@pytest.mark.parametrize(("leading", "sizes"), SHAPES)
def test_scores_number_by_number(leading, sizes):
    query, key, _ = tokens(leading, sizes)
    scores = attention_scores(query, key)
    assert scores.shape == (*leading, *sizes[:2])
    for *batch, i, j in np.ndindex(scores.shape):
        terms = [a * b for a, b in zip(query[(*batch, i)], key[(*batch, j)], strict=True)]
        assert math.isclose(scores[(*batch, i, j)], sum(terms) / math.sqrt(sizes[2]), abs_tol=1e-13)


def test_scaled_scores_of_random_tokens_have_variance_one():
    for width in (4, 64, 1024):
        query, key, _ = tokens((), (200, 201, width, 1), seed=width)
        assert abs(attention_scores(query, key).std() - 1) < 0.1


@pytest.mark.parametrize(("leading", "sizes"), SHAPES)
def test_attention_agrees_with_torch(leading, sizes):
    arrays = tokens(leading, sizes, scale=2.0)
    query, key, value = map(torch.from_numpy, arrays)
    for mask in masks(leading, sizes):
        output, weights = scaled_dot_product_attention(*arrays, mask)
        theirs = F.scaled_dot_product_attention(query, key, value, None if mask is None else torch.from_numpy(mask))
        assert output.dtype == weights.dtype == np.float64
        assert np.allclose(output, theirs.numpy(), atol=1e-13)


@settings(deadline=None)
@given(seeds, st.floats(0.1, 300))
def test_rows_of_weights_add_up_to_one_or_are_empty(seed, scale):
    rng = np.random.default_rng(seed)
    scores, mask = rng.normal(size=(2, 4, 3)) * scale, rng.random((2, 4, 3)) < 0.4
    before = scores.copy(), mask.copy()
    weights = attention_weights(scores, mask)
    assert np.array_equal(scores, before[0]) and np.array_equal(mask, before[1])
    assert (weights[~mask] == 0).all() and (weights >= 0).all()
    assert np.allclose(weights.sum(-1), mask.any(-1), atol=1e-14)
    for row in np.ndindex(2, 4):
        if mask[row].any():
            assert np.allclose(weights[row][mask[row]], softmax(scores[row][mask[row]]), atol=1e-14)


@given(seeds)
def test_attention_does_not_see_the_order_of_keys(seed):
    query, key, value = tokens((), (3, 5, 4, 6), seed)
    order = np.random.default_rng(seed).permutation(5)
    output, weights = scaled_dot_product_attention(query, key, value)
    other, moved = scaled_dot_product_attention(query, key[order], value[order])
    assert np.allclose(output, other, atol=1e-13) and np.allclose(weights[:, order], moved, atol=1e-13)


@given(seeds)
def test_what_is_masked_has_no_influence(seed):
    query, key, value = tokens((), (3, 5, 4, 6), seed)
    mask = np.tril(np.ones((3, 5), bool))
    output, _ = scaled_dot_product_attention(query, key, value, mask)
    key[2:], value[2:] = 1e3, -1e3
    other, _ = scaled_dot_product_attention(query, key, value, mask)
    assert np.array_equal(output[:2], other[:2]) and not np.allclose(output[2], other[2])


# --- the module -----------------------------------------------------------------------------------------------------


def head_and_input(seed=3):
    torch.manual_seed(seed)
    return SelfAttentionHead(6, 4), torch.randn(3, 5, 6, requires_grad=True)


def test_head_has_three_matrices_and_no_bias():
    head, _ = head_and_input()
    assert {name: tuple(p.shape) for name, p in head.named_parameters()} == {
        "query.weight": (4, 6),
        "key.weight": (4, 6),
        "value.weight": (4, 6),
    }


def test_head_is_the_numpy_chain():
    head, x = head_and_input()
    for mask in masks((3,), (5, 5)):
        output, weights = head(x, None if mask is None else torch.from_numpy(mask))
        parts = project(x.detach().numpy(), *(p.detach().numpy().T for p in head.parameters()))
        expected = scaled_dot_product_attention(*parts, mask)
        assert output.dtype == weights.dtype == torch.float32
        assert np.allclose(output.detach(), expected[0], atol=1e-6)
        assert np.allclose(weights.detach(), expected[1], atol=1e-6)


def test_head_is_torch_multihead_attention_with_one_head():
    head, x = SelfAttentionHead(6, 6), torch.randn(3, 5, 6, generator=torch.Generator().manual_seed(4))
    theirs = nn.MultiheadAttention(6, 1, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([head.query.weight, head.key.weight, head.value.weight]))
        theirs.out_proj.weight.copy_(torch.eye(6))
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    output, weights = head(x, mask)
    expected, expected_weights = theirs(x, x, x, attn_mask=~mask)  # there True means: may not attend
    assert torch.allclose(output, expected, atol=1e-6) and torch.allclose(weights, expected_weights, atol=1e-6)


def test_head_gradients_agree_with_torch_and_are_finite():
    head, x = head_and_input()
    for mask in masks((3,), (5, 5)):
        mask = None if mask is None else torch.from_numpy(mask)
        inputs = [x, *head.parameters()]
        with torch.autograd.set_detect_anomaly(True):
            mine = torch.autograd.grad(head(x, mask)[0].square().sum(), inputs)
        fused = F.scaled_dot_product_attention(head.query(x), head.key(x), head.value(x), mask)
        theirs = torch.autograd.grad(fused.square().sum(), inputs)
        for one, other in zip(mine, theirs, strict=True):
            assert one.isfinite().all() and torch.allclose(one, other, atol=1e-5)


def test_head_gradients_by_finite_differences():
    torch.manual_seed(5)
    head, x = SelfAttentionHead(3, 2).double(), torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(4, 4, dtype=torch.bool).tril(-1)  # row 0 has nothing to attend to
    assert torch.autograd.gradcheck(lambda x: head(x, mask)[0], x)


# --- the costs ------------------------------------------------------------------------------------------------------


def test_costs_are_counted_right():
    n, d = 5, 3
    pairs = [(query, key) for query in range(n) for key in range(n)]
    assert self_attention_cost(n, d) == (len(pairs) * d, 1, 1)
    cell = np.ones((d, d))
    assert recurrent_cost(n, d) == (sum(cell.size for _token in range(n)), n, n)
    kernel = np.ones((4, d, d))
    assert convolution_cost(n, d, 4)[:2] == (n * kernel.size, 1)


def test_crossing_is_at_n_equal_d():
    for d in (3, 64):
        assert self_attention_cost(d, d)[0] == recurrent_cost(d, d)[0]
        assert self_attention_cost(d - 1, d)[0] < recurrent_cost(d - 1, d)[0]
        assert self_attention_cost(d + 1, d)[0] > recurrent_cost(d + 1, d)[0]


@given(st.integers(1, 10**30), st.integers(2, 50))
def test_convolution_path_is_the_smallest_that_reaches(n, k):
    path = convolution_cost(n, 2, k)[2]
    assert k**path >= n and (path == 0 or k ** (path - 1) < n)


@pytest.mark.parametrize(("n", "k", "layers"), [(1, 3, 0), (2, 3, 1), (3, 3, 1), (4, 3, 2), (125, 5, 3), (243, 3, 5)])
def test_convolution_path_at_exact_powers(n, k, layers):
    assert convolution_cost(n, 7, k)[2] == layers


def test_convolution_path_is_the_reach_of_dilated_convolutions():
    n, k = 27, 3
    signal = torch.zeros(1, 1, n)
    signal[..., n // 2] = 1
    layers = 0
    while not (signal != 0).all():
        dilation = k**layers
        signal = F.conv1d(signal, torch.ones(1, 1, k), padding=dilation * (k // 2), dilation=dilation)
        layers += 1
    assert layers == convolution_cost(n, 1, k)[2]
