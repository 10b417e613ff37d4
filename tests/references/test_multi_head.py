"""Lesson 4: the reference against independent paths: PyTorch, plain loops, properties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from helpers.multi_head import (
    MultiHeadAttention,
    attention_parameters,
    copy_torch_attention,
    merge_heads,
    multi_head_by_hand,
    split_heads,
)

pytestmark = pytest.mark.usefixtures("no_warnings")
BATCH, QUERIES, KEYS, HEADS, WIDTH = 4, 5, 7, 3, 12
seeds = st.integers(0, 10_000)
small = st.integers(1, 5)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pair(bias=False, heads=HEADS):
    """PyTorch's module and the reference with the same weights."""
    torch.manual_seed(1)
    theirs = nn.MultiheadAttention(WIDTH, heads, batch_first=True, bias=bias)
    mine = MultiHeadAttention(WIDTH, heads, bias=bias)
    copy_torch_attention(mine, theirs)
    if bias:
        with torch.no_grad():
            theirs.in_proj_bias.normal_()
            theirs.out_proj.bias.normal_()
            for layer, part in zip((mine.query, mine.key, mine.value), theirs.in_proj_bias.chunk(3), strict=True):
                layer.bias.copy_(part)
            mine.out.bias.copy_(theirs.out_proj.bias)
    return mine, theirs


def masks():
    """A mask of every allowed shape, without empty rows."""
    generator = torch.Generator().manual_seed(2)
    for shape in ((QUERIES, KEYS), (BATCH, 1, KEYS), (BATCH, QUERIES, KEYS), (BATCH, 1, QUERIES, KEYS)):
        mask = torch.rand(shape, generator=generator) < 0.5
        mask[..., 0] = True
        yield mask
    mask = torch.rand(BATCH, HEADS, QUERIES, KEYS, generator=generator) < 0.5
    mask[..., -1] = True
    yield mask


# --- split and merge ------------------------------------------------------------------------------------------------


@given(small, small, small, small)
def test_split_number_by_number_and_merge_is_its_inverse(batch, length, heads, d_head):
    x = torch.arange(batch * length * heads * d_head).reshape(batch, length, heads * d_head)
    before = x.clone()
    parts = split_heads(x, heads)
    assert parts.shape == (batch, heads, length, d_head)
    for b, h, n, c in np.ndindex(*parts.shape):
        assert parts[b, h, n, c] == x[b, n, h * d_head + c]
    assert torch.equal(merge_heads(parts), x) and torch.equal(x, before)


def test_split_is_chunk():
    x = random(2, 5, 12)
    assert torch.equal(split_heads(x, 3), torch.stack(x.chunk(3, dim=-1), dim=1))


@given(seeds)
def test_heads_see_whole_tokens(seed):
    """What happens to one token before the split happens to its row in each head, and to no other row."""
    x, other = random(2, 4, 6, seed=seed), random(2, 4, 6, seed=seed)
    other[:, 2] += 1
    changed = (split_heads(x, 3) != split_heads(other, 3)).any(-1)
    assert changed[:, :, 2].all() and changed.sum() == 2 * 3


@pytest.mark.parametrize(("width", "heads"), [(7, 2), (8, 3), (4, 5)])
def test_a_width_that_the_heads_do_not_divide(width, heads):
    with pytest.raises(ValueError, match=str(heads)):
        split_heads(random(2, 3, width), heads)
    with pytest.raises(ValueError, match=str(width)):
        MultiHeadAttention(width, heads)


# --- by hand --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
def test_by_hand_is_torch_multihead_attention(masked):
    _, theirs = pair()
    x = random(KEYS, WIDTH, seed=3)
    mask = torch.ones(KEYS, KEYS, dtype=torch.bool).tril() if masked else None
    d_head = WIDTH // HEADS
    weights = [part.detach().double().numpy().T for part in theirs.in_proj_weight.chunk(3)]
    heads = [tuple(w[:, i : i + d_head] for w in weights) for i in range(0, WIDTH, d_head)]
    w_output = theirs.out_proj.weight.detach().double().numpy().T
    output = multi_head_by_hand(x.double().numpy(), heads, w_output, None if mask is None else mask.numpy())
    expected, _ = theirs(x[None], x[None], x[None], attn_mask=None if mask is None else ~mask)
    assert output.dtype == np.float64
    assert np.allclose(output, expected[0].detach(), atol=1e-5)


