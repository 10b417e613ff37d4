"""Lesson 5, layer normalization: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from helpers.add_norm import normalize, row_statistics

# --- row_statistics: wrong ------------------------------------------------------------------------------------------


def statistics_unbiased(x):
    return x.mean(-1, keepdims=True), x.var(-1, keepdims=True, ddof=1)


def statistics_deviation(x):
    return x.mean(-1, keepdims=True), x.std(-1, keepdims=True)


def statistics_no_keepdims(x):
    return x.mean(-1), x.var(-1)


def statistics_of_columns(x):
    return x.mean(-2, keepdims=True), x.var(-2, keepdims=True)


def statistics_axis_0(x):
    return x.mean(0, keepdims=True), x.var(0, keepdims=True)


def statistics_axis_1(x):
    return x.mean(1, keepdims=True), x.var(1, keepdims=True)


def statistics_of_everything(x):
    return x.mean(keepdims=True), x.var(keepdims=True)


def statistics_everything_scalar(x):
    return x.mean(), x.var()


def statistics_swapped(x):
    return row_statistics(x)[::-1]


def statistics_sum_of_squares(x):
    mean = x.mean(-1, keepdims=True)
    return mean, np.sum((x - mean) ** 2, axis=-1, keepdims=True)


def statistics_mean_square(x):
    return x.mean(-1, keepdims=True), np.mean(x**2, axis=-1, keepdims=True)


def statistics_absolute(x):
    mean = x.mean(-1, keepdims=True)
    return mean, np.mean(np.abs(x - mean), axis=-1, keepdims=True)


def statistics_in_place(x):
    mean = x.mean(-1, keepdims=True)
    x -= mean
    return mean, np.mean(x**2, axis=-1, keepdims=True)


# --- row_statistics: right ------------------------------------------------------------------------------------------


def statistics_numpy(x):
    return [x.mean(-1, keepdims=True), x.var(-1, keepdims=True)]


def statistics_loop(x):
    rows = x.reshape(-1, x.shape[-1])
    means, variances = [], []
    for row in rows:
        mean = sum(row) / len(row)
        means.append(mean)
        variances.append(sum((number - mean) ** 2 for number in row) / len(row))
    shape = (*x.shape[:-1], 1)
    return np.array(means).reshape(shape), np.array(variances).reshape(shape)


def statistics_of_squares(x):
    mean = np.sum(x, axis=-1, keepdims=True) / x.shape[-1]
    return mean, np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1] - mean**2


def statistics_torch(x):
    variance, mean = torch.var_mean(torch.from_numpy(x), dim=-1, correction=0, keepdim=True)
    return mean.numpy(), variance.numpy()


# --- normalize: wrong -----------------------------------------------------------------------------------------------


def _parts(x):
    mean, variance = row_statistics(x)
    return x - mean, variance


def normalize_deviation_plus_eps(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (np.sqrt(variance) + eps)


def normalize_unbiased(x, eps=1e-5):
    return _parts(x)[0] / np.sqrt(x.var(-1, keepdims=True, ddof=1) + eps)


def normalize_unbiased_deviation_plus_eps(x, eps=1e-5):
    return _parts(x)[0] / (x.std(-1, keepdims=True, ddof=1) + eps)


def normalize_no_eps(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / np.sqrt(variance)


def normalize_fixed_eps(x, eps=1e-5):
    return normalize(x)


def normalize_eps_last(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / np.sqrt(variance) + eps


def normalize_variance(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (variance + eps)


def normalize_square(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (variance + eps) ** 2


def normalize_not_centred(x, eps=1e-5):
    return x / np.sqrt(_parts(x)[1] + eps)


def normalize_only_centred(x, eps=1e-5):
    return _parts(x)[0]


def normalize_no_brackets(x, eps=1e-5):
    mean, variance = row_statistics(x)
    return x - mean / np.sqrt(variance + eps)


def normalize_multiplied(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred * np.sqrt(variance + eps)


def normalize_columns(x, eps=1e-5):
    return (x - x.mean(0, keepdims=True)) / np.sqrt(x.var(0, keepdims=True) + eps)


def normalize_axis_1(x, eps=1e-5):
    axis = min(1, x.ndim - 1)
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


def normalize_everything(x, eps=1e-5):
    return (x - x.mean()) / np.sqrt(x.var() + eps)


def normalize_no_keepdims(x, eps=1e-5):
    return (x - x.mean(-1)) / np.sqrt(x.var(-1) + eps)


def normalize_length(x, eps=1e-5):
    centred, _ = _parts(x)
    return centred / np.sqrt(np.sum(centred**2, axis=-1, keepdims=True) + eps)


def normalize_range(x, eps=1e-5):
    low, high = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    return (x - low) / (high - low + eps)


def normalize_in_place(x, eps=1e-5):
    mean, variance = row_statistics(x)
    x -= mean
    return x / np.sqrt(variance + eps)


# --- normalize: right -----------------------------------------------------------------------------------------------


def normalize_numpy(x, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) * (x.var(axis=-1, keepdims=True) + eps) ** -0.5


def normalize_loop(x, eps=1e-5):
    result = np.empty_like(x)
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place]
        mean = row.sum() / row.size
        variance = ((row - mean) @ (row - mean)) / row.size
        result[place] = (row - mean) / np.sqrt(variance + eps)
    return result


def normalize_by_product(x, eps=1e-5):
    width = x.shape[-1]
    centred = x @ (np.eye(width) - 1 / width)
    return centred / np.sqrt(np.einsum("...i,...i->...", centred, centred)[..., np.newaxis] / width + eps)


def normalize_torch(x, eps=1e-5):
    return F.layer_norm(torch.from_numpy(x), x.shape[-1:], eps=eps).numpy()


# --- layer_norm: wrong ----------------------------------------------------------------------------------------------


def norm_no_gamma(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) + beta


def norm_no_beta(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x, eps)


def norm_nothing_learned(x, gamma, beta, eps=1e-5):
    return normalize(x, eps)


def norm_exchanged(x, gamma, beta, eps=1e-5):
    return beta * normalize(x, eps) + gamma


def norm_beta_first(x, gamma, beta, eps=1e-5):
    return gamma * (normalize(x, eps) + beta)


def norm_beta_subtracted(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x, eps) - beta


def norm_divided_by_gamma(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) / gamma + beta


def norm_one_plus_gamma(x, gamma, beta, eps=1e-5):
    return (1 + gamma) * normalize(x, eps) + beta


def norm_scaled_first(x, gamma, beta, eps=1e-5):
    return normalize(gamma * x + beta, eps)


def norm_not_normalized(x, gamma, beta, eps=1e-5):
    return gamma * x + beta


def norm_matrix_product(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) @ gamma + beta


def norm_gamma_of_token(x, gamma, beta, eps=1e-5):
    return gamma[:, np.newaxis] * normalize(x, eps) + beta[:, np.newaxis]


def norm_fixed_eps(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x) + beta


def norm_deviation_plus_eps(x, gamma, beta, eps=1e-5):
    return gamma * normalize_deviation_plus_eps(x, eps) + beta


def norm_columns(x, gamma, beta, eps=1e-5):
    return gamma * normalize_columns(x, eps) + beta


def norm_in_place(x, gamma, beta, eps=1e-5):
    x[...] = normalize(x, eps)
    return gamma * x + beta


# --- layer_norm: right ----------------------------------------------------------------------------------------------


def norm_torch(x, gamma, beta, eps=1e-5):
    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    return F.layer_norm(x, gamma.shape, gamma, beta, eps).numpy()


def norm_folded(x, gamma, beta, eps=1e-5):
    mean, variance = row_statistics(x)
    scale = gamma / np.sqrt(variance + eps)
    return x * scale + (beta - mean * scale)


def norm_diagonal(x, gamma, beta, eps=1e-5):
    return normalize_by_product(x, eps) @ np.diag(gamma) + beta


def norm_loop(x, gamma, beta, eps=1e-5):
    result = normalize_loop(x, eps)
    for column in range(x.shape[-1]):
        result[..., column] = result[..., column] * gamma[column] + beta[column]
    return result
