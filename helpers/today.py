"""Lesson 11: from 2017 to today's language models.

Heads are (batch, heads, length, d_head). A mask is boolean, True = may attend.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers.add_norm import LayerNormalization
from helpers.decoder import decoder_mask, mask_scores
from helpers.embeddings import PositionalEncoding, TokenEmbedding
from helpers.feed_forward import Encoder, FeedForward
from helpers.multi_head import MultiHeadAttention, merge_heads, split_heads


def rms_norm(x, gain, eps=1e-6):
    """Each row divided by the root of its mean square, times `gain`.

    x: (..., d_model); gain: (d_model,). Returns the shape of x.
    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization".
    """
    mean_square = np.mean(x**2, axis=-1, keepdims=True)
    return x / np.sqrt(mean_square + eps) * gain


class RMSNorm(nn.Module):
    """`rms_norm` with its parameter `gain`, which starts with ones. forward(x): (..., d_model) to the same shape."""

    def __init__(self, d_model, eps=1e-6):
        super().__init__()
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(d_model))

    def forward(self, x):
        mean_square = x.square().mean(dim=-1, keepdim=True)
        return x / torch.sqrt(mean_square + self.eps) * self.gain


def rotate(x, positions, base=10000.0):
    """Rotary positions: turn each pair of columns (2i, 2i + 1) by `positions * base ** (-2i / d_head)`.

    x: tensor (..., length, d_head), d_head even; positions: whole numbers, (length,). Returns the shape of x. The dot
    product of two rotated rows depends only on the distance of their positions.
    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding".
    """
    d_head = x.shape[-1]
    even_columns = torch.arange(0, d_head, 2, device=x.device)
    angles = positions.unsqueeze(-1) * base ** (-even_columns / d_head)  # (length, d_head / 2)
    cos, sin = angles.cos(), angles.sin()
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)


def repeat_kv(x, times):
    """Each key or value head `times` times, side by side, so that every query head has a partner.

    x: tensor (batch, kv_heads, length, d_head). Returns (batch, kv_heads * times, length, d_head).
    """
    return x.repeat_interleave(times, dim=1)


class GroupedQueryAttention(nn.Module):
    """Self-attention in which several query heads share a key head and a value head.

    GroupedQueryAttention(d_model, num_heads, num_kv_heads) has the linear layers `query`, `key`, `value` and `out`,
    without bias; key and value are num_kv_heads * d_head wide. ValueError if num_heads does not divide d_model, or
    num_kv_heads does not divide num_heads.
    forward(x, mask=None, positions=None): x (batch, length, d_model); mask as in MultiHeadAttention; positions
    (length,) turn queries and keys. Returns (output, weights): x's shape and (batch, num_heads, length, length).
    Source: Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints".
    """

    def __init__(self, d_model, num_heads, num_kv_heads):
        super().__init__()
        if d_model % num_heads != 0:
            raise ValueError(f"{num_heads} heads do not divide a width of {d_model}")
        if num_heads % num_kv_heads != 0:
            raise ValueError(f"{num_kv_heads} key and value heads do not divide {num_heads} query heads")
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads
        kv_width = num_kv_heads * (d_model // num_heads)
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, kv_width, bias=False)
        self.value = nn.Linear(d_model, kv_width, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, mask=None, positions=None):
        query = split_heads(self.query(x), self.num_heads)
        key = split_heads(self.key(x), self.num_kv_heads)
        value = split_heads(self.value(x), self.num_kv_heads)
        if positions is not None:
            query, key = rotate(query, positions), rotate(key, positions)
        times = self.num_heads // self.num_kv_heads
        key, value = repeat_kv(key, times), repeat_kv(value, times)
        scores = query @ key.transpose(-2, -1) / math.sqrt(key.shape[-1])  # (batch, num_heads, length, length)
        if mask is None:
            weights = torch.softmax(scores, dim=-1)
        else:
            mask = mask.unsqueeze(1) if mask.dim() == 3 else mask  # the same for all heads
            weights = torch.softmax(mask_scores(scores, mask), dim=-1).masked_fill(~mask, 0.0)
        return self.out(merge_heads(weights @ value)), weights


class SwiGLU(nn.Module):
    """Today's feed-forward network: down(silu(gate(x)) * up(x)).

    SwiGLU(d_model, d_ff) has the linear layers `gate`, `up` and `down`, without bias.
    forward(x): (..., d_model) to the same shape. Source: Shazeer, "GLU Variants Improve Transformer".
    """

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class LanguageModel(nn.Module):
    """A decoder-only model: every position predicts the next id from the ids up to it.

    LanguageModel(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0) has `embedding`, `position`
    and `layers`, an Encoder that runs under the causal mask and the padding mask. The output projection is the
    embedding's weight, without bias.
    forward(ids): (batch, length) to logits (batch, length, vocabulary_size).
    Source: Radford et al., "Improving Language Understanding by Generative Pre-Training".
    """

    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__()
        self.pad = pad
        self.embedding = TokenEmbedding(vocabulary_size, d_model, pad)
        self.position = PositionalEncoding(d_model, dropout=dropout)
        self.layers = Encoder(num_layers, d_model, num_heads, d_ff, dropout)

    def forward(self, ids):
        embedded = self.position(self.embedding(ids))
        states = self.layers(embedded, decoder_mask(ids, self.pad))
        return F.linear(states, self.embedding.weight)


# --- a published sentence model -------------------------------------------------------------------------------------


def sentence_vectors(states, keep):
    """One vector of length 1 for each sentence: the mean of the states at its real tokens, divided by its norm.

    states: (batch, length, d); keep: boolean (batch, length), True at real tokens, of which there is one at least.
    Returns (batch, d). Source: Reimers and Gurevych, "Sentence-BERT".
    """
    real = keep.unsqueeze(-1)
    total = states.masked_fill(~real, 0.0).sum(dim=1)  # as many times the mean as there are tokens
    return total / total.norm(dim=-1, keepdim=True)


class GeluFeedForward(FeedForward):
    """The network of lesson 6 with GELU in place of ReLU."""

    def forward(self, x):
        return self.outer(F.gelu(self.inner(x)))


class BertLayer(nn.Module):
    """The encoder layer of lesson 6 in BERT's dialect: biases in attention, GELU, eps = 1e-12."""

    def __init__(self, d_model, num_heads, d_ff):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads, bias=True)
        self.norm_1 = LayerNormalization(d_model, eps=1e-12)
        self.feed_forward = GeluFeedForward(d_model, d_ff)
        self.norm_2 = LayerNormalization(d_model, eps=1e-12)

    def forward(self, x, mask=None):
        collected = self.attention(x, mask=mask, need_weights=False)[0]
        x = self.norm_1(x + collected)
        return self.norm_2(x + self.feed_forward(x))


