"""Lesson 7, the decoder and its layer: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
from torch import nn

from helpers.add_norm import AddNorm, LayerNormalization
from helpers.decoder import Decoder, DecoderLayer
from helpers.feed_forward import FeedForward
from helpers.multi_head import MultiHeadAttention

# --- DecoderLayer: wrong --------------------------------------------------------------------------------------------


def _finish(layer, x, attended, add_norm=None):
    x = (add_norm or layer.add_norm_2)(x, attended)
    return layer.add_norm_3(x, layer.feed_forward(x))


def _first(layer, x, mask):
    return layer.add_norm_1(x, layer.self_attention(x, mask=mask)[0])


class LayerQueryAndKeyFromEncoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(memory, memory, x, mask=cross_mask)[0])


class LayerQueryFromEncoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(memory, x, x, mask=cross_mask)[0])


class LayerValuesFromDecoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(x, memory, x, mask=cross_mask)[0])


class LayerCrossItself(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(x, mask=self_mask)[0])


class LayerCrossFirst(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return _finish(self, x, self.self_attention(x, mask=self_mask)[0], self.add_norm_1)


class LayerFeedForwardSecond(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_3(x, self.feed_forward(x))
        return self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])


class LayerNoCross(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return self.add_norm_3(x, self.feed_forward(x))


class LayerMasksSwapped(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, cross_mask, self_mask)


class LayerNoSelfMask(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, None, cross_mask)


class LayerNoCrossMask(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask, None)


class LayerSelfMaskTwice(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask, self_mask)


class LayerInputAddedAgain(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(first, memory, mask=cross_mask)[0])


class LayerQueryBeforeSelfAttention(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = _first(self, x, self_mask)
        return _finish(self, first, self.cross_attention(x, memory, mask=cross_mask)[0])


class LayerNoResidual(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_1.norm(self.self_attention(x, mask=self_mask)[0])
        x = self.add_norm_2.norm(self.cross_attention(x, memory, mask=cross_mask)[0])
        return self.add_norm_3.norm(self.feed_forward(x))


class LayerOneNorm(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_1(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return self.add_norm_1(x, self.feed_forward(x))


class LayerOneAttention(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.self_attention(x, memory, mask=cross_mask)[0])


class LayerNoLastNorm(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return x + self.feed_forward(x)


class LayerTuple(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        attended, weights = self.cross_attention(x, memory, mask=cross_mask)
        return _finish(self, x, attended), weights


class LayerBias(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.self_attention = MultiHeadAttention(d_model, num_heads, bias=True)
        self.cross_attention = MultiHeadAttention(d_model, num_heads, bias=True)


class LayerDefaultDropout(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff)


class LayerFeedForwardDropout(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.feed_forward = FeedForward(d_model, d_ff)


class LayerArgumentsExchanged(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_1(self.self_attention(x, mask=self_mask)[0], x)
        x = self.add_norm_2(self.cross_attention(x, memory, mask=cross_mask)[0], x)
        return self.add_norm_3(self.feed_forward(x), x)


class LayerDetachedMemory(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory.detach(), self_mask, cross_mask)


# --- DecoderLayer: right --------------------------------------------------------------------------------------------


class LayerKeywords(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = self.add_norm_1(x, self.self_attention(query_input=x, mask=self_mask)[0])
        output, _ = self.cross_attention(query_input=first, key_input=memory, mask=cross_mask)
        second = self.add_norm_2(first, output)
        return self.add_norm_3(second, self.feed_forward(second))


class LayerByHand(DecoderLayer):
    """Heads one by one, and add & norm written out."""

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self._add(self.add_norm_1, x, self._attend(self.self_attention, x, x, self_mask))
        x = self._add(self.add_norm_2, x, self._attend(self.cross_attention, x, memory, cross_mask))
        return self._add(self.add_norm_3, x, self.feed_forward(x))

    @staticmethod
    def _add(add_norm, x, output):
        return add_norm.norm(x + add_norm.dropout(output))

    @staticmethod
    def _attend(attention, x, source, mask):
        query, key, value = attention.query(x), attention.key(source), attention.value(source)
        width = x.shape[-1] // attention.num_heads
        outputs = []
        for start in range(0, x.shape[-1], width):
            part = slice(start, start + width)
            scores = query[..., part] @ key[..., part].mT / width**0.5
            if mask is None:
                weights = scores.softmax(-1)
            else:
                empty = ~mask.any(-1, keepdim=True)
                weights = scores.masked_fill(~mask & ~empty, -math.inf).softmax(-1) * mask
            outputs.append(weights @ value[..., part])
        return attention.out(torch.cat(outputs, dim=-1))


class LayerInAList(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        for name in ("self_attention", "cross_attention"):
            self.add_module(name, MultiHeadAttention(d_model, num_heads))
        for number in (3, 2, 1):
            self.add_module(f"add_norm_{number}", AddNorm(d_model, dropout))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        steps = [
            (self.add_norm_1, lambda x: self.self_attention(x, x, x, self_mask)[0]),
            (self.add_norm_2, lambda x: self.cross_attention(x, memory, memory, cross_mask)[0]),
            (self.add_norm_3, self.feed_forward),
        ]
        for add_norm, sublayer in steps:
            x = add_norm(x, sublayer(x))
        return x


class LayerFused(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for attention, source, mask, add_norm in (
            (self.self_attention, None, self_mask, self.add_norm_1),
            (self.cross_attention, memory, cross_mask, self.add_norm_2),
        ):
            x = add_norm(x, attention(x, source, source, mask, need_weights=False)[0])
        return self.add_norm_3(x, self.feed_forward(x))


# --- Decoder: wrong -------------------------------------------------------------------------------------------------


class StackSharedWeights(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(0)
        self.layers = nn.ModuleList([DecoderLayer(d_model, num_heads, d_ff, dropout)] * num_layers)


class StackPlainList(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = [DecoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]


class StackFinalNorm(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.norm = LayerNormalization(d_model)

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return self.norm(super().forward(x, memory, self_mask, cross_mask))


class StackOneLess(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers - 1, d_model, num_heads, d_ff, dropout)


class StackAlwaysSix(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(6, d_model, num_heads, d_ff, dropout)


class StackReturnsEarly(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = layer(x, memory, self_mask, cross_mask)
            return x


class StackSameInput(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            output = layer(x, memory, self_mask, cross_mask)
        return output


class StackMemoryOnce(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.layers[0](x, memory, self_mask, cross_mask)
        for layer in self.layers[1:]:
            x = layer(x, x, self_mask, self_mask)
        return x


class StackNoMasks(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = layer(x, memory)
        return x


class StackMasksSwapped(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, cross_mask, self_mask)


class StackNoCrossMask(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask)


class StackBackwards(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in reversed(self.layers):
            x = layer(x, memory, self_mask, cross_mask)
        return x


class StackResidual(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = x + layer(x, memory, self_mask, cross_mask)
        return x


class StackDefaultDropout(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff)


# --- Decoder: right -------------------------------------------------------------------------------------------------


class StackDeepCopies(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        import copy

        super().__init__()
        first = DecoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([copy.deepcopy(first) for _ in range(num_layers)])

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for index in range(len(self.layers)):
            x = self.layers[index](x, memory, self_mask=self_mask, cross_mask=cross_mask)
        return x


class StackAppended(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList()
        while len(self.layers) < num_layers:
            self.layers.append(DecoderLayer(d_model, num_heads, d_ff, dropout))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        output = x
        for layer in self.layers:
            output = layer(output, memory, self_mask, cross_mask)
        return output


class StackSequential(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.Sequential(*(LayerInAList(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for _, layer in self.layers.named_children():
            x = layer(x, memory, self_mask, cross_mask)
        return x


class StackReduced(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        from functools import reduce

        return reduce(lambda x, layer: layer(x, memory, self_mask, cross_mask), self.layers, x)
