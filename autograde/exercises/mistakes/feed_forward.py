"""Lesson 6: wrong implementations (the misconceptions) and right ones that are written differently (the variants)."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers.add_norm import AddNorm, LayerNormalization
from helpers.feed_forward import Encoder, EncoderLayer, FeedForward, feed_forward, linear, relu
from helpers.multi_head import MultiHeadAttention

# --- relu: wrong ----------------------------------------------------------------------------------------------------


def relu_absolute(x):
    return np.abs(x)


def relu_minimum(x):
    return np.minimum(x, 0.0)


def relu_leaky(x):
    return np.where(x > 0, x, 0.01 * x)


def relu_step(x):
    return (x > 0).astype(float)


def relu_largest_of_axis(x):
    return np.max(x, 0)


def relu_builtin_max(x):
    return max(0.0, x)


def relu_drops(x):
    return x[x > 0]


def relu_in_place(x):
    x[x < 0] = 0.0
    return x


def relu_clipped(x):
    return np.clip(x, 0.0, 1.0)


def relu_shifted(x):
    return x - np.min(x)


def relu_gelu(x):
    return F.gelu(torch.from_numpy(x)).numpy()


# --- relu: right ----------------------------------------------------------------------------------------------------


def relu_where(x):
    return np.where(x > 0, x, 0.0)


def relu_product(x):
    return x * (x > 0)


def relu_half(x):
    return (np.abs(x) + x) / 2


def relu_loop(x):
    return np.array([max(0.0, number) for number in x.ravel()]).reshape(x.shape)


def relu_torch(x):
    return torch.relu(torch.from_numpy(x)).numpy()


# --- linear: wrong --------------------------------------------------------------------------------------------------


def linear_no_bias(x, weight, bias):
    return x @ weight


def linear_transposed(x, weight, bias):
    return x @ weight.T + bias


def linear_weight_first(x, weight, bias):
    return weight @ x + bias


def linear_columns(x, weight, bias):
    return (x @ weight + bias).T


def linear_elementwise(x, weight, bias):
    return x * weight + bias


def linear_bias_before(x, weight, bias):
    return (x + bias) @ weight


def linear_bias_subtracted(x, weight, bias):
    return x @ weight - bias


def linear_bias_multiplied(x, weight, bias):
    return (x @ weight) * bias


def linear_bias_once(x, weight, bias):
    out = x @ weight
    out[..., 0, :] += bias
    return out


def linear_bias_summed(x, weight, bias):
    return x @ weight + bias.sum()


def linear_with_relu(x, weight, bias):
    return relu(linear(x, weight, bias))


# --- linear: right --------------------------------------------------------------------------------------------------


def linear_einsum(x, weight, bias):
    return np.einsum("...i,io->...o", x, weight) + bias


def linear_torch(x, weight, bias):
    return F.linear(torch.from_numpy(x), torch.from_numpy(weight.T), torch.from_numpy(bias)).numpy()


def linear_column_of_ones(x, weight, bias):
    ones = np.ones((*x.shape[:-1], 1))
    return np.concatenate([x, ones], axis=-1) @ np.vstack([weight, bias])


def linear_loop(x, weight, bias):
    out = np.empty((*x.shape[:-1], len(bias)))
    for row in np.ndindex(x.shape[:-1]):
        for column in range(len(bias)):
            out[row][column] = sum(x[row][i] * weight[i, column] for i in range(len(weight))) + bias[column]
    return out


def linear_sum_of_rows(x, weight, bias):
    out = np.zeros((*x.shape[:-1], 1)) + bias
    for i, row in enumerate(weight):
        out = out + x[..., i, None] * row
    return out


# --- feed_forward: wrong --------------------------------------------------------------------------------------------


def network_no_relu(x, w1, b1, w2, b2):
    return linear(linear(x, w1, b1), w2, b2)


def network_relu_last(x, w1, b1, w2, b2):
    return relu(linear(linear(x, w1, b1), w2, b2))


def network_relu_twice(x, w1, b1, w2, b2):
    return relu(feed_forward(x, w1, b1, w2, b2))


def network_relu_first(x, w1, b1, w2, b2):
    return linear(linear(relu(x), w1, b1), w2, b2)


def network_first_half(x, w1, b1, w2, b2):
    return relu(linear(x, w1, b1))


def network_no_first_bias(x, w1, b1, w2, b2):
    return linear(relu(x @ w1), w2, b2)


def network_no_second_bias(x, w1, b1, w2, b2):
    return relu(linear(x, w1, b1)) @ w2


def network_bias_after_relu(x, w1, b1, w2, b2):
    return linear(relu(x @ w1) + b1, w2, b2)


def network_residual(x, w1, b1, w2, b2):
    return x + feed_forward(x, w1, b1, w2, b2)


def network_softmax(x, w1, b1, w2, b2):
    powers = np.exp(linear(x, w1, b1))
    return linear(powers / powers.sum(axis=-1, keepdims=True), w2, b2)


def network_gelu(x, w1, b1, w2, b2):
    return linear(relu_gelu(linear(x, w1, b1)), w2, b2)


def network_first_token(x, w1, b1, w2, b2):
    return np.zeros_like(x) + feed_forward(x[..., :1, :], w1, b1, w2, b2)


def network_mean(x, w1, b1, w2, b2):
    return np.zeros_like(x) + feed_forward(x.mean(axis=-2, keepdims=True), w1, b1, w2, b2)


def network_flattened(x, w1, b1, w2, b2):
    return feed_forward(x.reshape(-1), w1, b1, w2, b2)


# --- feed_forward: right --------------------------------------------------------------------------------------------


def network_one_line(x, w1, b1, w2, b2):
    return np.maximum(0, x @ w1 + b1) @ w2 + b2


def network_rows(x, w1, b1, w2, b2):
    rows = [w2.T @ np.clip(w1.T @ row + b1, 0, None) + b2 for row in x.reshape(-1, x.shape[-1])]
    return np.stack(rows).reshape(x.shape)


def network_units(x, w1, b1, w2, b2):
    out = np.zeros_like(x) + b2
    for unit in range(len(b1)):
        strength = np.maximum(x @ w1[:, unit] + b1[unit], 0)
        out = out + strength[..., None] * w2[unit]
    return out


def network_torch(x, w1, b1, w2, b2):
    x, w1, b1, w2, b2 = map(torch.from_numpy, (x, w1, b1, w2, b2))
    return F.linear(F.relu(F.linear(x, w1.T, b1)), w2.T, b2).numpy()


def network_einsum(x, w1, b1, w2, b2):
    hidden = np.einsum("...m,mf->...f", x, w1) + b1
    hidden[hidden < 0] = 0
    return np.einsum("...f,fm->...m", hidden, w2) + b2


# --- FeedForward: wrong ---------------------------------------------------------------------------------------------


class NetworkOneLayer(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(torch.relu(self.inner(x)))


class NetworkNoReLU(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(self.inner(x)))


class NetworkReLULast(FeedForward):
    def forward(self, x):
        return torch.relu(self.outer(self.dropout(self.inner(x))))


class NetworkReLUTwice(FeedForward):
    def forward(self, x):
        return torch.relu(super().forward(x))


class NetworkWidthUnused(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_model)
        self.outer = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.outer(self.dropout(torch.relu(self.inner(x))))


class NetworkFourTimes(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, 4 * d_model, dropout)


class NetworkNoBias(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, dropout)
        self.inner = nn.Linear(d_model, d_ff, bias=False)
        self.outer = nn.Linear(d_ff, d_model, bias=False)


class NetworkSizesExchanged(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, dropout)
        self.inner = nn.Linear(d_ff, d_model)
        self.outer = nn.Linear(d_model, d_ff)


class NetworkResidual(FeedForward):
    def forward(self, x):
        return x + super().forward(x)


class NetworkGELU(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(F.gelu(self.inner(x))))


class NetworkUnregistered(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.parts = [nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)]
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        inner, outer = self.parts
        return outer(self.dropout(torch.relu(inner(x))))


class NetworkNoDropout(FeedForward):
    def forward(self, x):
        return self.outer(torch.relu(self.inner(x)))


class NetworkDropoutLast(FeedForward):
    def forward(self, x):
        return self.dropout(self.outer(torch.relu(self.inner(x))))


class NetworkDropoutFirst(FeedForward):
    def forward(self, x):
        return self.outer(torch.relu(self.inner(self.dropout(x))))


class NetworkDropoutTwice(FeedForward):
    def forward(self, x):
        return self.dropout(super().forward(x))


class NetworkAlwaysTenPercent(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff)


class NetworkDropoutAlways(FeedForward):
    def forward(self, x):
        return self.outer(F.dropout(torch.relu(self.inner(x)), self.dropout.p))


class NetworkDetached(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(torch.relu(self.inner(x).detach())))


# --- FeedForward: right ---------------------------------------------------------------------------------------------


class NetworkFunctional(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.rate = dropout
        self.outer, self.inner = nn.Linear(d_ff, d_model), nn.Linear(d_model, d_ff)

    def forward(self, x):
        hidden = F.relu(F.linear(x, self.inner.weight, self.inner.bias))
        return F.linear(F.dropout(hidden, self.rate, self.training), self.outer.weight, self.outer.bias)


class NetworkDropoutBeforeReLU(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_ff)
        self.activation = nn.ReLU()
        self.drop = nn.Dropout(p=dropout)
        self.outer = nn.Linear(d_ff, d_model)

    def forward(self, x):
        return self.outer(self.activation(self.drop(self.inner(x))))


class NetworkClamped(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(self.inner(x).clamp(min=0)))


class NetworkByHand(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.keep = 1 - dropout
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)

    def forward(self, x):
        hidden = self.inner(x)
        hidden = torch.where(hidden > 0, hidden, torch.zeros_like(hidden))
        if self.training:
            hidden = hidden * (torch.rand(hidden.shape) < self.keep) / self.keep
        return self.outer(hidden)


class NetworkTokenByToken(FeedForward):
    def forward(self, x):
        rows = [self.outer(self.dropout(F.relu(self.inner(x[:, place])))) for place in range(x.shape[1])]
        return torch.stack(rows, dim=1)


# --- EncoderLayer: wrong --------------------------------------------------------------------------------------------


class LayerOneNorm(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.add_norm_2 = self.add_norm_1


class LayerFirstNormTwice(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_1(x, self.feed_forward(x))


class LayerResidualFromInput(EncoderLayer):
    def forward(self, x, mask=None):
        y = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(x, self.feed_forward(y))


class LayerNetworkReadsInput(EncoderLayer):
    def forward(self, x, mask=None):
        y = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(y, self.feed_forward(x))


class LayerNetworkReadsAttention(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm_2(self.add_norm_1(x, attended), self.feed_forward(attended))


class LayerNetworkFirst(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.feed_forward(x))
        return self.add_norm_2(x, self.attention(x, mask=mask)[0])


class LayerMaskIgnored(EncoderLayer):
    def forward(self, x, mask=None):
        return super().forward(x)


class LayerMaskUpsideDown(EncoderLayer):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


class LayerMaskAsKey(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask)
        x = self.add_norm_1(x, attended)
        return self.add_norm_2(x, self.feed_forward(x))


class LayerNoSecondResidual(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2.norm(self.feed_forward(x))


class LayerNoSecondNorm(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return x + self.add_norm_2.dropout(self.feed_forward(x))


class LayerNoFirstAddNorm(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm_2(attended, self.feed_forward(attended))


class LayerAddedTwice(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, x + self.attention(x, mask=mask)[0])
        return self.add_norm_2(x, x + self.feed_forward(x))


class LayerPreNorm(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(self.add_norm_1.norm(x), mask=mask)
        x = x + self.add_norm_1.dropout(attended)
        return x + self.add_norm_2.dropout(self.feed_forward(self.add_norm_2.norm(x)))


class LayerNormOfSublayer(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.add_norm_1.norm(self.add_norm_1.dropout(self.attention(x, mask=mask)[0]))
        return x + self.add_norm_2.norm(self.add_norm_2.dropout(self.feed_forward(x)))


class LayerPair(EncoderLayer):
    def forward(self, x, mask=None):
        _, weights = self.attention(x, mask=mask)
        return super().forward(x, mask), weights


class LayerAttentionNotUnpacked(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask))
        return self.add_norm_2(x, self.feed_forward(x))


class LayerWidthUnused(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, 4 * d_model, dropout)


class LayerHeadsAndWidthExchanged(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, num_heads, dropout)


class LayerAttentionBias(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.attention = MultiHeadAttention(d_model, num_heads, bias=True)


class LayerOneHead(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, 1, d_ff, dropout)


class LayerDropoutNotGivenOn(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff)


class LayerNetworkWithoutDropout(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.feed_forward = FeedForward(d_model, d_ff)


class LayerNormsWithoutDropout(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.add_norm_1, self.add_norm_2 = AddNorm(d_model), AddNorm(d_model)


# --- EncoderLayer: right --------------------------------------------------------------------------------------------


class LayerWrittenOut(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, x, x, mask)
        y = self.add_norm_1.norm(x + self.add_norm_1.dropout(attended))
        return self.add_norm_2.norm(self.add_norm_2.dropout(self.feed_forward(y)) + y)


class LayerMadeInAnotherOrder(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.add_norm_2 = AddNorm(d_model, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.add_norm_1 = AddNorm(embed_dim=d_model, dropout=dropout)
        self.attention = MultiHeadAttention(embed_dim=d_model, num_heads=num_heads)

    def forward(self, x, mask=None):
        after_attention = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(after_attention, self.feed_forward(after_attention))


class _Added(nn.Module):
    """Add & norm with the dropout of the functional interface."""

    def __init__(self, width, rate):
        super().__init__()
        self.rate, self.norm = rate, LayerNormalization(width)

    def forward(self, x, y):
        return self.norm(F.dropout(y, self.rate, self.training) + x)


class LayerOwnAddNorm(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = NetworkFunctional(d_model, d_ff, dropout)
        self.add_norm_1, self.add_norm_2 = _Added(d_model, dropout), _Added(d_model, dropout)

    def forward(self, x, mask=None):
        for sublayer, join in ((self._attend, self.add_norm_1), (self._think, self.add_norm_2)):
            x = join(x, sublayer(x, mask))
        return x

    def _attend(self, x, mask):
        return self.attention(x, mask=mask, need_weights=False)[0]

    def _think(self, x, mask):
        return self.feed_forward(x)


class LayerSentenceBySentence(EncoderLayer):
    def forward(self, x, mask=None):
        if self.training:
            return super().forward(x, mask)
        if mask is not None and mask.dim() == 2:
            mask = mask.expand(len(x), -1, -1)
        rows = []
        for place, sentence in enumerate(x):
            one = None if mask is None else mask[place : place + 1]
            rows.append(super().forward(sentence.unsqueeze(0), one))
        return torch.cat(rows)


# --- Encoder: wrong -------------------------------------------------------------------------------------------------


class EncoderShared(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList([EncoderLayer(d_model, num_heads, d_ff, dropout)] * num_layers)


class EncoderPythonList(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = [EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]


class EncoderEachReadsInput(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            out = layer(x, mask)
        return out


class EncoderFirstLayerAlone(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask)
            return x


class EncoderMaskIgnored(Encoder):
    def forward(self, x, mask=None):
        return super().forward(x)


class EncoderMaskFirstLayer(Encoder):
    def forward(self, x, mask=None):
        for index, layer in enumerate(self.layers):
            x = layer(x, mask if index == 0 else None)
        return x


class EncoderMaskUpsideDown(Encoder):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


class EncoderSix(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(6, d_model, num_heads, d_ff, dropout)


class EncoderOneTooFew(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers - 1, d_model, num_heads, d_ff, dropout)


class EncoderFinalNorm(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.norm = LayerNormalization(d_model)

    def forward(self, x, mask=None):
        return self.norm(super().forward(x, mask))


class EncoderAllOutputs(Encoder):
    def forward(self, x, mask=None):
        outputs = []
        for layer in self.layers:
            x = layer(x, mask)
            outputs.append(x)
        return outputs


class EncoderResidual(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            x = x + layer(x, mask)
        return x


class EncoderReversed(Encoder):
    def forward(self, x, mask=None):
        for layer in reversed(self.layers):
            x = layer(x, mask)
        return x


class EncoderSequentialWithMask(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.layers = nn.Sequential(*self.layers)

    def forward(self, x, mask=None):
        return self.layers(x, mask)


class EncoderFourTimes(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, 4 * d_model, dropout)


class EncoderHeadsAndWidthExchanged(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, d_ff, num_heads, dropout)


class EncoderDropoutNotGivenOn(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff)


class EncoderNoDefaults(Encoder):
    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)


# --- Encoder: right -------------------------------------------------------------------------------------------------


class EncoderDeepCopies(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        layer = EncoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])

    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask=mask)
        return x


class EncoderAppended(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(EncoderLayer(d_model=d_model, num_heads=num_heads, d_ff=d_ff, dropout=dropout))

    def forward(self, x, mask=None):
        for index in range(len(self.layers)):
            x = self.layers[index](x, mask)
        return x


class EncoderSequential(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.Sequential(*(EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)))

    def forward(self, x, mask=None):
        state = x
        for layer in self.layers:
            state = layer(state, mask)
        return state


class EncoderRecursive(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        made = [LayerOwnAddNorm(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.layers = nn.ModuleList(made)

    def forward(self, x, mask=None, start=0):
        if start == len(self.layers):
            return x
        return self.forward(self.layers[start](x, mask), mask, start + 1)


# --- encoder_parameters: right --------------------------------------------------------------------------------------


def parameters_counted(num_layers, d_model, d_ff):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Encoder(num_layers, d_model, 1, d_ff).parameters())


def parameters_of_shapes(num_layers, d_model, d_ff):
    shapes = [(d_model, d_model)] * 4 + [(d_model, d_ff), (d_ff,), (d_ff, d_model), (d_model,)] + [(d_model,)] * 4
    return num_layers * sum(math.prod(shape) for shape in shapes)


def parameters_gathered(num_layers, d_model, d_ff):
    return num_layers * (4 * d_model**2 + 2 * d_model * d_ff + d_ff + 5 * d_model)


def parameters_added_up(num_layers, d_model, d_ff):
    total = 0
    for _ in range(num_layers):
        total += sum(d_model * d_model for _ in ("query", "key", "value", "out"))
        total += (d_model + 1) * d_ff + (d_ff + 1) * d_model
        total += sum(d_model for _ in range(2) for _ in ("gamma", "beta"))
    return total