class BertEncoder(nn.Module):
    """BERT's encoder: learned positions, a table for the kind of sentence, a norm, then the layers.

    forward(ids, keep): ids (batch, length), keep their boolean mask; returns the states,
    (batch, length, d_model).
    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
    Understanding".
    """

    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, max_length=512):
        super().__init__()
        self.words = nn.Embedding(vocabulary_size, d_model)
        self.positions = nn.Embedding(max_length, d_model)
        self.kinds = nn.Embedding(2, d_model)  # first or second sentence of a pair; ours are single, always 0
        self.norm = LayerNormalization(d_model, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(d_model, num_heads, d_ff) for _ in range(num_layers))

    def forward(self, ids, keep):
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]] + self.kinds.weight[0])
        for block in self.layers:
            x = block(x, keep.unsqueeze(1))
        return x


def load_minilm(encoder, weights):
    """Copy the weights of a published BERT-like encoder into a `BertEncoder` of the same sizes.

    weights: {name in the file: tensor}, without the pooler, which has no place in the encoder. RuntimeError if a weight
    is missing or left over.
    """
    names = {
        "LayerNorm.weight": "LayerNorm.gamma",
        "LayerNorm.bias": "LayerNorm.beta",
        "embeddings.word_embeddings": "words",
        "embeddings.position_embeddings": "positions",
        "embeddings.token_type_embeddings": "kinds",
        "embeddings.LayerNorm": "norm",
        "encoder.layer.": "layers.",
        "attention.self.": "attention.",
        "attention.output.dense": "attention.out",
        "attention.output.LayerNorm": "norm_1",
        "intermediate.dense": "feed_forward.inner",
        "output.dense": "feed_forward.outer",
        "output.LayerNorm": "norm_2",
    }
    renamed = {}
    for name, tensor in weights.items():
        for theirs, mine in names.items():
            name = name.replace(theirs, mine)
        renamed[name] = tensor
    encoder.load_state_dict(renamed)
