"""Lesson 3, attention: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercises.mistakes.single_head.scores import products, scores_full_transpose
from helpers.single_head import attention_scores, attention_weights, scaled_dot_product_attention, softmax

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
    weights = attention_weights(products(query, key), mask)
    return weights @ value, weights


def attention_scaled_twice(query, key, value, mask=None):
    weights = attention_weights(attention_scores(query, key) / np.sqrt(key.shape[-1]), mask)
    return weights @ value, weights


def attention_width_of_value(query, key, value, mask=None):
    weights = attention_weights(products(query, key) / np.sqrt(value.shape[-1]), mask)
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
