"""Lesson 6: the reference against independent paths: PyTorch's own encoder, plain loops, properties."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from helpers.feed_forward import Encoder, EncoderLayer, FeedForward, encoder_parameters, feed_forward, linear, relu
from helpers.multi_head import copy_torch_attention

pytestmark = pytest.mark.usefixtures("no_warnings")
seeds = st.integers(0, 10_000)
SMALL = {"num_layers": 3, "d_model": 6, "num_heads": 2, "d_ff": 10}


def weights(d_model, d_ff, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in ((d_model, d_ff), d_ff, (d_ff, d_model), d_model)]


def shaken(module, seed=0):
    """Every parameter moved, so that gamma is not 1 and no bias 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def copy_torch_layer(mine, theirs):
    """The weights of a torch.nn.TransformerEncoderLayer; the biases of its attention become 0."""
    with torch.no_grad():
        theirs.self_attn.in_proj_bias.zero_()
        theirs.self_attn.out_proj.bias.zero_()
        copy_torch_attention(mine.attention, theirs.self_attn)
        for name, norm in (("add_norm_1", theirs.norm1), ("add_norm_2", theirs.norm2)):
            getattr(mine, name).norm.gamma.copy_(norm.weight)
            getattr(mine, name).norm.beta.copy_(norm.bias)
        mine.feed_forward.inner.load_state_dict(theirs.linear1.state_dict())
        mine.feed_forward.outer.load_state_dict(theirs.linear2.state_dict())


def both_encoders(num_layers, d_model, num_heads, d_ff):
    layer = nn.TransformerEncoderLayer(d_model, num_heads, d_ff, dropout=0.0, batch_first=True)
    theirs = shaken(nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False))
    mine = Encoder(num_layers, d_model, num_heads, d_ff, dropout=0.0).eval()
    for one, other in zip(mine.layers, theirs.layers, strict=True):
        copy_torch_layer(one, other)
    return mine, theirs


# --- functions ------------------------------------------------------------------------------------------------------


def test_relu():
    x = np.array([[-1.5, 0.0, 2.0], [1e6, -1e6, -1e-9]])
    before = x.copy()
    assert np.array_equal(relu(x), [[0, 0, 2], [1e6, 0, 0]])
    assert np.array_equal(relu(x), F.relu(torch.from_numpy(x)).numpy())
    assert np.array_equal(x, before)


@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (2, 1, 3)])
def test_functions_agree_with_torch_for_any_leading_axes(leading):
    w1, b1, w2, b2 = weights(4, 7)
    x = np.random.default_rng(1).normal(size=(*leading, 4))
    tensors = [torch.from_numpy(one) for one in (x, w1, b1, w2, b2)]
    hidden = F.linear(tensors[0], tensors[1].T, tensors[2])
    assert np.allclose(linear(x, w1, b1), hidden.numpy(), atol=1e-13)
    output = F.linear(F.relu(hidden), tensors[3].T, tensors[4])
    result = feed_forward(x, w1, b1, w2, b2)
    assert result.dtype == np.float64 and result.shape == x.shape
    assert np.allclose(result, output.numpy(), atol=1e-13)


def test_feed_forward_is_a_sum_over_units():
    w1, b1, w2, b2 = weights(3, 5)
    x = np.random.default_rng(2).normal(size=(4, 3))
    for row, out in zip(x, feed_forward(x, w1, b1, w2, b2), strict=True):
        total = b2.copy()
        for unit in range(5):
            total += max(0.0, sum(row * w1[:, unit]) + b1[unit]) * w2[unit]
        assert np.allclose(out, total, atol=1e-13)


@given(seeds)
def test_each_row_alone(seed):
    rng = np.random.default_rng(seed)
    parts, x = weights(4, 6, seed), rng.normal(size=(5, 4))
    out, order = feed_forward(x, *parts), rng.permutation(5)
    assert np.allclose(feed_forward(x[order], *parts), out[order], atol=1e-13)
    changed = x.copy()
    changed[2] += 1
    same = np.isclose(feed_forward(changed, *parts), out, atol=1e-13).all(axis=-1)
    assert same[[0, 1, 3, 4]].all()


@given(seeds)
def test_without_relu_two_maps_are_one(seed):
    w1, b1, w2, b2 = weights(3, 5, seed)
    x = np.random.default_rng(seed).normal(size=(4, 3))
    assert np.allclose(linear(linear(x, w1, b1), w2, b2), linear(x, w1 @ w2, b1 @ w2 + b2), atol=1e-12)


# --- modules --------------------------------------------------------------------------------------------------------


def test_module_and_function_agree():
    module = shaken(FeedForward(4, 7)).double()
    x = random(2, 3, 4).double()
    parts = [module.inner.weight.T, module.inner.bias, module.outer.weight.T, module.outer.bias]
    expected = feed_forward(x.numpy(), *(part.detach().numpy() for part in parts))
    assert np.allclose(module(x).detach().numpy(), expected, atol=1e-13)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-5), (torch.float64, 1e-13)])