@given(seeds)
def test_by_hand_does_not_see_the_order_of_the_heads(seed):
    rng = np.random.default_rng(seed)
    x, heads = rng.normal(size=(4, 6)), [tuple(rng.normal(size=(6, 5)) for _ in range(3)) for _ in range(3)]
    blocks = [rng.normal(size=(5, 6)) for _ in range(3)]
    order = rng.permutation(3)
    one = multi_head_by_hand(x, heads, np.concatenate(blocks))
    other = multi_head_by_hand(x, [heads[i] for i in order], np.concatenate([blocks[i] for i in order]))
    assert np.allclose(one, other, atol=1e-10)


# --- the module -----------------------------------------------------------------------------------------------------


def test_parameters_by_name():
    shapes = {name: tuple(p.shape) for name, p in MultiHeadAttention(6, 2).named_parameters()}
    assert shapes == {f"{name}.weight": (6, 6) for name in ("query", "key", "value", "out")}
    with_bias = {name: tuple(p.shape) for name, p in MultiHeadAttention(6, 2, bias=True).named_parameters()}
    assert with_bias == shapes | {f"{name}.bias": (6,) for name in ("query", "key", "value", "out")}


@pytest.mark.parametrize("bias", [False, True])
def test_agrees_with_torch(bias):
    mine, theirs = pair(bias)
    query, key, value = random(BATCH, QUERIES, WIDTH), random(BATCH, KEYS, WIDTH), random(BATCH, KEYS, WIDTH, seed=5)
    for inputs in ((query, query, query), (query, key, key), (query, key, value)):
        output, weights = mine(*inputs)
        expected, expected_weights = theirs(*inputs, average_attn_weights=False)
        assert output.dtype == weights.dtype == torch.float32
        assert torch.allclose(output, expected, atol=1e-5) and torch.allclose(weights, expected_weights, atol=1e-5)
        assert torch.allclose(mine(*inputs, need_weights=False)[0], expected, atol=1e-5)
        assert mine(*inputs, need_weights=False)[1] is None


def test_masks_agree_with_torch():
    mine, theirs = pair()
    query, key = random(BATCH, QUERIES, WIDTH), random(BATCH, KEYS, WIDTH, seed=6)
    for mask in masks():
        full = (mask.unsqueeze(1) if mask.dim() == 3 else mask).expand(BATCH, HEADS, QUERIES, KEYS)
        hide = ~full.reshape(BATCH * HEADS, QUERIES, KEYS)  # there True means: may not attend
        expected, expected_weights = theirs(query, key, key, attn_mask=hide, average_attn_weights=False)
        for need_weights in (True, False):
            output, weights = mine(query, key, mask=mask, need_weights=need_weights)
            assert torch.allclose(output, expected, atol=1e-5)
            assert weights is None or torch.allclose(weights, expected_weights, atol=1e-5)


def test_defaults_of_the_inputs():
    mine, _ = pair()
    query, key = random(BATCH, QUERIES, WIDTH), random(BATCH, QUERIES, WIDTH, seed=7)
    assert torch.equal(mine(query)[0], mine(query, query, query)[0])
    assert torch.equal(mine(query, key)[0], mine(query, key, key)[0])
    assert not torch.allclose(mine(query, key)[0], mine(query, key, query)[0], atol=1e-3)


@pytest.mark.parametrize("need_weights", [True, False])
def test_nothing_to_attend_to_gives_zeros_and_finite_gradients(need_weights):
    mine, _ = pair()
    query, key = random(BATCH, QUERIES, WIDTH).requires_grad_(), random(BATCH, KEYS, WIDTH).requires_grad_()
    mask = torch.ones(BATCH, QUERIES, KEYS, dtype=torch.bool)
    mask[1, 2] = mask[3] = False
    output, weights = mine(query, key, mask=mask, need_weights=need_weights)
    assert (output[1, 2] == 0).all() and (output[3] == 0).all() and (output[0] != 0).all()
    if need_weights:
        assert torch.allclose(weights.sum(-1), mask.any(-1)[:, None].float().expand(BATCH, HEADS, QUERIES))
    output.square().sum().backward()
    assert all(tensor.grad.isfinite().all() for tensor in (query, key, *mine.parameters()))


