"""Lesson 4: multi-head attention.

Shapes: x is (batch, length, d_model), its heads (batch, heads, length, d_head), with d_head = d_model // heads.
A mask is boolean, True = may attend.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers.single_head import project, scaled_dot_product_attention


def split_heads(x, num_heads):
    """Cut every token's row into `num_heads` slices of equal width.

    x: tensor (batch, length, d_model). Returns (batch, heads, length, d_head).
    ValueError if num_heads does not divide d_model.
    Source: "Attention Is All You Need", section 3.2.2.
    """
    batch, length, d_model = x.shape
    if d_model % num_heads != 0:
        raise ValueError(f"{num_heads} heads do not divide a width of {d_model}")
    slices = x.reshape(batch, length, num_heads, d_model // num_heads)
    return slices.transpose(1, 2)  # (batch, length, heads, d_head) -> (batch, heads, length, d_head)


def merge_heads(x):
    """The inverse of `split_heads`: lay the heads of each token side by side again.

    x: tensor (batch, heads, length, d_head). Returns (batch, length, heads * d_head).
    Source: section 3.2.2, Concat(head_1, ..., head_h).
    """
    batch, heads, length, d_head = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * d_head)


def multi_head_by_hand(x, heads, w_output, mask=None):
    """Multi-head attention as a list of single heads, in NumPy, for one sentence.

    x: (length, d_model); heads: list of (w_query, w_key, w_value), each (d_model, d_head); w_output:
    (heads * d_head, d_model); mask: boolean (length, length) or None. Returns (length, d_model).
    Source: section 3.2.2, MultiHead(Q, K, V) = Concat(head_1, ..., head_h) W^O.
    """
    outputs = []
    for w_query, w_key, w_value in heads:
        query, key, value = project(x, w_query, w_key, w_value)
        output, _ = scaled_dot_product_attention(query, key, value, mask)
        outputs.append(output)
    return np.concatenate(outputs, axis=-1) @ w_output


class MultiHeadAttention(nn.Module):
    """Several heads of attention at once, each on its own slice of the width.

    MultiHeadAttention(embed_dim, num_heads, bias=False) has the linear layers `query`, `key`, `value` and `out`;
    ValueError if num_heads does not divide embed_dim.
    forward(query_input, key_input=None, value_input=None, mask=None, need_weights=True): inputs (batch, n, embed_dim);
    the key input defaults to the query's, the value input to the key's. mask: (n_queries, n_keys),
    (batch, 1 or n_queries, n_keys) or (batch, 1 or heads, n_queries, n_keys).
    Returns (output, weights): (batch, n_queries, embed_dim) and (batch, heads, n_queries, n_keys), or None in place of
    the weights. A row with nothing to attend to has the weights 0.
    Source: section 3.2.2.
    """

    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__()
        if embed_dim % num_heads != 0:
            raise ValueError(f"{num_heads} heads do not divide a width of {embed_dim}")
        self.num_heads = num_heads
        self.query = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.key = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.value = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.out = nn.Linear(embed_dim, embed_dim, bias=bias)

    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        key_input = query_input if key_input is None else key_input
        value_input = key_input if value_input is None else value_input
        query = split_heads(self.query(query_input), self.num_heads)
        key = split_heads(self.key(key_input), self.num_heads)
        value = split_heads(self.value(value_input), self.num_heads)
        if mask is not None and mask.dim() == 3:
            mask = mask.unsqueeze(1)  # (batch, 1, n_queries, n_keys): the same for all heads
        if not need_weights:
            output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            return self.out(merge_heads(output)), None
        scores = query @ key.transpose(-2, -1) / math.sqrt(key.shape[-1])  # (batch, heads, n_queries, n_keys)
        if mask is None:
            weights = torch.softmax(scores, dim=-1)
        else:
            empty = ~mask.any(dim=-1, keepdim=True)
            masked = scores.masked_fill(~(mask | empty), -math.inf)
            weights = torch.softmax(masked, dim=-1).masked_fill(~mask, 0.0)
        return self.out(merge_heads(weights @ value)), weights


def copy_torch_attention(mine, theirs):
    """Copy the weights of `theirs` into `mine`, so that both give the same output.

    mine: MultiHeadAttention; theirs: torch.nn.MultiheadAttention(embed_dim, num_heads, batch_first=True, bias=False),
    which keeps query, key and value in one matrix (3 * embed_dim, embed_dim). Nothing is shared afterwards.
    """
    query, key, value = theirs.in_proj_weight.chunk(3)
    with torch.no_grad():
        mine.query.weight.copy_(query)
        mine.key.weight.copy_(key)
        mine.value.weight.copy_(value)
        mine.out.weight.copy_(theirs.out_proj.weight)


def attention_parameters(embed_dim, bias=False):
    """How many values `MultiHeadAttention(embed_dim, ..., bias)` learns. The number of heads does not matter.

    Source: section 3.2.2 ("the total computational cost is similar to that of single-head attention").
    """
    return 4 * (embed_dim * embed_dim + (embed_dim if bias else 0))
