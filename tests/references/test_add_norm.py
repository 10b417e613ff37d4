"""The reference of lesson 5 against PyTorch's own layers, plain loops and properties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import nn

from helpers.add_norm import (
    AddNorm,
    AttentionBlock,
    LayerNormalization,
    PreNormBlock,
    add_and_norm,
    layer_norm,
    normalize,
    row_statistics,
)
from helpers.multi_head import copy_torch_attention

ROWS = arrays(
    np.float64,
    array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6),
    elements=st.floats(-100, 100, allow_nan=False, width=32),
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def learned(module, rng):
    """Give every parameter values away from 0 and 1."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(rng.uniform(0.5, 2, tuple(parameter.shape))))
    return module


@given(ROWS)
def test_row_statistics_are_those_of_plain_sums(x):
    mean, variance = row_statistics(x)
    assert mean.shape == variance.shape == (*x.shape[:-1], 1)
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place].tolist()
        middle = math.fsum(row) / len(row)
        assert math.isclose(mean[place][0], middle, abs_tol=1e-9)
        assert math.isclose(variance[place][0], math.fsum((n - middle) ** 2 for n in row) / len(row), abs_tol=1e-8)


@given(ROWS, st.floats(1e-5, 5))
def test_normalized_rows_have_mean_0_and_a_known_variance(x, eps):
    result = normalize(x, eps)
    variance = x.var(-1)
    np.testing.assert_allclose(result.mean(-1), 0, atol=1e-8)
    np.testing.assert_allclose(result.var(-1), variance / (variance + eps), atol=1e-8)


@given(ROWS, st.floats(-50, 50), st.floats(0.5, 20))
def test_normalize_forgets_shift_and_scale(x, shift, scale):
    # a scaled row meets the same eps as the row meets eps / scale²
    np.testing.assert_allclose(normalize(scale * x + shift, 0.1), normalize(x, 0.1 / scale**2), atol=1e-8)


def test_a_row_of_equal_numbers_becomes_zero():
    assert not normalize(np.full((2, 4), 7.0)).any()


def test_worked_example():
    assert normalize(np.array([1.0, 2, 3])).round(2).tolist() == [-1.22, 0, 1.22]
    scaled = layer_norm(np.array([[1.0, 2, 3]]), np.full(3, 2.0), np.ones(3))
    np.testing.assert_allclose(scaled, [[-1.449, 1, 3.449]], atol=1e-3)


@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_layer_norm_equals_pytorch(rng, eps):
    x, gamma, beta = rng.normal(size=(2, 3, 4, 7)), rng.normal(size=7), rng.normal(size=7)
    theirs = nn.functional.layer_norm(*map(torch.from_numpy, (x,)), (7,), *map(torch.from_numpy, (gamma, beta)), eps)
    np.testing.assert_allclose(layer_norm(x, gamma, beta, eps), theirs.numpy(), atol=1e-12)


def test_functions_leave_their_inputs_alone(rng):
    inputs = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4)
    before = [one.copy() for one in inputs]
    add_and_norm(*inputs)
    assert all(np.array_equal(one, other) for one, other in zip(inputs, before, strict=True))


@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_layer_normalization_equals_pytorch_with_its_gradients(rng, eps):
    mine, theirs = learned(LayerNormalization(6, eps), rng).double(), nn.LayerNorm(6, eps).double()
    theirs.load_state_dict({"weight": mine.gamma.data, "bias": mine.beta.data})
    results = []
    for layer in (mine, theirs):
        x = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 5, 6))).requires_grad_()
        output = layer(x)
        output.pow(3).sum().backward()
        results.append([output, x.grad, *(p.grad for p in layer.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_layer_normalization_starts_as_a_plain_normalization(rng):
    x = rng.normal(size=(2, 3, 4))
    np.testing.assert_allclose(LayerNormalization(4)(torch.from_numpy(x)).detach(), normalize(x), atol=1e-6)


def test_gradients_are_those_of_finite_differences(rng):
    x = torch.from_numpy(rng.normal(size=(1, 3, 4))).requires_grad_()
    assert torch.autograd.gradcheck(learned(LayerNormalization(4, 0.1), rng).double(), (x,))


def test_add_norm_equals_the_function(rng):
    x, sublayer_output = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 4))
    module = learned(AddNorm(4), rng).double().eval()
    gamma, beta = module.norm.gamma.detach().numpy(), module.norm.beta.detach().numpy()
    output = module(torch.from_numpy(x), torch.from_numpy(sublayer_output)).detach()
    np.testing.assert_allclose(output, add_and_norm(x, sublayer_output, gamma, beta))


def test_add_norm_drops_in_the_sublayer_output_alone():
    torch.manual_seed(0)
    module, x = AddNorm(50, dropout=0.5), torch.randn(2, 40, 50)
    torch.testing.assert_close(module(x, torch.zeros_like(x)), module.norm(x))
    seen = {0.0, 2.0}
    module.norm = nn.Identity()
    assert set((module(torch.zeros_like(x), torch.ones_like(x))).unique().tolist()) == seen
    assert set(module.eval()(torch.zeros_like(x), torch.ones_like(x)).unique().tolist()) == {1.0}


def encoder_half(x, layer):
    """Self-attention, add and norm of PyTorch's own encoder layer."""
    attended, _ = layer.self_attn(x, x, x, need_weights=False)
    return layer.norm1(x + attended)


def test_attention_block_equals_the_first_half_of_pytorchs_encoder_layer(rng):
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(12, 3, batch_first=True, bias=False).eval()
    mine = AttentionBlock(12, 3).eval()
    copy_torch_attention(mine.attention, theirs.self_attn)
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(mine(x), encoder_half(x, theirs))


def test_attention_block_masks_and_keeps_empty_rows_finite(rng):
    block = learned(AttentionBlock(6, 2), rng).eval()
    x = torch.from_numpy(rng.normal(size=(1, 4, 6))).float()
    changed = x.clone()
    changed[:, 3] += 1
    earlier = torch.ones(4, 4, dtype=torch.bool).tril()
    torch.testing.assert_close(block(x, earlier)[:, :3], block(changed, earlier)[:, :3])
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    torch.testing.assert_close(block(x, nothing), block.add_norm.norm(x))


def test_pre_norm_block_equals_pytorchs_norm_first_layer():
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(12, 3, 20, activation="relu", batch_first=True, norm_first=True).eval()
    nn.init.zeros_(theirs.self_attn.out_proj.weight)  # leaves its second half: x + feed-forward of the normalized x
    feed_forward = nn.Sequential(theirs.linear1, nn.ReLU(), theirs.linear2)
    mine = PreNormBlock(12, feed_forward).eval()
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(mine(x), theirs(x))


def test_pre_norm_block_with_a_silent_sublayer_is_the_identity():
    silent = nn.Linear(6, 6)
    nn.init.zeros_(silent.weight)
    nn.init.zeros_(silent.bias)
    x = torch.randn(2, 3, 6)
    assert torch.equal(PreNormBlock(6, silent)(x), x)


def test_everything_learned_is_registered():
    assert {name for name, _ in AddNorm(4).named_parameters()} == {"norm.gamma", "norm.beta"}
    assert sum(p.numel() for p in AttentionBlock(6, 2).parameters()) == 4 * 6 * 6 + 2 * 6
    assert {name for name, _ in PreNormBlock(4, nn.Linear(4, 4)).named_parameters()} == {
        "norm.gamma",
        "norm.beta",
        "sublayer.weight",
        "sublayer.bias",
    }
