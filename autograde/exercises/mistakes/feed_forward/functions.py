"""Lesson 6, step by step: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from helpers.feed_forward import feed_forward, linear, relu

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
