"""Lesson 6: the feed-forward network and the whole encoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from helpers.add_norm import AddNorm
from helpers.multi_head import MultiHeadAttention


def relu(x):
    """max(0, x), number by number. x: any shape."""
    return np.maximum(x, 0.0)


def linear(x, weight, bias):
    """x @ weight + bias. x: (..., in); weight: (in, out); bias: (out,). Returns (..., out)."""
    return x @ weight + bias


def feed_forward(x, w1, b1, w2, b2):
    """Two linear maps with a ReLU between them, the same for every row.

    x: (..., d_model); w1: (d_model, d_ff); b1: (d_ff,); w2: (d_ff, d_model); b2: (d_model,). Returns the shape of x.
    Source: "Attention Is All You Need", section 3.3, equation 2.
    """
    return linear(relu(linear(x, w1, b1)), w2, b2)


class FeedForward(nn.Module):
    """`feed_forward` with its weights, and dropout after the ReLU.

    FeedForward(d_model, d_ff, dropout=0.1) has the linear layers `inner` and `outer`.
    forward(x): (..., d_model) to the same shape. Source: section 3.3, equation 2.
    """

    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.outer(self.dropout(torch.relu(self.inner(x))))


class EncoderLayer(nn.Module):
    """One layer of the encoder: self-attention, add & norm, feed-forward, add & norm.

    EncoderLayer(d_model, num_heads, d_ff, dropout=0.1) has `attention`, `add_norm_1`, `feed_forward`, `add_norm_2`.
    forward(x, mask=None): x (batch, length, d_model), mask as in MultiHeadAttention. Returns the shape of x.
    Source: section 3.1 and figure 1, left.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.add_norm_1 = AddNorm(d_model, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.add_norm_2 = AddNorm(d_model, dropout)

    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask, need_weights=False)
        x = self.add_norm_1(x, attended)
        return self.add_norm_2(x, self.feed_forward(x))


class Encoder(nn.Module):
    """`num_layers` encoder layers, one after the other, each with weights of its own.

    Encoder(num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1) has `layers`.
    forward(x, mask=None): x (batch, length, d_model), mask as in MultiHeadAttention. Returns the shape of x.
    Source: section 3.1 ("a stack of N = 6 identical layers").
    """

    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))

    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask)
        return x


def encoder_parameters(num_layers, d_model, d_ff):
    """How many values `Encoder(num_layers, d_model, ..., d_ff)` learns. The number of heads does not matter."""
    attention = 4 * d_model * d_model
    network = d_model * d_ff + d_ff + d_ff * d_model + d_model
    norms = 2 * (d_model + d_model)
    return num_layers * (attention + network + norms)