def test_encoder_agrees_with_torch(dtype, atol):
    mine, theirs = (one.to(dtype) for one in both_encoders(3, 12, 4, 20))
    x = random(2, 5, 12).to(dtype)
    keep = torch.tensor([[True] * 5, [True, True, True, False, False]])
    hidden_later = torch.ones(5, 5, dtype=torch.bool).triu(1)  # PyTorch's masks are True where nobody may attend
    for mask, options in (
        (None, {}),
        (keep.unsqueeze(1), {"src_key_padding_mask": ~keep}),
        (~hidden_later, {"mask": hidden_later}),
    ):
        expected = theirs(x, **options)
        got = mine(x, mask)
        real = keep if "src_key_padding_mask" in options else torch.ones_like(keep)
        assert torch.allclose(got[real], expected[real], atol=atol)


def test_gradients_agree_with_torch():
    mine, theirs = (one.double() for one in both_encoders(2, 6, 2, 10))
    inputs = [random(2, 4, 6).double().requires_grad_() for _ in range(2)]
    for encoder, x in zip((mine, theirs), inputs, strict=True):
        encoder(x).square().cumsum(1).sum().backward()
    assert torch.allclose(inputs[0].grad, inputs[1].grad, atol=1e-11)
    assert torch.allclose(
        mine.layers[0].feed_forward.inner.weight.grad, theirs.layers[0].linear1.weight.grad, atol=1e-11
    )
    assert torch.allclose(mine.layers[1].add_norm_2.norm.gamma.grad, theirs.layers[1].norm2.weight.grad, atol=1e-11)


def test_the_paper_s_sizes_are_the_default():
    with torch.device("meta"):
        encoder = Encoder()
    assert len(encoder.layers) == 6
    layer = encoder.layers[5]
    assert layer.attention.num_heads == 8
    assert tuple(layer.feed_forward.inner.weight.shape) == (2048, 512)
    assert {module.p for module in encoder.modules() if isinstance(module, nn.Dropout)} == {0.1}


@pytest.mark.parametrize("sizes", [(1, 2, 3), (2, 6, 8), (3, 10, 7), (6, 512, 2048)])
def test_the_formula_counts_what_there_is(sizes):
    num_layers, d_model, d_ff = sizes
    with torch.device("meta"):
        encoder = Encoder(num_layers, d_model, 2, d_ff)
    assert encoder_parameters(*sizes) == sum(parameter.numel() for parameter in encoder.parameters())


def test_the_paper_s_encoder_has_nearly_19_million():
    assert encoder_parameters(6, 512, 2048) == 18_902_016


def test_layers_have_weights_of_their_own():
    encoder = Encoder(**SMALL)
    storages = {parameter.untyped_storage().data_ptr() for parameter in encoder.parameters()}
    assert len(storages) == len(list(encoder.parameters())) == 3 * 12
    assert not torch.equal(encoder.layers[0].attention.query.weight, encoder.layers[1].attention.query.weight)


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_padding_in_a_batch_changes_nothing(seed):
    encoder = shaken(Encoder(**SMALL), seed)
    short, other, filling = random(3, 6, seed=seed), random(5, 6, seed=seed + 1), random(2, 6, seed=seed + 2) * 50
    batch = torch.stack([torch.cat([short, filling]), other])
    keep = torch.tensor([[True, True, True, False, False], [True] * 5])
    with torch.no_grad():
        together, alone = encoder(batch, keep.unsqueeze(1)), encoder(short.unsqueeze(0))
    assert torch.allclose(together[0, :3], alone[0], atol=2e-5)


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_the_encoder_has_no_order_of_its_own(seed):
    encoder, x = shaken(Encoder(**SMALL), seed).double(), random(2, 5, 6, seed=seed).double()
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        assert torch.allclose(encoder(x[:, order]), encoder(x)[:, order], atol=1e-10)


def test_nothing_to_attend_to():
    encoder, x = shaken(Encoder(**SMALL)), random(2, 4, 6).requires_grad_()
    mask = torch.ones(2, 1, 4, dtype=torch.bool)
    mask[1] = False
    output = encoder(x, mask)
    output.sum().backward()
    assert output.isfinite().all() and x.grad.isfinite().all()


def test_dropout_acts_in_training_mode_alone():
    x, before = random(2, 4, 6), random(2, 4, 6)
    layer = EncoderLayer(6, 2, 10, dropout=0.5)
    layer.eval()
    assert torch.equal(layer(x), layer(x))
    layer.train()
    assert not torch.equal(layer(x), layer(x))
    assert torch.equal(x, before)
    rates = [module.p for module in layer.modules() if isinstance(module, nn.Dropout)]
    assert rates == [0.5] * 3
    without = EncoderLayer(6, 2, 10, dropout=0.0).train()
    assert torch.equal(without(x), without(x))


def test_dropout_in_the_network_stands_on_the_hidden_units():
    network = FeedForward(4, 3, dropout=0.25).train()
    with torch.no_grad():
        network.inner.weight.zero_()
        network.inner.bias.fill_(1.0)
        network.outer.weight.copy_(torch.tensor([[3.0, 0, 0], [0, 3, 0], [0, 0, 3], [0, 0, 0]]))
        network.outer.bias.fill_(1.0)
        values, counts = network(torch.zeros(100, 50, 4))[..., :3].unique(return_counts=True)
    assert torch.allclose(values, torch.tensor([1.0, 5.0]))  # 3 / (1 - 0.25) + 1
    assert abs(counts[0] / counts.sum() - 0.25) < 0.02
