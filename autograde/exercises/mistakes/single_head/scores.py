"""Lesson 3, softmax, projections and scores: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F

from helpers.single_head import attention_scores, project, softmax

# --- softmax: wrong -------------------------------------------------------------------------------------------------


def softmax_sum_over_everything(x, axis=-1):
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials)


def softmax_other_axis(x, axis=-1):
    return softmax(x, axis=0)


def softmax_ignores_axis(x, axis=-1):
    return softmax(x)


def softmax_overflows(x, axis=-1):
    exponentials = np.exp(x)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


def softmax_of_everything(x, axis=-1):
    exponentials = np.exp(x - x.max())
    return exponentials / exponentials.sum()


def softmax_one_maximum(x, axis=-1):
    return softmax_overflows(x - np.max(x), axis)


def softmax_no_keepdims(x, axis=-1):
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials, axis=axis)


def softmax_no_exponential(x, axis=-1):
    return x / np.sum(x, axis=axis, keepdims=True)


def softmax_in_place(x, axis=-1):
    x -= np.max(x, axis=axis, keepdims=True)
    return softmax(x, axis)


def softmax_logarithm(x, axis=-1):
    return np.log(softmax(x, axis))


# --- softmax: right -------------------------------------------------------------------------------------------------


def softmax_loop(x, axis=-1):
    moved = np.moveaxis(np.array(x, dtype=float), axis, -1)
    out = np.empty_like(moved)
    for index in np.ndindex(moved.shape[:-1]):
        top = max(moved[index])
        powers = [np.exp(value - top) for value in moved[index]]
        out[index] = [power / sum(powers) for power in powers]
    return np.moveaxis(out, -1, axis)


def softmax_logsumexp(x, axis=-1):
    top = x.max(axis=axis, keepdims=True)
    return np.exp(x - (top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))))


def softmax_torch(x, axis=-1):
    return torch.softmax(torch.from_numpy(x), dim=axis).numpy()


def softmax_transposed(x, axis=-1):
    columns = np.swapaxes(x, axis, 0).copy()
    columns -= columns.max(axis=0)
    np.exp(columns, out=columns)
    columns /= columns.sum(axis=0)
    return np.swapaxes(columns, axis, 0)


# --- project: wrong -------------------------------------------------------------------------------------------------


def project_query_key_swapped(x, w_query, w_key, w_value):
    query, key, value = project(x, w_query, w_key, w_value)
    return key, query, value


def project_key_value_swapped(x, w_query, w_key, w_value):
    query, key, value = project(x, w_query, w_key, w_value)
    return query, value, key


def project_one_matrix(x, w_query, w_key, w_value):
    return x @ w_query, x @ w_query, x @ w_value


def project_chained(x, w_query, w_key, w_value):
    query = x @ w_query
    key = query @ w_key
    return query, key, key @ w_value


def project_activation(x, w_query, w_key, w_value):
    return tuple(np.maximum(part, 0) for part in project(x, w_query, w_key, w_value))


def project_weights_transposed(x, w_query, w_key, w_value):
    return x @ w_query.T, x @ w_key.T, x @ w_value.T


def project_columns(x, w_query, w_key, w_value):
    return w_query.T @ x.T, w_key.T @ x.T, w_value.T @ x.T


def project_elementwise(x, w_query, w_key, w_value):
    return x * w_query, x * w_key, x * w_value


def project_stacked(x, w_query, w_key, w_value):
    return np.stack([x @ w_query, x @ w_key, x @ w_value])


# --- project: right -------------------------------------------------------------------------------------------------


def project_einsum(x, w_query, w_key, w_value):
    return [np.einsum("...m,mh->...h", x, w) for w in (w_query, w_key, w_value)]


def project_loop(x, w_query, w_key, w_value):
    parts = []
    for w in (w_query, w_key, w_value):
        part = np.zeros((*x.shape[:-1], w.shape[1]))
        for column in range(w.shape[1]):
            for feature in range(w.shape[0]):
                part[..., column] += x[..., feature] * w[feature, column]
        parts.append(part)
    return tuple(parts)


def project_one_product(x, w_query, w_key, w_value):
    widths = np.cumsum([w_query.shape[1], w_key.shape[1]])
    return tuple(np.split(x @ np.hstack([w_query, w_key, w_value]), widths, axis=-1))


def project_torch(x, w_query, w_key, w_value):
    return tuple(F.linear(torch.from_numpy(x), torch.from_numpy(w.T)).numpy() for w in (w_query, w_key, w_value))


# --- attention_scores: wrong ----------------------------------------------------------------------------------------


def products(query, key):
    return query @ np.swapaxes(key, -1, -2)


def scores_no_scaling(query, key):
    return products(query, key)


def scores_without_root(query, key):
    return products(query, key) / key.shape[-1]


def scores_multiplied(query, key):
    return products(query, key) * np.sqrt(key.shape[-1])


def scores_precedence(query, key):
    return products(query, key) / key.shape[-1] ** 1 / 2  # the power comes first, then the division by 2


def scores_root_of_keys(query, key):
    return products(query, key) / np.sqrt(key.shape[-2])


def scores_root_of_queries(query, key):
    return products(query, key) / np.sqrt(query.shape[-2])


def scores_root_of_axis_0(query, key):
    return query @ np.swapaxes(key, -1, -2) / np.sqrt(len(key))


def scores_root_of_axis_1(query, key):
    return products(query, key) / np.sqrt(key.shape[1])


def scores_swapped(query, key):
    return attention_scores(key, query)


def scores_full_transpose(query, key):
    return query @ key.T / np.sqrt(key.shape[-1])


def scores_reshaped(query, key):
    return query @ key.reshape(*key.shape[:-2], key.shape[-1], key.shape[-2]) / np.sqrt(key.shape[-1])


def scores_no_transpose(query, key):
    return query @ key / np.sqrt(key.shape[-1])


def scores_cosine(query, key):
    query = query / np.linalg.norm(query, axis=-1, keepdims=True)
    key = key / np.linalg.norm(key, axis=-1, keepdims=True)
    return products(query, key)


def scores_softmax(query, key):
    return softmax(attention_scores(query, key))


def scores_in_place(query, key):
    query /= np.sqrt(query.shape[-1])
    return products(query, key)


# --- attention_scores: right ----------------------------------------------------------------------------------------


def scores_einsum(query, key):
    return np.einsum("...qd,...kd->...qk", query, key) * key.shape[-1] ** -0.5


def scores_both_scaled(query, key):
    width = query.shape[-1] ** 0.25
    return np.matmul(query / width, np.moveaxis(key / width, -1, -2))


def scores_loop(query, key):
    out = np.empty((*query.shape[:-1], key.shape[-2]))
    for *batch, q, k in np.ndindex(out.shape):
        out[(*batch, q, k)] = np.dot(query[(*batch, q)], key[(*batch, k)]) / math.sqrt(query.shape[-1])
    return out


def scores_broadcast(query, key):
    return (query[..., :, None, :] * key[..., None, :, :]).sum(-1) / np.sqrt(query.shape[-1])


def scores_torch(query, key):
    query, key = torch.from_numpy(query), torch.from_numpy(key)
    return (query @ key.mT / math.sqrt(query.size(-1))).numpy()
