"""Lesson 5: residual connection and layer normalization.

x is (..., width), one token per row. Functions are NumPy, modules take (batch, length, embed_dim).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from helpers.multi_head import MultiHeadAttention


def row_statistics(x):
    """Mean and biased variance of every row.

    x: (..., width). Returns (mean, variance), both (..., 1).
    Source: Ba, Kiros and Hinton, "Layer Normalization", equation 3.
    """
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    return mean, variance


def normalize(x, eps=1e-5):
    """Shift and scale every row to mean 0 and variance 1.

    x: (..., width); eps is added to the variance, under the root. Returns the shape of x.
    Source: "Layer Normalization", equation 4, without gain and bias.
    """
    mean, variance = row_statistics(x)
    return (x - mean) / np.sqrt(variance + eps)


def layer_norm(x, gamma, beta, eps=1e-5):
    """Normalize every row, then scale and shift every column by learned numbers.

    x: (..., width); gamma and beta: (width,). Returns the shape of x.
    Source: "Layer Normalization", equation 4.
    """
    return gamma * normalize(x, eps) + beta


class LayerNormalization(nn.Module):
    """`layer_norm` with learned `gamma` (starts as ones) and `beta` (starts as zeros), each (embed_dim,).

    forward(x): (..., embed_dim) to the same shape.
    """

    def __init__(self, embed_dim, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(embed_dim))
        self.beta = nn.Parameter(torch.zeros(embed_dim))

    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta


def add_and_norm(x, sublayer_output, gamma, beta, eps=1e-5):
    """Add the sublayer's input to its output, then normalize the sum.

    x and sublayer_output: (..., width); gamma and beta: (width,). Returns the shape of x.
    Source: "Attention Is All You Need", section 3.1, LayerNorm(x + Sublayer(x)).
    """
    return layer_norm(x + sublayer_output, gamma, beta, eps)


class AddNorm(nn.Module):
    """`add_and_norm` with dropout on the sublayer's output.

    AddNorm(embed_dim, dropout=0.1) has `norm`, a LayerNormalization.
    forward(x, sublayer_output): both (batch, length, embed_dim), returns that shape.
    Source: "Attention Is All You Need", sections 3.1 and 5.4.
    """

    def __init__(self, embed_dim, dropout=0.1):
        super().__init__()
        self.norm = LayerNormalization(embed_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, sublayer_output):
        return self.norm(x + self.dropout(sublayer_output))


class AttentionBlock(nn.Module):
    """Self-attention with its residual connection and layer normalization: the first half of an encoder layer.

    AttentionBlock(embed_dim, num_heads, dropout=0.1) has `attention` and `add_norm`.
    forward(x, mask=None): x (batch, length, embed_dim), mask as in MultiHeadAttention. Returns the shape of x.
    """

    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__()
        self.attention = MultiHeadAttention(embed_dim, num_heads)
        self.add_norm = AddNorm(embed_dim, dropout)

    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask, need_weights=False)
        return self.add_norm(x, attended)


class PreNormBlock(nn.Module):
    """The variant that normalizes before the sublayer: x + dropout(sublayer(norm(x))).

    PreNormBlock(embed_dim, sublayer, dropout=0.1) has `norm`, a LayerNormalization, and `sublayer`, a module that maps
    (batch, length, embed_dim) to the same shape. forward(x) does too.
    Source: Xiong et al., "On Layer Normalization in the Transformer Architecture".
    """

    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__()
        self.norm = LayerNormalization(embed_dim)
        self.sublayer = sublayer
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return x + self.dropout(self.sublayer(self.norm(x)))