def test_gradients_agree_with_the_fused_function():
    mine, _ = pair()
    query, key = random(BATCH, QUERIES, WIDTH), random(BATCH, KEYS, WIDTH)
    for mask in masks():
        one = torch.autograd.grad(mine(query, key, mask=mask)[0].square().sum(), mine.parameters())
        fused = mine(query, key, mask=mask, need_weights=False)[0]
        other = torch.autograd.grad(fused.square().sum(), mine.parameters())
        assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(one, other, strict=True))


def test_gradients_by_finite_differences():
    torch.manual_seed(5)
    mine = MultiHeadAttention(4, 2).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(3, 3, dtype=torch.bool).tril(-1)  # row 0 has nothing to attend to
    assert torch.autograd.gradcheck(lambda x: mine(x, mask=mask)[0], x)


@settings(deadline=None)
@given(seeds)
def test_later_tokens_have_no_influence_through_a_causal_mask(seed):
    mine, _ = pair()
    x, other = random(2, KEYS, WIDTH, seed=seed), random(2, KEYS, WIDTH, seed=seed)
    other[:, 4:] += 1
    mask = torch.ones(KEYS, KEYS, dtype=torch.bool).tril()
    one, two = mine(x, mask=mask)[0], mine(other, mask=mask)[0]
    assert torch.allclose(one[:, :4], two[:, :4], atol=1e-6) and not torch.allclose(one[:, 4:], two[:, 4:], atol=1e-3)


@settings(deadline=None)
@given(seeds)
def test_self_attention_moves_with_the_order_of_the_tokens(seed):
    mine, _ = pair()
    x, order = random(2, KEYS, WIDTH, seed=seed), torch.randperm(KEYS, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(mine(x[:, order])[0], mine(x)[0][:, order], atol=1e-5)


# --- copying and counting -------------------------------------------------------------------------------------------


def test_copies_share_nothing():
    mine, theirs = pair()
    x = random(2, QUERIES, WIDTH)
    before = theirs(x, x, x)[0]
    with torch.no_grad():
        for parameter in mine.parameters():
            parameter.zero_()
    assert torch.equal(theirs(x, x, x)[0], before)
    assert all(parameter.requires_grad for parameter in mine.parameters())


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("width", "heads"), [(6, 1), (6, 2), (12, 4), (64, 8)])
def test_parameters_do_not_depend_on_the_heads(width, heads, bias):
    counted = sum(p.numel() for p in MultiHeadAttention(width, heads, bias).parameters())
    theirs = sum(p.numel() for p in nn.MultiheadAttention(width, heads, bias=bias).parameters())
    assert attention_parameters(width, bias) == counted == theirs


def test_base_model_of_the_paper():
    assert attention_parameters(512) == 4 * 512 * 8 * 64 == 1_048_576


def test_one_softmax_keeps_no_two_tokens_apart():
    """The floor of the lesson's experiment: any one mixture of four contents leaves three quarters of the variance."""
    for shares in ([0.25] * 4, [1.0, 0, 0, 0], [0.5, 0.3, 0.2, 0.0]):
        shares = np.array(shares)
        covariance = shares / (shares @ shares)  # best linear guess of each content from the mixture
        error = 1 - covariance * shares
        assert math.isclose(error.mean(), 0.75)


def test_fused_weights():
    mine, _ = pair()
    query, key = random(BATCH, QUERIES, WIDTH), random(BATCH, KEYS, WIDTH)
    _, weights = mine(query, key)
    parts = split_heads(mine.query(query), HEADS), split_heads(mine.key(key), HEADS)
    same = torch.eye(KEYS).expand(BATCH, HEADS, KEYS, KEYS)
    assert torch.allclose(weights, F.scaled_dot_product_attention(*parts, same), atol=1e-6)
