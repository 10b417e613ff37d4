"""Lesson 3: single-head attention.

Shapes in this module: `n_queries` and `n_keys` are numbers of tokens, one token per row; `...` stands for any number
of leading axes (batch, heads). A mask is boolean, True = may attend.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn


def softmax(x, axis=-1):
    """Turn scores into probabilities that add up to 1 along `axis`.

    x: any shape; an entry of -inf gets the share 0. Returns float64 of the same shape.
    Source: "Attention Is All You Need", section 3.2.1, equation 1.
    """
    shifted = x - np.max(x, axis=axis, keepdims=True)  # the largest exponent is 0: nothing overflows
    exponentials = np.exp(shifted)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


def project(x, w_query, w_key, w_value):
    """Three views of the same tokens: what each one asks, what it can be found by, what it hands over.

    x: (..., length, d_model); w_query and w_key: (d_model, d_head); w_value: (d_model, d_value).
    Returns (query, key, value): (..., length, d_head) twice, then (..., length, d_value).
    Source: section 3.2.2, the linear projections of one head.
    """
    return x @ w_query, x @ w_key, x @ w_value


def attention_scores(query, key):
    """How well every query fits every key: dot products, divided by the root of the head's width.

    query: (..., n_queries, d_head); key: (..., n_keys, d_head). Returns (..., n_queries, n_keys).
    Source: section 3.2.1, equation 1, the argument of the softmax.
    """
    d_head = key.shape[-1]
    return query @ np.swapaxes(key, -1, -2) / np.sqrt(d_head)


def attention_weights(scores, mask=None):
    """Softmax over the keys that a query may attend to.

    scores: (..., n_queries, n_keys); mask: boolean, True = may attend, broadcastable to the scores, or None.
    Returns the shape of the scores. Each row adds up to 1; a row with nothing to attend to is all zeros.
    Source: section 3.2.3 ("setting to -inf all values ... which correspond to illegal connections").
    """
    if mask is None:
        return softmax(scores)
    empty = ~np.any(mask, axis=-1, keepdims=True)  # nothing but -inf in a row would make its softmax NaN
    weights = softmax(np.where(mask | empty, scores, -np.inf))
    return np.where(mask, weights, 0.0)


def scaled_dot_product_attention(query, key, value, mask=None):
    """Attention(Q, K, V) = softmax(Q Kᵀ / sqrt(d_head)) V.

    query: (..., n_queries, d_head); key: (..., n_keys, d_head); value: (..., n_keys, d_value); mask: boolean,
    True = may attend, broadcastable to (..., n_queries, n_keys), or None.
    Returns (output, weights): (..., n_queries, d_value) and (..., n_queries, n_keys).
    Source: section 3.2.1, equation 1.
    """
    weights = attention_weights(attention_scores(query, key), mask)
    return weights @ value, weights


class SelfAttentionHead(nn.Module):
    """One head of self-attention, with its three weight matrices.

    SelfAttentionHead(d_model, d_head) has the linear layers `query`, `key` and `value`, without bias.
    forward(x, mask=None): x (batch, length, d_model), mask boolean, True = may attend, broadcastable to
    (batch, length, length). Returns (output, weights): (batch, length, d_head) and (batch, length, length).
    A row with nothing to attend to gives zeros, with finite gradients.
    Source: section 3.2.2, one `head_i`.
    """

    def __init__(self, d_model, d_head):
        super().__init__()
        self.query = nn.Linear(d_model, d_head, bias=False)
        self.key = nn.Linear(d_model, d_head, bias=False)
        self.value = nn.Linear(d_model, d_head, bias=False)

    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        scores = query @ key.transpose(-2, -1) / math.sqrt(key.shape[-1])
        if mask is None:
            weights = torch.softmax(scores, dim=-1)
        else:
            empty = ~mask.any(dim=-1, keepdim=True)
            masked = scores.masked_fill(~(mask | empty), -math.inf)
            weights = torch.softmax(masked, dim=-1).masked_fill(~mask, 0.0)
        return weights @ value, weights


def self_attention_cost(n, d):
    """(operations per layer, sequential steps, longest path) of self-attention: n tokens of width d.

    Source: table 1, first row, without the O.
    """
    return n * n * d, 1, 1


def recurrent_cost(n, d):
    """(operations per layer, sequential steps, longest path) of a recurrent layer: n tokens of width d.

    Source: table 1, second row, without the O.
    """
    return n * d * d, n, n


def convolution_cost(n, d, k):
    """(operations per layer, sequential steps, longest path) of a convolution whose kernel is k tokens wide, k > 1.

    The path is the number of layers after which every token can see every other one: the smallest whole number m
    with k ** m >= n. Source: table 1, third row, without the O.
    """
    layers = 0
    while k**layers < n:
        layers += 1
    return k * n * d * d, 1, layers
