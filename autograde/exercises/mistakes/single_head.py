"""Lesson 3: wrong implementations (the misconceptions) and right ones that are written differently (the variants)."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers.single_head import (
    SelfAttentionHead,
    attention_scores,
    attention_weights,
    project,
    scaled_dot_product_attention,
    softmax,
)

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


def _products(query, key):
    return query @ np.swapaxes(key, -1, -2)


def scores_no_scaling(query, key):
    return _products(query, key)


def scores_without_root(query, key):
    return _products(query, key) / key.shape[-1]


def scores_multiplied(query, key):
    return _products(query, key) * np.sqrt(key.shape[-1])


def scores_precedence(query, key):
    return _products(query, key) / key.shape[-1] ** 1 / 2  # the power comes first, then the division by 2


def scores_root_of_keys(query, key):
    return _products(query, key) / np.sqrt(key.shape[-2])


def scores_root_of_queries(query, key):
    return _products(query, key) / np.sqrt(query.shape[-2])


def scores_root_of_axis_0(query, key):
    return query @ np.swapaxes(key, -1, -2) / np.sqrt(len(key))


def scores_root_of_axis_1(query, key):
    return _products(query, key) / np.sqrt(key.shape[1])


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
    return _products(query, key)


def scores_softmax(query, key):
    return softmax(attention_scores(query, key))


def scores_in_place(query, key):
    query /= np.sqrt(query.shape[-1])
    return _products(query, key)


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


# --- attention_weights: wrong ---------------------------------------------------------------------------------------


def weights_mask_ignored(scores, mask=None):
    return softmax(scores)


def weights_upside_down(scores, mask=None):
    return softmax(scores) if mask is None else attention_weights(scores, ~mask)


def weights_zeroed_after(scores, mask=None):
    weights = softmax(scores)
    return weights if mask is None else np.where(mask, weights, 0.0)


def weights_multiplied(scores, mask=None):
    return softmax(scores) if mask is None else softmax(scores * mask)


def weights_mask_added(scores, mask=None):
    return softmax(scores) if mask is None else softmax(scores + mask)


def weights_zero_times_infinity(scores, mask=None):
    return softmax(scores) if mask is None else softmax(scores + (1 - mask) * -np.inf)


def weights_nan_in_empty_row(scores, mask=None):
    return softmax(scores) if mask is None else softmax(np.where(mask, scores, -np.inf))


def weights_large_negative(scores, mask=None):
    return softmax(scores) if mask is None else softmax(np.where(mask, scores, -1e9))


def weights_large_negative_added(scores, mask=None):
    return softmax(scores) if mask is None else softmax(scores + np.where(mask, 0.0, -1e9))


def weights_small_fill(scores, mask=None):
    return softmax(scores) if mask is None else softmax(np.where(mask, scores, -10.0))


def weights_over_queries(scores, mask=None):
    return softmax(scores if mask is None else np.where(mask, scores, -np.inf), axis=-2)


def weights_in_place(scores, mask=None):
    if mask is not None:
        scores[~mask] = -np.inf
    return softmax(scores)


def weights_boolean_index(scores, mask=None):
    scores = scores.copy()
    if mask is not None:
        scores[~mask] = -np.inf
    return softmax(scores)


def weights_truth_of_array(scores, mask=None):
    if mask:
        scores = np.where(mask, scores, -np.inf)
    return softmax(scores)


# --- attention_weights: right ---------------------------------------------------------------------------------------


def weights_nan_replaced(scores, mask=None):
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    return np.nan_to_num(softmax(scores), nan=0.0)


def weights_loop(scores, mask=None):
    mask = np.broadcast_to(True if mask is None else mask, scores.shape)
    out = np.zeros_like(scores)
    for row in np.ndindex(scores.shape[:-1]):
        allowed = np.flatnonzero(mask[row])
        if len(allowed):
            out[row][allowed] = softmax(scores[row][allowed])
    return out


def weights_by_division(scores, mask=None):
    mask = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    top = np.max(scores, axis=-1, keepdims=True, where=mask, initial=-1e300)
    powers = np.zeros_like(scores)
    np.exp(scores - top, out=powers, where=mask)
    total = powers.sum(axis=-1, keepdims=True)
    return powers / np.where(total == 0, 1.0, total)


def weights_large_negative_then_zero(scores, mask=None):
    if mask is None:
        return softmax(scores)
    return softmax(scores * mask + ~mask * -1e12) * mask


def weights_torch(scores, mask=None):
    scores = torch.from_numpy(scores)
    if mask is None:
        return scores.softmax(-1).numpy()
    return scores.masked_fill(~torch.from_numpy(mask), -torch.inf).softmax(-1).nan_to_num(0).numpy()


# --- scaled_dot_product_attention: wrong ----------------------------------------------------------------------------


def attention_no_scaling(query, key, value, mask=None):
    weights = attention_weights(_products(query, key), mask)
    return weights @ value, weights


def attention_scaled_twice(query, key, value, mask=None):
    weights = attention_weights(attention_scores(query, key) / np.sqrt(key.shape[-1]), mask)
    return weights @ value, weights


def attention_width_of_value(query, key, value, mask=None):
    weights = attention_weights(_products(query, key) / np.sqrt(value.shape[-1]), mask)
    return weights @ value, weights


def attention_sum_of_keys(query, key, value, mask=None):
    _, weights = scaled_dot_product_attention(query, key, value, mask)
    return weights @ key, weights


def attention_no_softmax(query, key, value, mask=None):
    scores = attention_scores(query, key)
    if mask is not None:
        scores = np.where(mask, scores, 0.0)
    return scores @ value, scores


def attention_output_alone(query, key, value, mask=None):
    return scaled_dot_product_attention(query, key, value, mask)[0]


def attention_weights_first(query, key, value, mask=None):
    output, weights = scaled_dot_product_attention(query, key, value, mask)
    return weights, output


def attention_scores_returned(query, key, value, mask=None):
    output, _ = scaled_dot_product_attention(query, key, value, mask)
    return output, attention_scores(query, key)


def attention_mask_ignored(query, key, value, mask=None):
    return scaled_dot_product_attention(query, key, value)


def attention_swapped(query, key, value, mask=None):
    weights = attention_weights(attention_scores(key, query), mask)
    return weights @ value, weights


def attention_over_queries(query, key, value, mask=None):
    weights = weights_over_queries(attention_scores(query, key), mask)
    return weights @ value, weights


def attention_full_transpose(query, key, value, mask=None):
    weights = attention_weights(scores_full_transpose(query, key), mask)
    return weights @ value, weights


def attention_zeroed_after(query, key, value, mask=None):
    weights = weights_zeroed_after(attention_scores(query, key), mask)
    return weights @ value, weights


def attention_upside_down(query, key, value, mask=None):
    return scaled_dot_product_attention(query, key, value, None if mask is None else ~mask)


def attention_nan(query, key, value, mask=None):
    weights = weights_nan_in_empty_row(attention_scores(query, key), mask)
    return weights @ value, weights


# --- scaled_dot_product_attention: right ----------------------------------------------------------------------------


def attention_torch(query, key, value, mask=None):
    query, key, value = torch.from_numpy(query), torch.from_numpy(key), torch.from_numpy(value)
    mask = None if mask is None else torch.from_numpy(mask)
    same = torch.eye(key.shape[-2], dtype=key.dtype).expand(*key.shape[:-1], -1)
    output = F.scaled_dot_product_attention(query, key, value, mask)
    weights = F.scaled_dot_product_attention(query, key, same, mask)
    return output.numpy(), weights.numpy()


def attention_einsum(query, key, value, mask=None):
    scores = np.einsum("...qd,...kd->...qk", query, key) / math.sqrt(query.shape[-1])
    weights = weights_by_division(scores, mask)
    return [np.einsum("...qk,...kv->...qv", weights, value), weights]


def attention_loop(query, key, value, mask=None):
    shape = (*query.shape[:-1], key.shape[-2])
    mask = np.broadcast_to(True if mask is None else mask, shape)
    weights, output = np.zeros(shape), np.zeros((*query.shape[:-1], value.shape[-1]))
    for *batch, q in np.ndindex(shape[:-1]):
        keys, values = key[tuple(batch)], value[tuple(batch)]
        row = mask[(*batch, q)]
        if row.any():
            shares = np.exp([k @ query[(*batch, q)] / math.sqrt(len(k)) for k in keys[row]])
            weights[(*batch, q)][row] = shares / shares.sum()
            for share, one in zip(weights[(*batch, q)], values, strict=True):
                output[(*batch, q)] += share * one
    return output, weights


def attention_divided_last(query, key, value, mask=None):
    powers = np.exp(attention_scores(query, key))
    if mask is not None:
        powers = powers * mask
    total = powers.sum(-1, keepdims=True)
    total[total == 0] = 1
    return (powers @ value) / total, powers / total


# --- SelfAttentionHead: wrong ---------------------------------------------------------------------------------------


def _masked_softmax(scores, mask, dim=-1):
    return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -math.inf), dim=dim)


class HeadRootOfModel(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.query(x) @ self.key(x).mT / math.sqrt(self.query.in_features), mask)
        return weights @ self.value(x), weights


class HeadNoScaling(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.query(x) @ self.key(x).mT, mask)
        return weights @ self.value(x), weights


class HeadSwapped(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.key(x) @ self.query(x).mT / math.sqrt(self.query.out_features), mask)
        return weights @ self.value(x), weights


class HeadBias(SelfAttentionHead):
    def __init__(self, d_model, d_head):
        super().__init__(d_model, d_head)
        self.query, self.key, self.value = (nn.Linear(d_model, d_head) for _ in range(3))


class HeadActivation(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = (layer(x).relu() for layer in (self.query, self.key, self.value))
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


class HeadSumOfKeys(SelfAttentionHead):
    def forward(self, x, mask=None):
        _, weights = super().forward(x, mask)
        return weights @ self.key(x), weights


class HeadOutputAlone(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x, mask)[0]


class HeadKeyFromQuery(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.query(x), self.value(x)
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


class HeadFullTranspose(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        weights = _weights(query @ key.permute(2, 1, 0) / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


class HeadDetached(SelfAttentionHead):
    def forward(self, x, mask=None):
        with torch.no_grad():
            return super().forward(x, mask)


class HeadUnregistered(nn.Module):
    def __init__(self, d_model, d_head):
        super().__init__()
        self.layers = [nn.Linear(d_model, d_head, bias=False) for _ in range(3)]

    def forward(self, x, mask=None):
        query, key, value = (layer(x) for layer in self.layers)
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


class HeadOverQueries(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = _masked_softmax(scores, mask, dim=-2)
        return weights @ self.value(x), weights


class HeadOverBatch(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = _masked_softmax(scores, mask, dim=0)  # what torch takes for three axes when no `dim` is given
        return weights @ self.value(x), weights


class HeadUpsideDown(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


class HeadMaskIgnored(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x)


class HeadZeroedAfter(SelfAttentionHead):
    def forward(self, x, mask=None):
        _, weights = super().forward(x)
        weights = weights if mask is None else weights * mask
        return weights @ self.value(x), weights


class HeadNaN(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _masked_softmax(self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features), mask)
        return weights @ self.value(x), weights


class HeadNaNGradient(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        if mask is not None:
            scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
        weights = torch.softmax(scores, dim=-1).nan_to_num(0.0)
        return weights @ self.value(x), weights


class HeadLargeNegative(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = torch.softmax(scores if mask is None else scores.masked_fill(~mask, -1e9), dim=-1)
        return weights @ self.value(x), weights


# --- SelfAttentionHead: right ---------------------------------------------------------------------------------------


def _weights(scores, mask):
    """Masked softmax by plain division."""
    mask = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand_as(scores)
    top = scores.detach().masked_fill(~mask, -1e30).amax(-1, keepdim=True)
    powers = torch.where(mask, scores - top, 0.0).exp() * mask
    total = powers.sum(-1, keepdim=True)
    return powers / torch.where(total == 0, 1.0, total)


class HeadDivision(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        weights = _weights(torch.einsum("...qd,...kd->...qk", query, key) * query.shape[-1] ** -0.5, mask)
        return torch.einsum("...qk,...kd->...qd", weights, value), weights


class HeadTwoFills(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        scores = (query / math.sqrt(query.shape[-1])) @ key.mT
        mask = torch.ones(scores.shape, dtype=torch.bool) if mask is None else mask
        weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1).masked_fill(~mask, 0.0)
        return [weights @ value, weights]


class HeadFused(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        same = torch.eye(x.shape[-2]).expand(*x.shape[:-2], -1, -1)
        weights = F.scaled_dot_product_attention(query, key, same, mask)
        return F.scaled_dot_product_attention(query, key, value, mask), weights


class HeadLoop(nn.Module):
    def __init__(self, d_model, d_head):
        super().__init__()
        for name in ("value", "key", "query"):
            self.add_module(name, nn.Linear(d_model, d_head, bias=False))

    def forward(self, x, mask=None):
        batch, length, _ = x.shape
        mask = torch.ones(length, length, dtype=torch.bool) if mask is None else mask
        mask = mask.expand(batch, length, length)
        outputs, rows = [], []
        for sentence, allowed in zip(x, mask, strict=True):
            query, key, value = self.query(sentence), self.key(sentence), self.value(sentence)
            for one, may in zip(query / key.shape[1] ** 0.5, allowed, strict=True):
                row = torch.zeros(length)
                if may.any():
                    row = row.masked_scatter(may, torch.softmax(key[may] @ one, dim=0))
                rows.append(row)
                outputs.append(row @ value)
        return torch.stack(outputs).reshape(batch, length, -1), torch.stack(rows).reshape(batch, length, length)


class HeadFiniteFill(SelfAttentionHead):
    def forward(self, x, mask=None):
        weight = torch.cat([self.query.weight, self.key.weight, self.value.weight])
        query, key, value = F.linear(x, weight).chunk(3, dim=-1)
        scores = torch.matmul(query, key.transpose(1, 2)) / math.sqrt(query.size(-1))
        if mask is not None:
            scores = scores.masked_fill(mask == 0, torch.finfo(scores.dtype).min)
        weights = F.softmax(scores, dim=2)
        if mask is not None:
            weights = weights * mask
        return weights @ value, weights


# --- costs: right, written differently (the wrong ones are one line each, in the catalogue) --------------------------


def self_attention_counted(n, d):
    return sum(d for _query in range(n) for _key in range(n)), 1, 1


def recurrent_counted(n, d):
    steps = operations = 0
    for _token in range(n):
        steps += 1
        operations += d * d
    return operations, steps, steps


def convolution_ceiling(n, d, k):
    layers, left = 0, n
    while left > 1:
        left = -(-left // k)
        layers += 1
    return n * k * d**2, 1, layers


def convolution_search(n, d, k):
    return k * n * d * d, 1, next(m for m in itertools.count() if k**m >= n)


def convolution_reach(n, d, k):
    reach, layers = 1, 0
    while reach < n:
        reach, layers = reach * k, layers + 1
    return d * d * n * k, 1, layers


def convolution_corrected_logarithm(n, d, k):
    guess = round(math.log(n, k))
    return k * n * d * d, 1, guess if k**guess >= n else guess + 1


def convolution_rounded_at_each_step(n, d, k):
    layers, left = 0, n
    while left > 1:
        left //= k
        layers += 1
    return k * n * d * d, 1, layers
