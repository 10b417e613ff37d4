"""Lesson 6, the layer: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercises.mistakes.feed_forward.network import NetworkFunctional
from helpers.add_norm import AddNorm, LayerNormalization
from helpers.feed_forward import EncoderLayer, FeedForward
from helpers.multi_head import MultiHeadAttention

# --- EncoderLayer: wrong --------------------------------------------------------------------------------------------


class LayerOneNorm(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.add_norm_2 = self.add_norm_1


class LayerFirstNormTwice(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_1(x, self.feed_forward(x))


class LayerResidualFromInput(EncoderLayer):
    def forward(self, x, mask=None):
        y = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(x, self.feed_forward(y))


class LayerNetworkReadsInput(EncoderLayer):
    def forward(self, x, mask=None):
        y = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(y, self.feed_forward(x))


class LayerNetworkReadsAttention(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm_2(self.add_norm_1(x, attended), self.feed_forward(attended))


class LayerNetworkFirst(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.feed_forward(x))
        return self.add_norm_2(x, self.attention(x, mask=mask)[0])


class LayerMaskIgnored(EncoderLayer):
    def forward(self, x, mask=None):
        return super().forward(x)


class LayerMaskUpsideDown(EncoderLayer):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


class LayerMaskAsKey(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask)
        x = self.add_norm_1(x, attended)
        return self.add_norm_2(x, self.feed_forward(x))


class LayerNoSecondResidual(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2.norm(self.feed_forward(x))


class LayerNoSecondNorm(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return x + self.add_norm_2.dropout(self.feed_forward(x))


class LayerNoFirstAddNorm(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm_2(attended, self.feed_forward(attended))


class LayerAddedTwice(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, x + self.attention(x, mask=mask)[0])
        return self.add_norm_2(x, x + self.feed_forward(x))


class LayerPreNorm(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(self.add_norm_1.norm(x), mask=mask)
        x = x + self.add_norm_1.dropout(attended)
        return x + self.add_norm_2.dropout(self.feed_forward(self.add_norm_2.norm(x)))


class LayerNormOfSublayer(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.add_norm_1.norm(self.add_norm_1.dropout(self.attention(x, mask=mask)[0]))
        return x + self.add_norm_2.norm(self.add_norm_2.dropout(self.feed_forward(x)))


class LayerPair(EncoderLayer):
    def forward(self, x, mask=None):
        _, weights = self.attention(x, mask=mask)
        return super().forward(x, mask), weights


class LayerAttentionNotUnpacked(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask))
        return self.add_norm_2(x, self.feed_forward(x))


class LayerWidthUnused(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, 4 * d_model, dropout)


class LayerHeadsAndWidthExchanged(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, num_heads, dropout)


class LayerAttentionBias(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.attention = MultiHeadAttention(d_model, num_heads, bias=True)


class LayerOneHead(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, 1, d_ff, dropout)


class LayerDropoutNotGivenOn(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff)


class LayerNetworkWithoutDropout(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.feed_forward = FeedForward(d_model, d_ff)


class LayerNormsWithoutDropout(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.add_norm_1, self.add_norm_2 = AddNorm(d_model), AddNorm(d_model)


# --- EncoderLayer: right --------------------------------------------------------------------------------------------


class LayerWrittenOut(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, x, x, mask)
        y = self.add_norm_1.norm(x + self.add_norm_1.dropout(attended))
        return self.add_norm_2.norm(self.add_norm_2.dropout(self.feed_forward(y)) + y)


class LayerMadeInAnotherOrder(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.add_norm_2 = AddNorm(d_model, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.add_norm_1 = AddNorm(embed_dim=d_model, dropout=dropout)
        self.attention = MultiHeadAttention(embed_dim=d_model, num_heads=num_heads)

    def forward(self, x, mask=None):
        after_attention = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(after_attention, self.feed_forward(after_attention))


class _Added(nn.Module):
    """Add & norm with the dropout of the functional interface."""

    def __init__(self, width, rate):
        super().__init__()
        self.rate, self.norm = rate, LayerNormalization(width)

    def forward(self, x, y):
        return self.norm(F.dropout(y, self.rate, self.training) + x)


class LayerOwnAddNorm(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = NetworkFunctional(d_model, d_ff, dropout)
        self.add_norm_1, self.add_norm_2 = _Added(d_model, dropout), _Added(d_model, dropout)

    def forward(self, x, mask=None):
        for sublayer, join in ((self._attend, self.add_norm_1), (self._think, self.add_norm_2)):
            x = join(x, sublayer(x, mask))
        return x

    def _attend(self, x, mask):
        return self.attention(x, mask=mask, need_weights=False)[0]

    def _think(self, x, mask):
        return self.feed_forward(x)


class LayerSentenceBySentence(EncoderLayer):
    def forward(self, x, mask=None):
        if self.training:
            return super().forward(x, mask)
        if mask is not None and mask.dim() == 2:
            mask = mask.expand(len(x), -1, -1)
        rows = []
        for place, sentence in enumerate(x):
            one = None if mask is None else mask[place : place + 1]
            rows.append(super().forward(sentence.unsqueeze(0), one))
        return torch.cat(rows)
